//! `cabinet.identity.v1.UserService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::user_service_server::{UserService, UserServiceServer};
use runtime::grpc::{Problem, open};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::UserUseCases;

pub(crate) struct UserGrpc {
    users: UserUseCases,
}

impl UserGrpc {
    pub(crate) fn server(users: UserUseCases) -> UserServiceServer<Self> {
        UserServiceServer::new(Self { users })
    }
}

#[tonic::async_trait]
impl UserService for UserGrpc {
    async fn create_user(&self, request: Request<pb::CreateUserRequest>) -> Result<Response<pb::CreateUserResponse>, Status> {
        let (call, request) = open(request)?;
        let user = self.users.create(&call, convert::create_user(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::CreateUserResponse { user: Some(convert::user(user)) }))
    }

    async fn change_user_email(
        &self,
        request: Request<pb::ChangeUserEmailRequest>,
    ) -> Result<Response<pb::ChangeUserEmailResponse>, Status> {
        let (call, request) = open(request)?;
        let user = self.users.change_email(&call, convert::change_user_email(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::ChangeUserEmailResponse { user: Some(convert::user(user)) }))
    }

    async fn batch_get_users(
        &self,
        request: Request<pb::BatchGetUsersRequest>,
    ) -> Result<Response<pb::BatchGetUsersResponse>, Status> {
        let (call, request) = open(request)?;
        let found = self.users.batch_get(&call, convert::batch_get_users(&request)?).await.map_err(Problem::from)?;
        Ok(Response::new(convert::users_found(found)))
    }
}
