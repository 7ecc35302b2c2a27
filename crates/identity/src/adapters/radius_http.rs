//! What FreeRADIUS asks (its module `rest`, as `deploy/freeradius` sets it up): may whoever has typed this enter the VPN?
//!
//! The answer is the code: 204 yes, 401 no, 403 to whoever is no gateway, 429 too often, 503 nothing can be said. What is said
//! besides is for FreeRADIUS's own log, and tells of nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::{Call, Clock, CredentialId, IdSource, Secret};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use tracing::Instrument as _;

use crate::application::{CredentialUseCases, EnterVpn, Error, VpnUseCases};
use crate::domain::{Password, Station};

const PATH: &str = "/radius/authorize";
/// Three attributes of RADIUS, in hexadecimal, have room in a quarter of it.
const LONGEST_QUESTION: usize = 8192;
/// FreeRADIUS waits a second longer.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// Who may ask, and who is asked.
pub(crate) struct RadiusHttp {
    pub(crate) credentials: CredentialUseCases,
    pub(crate) vpn: VpnUseCases,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Clone)]
struct Asked {
    http: Arc<RadiusHttp>,
    answers: Family<Answered, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    code: u16,
}

/// What FreeRADIUS says: bytes as they came, in hexadecimal.
#[derive(Deserialize)]
struct Question {
    user_name: String,
    password: String,
    station: String,
}

/// Why nobody enters.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("this is more than a question, or not all of it came")]
    TooLong,
    #[error("this is no question")]
    Unreadable,
    #[error("whoever asks shows no credential of a gateway")]
    NotTheGateway,
    #[error("too late")]
    Late,
    #[error(transparent)]
    Error(#[from] Error),
}

pub(crate) fn routes(http: RadiusHttp, metrics: &mut Registry) -> Router {
    let answers = Family::default();
    metrics.register("radius_answers", "Answers to FreeRADIUS, by their code", answers.clone());
    Router::new()
        .route(PATH, post(authorize))
        .layer(DefaultBodyLimit::max(LONGEST_QUESTION))
        .with_state(Asked { http: Arc::new(http), answers })
}

async fn authorize(State(asked): State<Asked>, headers: HeaderMap, question: Result<Bytes, BytesRejection>) -> Response {
    let started = Instant::now();
    let request_id = asked.http.ids.uuid_v7(asked.http.clock.now());
    let span = tracing::info_span!("radius", request.id = %request_id);
    let entered = async { asked.http.enter(&headers, &question.map_err(|_| Refused::TooLong)?).await };
    let entered = tokio::time::timeout(ANSWER_LIMIT, entered.instrument(span.clone())).await;
    let answer = answer(entered.unwrap_or(Err(Refused::Late)), &span);
    let code = answer.status().as_u16();
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::info!(parent: &span, http.route = PATH, http.response.status_code = code, duration_us = micros, "request");
    asked.answers.get_or_create(&Answered { code }).inc();
    answer
}

impl RadiusHttp {
    async fn enter(&self, headers: &HeaderMap, question: &[u8]) -> Result<(), Refused> {
        let (credential_id, secret) = credential(headers).ok_or(Refused::NotTheGateway)?;
        let caller = self.credentials.caller(credential_id, secret.expose()).await?;
        let command = command(question).ok_or(Refused::Unreadable)?;
        let call = Call::new(caller, self.ids.new_id(self.clock.now()), None, Instant::now() + ANSWER_LIMIT);
        let () = self.vpn.enter(&call, command).await?.into_inner();
        Ok(())
    }
}

/// The credential of a machine, as its name and password (RFC 7617).
fn credential(headers: &HeaderMap) -> Option<(CredentialId, Secret<String>)> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let shown = String::from_utf8(STANDARD.decode(shown).ok()?).ok()?;
    let (id, secret) = shown.split_once(':')?;
    Some((id.parse().ok()?, Secret::new(secret.to_owned())))
}

fn command(question: &[u8]) -> Option<EnterVpn> {
    let question: Question = serde_json::from_slice(question).ok()?;
    // A place that is written in no known way is none; nobody is called so, and no password is.
    let station = text(&question.station).and_then(|station| Station::read(&station));
    Some(EnterVpn { login: text(&question.user_name)?, password: Password::new(&text(&question.password)?), station })
}

fn text(hexadecimal: &str) -> Option<String> {
    let (pairs, rest) = hexadecimal.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    String::from_utf8(bytes.filter(|_| rest.is_empty())?).ok()
}

fn answer(entered: Result<(), Refused>, span: &tracing::Span) -> Response {
    let Err(refused) = entered else { return StatusCode::NO_CONTENT.into_response() };
    let said = refused.to_string();
    let code = match refused {
        Refused::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        Refused::Unreadable => StatusCode::BAD_REQUEST,
        Refused::NotTheGateway | Refused::Error(Error::CredentialRefused | Error::Refused(_)) => StatusCode::FORBIDDEN,
        // Attributes are looked for in it: there are none.
        Refused::Error(Error::SignInRefused) => {
            return (StatusCode::UNAUTHORIZED, axum::Json(serde_json::json!({}))).into_response();
        }
        Refused::Error(Error::AttemptsLimited { after }) => {
            let seconds = HeaderValue::from(after.as_secs().max(1));
            return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], said).into_response();
        }
        Refused::Late | Refused::Error(Error::SignInBusy) => StatusCode::SERVICE_UNAVAILABLE,
        Refused::Error(error) => {
            tracing::warn!(parent: span, error = &error as &dyn std::error::Error, "nobody could say who may enter");
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    (code, said).into_response()
}
