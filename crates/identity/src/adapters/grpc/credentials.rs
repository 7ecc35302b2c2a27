//! `cabinet.identity.v1.CredentialService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::credential_service_server::{CredentialService, CredentialServiceServer};
use runtime::grpc::{Problem, id, open, timestamp};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::CredentialUseCases;

pub(crate) struct CredentialGrpc {
    credentials: CredentialUseCases,
}

impl CredentialGrpc {
    pub(crate) fn server(credentials: CredentialUseCases) -> CredentialServiceServer<Self> {
        CredentialServiceServer::new(Self { credentials })
    }
}

#[tonic::async_trait]
impl CredentialService for CredentialGrpc {
    async fn create_credential(
        &self,
        request: Request<pb::CreateCredentialRequest>,
    ) -> Result<Response<pb::CreateCredentialResponse>, Status> {
        let (call, request) = open(request)?;
        let created = self.credentials.create(&call, convert::create_credential(request)?).await.map_err(Problem::from)?;
        let created = created.into_inner();
        Ok(Response::new(pb::CreateCredentialResponse {
            credential: Some(convert::credential(created.credential)),
            secret: created.secret.expose().clone(),
        }))
    }

    async fn list_credentials(
        &self,
        request: Request<pb::ListCredentialsRequest>,
    ) -> Result<Response<pb::ListCredentialsResponse>, Status> {
        let (call, request) = open(request)?;
        let credentials = self.credentials.list(&call, id("realm_id", &request.realm_id)?).await.map_err(Problem::from)?;
        let credentials = credentials.into_inner().into_iter().map(convert::credential).collect();
        Ok(Response::new(pb::ListCredentialsResponse { credentials }))
    }

    async fn delete_credential(
        &self,
        request: Request<pb::DeleteCredentialRequest>,
    ) -> Result<Response<pb::DeleteCredentialResponse>, Status> {
        let (call, request) = open(request)?;
        let credential_id = id("credential_id", &request.credential_id)?;
        let () = self.credentials.delete(&call, credential_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::DeleteCredentialResponse {}))
    }

    async fn issue_service_token(
        &self,
        request: Request<pb::IssueServiceTokenRequest>,
    ) -> Result<Response<pb::IssueServiceTokenResponse>, Status> {
        let (call, request) = open(request)?;
        let credential_id = id("credential_id", &request.credential_id)?;
        let token = self.credentials.issue_token(&call, credential_id, &request.secret).await.map_err(Problem::from)?;
        let token = token.into_inner();
        Ok(Response::new(pb::IssueServiceTokenResponse {
            access_token: token.token.expose().clone(),
            expire_time: Some(timestamp(token.expires_at)),
        }))
    }

    async fn issue_user_token(
        &self,
        request: Request<pb::IssueUserTokenRequest>,
    ) -> Result<Response<pb::IssueUserTokenResponse>, Status> {
        let (call, request) = open(request)?;
        let token = self.credentials.issue_user_token(&call, id("user_id", &request.user_id)?).await.map_err(Problem::from)?;
        let token = token.into_inner();
        Ok(Response::new(pb::IssueUserTokenResponse {
            access_token: token.token.expose().clone(),
            expire_time: Some(timestamp(token.expires_at)),
        }))
    }
}
