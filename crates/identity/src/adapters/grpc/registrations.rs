//! `cabinet.identity.v1.RegistrationService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::registration_service_server::{RegistrationService, RegistrationServiceServer};
use runtime::grpc::{Problem, id, open, timestamp};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{ConfirmRegistration, Register, RegistrationUseCases, Said};
use crate::domain::{Newcomer, Password, PhoneNumber, UserName};

pub(crate) struct RegistrationGrpc {
    registrations: RegistrationUseCases,
}

impl RegistrationGrpc {
    pub(crate) fn server(registrations: RegistrationUseCases) -> RegistrationServiceServer<Self> {
        RegistrationServiceServer::new(Self { registrations })
    }
}

fn register(request: pb::RegisterRequest) -> Result<Register, Problem> {
    let pb::RegisterRequest { realm_id, email, phone, user_name, introduction } = request;
    let introduction = convert::introduced(introduction.unwrap_or_default());
    Ok(Register { realm_id: id("realm_id", &realm_id)?, said: Said { email, phone, user_name, introduction } })
}

#[tonic::async_trait]
impl RegistrationService for RegistrationGrpc {
    async fn register(&self, request: Request<pb::RegisterRequest>) -> Result<Response<pb::RegisterResponse>, Status> {
        let (call, request) = open(request)?;
        let () = self.registrations.register(&call, register(request)?).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::RegisterResponse {}))
    }

    async fn inspect_registration(
        &self,
        request: Request<pb::InspectRegistrationRequest>,
    ) -> Result<Response<pb::InspectRegistrationResponse>, Status> {
        let (call, request) = open(request)?;
        let registration = self.registrations.inspect(&call, &request.token).await.map_err(Problem::from)?.into_inner();
        let Newcomer { email, phone, user_name, introduction } = registration.newcomer;
        Ok(Response::new(pb::InspectRegistrationResponse {
            expire_time: Some(timestamp(registration.expires_at)),
            email: email.as_str().to_owned(),
            phone: phone.as_ref().map(PhoneNumber::as_str).unwrap_or_default().to_owned(),
            user_name: user_name.as_ref().map(UserName::as_str).unwrap_or_default().to_owned(),
            introduction: Some(convert::introduction(introduction)),
        }))
    }

    async fn confirm_registration(
        &self,
        request: Request<pb::ConfirmRegistrationRequest>,
    ) -> Result<Response<pb::ConfirmRegistrationResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::ConfirmRegistrationRequest { token, password, session_name } = request;
        let command = ConfirmRegistration { token, password: Password::new(&password), session_name };
        let entered = self.registrations.confirm(&call, command).await.map_err(Problem::from)?.into_inner();
        let (user, tokens, device_token, second_factor) = convert::entered(&entered);
        Ok(Response::new(pb::ConfirmRegistrationResponse { user, tokens, device_token, second_factor }))
    }
}
