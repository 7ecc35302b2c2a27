//! `cabinet.identity.v1.UserService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::user_service_server::{UserService, UserServiceServer};
use runtime::grpc::{Problem, open};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::UserUseCases;
use crate::domain::UserStatus;

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

    async fn change_user_role(
        &self,
        request: Request<pb::ChangeUserRoleRequest>,
    ) -> Result<Response<pb::ChangeUserRoleResponse>, Status> {
        let (call, request) = open(request)?;
        let user = self.users.change_standing(&call, convert::change_user_role(&request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::ChangeUserRoleResponse { user: Some(convert::user(user)) }))
    }

    async fn block_user(&self, request: Request<pb::BlockUserRequest>) -> Result<Response<pb::BlockUserResponse>, Status> {
        let (call, request) = open(request)?;
        let command = convert::change_status(&request.user_id, UserStatus::Blocked)?;
        let user = self.users.change_standing(&call, command).await.map_err(Problem::from)?;
        Ok(Response::new(pb::BlockUserResponse { user: Some(convert::user(user)) }))
    }

    async fn unblock_user(&self, request: Request<pb::UnblockUserRequest>) -> Result<Response<pb::UnblockUserResponse>, Status> {
        let (call, request) = open(request)?;
        let command = convert::change_status(&request.user_id, UserStatus::Active)?;
        let user = self.users.change_standing(&call, command).await.map_err(Problem::from)?;
        Ok(Response::new(pb::UnblockUserResponse { user: Some(convert::user(user)) }))
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
