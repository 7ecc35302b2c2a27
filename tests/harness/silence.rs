//! Stands before a service and passes on whatever it is asked and answers, until one of its streams is to fall silent.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::codegen::Service as _;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};

use crate::ServiceProcess;

/// Ends when it is dropped.
pub struct Silencer {
    passing: Passing,
    port: u16,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Passing {
    channel: Channel,
    stream: &'static str,
    is_silent: Arc<AtomicBool>,
}

impl Silencer {
    /// Before this service, for the stream that this method answers with: `/cabinet.identity.v1.AccessService/WatchRevocations`.
    pub async fn before(service: &ServiceProcess, stream: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let passing = Passing { channel: service.channel(), stream, is_silent: Arc::default() };
        let routes = Routes::from(Router::new().fallback(pass).with_state(passing.clone()));
        let serving = Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener));
        let server = tokio::spawn(async { serving.await.expect("whoever passes on does not fail") });
        Self { passing, port, server }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on nothing more comes by the stream, which goes on; all else is passed on as before.
    pub fn silence(&self) {
        self.passing.is_silent.store(true, Ordering::Relaxed);
    }
}

impl Drop for Silencer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(mut passing): State<Passing>, request: Request) -> Response {
    let is_stream = request.uri().path() == passing.stream;
    if poll_fn(|context| passing.channel.poll_ready(context)).await.is_err() {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    match passing.channel.call(request.map(tonic::body::Body::new)).await {
        Ok(answer) if is_stream => answer.map(|body| until_silence(body, passing.is_silent)),
        Ok(answer) => answer.map(Body::new),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn until_silence(body: tonic::body::Body, is_silent: Arc<AtomicBool>) -> Body {
    let chunks = Body::new(body).into_data_stream().then(move |chunk| {
        let is_silent = is_silent.clone();
        async move { if is_silent.load(Ordering::Relaxed) { pending().await } else { chunk } }
    });
    Body::from_stream(chunks)
}
