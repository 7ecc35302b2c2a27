//! `cabinet.identity.v1.ContactService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::contact_service_server::{ContactService, ContactServiceServer};
use runtime::grpc::{Problem, open, timestamp};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::ContactUseCases;

pub(crate) struct ContactGrpc {
    contacts: ContactUseCases,
}

impl ContactGrpc {
    pub(crate) fn server(contacts: ContactUseCases) -> ContactServiceServer<Self> {
        ContactServiceServer::new(Self { contacts })
    }
}

#[tonic::async_trait]
impl ContactService for ContactGrpc {
    async fn request_phone_code(
        &self,
        request: Request<pb::RequestPhoneCodeRequest>,
    ) -> Result<Response<pb::RequestPhoneCodeResponse>, Status> {
        let (call, request) = open(request)?;
        let expires_at = self.contacts.request_phone_code(&call, &request.phone).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::RequestPhoneCodeResponse { expire_time: Some(timestamp(expires_at)) }))
    }

    async fn confirm_phone(
        &self,
        request: Request<pb::ConfirmPhoneRequest>,
    ) -> Result<Response<pb::ConfirmPhoneResponse>, Status> {
        let (call, request) = open(request)?;
        let user = self.contacts.confirm_phone(&call, &request.code).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ConfirmPhoneResponse { user: Some(convert::user(&user)) }))
    }

    async fn change_email(&self, request: Request<pb::ChangeEmailRequest>) -> Result<Response<pb::ChangeEmailResponse>, Status> {
        let (call, request) = open(request)?;
        let changed = self.contacts.change_email(&call, &request.email).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ChangeEmailResponse {
            user: Some(convert::user(&changed.user)),
            expire_time: changed.confirm_until.map(timestamp),
        }))
    }

    async fn confirm_email(
        &self,
        request: Request<pb::ConfirmEmailRequest>,
    ) -> Result<Response<pb::ConfirmEmailResponse>, Status> {
        let (call, request) = open(request)?;
        let email = self.contacts.confirm_email(&call, &request.token).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ConfirmEmailResponse { email: email.as_str().to_owned() }))
    }
}
