//! What people reach without signing in: the way out at the foot of a letter (RFC 8058).
//!
//! Opening it shows a page with a button and changes nothing; a POST takes the tick back, whether it comes from that button or
//! from a mail program. The token stands in the address, so no line here says which address was asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use kernel::{Authorized, Call, Caller, Clock, Fault, IdSource};
use runtime::grpc::language_of;
use serde::Deserialize;

use crate::adapters::letters::{UNSUBSCRIBE_PATH, UnsubscribePages};
use crate::application::{Realm, UnsubscribeError, UnsubscribeUseCases};

/// Room for a form of one field, also as multipart.
const LONGEST_FORM: usize = 4096;
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// After this many seconds a mail program may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("30");
/// The page needs nothing but its own style and its own form.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";

pub(crate) struct UnsubscribeHttp {
    pub(crate) unsubscribing: UnsubscribeUseCases,
    pub(crate) pages: UnsubscribePages,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    token: String,
}

pub(crate) fn routes(unsubscribing: UnsubscribeHttp) -> Router {
    Router::new()
        .route(UNSUBSCRIBE_PATH, get(show).post(unsubscribe))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .with_state(Arc::new(unsubscribing))
}

async fn show(State(http): State<Arc<UnsubscribeHttp>>, Query(link): Query<Link>, headers: HeaderMap) -> Response {
    let shown = http.unsubscribing.inspect(&http.call(), &link.token).await;
    http.answer(shown, &headers, |realm| http.pages.question(realm))
}

async fn unsubscribe(
    State(http): State<Arc<UnsubscribeHttp>>,
    Query(link): Query<Link>,
    headers: HeaderMap,
    form: Bytes,
) -> Response {
    if !is_one_click(&form) {
        return with_headers((StatusCode::BAD_REQUEST, "List-Unsubscribe=One-Click is wanted (RFC 8058)").into_response());
    }
    let done = http.unsubscribing.unsubscribe(&http.call(), &link.token).await;
    http.answer(done, &headers, |realm| http.pages.done(realm))
}

impl UnsubscribeHttp {
    fn call(&self) -> Call {
        Call::new(Caller::Anonymous, self.ids.new_id(self.clock.now()), None, Instant::now() + ANSWER_LIMIT)
    }

    fn answer(
        &self,
        outcome: Result<Authorized<Realm>, UnsubscribeError>,
        headers: &HeaderMap,
        page: impl FnOnce(&Realm) -> Result<String, Fault>,
    ) -> Response {
        let language = language_of(headers);
        let outcome = outcome.and_then(|realm| Ok((StatusCode::OK, page(&realm.into_inner())?)));
        let outcome = match outcome {
            Err(UnsubscribeError::LinkNotValid | UnsubscribeError::Refused(_)) => {
                self.pages.not_valid(language).map(|page| (StatusCode::NOT_FOUND, page))
            }
            Err(UnsubscribeError::Fault(fault)) => {
                tracing::warn!(error = &fault as &dyn std::error::Error, "not unsubscribed");
                self.pages.later(language).map(|page| (StatusCode::SERVICE_UNAVAILABLE, page))
            }
            Ok(page) => Ok(page),
        };
        with_headers(match outcome {
            Ok((status, page)) if status == StatusCode::SERVICE_UNAVAILABLE => {
                (status, [(header::RETRY_AFTER, RETRY_AFTER)], Html(page)).into_response()
            }
            Ok((status, page)) => (status, Html(page)).into_response(),
            Err(fault) => {
                tracing::error!(error = &fault as &dyn std::error::Error, "no page");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        })
    }
}

/// RFC 8058 §3.1: the field as a form, plain or multipart. It says nothing else, so looking for its words will do.
fn is_one_click(form: &[u8]) -> bool {
    let form = String::from_utf8_lossy(form);
    form.contains("List-Unsubscribe") && form.contains("One-Click")
}

/// Nobody keeps the page, and the address goes nowhere from it.
fn with_headers(response: Response) -> Response {
    let headers: HeaderMap = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .into_iter()
    .collect();
    (headers, response).into_response()
}
