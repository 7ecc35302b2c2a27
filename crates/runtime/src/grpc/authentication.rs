//! From the `authorization` header to a [`Call`]: who calls, under which command id, in which trace, until when.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use kernel::{Call, Caller};
use tonic::Status;

use super::deadline::Deadline;
use super::{Problem, Stack};

const BEARER: &str = "Bearer ";
/// Version, trace id, parent id and flags: `00-…-…-01` (W3C Trace Context §3.2).
const TRACEPARENT_LENGTH: usize = 55;

/// Makes the call of a request. A missing token makes an anonymous caller; a wrong one is refused here.
pub(super) async fn authenticate(State(stack): State<Arc<Stack>>, mut request: Request, next: Next) -> Response {
    let now = stack.clock.now();
    let caller = match header(&request, "authorization") {
        None => Ok(Caller::Anonymous),
        Some(value) => value.strip_prefix(BEARER).ok_or(()).and_then(|token| stack.verifier.verify(token, now).map_err(|_| ())),
    };
    let Ok(caller) = caller else {
        return Status::from(Problem::token_invalid()).into_http();
    };
    let traceparent = header(&request, "traceparent").filter(|value| is_traceparent(value)).map(str::to_owned);
    let Deadline(deadline) = *request.extensions().get().expect("the deadline layer stands before this one");
    request.extensions_mut().insert(Call::new(caller, stack.ids.new_id(now), traceparent, deadline));
    next.run(request).await
}

/// The header's text. Two headers of one name are as good as none: no one can say which was meant.
fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut values = request.headers().get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.to_str().unwrap_or("")),
        (Some(_), Some(_)) => Some(""),
        (None, _) => None,
    }
}

fn is_traceparent(value: &str) -> bool {
    value.len() == TRACEPARENT_LENGTH
        && value.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
