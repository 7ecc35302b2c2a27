//! Asking another of Cabinet's services: one channel, a short-lived token of our own, the caller's deadline.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use kernel::{Errand, Fault};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tower::service_fn;

use super::traced::{AskedIn, PeerChannel};
use crate::access::ComponentTokens;
use crate::settings::Settings;
use crate::tls::{ClientTls, HTTP2};
use crate::trace::Tracer;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The port of `https://` addresses that name none (RFC 9110 §4.2.2).
const HTTPS_PORT: u16 = 443;
const TLS_SECTION: &str = "peers.tls";

/// Where a peer serves: `http://identity:50051`, or `https://identity:50051` with TLS.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    url: String,
    tls: Option<ClientTls>,
}

impl PeerConfig {
    /// A peer at an `http://` address.
    pub fn without_tls(url: &str) -> Self {
        Self { url: url.to_owned(), tls: None }
    }

    pub fn read(settings: &mut Settings, key: &str) -> Option<Self> {
        let tls = ClientTls::read(settings, TLS_SECTION);
        let url = settings.value(key)?;
        Some(Self::checked(settings, key, url, tls, TLS_SECTION))
    }

    /// Somebody who need not be there, and is none of Cabinet's services: he has a section of his own for TLS.
    pub(crate) fn read_optional(settings: &mut Settings, key: &str, tls_section: &str) -> Option<Self> {
        let tls = ClientTls::read(settings, tls_section);
        let url = settings.optional(key)?;
        Some(Self::checked(settings, key, url, tls, tls_section))
    }

    fn checked(settings: &mut Settings, key: &str, url: String, tls: Option<ClientTls>, tls_section: &str) -> Self {
        match Endpoint::from_shared(url.clone()) {
            Ok(endpoint) if is_https(endpoint.uri()) != tls.is_some() => {
                settings.problem(key, format_args!("must be https:// with {tls_section}.ca_file, and http:// without"));
            }
            Ok(_) => {}
            Err(error) => settings.problem(key, error),
        }
        Self { url, tls }
    }

    /// Opened when it is first needed and again after every loss, with the certificates that the files hold then.
    pub fn channel(&self) -> Result<Channel, Fault> {
        let endpoint = self.endpoint()?.http2_keep_alive_interval(Duration::from_secs(20)).keep_alive_while_idle(true);
        Ok(self.open(&endpoint))
    }

    /// The same, to servers that take it ill to be asked whether they are there. Whoever gives no answer in time has failed.
    pub(crate) fn channel_without_pings(&self, limit: Duration) -> Result<Channel, Fault> {
        Ok(self.open(&self.endpoint()?.timeout(limit)))
    }

    fn endpoint(&self) -> Result<Endpoint, Fault> {
        let endpoint = Endpoint::from_shared(self.url.clone()).map_err(Fault::internal)?;
        Ok(endpoint.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true))
    }

    fn open(&self, endpoint: &Endpoint) -> Channel {
        match self.tls.clone() {
            None => endpoint.connect_lazy(),
            Some(tls) => endpoint.connect_with_connector_lazy(service_fn(move |url| connect(url, tls.clone()))),
        }
    }
}

fn is_https(url: &Uri) -> bool {
    url.scheme() == Some(&Scheme::HTTPS)
}

/// Opens a connection to the server that this address names, and to no other.
async fn connect(url: Uri, tls: ClientTls) -> Result<TokioIo<TlsStream<TcpStream>>, Box<dyn Error + Send + Sync>> {
    // An IPv6 address stands in brackets (RFC 3986 §3.2.2).
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let socket = TcpStream::connect((host.as_str(), url.port_u16().unwrap_or(HTTPS_PORT))).await?;
    socket.set_nodelay(true)?;
    let mut config = tls.config()?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    let name = ServerName::try_from(host)?;
    Ok(TokioIo::new(TlsConnector::from(Arc::new(config)).connect(name, socket).await?))
}

/// A peer, and what makes us known to it.
#[derive(Clone)]
pub struct Client {
    channel: PeerChannel,
    tokens: ComponentTokens,
}

impl Client {
    pub fn new(peer: &PeerConfig, tokens: ComponentTokens, tracer: Tracer) -> Result<Self, Fault> {
        Ok(Self { channel: PeerChannel::new(peer.channel()?, tracer), tokens })
    }

    pub fn channel(&self) -> PeerChannel {
        self.channel.clone()
    }

    /// What makes us known to this peer makes us known to any.
    pub fn tokens(&self) -> ComponentTokens {
        self.tokens.clone()
    }

    /// A request in our own name, in the trace of what it is asked for, that the peer has until the deadline to answer.
    pub async fn request<M>(&self, message: M, errand: Errand<'_>) -> Result<Request<M>, Fault> {
        let token = self.tokens.token(errand.deadline).await.map_err(peer_fault)?;
        let mut request = Request::new(message);
        let mut bearer = MetadataValue::try_from(format!("Bearer {}", token.expose())).map_err(Fault::internal)?;
        bearer.set_sensitive(true);
        request.metadata_mut().insert("authorization", bearer);
        request.set_timeout(errand.deadline.saturating_duration_since(Instant::now()));
        if let Some(traceparent) = errand.traceparent {
            request.extensions_mut().insert(AskedIn(traceparent.to_owned()));
        }
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
