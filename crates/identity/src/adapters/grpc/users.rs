//! `cabinet.identity.v1.UserService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::user_service_server::{UserService, UserServiceServer};
use runtime::grpc::{Page, Problem, open};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{ListUsers, UserUseCases};
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
        Ok(Response::new(pb::CreateUserResponse { user: Some(convert::user_view(user.into_inner())) }))
    }

    async fn batch_create_users(
        &self,
        request: Request<pb::BatchCreateUsersRequest>,
    ) -> Result<Response<pb::BatchCreateUsersResponse>, Status> {
        let (call, request) = open(request)?;
        let verdicts = self.users.batch_create(&call, convert::batch_create_users(request)?).await.map_err(Problem::from)?;
        let verdicts: Result<_, Problem> = verdicts.into_inner().into_iter().map(convert::verdict).collect();
        Ok(Response::new(pb::BatchCreateUsersResponse { verdicts: verdicts? }))
    }

    async fn suggest_user_name(
        &self,
        request: Request<pb::SuggestUserNameRequest>,
    ) -> Result<Response<pb::SuggestUserNameResponse>, Status> {
        let (call, request) = open(request)?;
        let name = self.users.suggest_name(&call, convert::suggest_user_name(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::SuggestUserNameResponse { user_name: name.into_inner() }))
    }

    async fn list_users(&self, request: Request<pb::ListUsersRequest>) -> Result<Response<pb::ListUsersResponse>, Status> {
        let (call, request) = open(request)?;
        let list = format!("ListUsers {}", request.company_id);
        let page = Page::read(&call, &list, request.page_size, &request.page_token)?;
        let company_id = runtime::grpc::id("company_id", &request.company_id)?;
        let query = ListUsers { company_id, after: page.after(), limit: page.size };
        let users = self.users.list(&call, query).await.map_err(Problem::from)?.into_inner();
        let next_page_token = page.next_token(users.len(), users.last().map(|view| view.user.id()));
        Ok(Response::new(pb::ListUsersResponse { users: users.into_iter().map(convert::user_view).collect(), next_page_token }))
    }

    async fn resend_invitation(
        &self,
        request: Request<pb::ResendInvitationRequest>,
    ) -> Result<Response<pb::ResendInvitationResponse>, Status> {
        let (call, request) = open(request)?;
        let user_id = runtime::grpc::id("user_id", &request.user_id)?;
        let expires_at = self.users.invite_again(&call, user_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ResendInvitationResponse { expire_time: Some(runtime::grpc::timestamp(expires_at)) }))
    }

    async fn change_user_email(
        &self,
        request: Request<pb::ChangeUserEmailRequest>,
    ) -> Result<Response<pb::ChangeUserEmailResponse>, Status> {
        let (call, request) = open(request)?;
        let user = self.users.change_contact(&call, convert::change_user_email(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::ChangeUserEmailResponse { user: Some(convert::user_view(user.into_inner())) }))
    }

    async fn change_user_phone(
        &self,
        request: Request<pb::ChangeUserPhoneRequest>,
    ) -> Result<Response<pb::ChangeUserPhoneResponse>, Status> {
        let (call, request) = open(request)?;
        let user = self.users.change_contact(&call, convert::change_user_phone(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::ChangeUserPhoneResponse { user: Some(convert::user_view(user.into_inner())) }))
    }

    async fn change_user_role(
        &self,
        request: Request<pb::ChangeUserRoleRequest>,
    ) -> Result<Response<pb::ChangeUserRoleResponse>, Status> {
        let (call, request) = open(request)?;
        let user = self.users.change_standing(&call, convert::change_user_role(&request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::ChangeUserRoleResponse { user: Some(convert::user_view(user.into_inner())) }))
    }

    async fn block_user(&self, request: Request<pb::BlockUserRequest>) -> Result<Response<pb::BlockUserResponse>, Status> {
        let (call, request) = open(request)?;
        let command = convert::change_status(&request.user_id, UserStatus::Blocked)?;
        let user = self.users.change_standing(&call, command).await.map_err(Problem::from)?;
        Ok(Response::new(pb::BlockUserResponse { user: Some(convert::user_view(user.into_inner())) }))
    }

    async fn unblock_user(&self, request: Request<pb::UnblockUserRequest>) -> Result<Response<pb::UnblockUserResponse>, Status> {
        let (call, request) = open(request)?;
        let command = convert::change_status(&request.user_id, UserStatus::Active)?;
        let user = self.users.change_standing(&call, command).await.map_err(Problem::from)?;
        Ok(Response::new(pb::UnblockUserResponse { user: Some(convert::user_view(user.into_inner())) }))
    }

    async fn find_user(&self, request: Request<pb::FindUserRequest>) -> Result<Response<pb::FindUserResponse>, Status> {
        let (call, request) = open(request)?;
        let user = self.users.find(&call, convert::find_user(request)?).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::FindUserResponse { user: Some(convert::user_view(user)) }))
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
