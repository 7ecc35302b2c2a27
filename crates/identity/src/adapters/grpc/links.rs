//! `cabinet.identity.v1.LinkService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::link_service_server::{LinkService, LinkServiceServer};
use runtime::grpc::{Problem, id, open};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{LinkUseCases, RedeemLink, ResetContact};
use crate::domain::Password;

pub(crate) struct LinkGrpc {
    links: LinkUseCases,
}

impl LinkGrpc {
    pub(crate) fn server(links: LinkUseCases) -> LinkServiceServer<Self> {
        LinkServiceServer::new(Self { links })
    }
}

/// Exactly one of both.
fn contact(email: String, phone: String) -> Result<ResetContact, Problem> {
    match (email.is_empty(), phone.is_empty()) {
        (false, true) => Ok(ResetContact::Email(email)),
        (true, false) => Ok(ResetContact::Phone(phone)),
        (true, true) | (false, false) => {
            let either = "either an e-mail address or a phone number, and not both";
            Err(Problem::field_invalid("email", either).violated("phone", either))
        }
    }
}

#[tonic::async_trait]
impl LinkService for LinkGrpc {
    async fn inspect_link(&self, request: Request<pb::InspectLinkRequest>) -> Result<Response<pb::InspectLinkResponse>, Status> {
        let (call, request) = open(request)?;
        let link = self.links.inspect(&call, &request.token).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(convert::link(&link)))
    }

    async fn redeem_link(&self, request: Request<pb::RedeemLinkRequest>) -> Result<Response<pb::RedeemLinkResponse>, Status> {
        let (call, request) = open(request)?;
        let command =
            RedeemLink { token: request.token, password: Password::new(&request.password), session_name: request.session_name };
        let entered = self.links.redeem(&call, command).await.map_err(Problem::from)?.into_inner();
        let (user, tokens, device_token, second_factor) = convert::entered(&entered);
        Ok(Response::new(pb::RedeemLinkResponse { user, tokens, device_token, second_factor }))
    }

    async fn request_password_reset(
        &self,
        request: Request<pb::RequestPasswordResetRequest>,
    ) -> Result<Response<pb::RequestPasswordResetResponse>, Status> {
        let (call, request) = open(request)?;
        let (realm_id, contact) = (id("realm_id", &request.realm_id)?, contact(request.email, request.phone)?);
        let () = self.links.request_password_reset(&call, realm_id, &contact).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::RequestPasswordResetResponse {}))
    }
}
