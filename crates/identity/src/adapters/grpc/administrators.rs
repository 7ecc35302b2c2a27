//! `cabinet.identity.v1.AdministratorService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::administrator_service_server::{AdministratorService, AdministratorServiceServer};
use runtime::grpc::{Problem, open, timestamp};
use tonic::{Request, Response, Status};

use crate::application::{AdministratorUseCases, SignInAdministrator};
use crate::domain::Password;

pub(crate) struct AdministratorGrpc {
    administrators: AdministratorUseCases,
}

impl AdministratorGrpc {
    pub(crate) fn server(administrators: AdministratorUseCases) -> AdministratorServiceServer<Self> {
        AdministratorServiceServer::new(Self { administrators })
    }
}

#[tonic::async_trait]
impl AdministratorService for AdministratorGrpc {
    async fn sign_in_administrator(
        &self,
        request: Request<pb::SignInAdministratorRequest>,
    ) -> Result<Response<pb::SignInAdministratorResponse>, Status> {
        let (call, request) = open(request)?;
        let new_password = (!request.new_password.is_empty()).then(|| Password::new(&request.new_password));
        let command = SignInAdministrator { name: request.name, password: Password::new(&request.password), new_password };
        let token = self.administrators.sign_in(&call, command).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::SignInAdministratorResponse {
            access_token: token.token.expose().clone(),
            expire_time: Some(timestamp(token.expires_at)),
        }))
    }
}
