//! Connections with TLS, as the gRPC server takes them: it sees the same of a client as without.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

use crate::tls::Acceptor;

/// Clients that say who they are at the same time; more wait for a place.
const HANDSHAKES: usize = 1024;

/// A client that is who it must be.
pub(super) struct Secured(TlsStream<TcpStream>);

/// The clients that are who they must be, in the order in which they have shown it: none waits for another, and what it costs to
/// look at them is spread over the process.
pub(super) fn secured(incoming: TcpIncoming, acceptor: Acceptor) -> impl Stream<Item = io::Result<Secured>> {
    stream::unfold((incoming, JoinSet::new()), move |(mut incoming, mut handshakes)| {
        let acceptor = acceptor.clone();
        async move {
            loop {
                tokio::select! {
                    socket = incoming.next(), if handshakes.len() < HANDSHAKES => {
                        handshakes.spawn(accept(acceptor.clone(), socket?));
                    }
                    Some(shown) = handshakes.join_next() => {
                        if let Ok(Some(client)) = shown {
                            return Some((client, (incoming, handshakes)));
                        }
                    }
                }
            }
        }
    })
}

/// A client's failure is its own; the listener's is the server's.
async fn accept(acceptor: Acceptor, socket: io::Result<TcpStream>) -> Option<io::Result<Secured>> {
    let socket = match socket {
        Ok(socket) => socket,
        Err(error) => return Some(Err(error)),
    };
    match acceptor.accept(socket).await {
        Ok(stream) => Some(Ok(Secured(stream))),
        Err(error) => {
            // Whoever can reach the port could fill the log otherwise.
            tracing::debug!(error = &error as &dyn Error, "a connection was refused");
            None
        }
    }
}

impl Connected for Secured {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.0.get_ref().0.connect_info()
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
