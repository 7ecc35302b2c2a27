//! One line a request: what was called, how it ended, how long it took. No field of the message, no address.
//!
//! Every request has an id, its client's or ours, which every line about it and its answer carry. Of one that is recorded the
//! line names the trace.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use tracing::Instrument as _;

use super::Stack;
use super::server_span::ServerSpan;

const REQUEST_ID: &str = "x-request-id";

pub(super) async fn log_request(State(stack): State<Arc<Stack>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.uri().path().to_owned();
    let request_id = request_id(&request).unwrap_or_else(|| stack.ids.uuid_v7(stack.clock.now()).to_string());
    let span = tracing::info_span!("rpc", request.id = request_id);
    let server_span = request.extensions().get::<Arc<ServerSpan>>().cloned();
    let mut response = next.run(request).instrument(span.clone()).await;
    // A unary error has its status in the headers; success has it in the trailers, which are not waited for.
    let code = response.headers().get("grpc-status").and_then(|value| value.to_str().ok()).unwrap_or("0");
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    // Any other path is whatever a stranger wrote.
    let rpc = if stack.methods.contains_key(&path) { path.as_str() } else { "unknown" };
    let trace_id = server_span.and_then(|span| span.trace_id());
    tracing::info!(parent: &span, rpc, rpc.grpc.status_code = code, duration_us = micros, trace_id, "request");
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The client's own id for this request, if it is a UUID: a phone number or a tax number is hexadecimal, too.
fn request_id(request: &Request) -> Option<String> {
    let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    uuid::Uuid::try_parse(text).is_ok().then(|| text.to_owned())
}
