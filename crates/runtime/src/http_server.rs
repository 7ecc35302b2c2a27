//! What is served over HTTP, to anybody or to machines: whatever they send is bounded in time and number, so that it costs nobody else
//! anything.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::lifecycle::WorkerResult;
use crate::tls::Acceptor;

/// Clients at the same time; more wait to be accepted. Few of the descriptors that gRPC and the pools need.
const CONNECTIONS: usize = 512;
/// Whoever has not said what he wants by then is let go.
const HEADERS_LIMIT: Duration = Duration::from_secs(5);
/// However a client dawdles over its form or our answer; whoever keeps a connection that long opens another.
const CONNECTION_LIMIT: Duration = Duration::from_secs(30);
/// How long requests under way may take when the process ends.
const DRAIN: Duration = Duration::from_secs(5);
/// When the system has no descriptor left, asking again at once would not help.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(crate) async fn serve(listener: TcpListener, tls: Option<Acceptor>, routes: Router, stop: CancellationToken) -> WorkerResult {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut clients = JoinSet::new();
    while let Some((stream, place)) = next(&listener, &places, &mut clients, &stop).await {
        let served = serve_client(stream, tls.clone(), routes.clone(), graceful.watcher());
        clients.spawn(async move {
            // However it ended.
            drop(tokio::time::timeout(CONNECTION_LIMIT, served).await);
            drop(place);
        });
    }
    drop(tokio::time::timeout(DRAIN, graceful.shutdown()).await);
    clients.shutdown().await;
    Ok(())
}

async fn serve_client(stream: TcpStream, tls: Option<Acceptor>, routes: Router, watcher: Watcher) {
    match tls {
        None => answer(stream, routes, watcher).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => answer(stream, routes, watcher).await,
            // Whoever can reach the port could fill the log otherwise.
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "a connection was refused"),
        },
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, routes: Router, watcher: Watcher) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    // How a client's own connection ends is its own business.
    drop(watcher.watch(served).await);
}

/// The next client, once there is a place; none when the process ends.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    clients: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let accepted = async {
        let place = places.clone().acquire_owned().await.expect("it is never closed");
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return (stream, place),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no client accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    let accepted = tokio::select! {
        accepted = accepted => Some(accepted),
        () = stop.cancelled() => None,
    };
    while clients.try_join_next().is_some() {}
    accepted
}
