//! `cabinet.profile.v1.ProfileService`.

use std::sync::Arc;

use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::profile_service_server::{ProfileService, ProfileServiceServer};
use runtime::grpc::{Problem, id, open, optional_id};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::ProfileUseCases;

pub(crate) struct ProfileGrpc {
    profiles: Arc<ProfileUseCases>,
}

impl ProfileGrpc {
    pub(crate) fn server(profiles: Arc<ProfileUseCases>) -> ProfileServiceServer<Self> {
        ProfileServiceServer::new(Self { profiles })
    }
}

#[tonic::async_trait]
impl ProfileService for ProfileGrpc {
    async fn get_profile(&self, request: Request<pb::GetProfileRequest>) -> Result<Response<pb::GetProfileResponse>, Status> {
        let (call, request) = open(request)?;
        let realm_id = optional_id("realm_id", &request.realm_id)?;
        let user_id = id("user_id", &request.user_id)?;
        let profile = self.profiles.get(&call, realm_id, user_id).await.map_err(Problem::from)?;
        Ok(Response::new(pb::GetProfileResponse { profile: Some(convert::profile(profile)) }))
    }

    async fn batch_get_profiles(
        &self,
        request: Request<pb::BatchGetProfilesRequest>,
    ) -> Result<Response<pb::BatchGetProfilesResponse>, Status> {
        let (call, request) = open(request)?;
        let found = self.profiles.batch_get(&call, convert::batch_get_profiles(&request)?).await.map_err(Problem::from)?;
        Ok(Response::new(convert::profiles_found(found)))
    }

    async fn update_profile(
        &self,
        request: Request<pb::UpdateProfileRequest>,
    ) -> Result<Response<pb::UpdateProfileResponse>, Status> {
        let (call, request) = open(request)?;
        let profile = self.profiles.update(&call, convert::update_profile(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::UpdateProfileResponse { profile: Some(convert::profile(profile)) }))
    }
}
