//! One caller at one door: a fresh customer whom the call is about, and the caller's token.

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::{RequestPasswordResetRequest, SessionTokens, User};
use api::cabinet::notification::v1::ListDeliveriesRequest;
use api::cabinet::notification::v1::delivery_service_client::DeliveryServiceClient;
use cabinet_e2e::eventually_async;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use crate::callers::{Stage, Who};

pub(crate) struct Visit<'a> {
    pub(crate) stage: &'a Stage,
    /// Whom the call is about: nobody has done anything to him before.
    pub(crate) himself: User,
    who: Who,
    token: String,
}

/// How a call ended that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    /// Without what the call was about.
    Empty,
    /// As everybody is answered.
    Public,
}

impl<'a> Visit<'a> {
    pub(crate) async fn of(stage: &'a Stage, who: Who) -> Self {
        let himself = stage.customer().await;
        let token = stage.token(who, &himself).await;
        Self { stage, himself, who, token }
    }

    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        with_token(&self.token, message)
    }

    /// A request about a session of his, in that session if he is who calls, and with a new token if he is called for or has followed a
    /// letter: setting a password has voided all others.
    pub(crate) async fn request_in<M>(&self, tokens: &SessionTokens, message: M) -> Request<M> {
        match self.who {
            Who::Himself => with_token(&tokens.access_token, message),
            Who::Letter => with_token(&self.stage.letter_token_beside_password(&self.himself), message),
            Who::Acting => with_token(&self.stage.token(self.who, &self.himself).await, message),
            _ => self.request(message),
        }
    }

    pub(crate) fn user_id(&self) -> String {
        self.himself.user_id.clone()
    }

    pub(crate) fn realm_id(&self) -> String {
        self.stage.realm_id.clone()
    }

    pub(crate) fn company_id(&self) -> String {
        self.stage.company_id.clone()
    }

    /// What a new case of his is.
    pub(crate) fn case(&self, kind: pb::CaseKind) -> pb::CreateCaseRequest {
        pb::CreateCaseRequest {
            company_id: self.company_id(),
            requester_id: self.user_id(),
            kind: kind.into(),
            subject: "Printer on fire".into(),
            ..Default::default()
        }
    }

    /// A delivery to him: he asks for another password, and waits until that was planned.
    pub(crate) async fn delivery_id(&self) -> String {
        let request =
            RequestPasswordResetRequest { realm_id: self.realm_id(), email: self.himself.email.clone(), ..Default::default() };
        let asked = LinkServiceClient::new(self.stage.identity.clone()).request_password_reset(request).await;
        asked.expect("always the same answer");
        let mut client = DeliveryServiceClient::new(self.stage.notification.clone());
        eventually_async("a delivery", async || {
            let request = ListDeliveriesRequest { user_id: self.user_id(), ..Default::default() };
            let listed = client.list_deliveries(with_token(&self.stage.service_token(), request)).await.expect("a service may");
            listed.into_inner().deliveries.pop().map(|delivery| delivery.delivery_id)
        })
        .await
    }

    /// A new case of his.
    pub(crate) async fn case_id(&self, kind: pb::CaseKind) -> String {
        let request = with_token(&self.stage.service_token(), self.case(kind));
        let answer = CaseServiceClient::new(self.stage.case_monitoring.clone()).create_case(request).await.expect("a good case");
        answer.into_inner().case.expect("the contract promises the case").case_id
    }
}

/// A request that shows a token; none if it is empty.
pub(crate) fn with_token<M>(token: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    if !token.is_empty() {
        let value = format!("Bearer {token}").parse().expect("a token is visible ASCII");
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// `ErrorInfo.reason`; every error has one.
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// A call that nobody may make or everybody may: what was shown with it is refused, not who calls.
pub(crate) fn refused_as<T>(expected: &str, result: Result<T, Status>) -> Result<Answer, Status> {
    match result {
        Err(status) if reason(&status) == expected => Ok(Answer::Public),
        Err(status) => Err(status),
        Ok(_) => Ok(Answer::Done),
    }
}

/// What a call without a client here answers: it makes its row fail.
pub(crate) fn no_call(method: &str) -> Result<Answer, Status> {
    Err(Status::unimplemented(format!("the matrix does not know how to call {method}")))
}
