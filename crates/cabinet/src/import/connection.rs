//! Calls to Cabinet that outlast its restarts.

use std::time::Duration;

use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::case_monitoring::v1::workflow_service_client::WorkflowServiceClient;
use api::cabinet::identity::v1::credential_service_client::CredentialServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::identity::v1::{IssueServiceTokenRequest, IssueServiceTokenResponse, IssueUserTokenRequest};
use api::cabinet::notification::v1::preference_service_client::PreferenceServiceClient;
use jiff::{SignedDuration, Timestamp};
use kernel::Secret;
use runtime::StartError;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use super::Access;
use crate::peers::peers;

/// How long one call may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// A token is renewed while it is good for this long at least.
const RESERVE: SignedDuration = SignedDuration::from_secs(60);
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

pub(super) struct Connection {
    identity: Channel,
    case_monitoring: Channel,
    notification: Channel,
    credential_id: String,
    secret: Secret<String>,
    patience: Duration,
    token: Mutex<Option<Token>>,
}

struct Token {
    text: Secret<String>,
    ends_at: Timestamp,
}

impl Connection {
    /// Connects when it is first used.
    pub(super) fn open(access: &Access) -> Result<Self, StartError> {
        let path = &access.secret_file;
        let secret = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let addresses = [
            ("identity", access.identity.as_str()),
            ("case_monitoring", access.case_monitoring.as_str()),
            ("notification", access.notification.as_str()),
        ];
        let [identity, case_monitoring, notification] = peers(addresses)?;
        Ok(Self {
            identity: identity.channel()?,
            case_monitoring: case_monitoring.channel()?,
            notification: notification.channel()?,
            credential_id: access.credential.clone(),
            secret: Secret::new(secret.trim().to_owned()),
            patience: Duration::from_secs(access.patience),
            token: Mutex::new(None),
        })
    }

    pub(super) fn users(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.identity.clone())
    }

    fn credentials(&self) -> CredentialServiceClient<Channel> {
        CredentialServiceClient::new(self.identity.clone())
    }

    pub(super) fn preferences(&self) -> PreferenceServiceClient<Channel> {
        PreferenceServiceClient::new(self.notification.clone())
    }

    pub(super) fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.case_monitoring.clone())
    }

    pub(super) fn workflows(&self) -> WorkflowServiceClient<Channel> {
        WorkflowServiceClient::new(self.case_monitoring.clone())
    }

    /// Makes a call, again and again while Cabinet is away. So it must be one that may be made twice.
    pub(super) async fn call<M: Clone, A>(
        &self,
        message: M,
        send: impl AsyncFn(Request<M>) -> Result<Response<A>, Status>,
    ) -> Result<A, Status> {
        self.patiently(async || self.once(message.clone(), &send).await).await
    }

    /// Makes a call in a user's name, as patiently.
    pub(super) async fn call_for<M: Clone, A>(
        &self,
        user_id: &str,
        message: M,
        send: impl AsyncFn(Request<M>) -> Result<Response<A>, Status>,
    ) -> Result<A, Status> {
        self.patiently(async || {
            let question = IssueUserTokenRequest { user_id: user_id.to_owned() };
            let ask = async |request| self.credentials().issue_user_token(request).await;
            let token = Secret::new(self.once(question, &ask).await?.access_token);
            send(request(message.clone(), &token)?).await.map(Response::into_inner)
        })
        .await
    }

    /// Makes a call as the machine that this is.
    async fn once<M, A>(&self, message: M, send: &impl AsyncFn(Request<M>) -> Result<Response<A>, Status>) -> Result<A, Status> {
        let answer = send(request(message, &self.token().await?)?).await;
        if let Err(status) = &answer
            && is_strange(status)
        {
            *self.token.lock().await = None;
        }
        answer.map(Response::into_inner)
    }

    async fn patiently<A>(&self, attempt: impl AsyncFn() -> Result<A, Status>) -> Result<A, Status> {
        let started = Instant::now();
        let mut delay = FIRST_DELAY;
        loop {
            let status = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(status) if !may_pass(&status) || started.elapsed() > self.patience => return Err(status),
                Err(status) => status,
            };
            let advised = status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or_default();
            // Whoever waits beside us shall not come back with us.
            sleep(delay.max(advised).mul_f64(1.0 + f64::from(random_byte()) / 512.0)).await;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    /// A token that is good for some time yet.
    async fn token(&self) -> Result<Secret<String>, Status> {
        let mut kept = self.token.lock().await;
        if let Some(token) = &*kept
            && token.ends_at.duration_since(Timestamp::now()) > RESERVE
        {
            return Ok(token.text.clone());
        }
        let mut request = Request::new(IssueServiceTokenRequest {
            credential_id: self.credential_id.clone(),
            secret: self.secret.expose().clone(),
        });
        request.set_timeout(DEADLINE);
        let answer = self.credentials().issue_service_token(request).await?;
        let IssueServiceTokenResponse { access_token, expire_time } = answer.into_inner();
        let text = Secret::new(access_token);
        let ends_at = Timestamp::from_second(expire_time.unwrap_or_default().seconds).unwrap_or_default();
        *kept = Some(Token { text: text.clone(), ends_at });
        Ok(text)
    }
}

fn request<M>(message: M, token: &Secret<String>) -> Result<Request<M>, Status> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    let token = format!("Bearer {}", token.expose()).parse();
    request.metadata_mut().insert("authorization", token.map_err(|_| Status::internal("a token is not visible ASCII"))?);
    Ok(request)
}

/// A token that is not known. A service that has just started may not know the keys yet; that the credential has ended is said
/// when another token is asked for.
fn is_strange(status: &Status) -> bool {
    status.code() == Code::Unauthenticated && reason(status) == "TOKEN_INVALID"
}

/// Whether the same call may succeed later. What bears no `ErrorInfo` is not Cabinet's word but a broken connection's.
fn may_pass(status: &Status) -> bool {
    let is_answer = status.get_details_error_info().is_some();
    !is_answer || is_strange(status) || matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Aborted)
}

/// Chance for the delay; without any, everybody waits the same time.
fn random_byte() -> u8 {
    let mut byte = [0];
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

/// `ErrorInfo.reason`, or the code of an error that has none.
pub(super) fn reason(status: &Status) -> String {
    status.get_details_error_info().map_or_else(|| format!("{:?}", status.code()), |info| info.reason)
}
