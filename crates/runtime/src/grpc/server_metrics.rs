//! What operators see of requests: how many are under way, how long they took and how they ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tonic::Code;

use super::Stack;

/// Seconds: half a millisecond, as a read takes, up to the longest deadline.
const DURATIONS: [f64; 15] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// What stands for every path that is no method of the contract: those are whatever strangers write.
const UNKNOWN: &str = "unknown";

#[derive(Debug, Clone)]
pub(crate) struct ServerMetrics {
    active: Gauge,
    durations: Family<Answered, Histogram, fn() -> Histogram>,
    /// By the paths of the contract's methods.
    names: HashMap<String, Rpc>,
    unknown: Rpc,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Rpc {
    service: Arc<str>,
    method: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
#[allow(clippy::struct_field_names, reason = "the labels, as OpenTelemetry names them")]
struct Answered {
    rpc_service: Arc<str>,
    rpc_method: Arc<str>,
    rpc_grpc_status_code: i32,
}

/// A request under way.
struct Active<'a>(&'a Gauge);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl ServerMetrics {
    /// `paths` are those of the contract's methods: `/cabinet.identity.v1.UserService/CreateUser`.
    pub(crate) fn register<'a>(registry: &mut Registry, paths: impl Iterator<Item = &'a String>) -> Self {
        let metrics = Self {
            active: Gauge::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            names: paths.filter_map(|path| Some((path.clone(), Rpc::named(path)?))).collect(),
            unknown: Rpc { service: UNKNOWN.into(), method: UNKNOWN.into() },
        };
        let (active, durations) = (metrics.active.clone(), metrics.durations.clone());
        registry.register("rpc_server_active_requests", "Requests whose answer has not begun", active);
        let told = "Time to the answer of a request, or to the beginning of a stream";
        registry.register_with_unit("rpc_server_duration", told, Unit::Seconds, durations);
        metrics
    }

    fn begin(&self) -> Active<'_> {
        self.active.inc();
        Active(&self.active)
    }

    fn answered(&self, path: &str, code: Code, took: f64) {
        let Rpc { service, method } = self.names.get(path).unwrap_or(&self.unknown).clone();
        let answered = Answered { rpc_service: service, rpc_method: method, rpc_grpc_status_code: code.into() };
        self.durations.get_or_create(&answered).observe(took);
    }
}

impl Rpc {
    fn named(path: &str) -> Option<Self> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        Some(Self { service: service.into(), method: method.into() })
    }
}

pub(super) async fn measure(State(stack): State<Arc<Stack>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _active = stack.metrics.begin();
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    stack.metrics.answered(&path, answered_with(&response), started.elapsed().as_secs_f64());
    response
}

/// How a request ended: a refusal says so in the headers, success in the trailers, which are not waited for.
pub(super) fn answered_with<Body>(response: &http::Response<Body>) -> Code {
    response.headers().get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// The code as gRPC writes it.
pub(super) const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> (Registry, ServerMetrics) {
        let mut registry = Registry::default();
        let paths = ["/cabinet.identity.v1.UserService/CreateUser".to_owned()];
        let metrics = ServerMetrics::register(&mut registry, paths.iter());
        (registry, metrics)
    }

    fn told(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).expect("a string takes everything");
        text
    }

    #[test]
    fn a_request_is_under_way_until_it_is_answered_or_dropped() {
        let (registry, metrics) = metrics();
        let (first, second) = (metrics.begin(), metrics.begin());
        assert!(told(&registry).contains("rpc_server_active_requests 2\n"));
        drop((first, second));
        assert!(told(&registry).contains("rpc_server_active_requests 0\n"));
    }

    #[test]
    fn a_path_that_is_no_method_makes_no_label() {
        let (registry, metrics) = metrics();
        metrics.answered("/cabinet.identity.v1.UserService/CreateUser", Code::AlreadyExists, 0.002);
        for path in ["/cabinet.identity.v1.UserService/Invented", "/anna@example.com", ""] {
            metrics.answered(path, Code::Unimplemented, 0.002);
        }
        let told = told(&registry);
        let counts: Vec<&str> = told.lines().filter(|line| line.starts_with("rpc_server_duration_seconds_count")).collect();
        let of = |line: &str| counts.iter().any(|count| count.ends_with(line));
        assert_eq!(counts.len(), 2, "{told}");
        let created = r#"{rpc_service="cabinet.identity.v1.UserService",rpc_method="CreateUser",rpc_grpc_status_code="6"} 1"#;
        assert!(of(created), "{told}");
        assert!(of(r#"{rpc_service="unknown",rpc_method="unknown",rpc_grpc_status_code="12"} 3"#), "{told}");
    }
}
