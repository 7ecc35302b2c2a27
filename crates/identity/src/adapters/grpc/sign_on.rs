//! `cabinet.identity.v1.SignOnService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::sign_on_service_server::{SignOnService, SignOnServiceServer};
use runtime::grpc::{Problem, id, open, timestamp};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{CreateSignOnKey, SignOn, SignOnUseCases};
use crate::domain::SignOnKey;

pub(crate) struct SignOnGrpc {
    sign_ons: SignOnUseCases,
}

impl SignOnGrpc {
    pub(crate) fn server(sign_ons: SignOnUseCases) -> SignOnServiceServer<Self> {
        SignOnServiceServer::new(Self { sign_ons })
    }
}

#[tonic::async_trait]
impl SignOnService for SignOnGrpc {
    async fn sign_on(&self, request: Request<pb::SignOnRequest>) -> Result<Response<pb::SignOnResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::SignOnRequest { realm_id, token, session_name } = request;
        let command = SignOn { realm_id: id("realm_id", &realm_id)?, token, session_name };
        let entered = self.sign_ons.sign_on(&call, command).await.map_err(Problem::from)?.into_inner();
        let (user, tokens, device_token, second_factor) = convert::entered(&entered);
        Ok(Response::new(pb::SignOnResponse { user, tokens, device_token, second_factor }))
    }

    async fn create_sign_on_key(
        &self,
        request: Request<pb::CreateSignOnKeyRequest>,
    ) -> Result<Response<pb::CreateSignOnKeyResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::CreateSignOnKeyRequest { realm_id, name, public_key } = request;
        let command = CreateSignOnKey { realm_id: id("realm_id", &realm_id)?, name, public_key };
        let key = self.sign_ons.create_key(&call, command).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::CreateSignOnKeyResponse { key: Some(told(key)) }))
    }

    async fn list_sign_on_keys(
        &self,
        request: Request<pb::ListSignOnKeysRequest>,
    ) -> Result<Response<pb::ListSignOnKeysResponse>, Status> {
        let (call, request) = open(request)?;
        let keys = self.sign_ons.list_keys(&call, id("realm_id", &request.realm_id)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::ListSignOnKeysResponse { keys: keys.into_inner().into_iter().map(told).collect() }))
    }

    async fn delete_sign_on_key(
        &self,
        request: Request<pb::DeleteSignOnKeyRequest>,
    ) -> Result<Response<pb::DeleteSignOnKeyResponse>, Status> {
        let (call, request) = open(request)?;
        let (realm_id, key_id) = (id("realm_id", &request.realm_id)?, id("key_id", &request.key_id)?);
        let () = self.sign_ons.delete_key(&call, realm_id, key_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::DeleteSignOnKeyResponse {}))
    }

    async fn link_user(&self, request: Request<pb::LinkUserRequest>) -> Result<Response<pb::LinkUserResponse>, Status> {
        let (call, request) = open(request)?;
        let user_id = id("user_id", &request.user_id)?;
        let () = self.sign_ons.link(&call, user_id, &request.external_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::LinkUserResponse {}))
    }

    async fn unlink_user(&self, request: Request<pb::UnlinkUserRequest>) -> Result<Response<pb::UnlinkUserResponse>, Status> {
        let (call, request) = open(request)?;
        let () = self.sign_ons.unlink(&call, id("user_id", &request.user_id)?).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::UnlinkUserResponse {}))
    }

    async fn get_linked_user(
        &self,
        request: Request<pb::GetLinkedUserRequest>,
    ) -> Result<Response<pb::GetLinkedUserResponse>, Status> {
        let (call, request) = open(request)?;
        let user_id = self.sign_ons.get_linked(&call, &request.external_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::GetLinkedUserResponse { user_id: user_id.to_string() }))
    }
}

fn told(key: SignOnKey) -> pb::SignOnKey {
    pb::SignOnKey {
        key_id: key.id.to_string(),
        realm_id: key.realm_id.to_string(),
        name: key.name,
        create_time: Some(timestamp(key.created_at)),
    }
}
