//! Every request has a deadline: the client's `grpc-timeout`, or ours where it gave none or a longer one.

use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tonic::Status;

use super::Problem;

/// What a request gets that asks for nothing, and the most it can ask for.
const LONGEST: Duration = Duration::from_secs(30);
/// Answered this long before the client's own timer runs out, so that the answer arrives; also before tonic's own timer,
/// which would say CANCELLED.
const MARGIN: Duration = Duration::from_millis(10);

/// The moment after which the client no longer waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(pub(super) Instant);

/// Drops the work and answers DEADLINE_EXCEEDED when the time is up.
pub(super) async fn keep_deadline(mut request: Request, next: Next) -> Response {
    let asked = request.headers().get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse_timeout);
    let timeout = asked.map_or(LONGEST, |asked| asked.saturating_sub(MARGIN.min(asked / 10)).min(LONGEST));
    let deadline = Instant::now() + timeout;
    request.extensions_mut().insert(Deadline(deadline));
    tokio::time::timeout_at(deadline.into(), next.run(request))
        .await
        .unwrap_or_else(|_| Status::from(Problem::deadline_exceeded()).into_http())
}

/// `TimeoutValue TimeoutUnit` of the gRPC over HTTP/2 specification: at most eight digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_specification_writes_them() {
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("99999999H"), Some(Duration::from_hours(99_999_999)));
        for wrong in ["", "S", "1", "-1S", "999999999S", "1s", "é"] {
            assert_eq!(parse_timeout(wrong), None, "{wrong}");
        }
    }
}
