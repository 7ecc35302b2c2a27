//! The channel to a peer. A question that belongs to a trace is a part of it, and tells the peer so.

use std::task::{Context, Poll};

use futures::future::{BoxFuture, Either, FutureExt as _};
use http::{HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::transport::{Channel, Error};
use tower::Service;

use super::server_metrics::{answered_with, name};
use crate::trace::{Span, SpanKind, Tracer};

/// Among a request's extensions: the context that it belongs to (`traceparent`).
#[derive(Debug, Clone)]
pub(super) struct AskedIn(pub(super) String);

/// A channel on which questions are traced.
#[derive(Debug, Clone)]
pub struct PeerChannel {
    channel: Channel,
    tracer: Tracer,
}

impl PeerChannel {
    pub(super) const fn new(channel: Channel, tracer: Tracer) -> Self {
        Self { channel, tracer }
    }

    fn begin(&self, request: &Request<Body>, AskedIn(traceparent): &AskedIn) -> Span {
        let rpc = request.uri().path().trim_start_matches('/');
        let mut span = self.tracer.part(Some(traceparent), SpanKind::Client, format_args!("{rpc}"));
        if let Some((service, method)) = rpc.split_once('/') {
            span.set("rpc.system", "grpc");
            span.set_text("rpc.service", service);
            span.set_text("rpc.method", method);
        }
        span
    }
}

impl Service<Request<Body>> for PeerChannel {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Either<<Channel as Service<Request<Body>>>::Future, BoxFuture<'static, Result<Response<Body>, Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Some(asked_in) = request.extensions_mut().remove::<AskedIn>() else {
            return Either::Left(self.channel.call(request));
        };
        let span = self.begin(&request, &asked_in);
        // What is not recorded here may be there.
        if let Ok(told) = HeaderValue::from_str(&span.traceparent().unwrap_or(asked_in.0)) {
            request.headers_mut().insert("traceparent", told);
        }
        let answer = self.channel.call(request);
        if span.is_recorded() { Either::Right(end_with(answer, span).boxed()) } else { Either::Left(answer) }
    }
}

async fn end_with(answer: impl Future<Output = Result<Response<Body>, Error>>, mut span: Span) -> Result<Response<Body>, Error> {
    let answer = answer.await;
    match answer.as_ref().map(answered_with) {
        Ok(code) => {
            span.set("rpc.grpc.status_code", i64::from(i32::from(code)));
            if code != tonic::Code::Ok {
                span.fail(name(code));
            }
        }
        Err(_) => span.fail("CONNECTION"),
    }
    answer
}
