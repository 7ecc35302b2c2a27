//! Asking another of Cabinet's services: one channel, a short-lived token of our own, the caller's deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::{Caller, Clock, Component, Fault};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::settings::Settings;
use crate::token::Signer;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a peer serves: `http://identity:50051`.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    pub url: String,
}

impl PeerConfig {
    pub fn read(settings: &mut Settings, key: &str) -> Option<Self> {
        let url: String = settings.value(key)?;
        if let Err(error) = Endpoint::from_shared(url.clone()) {
            settings.problem(key, error);
        }
        Some(Self { url })
    }
}

/// A channel to a peer, opened when it is first needed and again after every loss.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    signer: Signer,
    component: Component,
    clock: Arc<dyn Clock>,
}

impl Client {
    pub fn new(peer: &PeerConfig, component: Component, signer: Signer, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let endpoint = Endpoint::from_shared(peer.url.clone()).map_err(Fault::internal)?;
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .connect_lazy();
        Ok(Self { channel, signer, component, clock })
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A request in our own name that the peer has until `deadline` to answer.
    pub fn request<M>(&self, message: M, deadline: Instant) -> Request<M> {
        let mut request = Request::new(message);
        let token =
            self.signer.sign(&Caller::Component(self.component), self.clock.now()).expect("a component is never anonymous");
        let mut bearer = MetadataValue::try_from(format!("Bearer {}", token.expose())).expect("a JWT is visible ASCII");
        bearer.set_sensitive(true);
        request.metadata_mut().insert("authorization", bearer);
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        request
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("component", &self.component).finish_non_exhaustive()
    }
}

/// What a peer's failure means to us: a refusal of a question we had to be allowed to ask is our own fault.
pub fn peer_fault(status: Status) -> Fault {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted | Code::Unknown => {
            Fault::unavailable(status)
        }
        _ => Fault::internal(status),
    }
}
