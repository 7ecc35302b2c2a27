//! One line a request: what was called, how it ended, how long it took. No field of the message, no address.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

pub(super) async fn log_request(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    // A unary error has its status in the headers; success has it in the trailers, which are not waited for.
    let code = response.headers().get("grpc-status").and_then(|value| value.to_str().ok()).unwrap_or("0");
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::info!(rpc = path, rpc.grpc.status_code = code, duration_us = micros, "request");
    response
}
