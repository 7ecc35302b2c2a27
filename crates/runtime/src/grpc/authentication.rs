//! From the headers to a [`Call`]: who calls, under which command id, in which trace, until when, from where.

use std::net::IpAddr;
use std::sync::Arc;

use api::MethodEffect;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use kernel::{Call, Caller, Client, Origin, Secret};
use tonic::Status;
use tonic::transport::server::TcpConnectInfo;

use super::deadline::Deadline;
use super::server_span::{ServerSpan, told, wish};
use super::{Problem, Stack};
use crate::access::AccessError;
use crate::trace::{TraceContext, Wish};

const BEARER: &str = "Bearer ";
const GATEWAY_AUTHORIZATION: &str = "x-cabinet-gateway-authorization";
const CLIENT_ADDRESS: &str = "x-cabinet-client-address";
const CLIENT_AGENT: &str = "x-cabinet-client-agent";
const DEVICE: &str = "x-cabinet-device";
/// What a client calls itself is kept up to this length.
const LONGEST_AGENT: usize = 200;

/// What was shown with a request: looked at again when a client has sent all of a stream, which may be long after it began.
#[derive(Clone)]
pub(super) struct Proof {
    stack: Arc<Stack>,
    shown: Option<String>,
    effect: MethodEffect,
}

impl Proof {
    /// Refuses whoever has lost access meanwhile.
    pub(super) async fn still_holds(&self) -> Result<(), Problem> {
        caller(&self.stack, self.shown.clone(), self.effect).await.map(|_| ())
    }
}

/// Makes the call of a request. A missing token makes an anonymous caller; a wrong one is refused here.
pub(super) async fn authenticate(State(stack): State<Arc<Stack>>, mut request: Request, next: Next) -> Response {
    let now = stack.clock.now();
    // A path that is no method of the contract answers UNIMPLEMENTED to everybody.
    let effect = stack.methods.get(request.uri().path()).copied().unwrap_or(MethodEffect::Changes);
    let (shown, shown_by_gateway) = (owned(&request, "authorization"), owned(&request, GATEWAY_AUTHORIZATION));
    request.extensions_mut().insert(Proof { stack: stack.clone(), shown: shown.clone(), effect });
    let caller = match caller(&stack, shown, effect).await {
        Ok(caller) => caller,
        Err(problem) => return Status::from(problem).into_http(),
    };
    let told = match caller_of_gateway(&stack, shown_by_gateway).await {
        Ok(Caller::Gateway(gateway)) => Some((gateway.realm_id, told_client(&request))),
        Ok(_) => None,
        Err(problem) => return Status::from(problem).into_http(),
    };
    let traceparent = trace(&request, &caller, told.is_some()).map(|context| context.to_string());
    let origin = Origin { peer: peer(&request), told };
    let Deadline(deadline) = *request.extensions().get().expect("the deadline layer stands before this one");
    request.extensions_mut().insert(Call::new(caller, stack.ids.new_id(now), traceparent, deadline).from(origin));
    next.run(request).await
}

async fn caller(stack: &Stack, shown: Option<String>, effect: MethodEffect) -> Result<Caller, Problem> {
    let Some(value) = shown else { return Ok(Caller::Anonymous) };
    let token = value.strip_prefix(BEARER).ok_or_else(Problem::token_invalid)?;
    match stack.access.verify(token, effect, stack.clock.now()).await {
        Ok(verified) => Ok(verified.caller),
        Err(AccessError::Invalid(_)) => Err(Problem::token_invalid()),
        Err(AccessError::Unknown(fault)) => Err(fault.into()),
    }
}

/// Who stands between the client and us, if anybody says so. What a gateway tells is no change of anything.
async fn caller_of_gateway(stack: &Stack, shown: Option<String>) -> Result<Caller, Problem> {
    match caller(stack, shown, MethodEffect::Reads).await? {
        gateway @ (Caller::Gateway(_) | Caller::Anonymous) => Ok(gateway),
        _ => Err(Problem::token_invalid()),
    }
}

/// What follows from the request belongs to its span or, if it is not recorded, to what its client tells of.
fn trace(request: &Request, caller: &Caller, comes_through_gateway: bool) -> Option<TraceContext> {
    let told = told(request);
    let wish = wish(told, caller, comes_through_gateway);
    let recorded = request.extensions().get::<Arc<ServerSpan>>().and_then(|span| span.begin(wish));
    recorded.or(told.map(|told| if wish == Wish::Yes { told } else { told.unwanted() }))
}

/// Where the client is, as its gateway says; where the gateway is, if it does not say it so that it can be read.
fn told_client(request: &Request) -> Client {
    let told = header(request, CLIENT_ADDRESS).and_then(|text| text.parse().ok());
    let address = told.map(|address: IpAddr| address.to_canonical()).or(peer(request).address);
    let agent = header(request, CLIENT_AGENT).filter(|agent| !agent.is_empty());
    Client { address, agent: agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect()), device: device(request) }
}

/// Nobody has to be believed for it.
fn device(request: &Request) -> Option<Secret<String>> {
    owned(request, DEVICE).filter(|token| !token.is_empty()).map(Secret::new)
}

/// Without a gateway the peer itself is the client.
fn peer(request: &Request) -> Client {
    let peer = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
    Client { address: peer.map(|peer| IpAddr::to_canonical(&peer.ip())), agent: None, device: device(request) }
}

/// The header's text. Two headers of one name are as good as none: no one can say which was meant.
pub(super) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut values = request.headers().get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.to_str().unwrap_or("")),
        (Some(_), Some(_)) => Some(""),
        (None, _) => None,
    }
}

fn owned(request: &Request, name: &str) -> Option<String> {
    header(request, name).map(str::to_owned)
}
