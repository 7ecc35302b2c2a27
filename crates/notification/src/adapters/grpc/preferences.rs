//! `cabinet.notification.v1.PreferenceService`.

use api::cabinet::notification::v1 as pb;
use api::cabinet::notification::v1::preference_service_server::{PreferenceService, PreferenceServiceServer};
use runtime::grpc::{Problem, id, open};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::PreferenceUseCases;

pub(crate) struct PreferenceGrpc {
    preferences: PreferenceUseCases,
}

impl PreferenceGrpc {
    pub(crate) fn server(preferences: PreferenceUseCases) -> PreferenceServiceServer<Self> {
        PreferenceServiceServer::new(Self { preferences })
    }
}

#[tonic::async_trait]
impl PreferenceService for PreferenceGrpc {
    async fn get_preferences(
        &self,
        request: Request<pb::GetPreferencesRequest>,
    ) -> Result<Response<pb::GetPreferencesResponse>, Status> {
        let (call, request) = open(request)?;
        let sheet = self.preferences.get(&call, id("user_id", &request.user_id)?).await.map_err(Problem::from)?;
        Ok(Response::new(convert::sheet(sheet)))
    }

    async fn update_preferences(
        &self,
        request: Request<pb::UpdatePreferencesRequest>,
    ) -> Result<Response<pb::UpdatePreferencesResponse>, Status> {
        let (call, request) = open(request)?;
        let preferences = self.preferences.update(&call, convert::update_preferences(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(convert::updated(preferences)))
    }
}
