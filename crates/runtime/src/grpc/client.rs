//! Asking another of Cabinet's services: one channel, a short-lived token of our own, the caller's deadline.

use std::time::{Duration, Instant};

use kernel::Fault;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::access::ComponentTokens;
use crate::settings::Settings;

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

    /// Opened when it is first needed and again after every loss.
    pub(crate) fn channel(&self) -> Result<Channel, Fault> {
        let endpoint = Endpoint::from_shared(self.url.clone()).map_err(Fault::internal)?;
        Ok(endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .connect_lazy())
    }
}

/// A peer, and what makes us known to it.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    tokens: ComponentTokens,
}

impl Client {
    pub fn new(peer: &PeerConfig, tokens: ComponentTokens) -> Result<Self, Fault> {
        Ok(Self { channel: peer.channel()?, tokens })
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// What makes us known to this peer makes us known to any.
    pub fn tokens(&self) -> ComponentTokens {
        self.tokens.clone()
    }

    /// A request in our own name that the peer has until `deadline` to answer.
    pub async fn request<M>(&self, message: M, deadline: Instant) -> Result<Request<M>, Fault> {
        let token = self.tokens.token(deadline).await.map_err(peer_fault)?;
        let mut request = Request::new(message);
        let mut bearer = MetadataValue::try_from(format!("Bearer {}", token.expose())).map_err(Fault::internal)?;
        bearer.set_sensitive(true);
        request.metadata_mut().insert("authorization", bearer);
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        Ok(request)
    }
}

impl Client {
    /// What it means that the peer did not do what it was asked. Whoever does not know us gets another token next time; that
    /// is no absence.
    pub(crate) fn refused(&self, status: Status) -> Fault {
        if status.code() == Code::Unauthenticated {
            self.tokens.forget();
            return Fault::internal(status);
        }
        peer_fault(status)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// What a peer's failure means to us: a refusal of a question we had to be allowed to ask is our own fault.
pub fn peer_fault(status: Status) -> Fault {
    match status.code() {
        // Our token may have been made by a key that was rotated out, or be void: the next one may do.
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::ResourceExhausted
        | Code::Unknown
        | Code::Unauthenticated => Fault::unavailable(status),
        _ => Fault::internal(status),
    }
}
