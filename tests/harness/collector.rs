//! A collector that takes spans as production's would (OTLP over gRPC), and keeps them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, status};
use prost::Message as _;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::eventually;

/// Ends when it is dropped.
pub struct Collector {
    kept: Kept,
    port: u16,
    server: JoinHandle<()>,
}

/// A span that has arrived.
#[derive(Debug, Clone)]
pub struct CollectedSpan {
    /// `cabinet-identity`
    pub service: String,
    pub name: String,
    pub kind: SpanKind,
    /// Hexadecimal, as are those of spans.
    pub trace_id: String,
    pub span_id: String,
    /// Empty where a trace begins.
    pub parent_id: String,
    pub attributes: BTreeMap<String, String>,
    pub is_error: bool,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Arrived>>);

#[derive(Default)]
struct Arrived {
    spans: Vec<CollectedSpan>,
    /// Everything as it is on the wire.
    bytes: Vec<u8>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let kept = Kept::default();
        let router = Server::builder().add_service(TraceServiceServer::new(kept.clone()));
        let serving = router.serve_with_incoming(TcpIncoming::from(listener));
        let server = tokio::spawn(async { serving.await.expect("a collector does not fail") });
        Self { kept, port, server }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What has arrived so far.
    pub fn spans(&self) -> Vec<CollectedSpan> {
        self.kept.arrived().spans.clone()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.kept.arrived().bytes.clone()
    }

    /// The first span that is looked for.
    pub async fn span(&self, what: &str, is_it: impl Fn(&CollectedSpan) -> bool) -> CollectedSpan {
        eventually(&format!("the span of {what}"), || self.spans().into_iter().find(&is_it)).await
    }

    /// The spans of a trace, once there are so many.
    pub async fn trace(&self, trace_id: &str, count: usize) -> Vec<CollectedSpan> {
        eventually(&format!("{count} spans"), || {
            let mut spans = self.spans();
            spans.retain(|span| span.trace_id == trace_id);
            (spans.len() >= count).then_some(spans)
        })
        .await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Kept {
    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.0.lock().expect("nobody panics while holding the spans")
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let mut arrived = self.arrived();
        arrived.bytes.extend(request.encode_to_vec());
        for resource_spans in request.resource_spans {
            let resource = attributes(resource_spans.resource.unwrap_or_default().attributes);
            let service = resource.get("service.name").expect("every process has a name").clone();
            let spans = resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
            arrived.spans.extend(spans.map(|span| collected(service.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn collected(service: String, span: Span) -> CollectedSpan {
    CollectedSpan {
        service,
        kind: span.kind(),
        name: span.name,
        trace_id: hexadecimal(&span.trace_id),
        span_id: hexadecimal(&span.span_id),
        parent_id: hexadecimal(&span.parent_span_id),
        attributes: attributes(span.attributes),
        is_error: span.status.is_some_and(|status| status.code() == status::StatusCode::Error),
    }
}

fn attributes(told: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => panic!("nothing that we tell: {other:?}"),
    };
    told.into_iter().map(|told| (told.key, text(told.value))).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
