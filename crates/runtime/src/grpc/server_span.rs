//! The span of a request, begun when it is known who calls: not everybody decides whether he is recorded.
//!
//! A `traceparent` is taken up whoever sends it, so that his trace goes on with us. That it is wanted (`sampled`) is believed of
//! whoever has a credential: services, gateways and what comes through them, Cabinet's own. Of all others chance decides, by
//! `telemetry.sample_ratio`: a stranger cannot have everything recorded. That a trace is not wanted is believed of everybody.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use kernel::Caller;
use tonic::Code;

use super::server_metrics::{answered_with, name};
use super::{Stack, authentication};
use crate::trace::{Span, TraceContext, Tracer, Wish};

/// What a server is at fault for, by OpenTelemetry's conventions for gRPC; the others are refusals.
const FAULTS: [Code; 6] =
    [Code::Unknown, Code::DeadlineExceeded, Code::Unimplemented, Code::Internal, Code::Unavailable, Code::DataLoss];

/// A request between its layers. Its span ends with it, however it ends.
pub(super) struct ServerSpan {
    tracer: Tracer,
    /// `/cabinet.identity.v1.UserService/CreateUser`
    path: String,
    told: Option<TraceContext>,
    began: SystemTime,
    /// None before it is known who calls, and after the answer.
    span: Mutex<Option<Span>>,
}

/// Records the requests that are methods of the contract: any other path is whatever a stranger wrote.
pub(super) async fn record(State(stack): State<Arc<Stack>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !stack.methods.contains_key(path) {
        return next.run(request).await;
    }
    let span = Arc::new(ServerSpan {
        tracer: stack.tracer.clone(),
        path: path.to_owned(),
        told: told(&request),
        began: SystemTime::now(),
        span: Mutex::default(),
    });
    request.extensions_mut().insert(span.clone());
    let response = next.run(request).await;
    span.end(answered_with(&response));
    response
}

/// The trace that a client tells of. What is none is ignored.
pub(super) fn told(request: &Request) -> Option<TraceContext> {
    authentication::header(request, "traceparent")?.parse().ok()
}

/// Whether a request is to be recorded, as far as its client is believed: because of his credential, or of the gateway's through
/// which he comes.
pub(super) const fn wish(told: Option<TraceContext>, caller: &Caller, comes_through_gateway: bool) -> Wish {
    let has_credential = matches!(caller, Caller::Service(_) | Caller::Gateway(_) | Caller::Component(_));
    match told {
        Some(TraceContext { is_sampled: false, .. }) => Wish::No,
        Some(_) if has_credential || comes_through_gateway => Wish::Yes,
        // It asks about something that chance left out: a trace of its own would begin in the middle.
        None if matches!(caller, Caller::Component(_)) => Wish::No,
        _ => Wish::Unsaid,
    }
}

impl ServerSpan {
    /// Begins the span; answers with what those are told that come after it, if it is recorded.
    pub(super) fn begin(&self, wish: Wish) -> Option<TraceContext> {
        let span = self.begun(wish);
        let context = span.context();
        *self.span.lock().expect("nobody panics while holding a span") = Some(span);
        context
    }

    /// The trace it is recorded in, once that is known.
    pub(super) fn trace_id(&self) -> Option<String> {
        let span = self.span.lock().expect("nobody panics while holding a span");
        span.as_ref()?.context().map(|context| context.trace_id())
    }

    fn begun(&self, wish: Wish) -> Span {
        let rpc = self.path.trim_start_matches('/');
        let mut span = self.tracer.request(self.told, wish, format_args!("{rpc}"), self.began);
        if let Some((service, method)) = rpc.split_once('/') {
            span.set("rpc.system", "grpc");
            span.set_text("rpc.service", service);
            span.set_text("rpc.method", method);
        }
        span
    }

    /// Whoever was refused before it was known who he is has decided nothing.
    fn end(&self, code: Code) {
        let begun = self.span.lock().expect("nobody panics while holding a span").take();
        let mut span = begun.unwrap_or_else(|| self.begun(wish(self.told, &Caller::Anonymous, false)));
        finish(&mut span, code);
    }
}

impl Drop for ServerSpan {
    /// Nobody waited for the answer.
    fn drop(&mut self) {
        if let Ok(Some(span)) = self.span.get_mut() {
            finish(span, Code::Cancelled);
        }
    }
}

fn finish(span: &mut Span, code: Code) {
    span.set("rpc.grpc.status_code", i64::from(i32::from(code)));
    if FAULTS.contains(&code) {
        span.fail(name(code));
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Component, Id, PlatformAdminCaller, Role, ServiceCaller, Through, UserCaller};
    use uuid::Uuid;

    use super::*;

    fn callers() -> [(Caller, bool); 6] {
        let realm_id = Id::from_uuid(Uuid::nil());
        let id = Uuid::nil();
        let user = UserCaller {
            realm_id,
            company_id: Id::from_uuid(id),
            user_id: Id::from_uuid(id),
            role: Role::Owner,
            through: Through::Session(Id::from_uuid(id)),
        };
        let service = ServiceCaller { realm_id, credential_id: Id::from_uuid(id), name: "importer".to_owned() };
        [
            (Caller::Anonymous, false),
            (Caller::User(user), false),
            // It may have found its way into a browser.
            (Caller::User(UserCaller { through: Through::Service(Id::from_uuid(id)), ..user }), false),
            (Caller::PlatformAdmin(PlatformAdminCaller { name: "operator".to_owned() }), false),
            (Caller::Service(service), true),
            (Caller::Component(Component::Notification), true),
        ]
    }

    #[test]
    fn that_a_trace_is_wanted_is_believed_of_those_who_have_a_credential() {
        let wanted = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().ok();
        for (caller, is_believed) in callers() {
            let expected = if is_believed { Wish::Yes } else { Wish::Unsaid };
            assert_eq!(wish(wanted, &caller, false), expected, "{caller:?}");
            assert_eq!(wish(wanted, &caller, true), Wish::Yes, "{caller:?} through a gateway");
            let unsaid = if matches!(caller, Caller::Component(_)) { Wish::No } else { Wish::Unsaid };
            assert_eq!(wish(None, &caller, true), unsaid, "{caller:?} says nothing");
        }
    }

    #[test]
    fn that_a_trace_is_not_wanted_is_believed_of_everybody() {
        let unwanted = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".parse().ok();
        for (caller, _) in callers() {
            assert_eq!(wish(unwanted, &caller, false), Wish::No, "{caller:?}");
        }
    }
}
