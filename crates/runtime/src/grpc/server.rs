//! Serves a process's RPCs behind the same layers: metrics, trace, log, language, deadline, authentication, field rules.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::{MethodEffect, NamedByClient, Validate};
use axum::middleware::{from_fn, from_fn_with_state};
use kernel::{Call, Clock, IdSource, NamedRequest};
use prost::Message;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status, Streaming};

use super::authentication::Proof;
use super::secured::secured;
use super::{ErrorTexts, FieldViolation, LongAnswer, Problem, ServerMetrics};
use super::{authentication, deadline, language, request_log, server_metrics, server_span};
use crate::access::Access;
use crate::settings::Settings;
use crate::tls::{Acceptor, ServerTls};
use crate::trace::Tracer;

/// Connections are closed kindly (GOAWAY) after this time, so that clients spread over new replicas.
const CONNECTION_AGE: Duration = Duration::from_mins(10);

/// Where and how a process serves.
#[derive(Debug, Clone)]
pub struct GrpcConfig {
    pub address: SocketAddr,
    /// Whether clients may ask for the contract (gRPC server reflection, v1 and v1alpha).
    pub(crate) reflection: bool,
    /// Without it nothing is encrypted.
    pub(crate) tls: Option<ServerTls>,
}

impl GrpcConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let address = settings.value("grpc.address");
        let reflection = settings.value("grpc.reflection");
        let tls = ServerTls::read(settings, "grpc.tls");
        Some(Self { address: address?, reflection: reflection?, tls })
    }
}

/// What the layers need.
#[derive(Clone)]
pub(crate) struct Stack {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) access: Access,
    /// The contract's methods, by their paths.
    pub(crate) methods: HashMap<String, MethodEffect>,
    pub(crate) error_texts: ErrorTexts,
    pub(crate) metrics: ServerMetrics,
    pub(crate) tracer: Tracer,
}

/// Serves until `stop` completes, then lets the requests under way finish.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Acceptor>,
    routes: Routes,
    stack: Stack,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let stack = Arc::new(stack);
    let mut layered = routes
        .prepare()
        .into_axum_router()
        .layer(from_fn_with_state(stack.clone(), authentication::authenticate))
        .layer(from_fn(deadline::keep_deadline))
        .layer(from_fn_with_state(stack.clone(), language::speak))
        .layer(from_fn_with_state(stack.clone(), request_log::log_request));
    if stack.tracer.is_on() {
        layered = layered.layer(from_fn_with_state(stack.clone(), server_span::record));
    }
    let layered = layered.layer(from_fn_with_state(stack, server_metrics::measure));
    let router = Server::builder()
        .max_connection_age(CONNECTION_AGE)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .tcp_nodelay(true)
        .add_routes(Routes::from(layered));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    match tls {
        None => router.serve_with_incoming_shutdown(incoming, stop).await,
        Some(acceptor) => router.serve_with_incoming_shutdown(secured(incoming, acceptor), stop).await,
    }
}

/// Opens a request for its handler: the call it belongs to, and its message, every field rule obeyed.
pub fn open<M: Validate + NamedByClient + Message>(request: Request<M>) -> Result<(Call, M), Problem> {
    let (_, mut extensions, mut message) = request.into_parts();
    obeyed(&message)?;
    let call = extensions.remove::<Call>().expect("the authentication layer stands before every handler");
    let request_id = message.take_request_id();
    if request_id.is_empty() {
        return Ok((call, message));
    }
    let named = named(&call, &request_id, &message);
    Ok((call.for_request(named), message))
}

/// Opens a request whose answer has many messages.
pub fn open_long<M: Validate + NamedByClient + Message>(request: Request<M>) -> Result<(Call, M, LongAnswer), Problem> {
    let proof = request.extensions().get::<Proof>().expect("the authentication layer has left what was shown").clone();
    let (call, message) = open(request)?;
    let deadline = call.errand().deadline;
    Ok((call, message, LongAnswer { proof, deadline }))
}

/// Opens a stream of requests: the call it belongs to, and the messages to come.
pub fn open_stream<M>(request: Request<Streaming<M>>) -> (Call, Messages<M>) {
    let (_, mut extensions, messages) = request.into_parts();
    let call = extensions.remove::<Call>().expect("the authentication layer stands before every handler");
    let proof = extensions.remove::<Proof>().expect("it has left what was shown");
    (call, Messages { messages, proof })
}

/// The longest a client may say nothing in the middle of a stream: it takes a place of others.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The messages of a client, one after the other.
pub struct Messages<M> {
    messages: Streaming<M>,
    proof: Proof,
}

impl<M: Validate> Messages<M> {
    /// The next message, every field rule obeyed; nothing once the client has said all, and may still do what it began. A client that is
    /// silent for five seconds is answered DEADLINE_EXCEEDED.
    pub async fn next(&mut self) -> Result<Option<M>, Status> {
        let Ok(message) = tokio::time::timeout(LONGEST_PAUSE, self.messages.message()).await else {
            return Err(Problem::deadline_exceeded().into());
        };
        let message = message?;
        match &message {
            Some(message) => obeyed(message)?,
            None => self.proof.still_holds().await?,
        }
        Ok(message)
    }
}

fn obeyed(message: &impl Validate) -> Result<(), Problem> {
    let violations = message.violations();
    if violations.is_empty() {
        return Ok(());
    }
    let violations = violations.into_iter();
    Err(Problem::request_invalid(
        violations.map(|violation| FieldViolation { field: violation.field, description: violation.description }).collect(),
    ))
}

/// What a client calls this request. An id is a UUID, whose letters may be large or small.
fn named<M: NamedByClient + Message>(call: &Call, request_id: &str, message: &M) -> NamedRequest {
    let id = request_id.to_ascii_lowercase();
    let key = format!("{}\n{}\n{id}", call.caller().subject(), M::MESSAGE);
    // With the name, whose id nobody else knows: what was asked for cannot be found by trying.
    let content = Sha256::new().chain_update(&key).chain_update(message.encode_to_vec()).finalize();
    NamedRequest::new(Sha256::digest(key).into(), content.into())
}
