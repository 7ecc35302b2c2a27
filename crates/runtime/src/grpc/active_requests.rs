//! How many requests a process is at work on. What a kill takes away is seen here, and what a drain waits for.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Stack;

/// Requests whose answer has not begun. A stream counts until its first message may go out.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActiveRequests(Gauge);

/// One of them; dropped when it is answered, or when whoever asked has gone away.
struct ActiveRequest(Gauge);

impl ActiveRequests {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let active = Self::default();
        registry.register("rpc_server_active_requests", "Requests that are not answered yet", active.0.clone());
        active
    }

    fn begin(&self) -> ActiveRequest {
        self.0.inc();
        ActiveRequest(self.0.clone())
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.dec();
    }
}

pub(super) async fn count_active(State(stack): State<Arc<Stack>>, request: Request, next: Next) -> Response {
    let _active = stack.active_requests.begin();
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_until_it_is_dropped() {
        let active = ActiveRequests::default();
        let (first, second) = (active.begin(), active.begin());
        assert_eq!(active.0.get(), 2);
        drop((first, second));
        assert_eq!(active.0.get(), 0);
    }
}
