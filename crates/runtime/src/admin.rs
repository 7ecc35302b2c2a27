//! The operators' HTTP endpoint: is the process alive, is it ready, what do its metrics say.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use sqlx::PgPool;
use tokio::net::TcpListener;

use crate::access::Access;

const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the endpoint tells about.
pub(crate) struct Admin {
    pub(crate) metrics: Registry,
    pub(crate) databases: Vec<PgPool>,
    /// Whoever cannot tell good tokens from bad ones is not ready.
    pub(crate) access: Access,
    /// Off before the process serves and from the moment it drains.
    pub(crate) serving: Arc<AtomicBool>,
}

pub(crate) async fn serve(
    listener: TcpListener,
    admin: Admin,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/livez", get(StatusCode::OK))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(admin));
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// Ready to take commands: serving, knowing whom to let in, and every database answers. The broker is not asked, since commands are kept without it.
async fn ready(State(admin): State<Arc<Admin>>) -> StatusCode {
    if !admin.serving.load(Ordering::Relaxed) || !admin.access.is_ready() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    for database in &admin.databases {
        let probe = tokio::time::timeout(PROBE_TIMEOUT, sqlx::query("SELECT 1").execute(database)).await;
        if !matches!(probe, Ok(Ok(_))) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    StatusCode::OK
}

async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &admin.metrics) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, OPENMETRICS)], text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, OPENMETRICS)], String::new()),
    }
}
