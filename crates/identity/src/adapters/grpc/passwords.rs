//! `cabinet.identity.v1.PasswordService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::password_service_server::{PasswordService, PasswordServiceServer};
use runtime::grpc::{Problem, id, open};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{ChangePassword, OtherSessions, PasswordUseCases, SetUserPassword};
use crate::domain::{Password, TypedPassword};

pub(crate) struct PasswordGrpc {
    passwords: PasswordUseCases,
}

impl PasswordGrpc {
    pub(crate) fn server(passwords: PasswordUseCases) -> PasswordServiceServer<Self> {
        PasswordServiceServer::new(Self { passwords })
    }
}

fn typed(new: &str, confirmation: &str) -> TypedPassword {
    TypedPassword { new: Password::new(new), confirmation: Password::new(confirmation) }
}

#[tonic::async_trait]
impl PasswordService for PasswordGrpc {
    async fn change_password(
        &self,
        request: Request<pb::ChangePasswordRequest>,
    ) -> Result<Response<pb::ChangePasswordResponse>, Status> {
        let (call, request) = open(request)?;
        let command = ChangePassword {
            current: Password::new(&request.current_password),
            typed: typed(&request.new_password, &request.confirmation),
            other_sessions: if request.end_other_sessions { OtherSessions::End } else { OtherSessions::Keep },
        };
        let device_token = self.passwords.change(&call, command).await.map_err(Problem::from)?.into_inner();
        let device_token = device_token.map(|token| token.expose().clone()).unwrap_or_default();
        Ok(Response::new(pb::ChangePasswordResponse { device_token }))
    }

    async fn set_user_password(
        &self,
        request: Request<pb::SetUserPasswordRequest>,
    ) -> Result<Response<pb::SetUserPasswordResponse>, Status> {
        let (call, request) = open(request)?;
        let user_id = id("user_id", &request.user_id)?;
        let command = SetUserPassword { user_id, typed: typed(&request.new_password, &request.confirmation) };
        let user = self.passwords.set(&call, command).await.map_err(Problem::from)?;
        Ok(Response::new(pb::SetUserPasswordResponse { user: Some(convert::user_view(user.into_inner())) }))
    }
}
