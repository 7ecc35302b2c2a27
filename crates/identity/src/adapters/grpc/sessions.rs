//! `cabinet.identity.v1.SessionService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::session_service_server::{SessionService, SessionServiceServer};
use runtime::grpc::{Problem, id, open, optional_id};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{SessionUseCases, SignIn};
use crate::domain::Password;

pub(crate) struct SessionGrpc {
    sessions: SessionUseCases,
}

impl SessionGrpc {
    pub(crate) fn server(sessions: SessionUseCases) -> SessionServiceServer<Self> {
        SessionServiceServer::new(Self { sessions })
    }
}

#[tonic::async_trait]
impl SessionService for SessionGrpc {
    async fn sign_in(&self, request: Request<pb::SignInRequest>) -> Result<Response<pb::SignInResponse>, Status> {
        let (call, request) = open(request)?;
        let command = SignIn {
            realm_id: id("realm_id", &request.realm_id)?,
            login: request.login,
            password: Password::new(&request.password),
            session_name: request.session_name,
        };
        let entered = self.sessions.sign_in(&call, command).await.map_err(Problem::from)?.into_inner();
        let (user, tokens, device_token, second_factor) = convert::entered(&entered);
        Ok(Response::new(pb::SignInResponse { user, tokens, device_token, second_factor }))
    }

    async fn refresh_session(
        &self,
        request: Request<pb::RefreshSessionRequest>,
    ) -> Result<Response<pb::RefreshSessionResponse>, Status> {
        let (call, request) = open(request)?;
        let tokens = self.sessions.refresh(&call, &request.refresh_token).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::RefreshSessionResponse { tokens: Some(convert::session_tokens(&tokens)) }))
    }

    async fn reauthenticate(
        &self,
        request: Request<pb::ReauthenticateRequest>,
    ) -> Result<Response<pb::ReauthenticateResponse>, Status> {
        let (call, request) = open(request)?;
        let password = Password::new(&request.password);
        let () = self.sessions.reauthenticate(&call, password).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ReauthenticateResponse {}))
    }

    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Result<Response<pb::ListSessionsResponse>, Status> {
        let (call, _) = open(request)?;
        let sessions = self.sessions.list(&call).await.map_err(Problem::from)?.into_inner();
        let sessions = sessions.into_iter().map(|session| convert::session(&call, session)).collect();
        Ok(Response::new(pb::ListSessionsResponse { sessions }))
    }

    async fn rename_session(
        &self,
        request: Request<pb::RenameSessionRequest>,
    ) -> Result<Response<pb::RenameSessionResponse>, Status> {
        let (call, request) = open(request)?;
        let session_id = id("session_id", &request.session_id)?;
        let session = self.sessions.rename(&call, session_id, &request.name).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::RenameSessionResponse { session: Some(convert::session(&call, session)) }))
    }

    async fn end_session(&self, request: Request<pb::EndSessionRequest>) -> Result<Response<pb::EndSessionResponse>, Status> {
        let (call, request) = open(request)?;
        let session_id = optional_id("session_id", &request.session_id)?;
        let () = self.sessions.end(&call, session_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::EndSessionResponse {}))
    }

    async fn list_user_sessions(
        &self,
        request: Request<pb::ListUserSessionsRequest>,
    ) -> Result<Response<pb::ListUserSessionsResponse>, Status> {
        let (call, request) = open(request)?;
        let of_user = convert::of_user(&request.realm_id, &request.user_id)?;
        let sessions = self.sessions.list_of(&call, of_user).await.map_err(Problem::from)?.into_inner();
        let sessions = sessions.into_iter().map(|session| convert::session(&call, session)).collect();
        Ok(Response::new(pb::ListUserSessionsResponse { sessions }))
    }

    async fn end_user_sessions(
        &self,
        request: Request<pb::EndUserSessionsRequest>,
    ) -> Result<Response<pb::EndUserSessionsResponse>, Status> {
        let (call, request) = open(request)?;
        let of_user = convert::of_user(&request.realm_id, &request.user_id)?;
        let session_id = optional_id("session_id", &request.session_id)?;
        let ended = self.sessions.end_of(&call, of_user, session_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::EndUserSessionsResponse { ended_count: convert::count(ended) }))
    }
}
