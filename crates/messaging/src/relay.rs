//! Moves committed facts from the outbox to the broker: publish, wait for every confirm, then archive.
//!
//! One owner per service and lane, by an advisory lock held on the very connection that reads and archives: when that
//! connection is lost, so is the lock, and so is the power to archive. A deposed owner can only repeat, never lose.

use std::time::Duration;

use kernel::Secret;
use runtime::lifecycle::{Backoff, WorkerResult};
use runtime::postgres;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::outbox;
use crate::transport::Publisher;
use crate::{Broker, Lane, OutboxSignal};

const BATCH: i64 = 1000;
/// How often a relay that is not the owner tries to become it.
const CANDIDATE_INTERVAL: Duration = Duration::from_millis(500);
/// The first half of the advisory lock's key; the second is the lane's.
const LOCK_SPACE: i32 = 0x0CAB;

/// One lane's relay of one service.
#[derive(Debug, Clone)]
pub struct Relay {
    /// The service, for the broker's list of connections.
    pub service: &'static str,
    pub lane: Lane,
    /// The service's database: directly, never through a transaction pooler, which would lend the lock to strangers.
    pub database_url: Secret<String>,
    pub broker: Broker,
    pub signal: OutboxSignal,
    pub poll_interval: Duration,
}

/// Why a relay had to start over.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the outbox could not be reached")]
    Database(#[from] sqlx::Error),
    #[error("the outbox could not be opened")]
    Connect(#[from] kernel::Fault),
    #[error("facts could not be published")]
    Transport(#[from] crate::TransportError),
}

impl Relay {
    /// Runs until `stop` is cancelled. Whatever fails is tried again, for ever, on new connections.
    pub async fn run(self, stop: CancellationToken) -> WorkerResult {
        let mut backoff = Backoff::new();
        while !stop.is_cancelled() {
            if let Err(error) = self.relay(&stop, &mut backoff).await {
                tracing::warn!(lane = %self.lane, error = &error as &dyn std::error::Error, "relay starts over");
                tokio::select! {
                    () = backoff.wait() => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        Ok(())
    }

    async fn relay(&self, stop: &CancellationToken, backoff: &mut Backoff) -> Result<(), RelayError> {
        let options = postgres::connect_options(&self.database_url)?
            .application_name("relay")
            .options([("plan_cache_mode", "force_custom_plan"), ("jit", "off")]);
        let mut connection = options.connect().await?;
        while !self.become_owner(&mut connection).await? {
            tokio::select! {
                () = tokio::time::sleep(CANDIDATE_INTERVAL) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
        let mut publisher = self.broker.publisher(self.service).await?;
        tracing::info!(lane = %self.lane, "relay owns the lane");
        while !stop.is_cancelled() {
            if self.drain(&mut connection, publisher.as_mut()).await? {
                backoff.reset();
                continue;
            }
            tokio::select! {
                () = self.signal.rung() => {}
                () = tokio::time::sleep(self.poll_interval) => {}
                () = stop.cancelled() => {}
            }
        }
        connection.close().await?;
        Ok(())
    }

    async fn become_owner(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        let locked = sqlx::query_scalar!("SELECT pg_try_advisory_lock($1, hashtext($2))", LOCK_SPACE, self.lane.as_str());
        locked.fetch_one(connection).await.map(|locked| locked == Some(true))
    }

    /// Moves one batch. True if there may be more at once.
    async fn drain(&self, connection: &mut PgConnection, publisher: &mut dyn Publisher) -> Result<bool, RelayError> {
        let rows = outbox::oldest(connection, self.lane, BATCH).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let published = publisher.publish(&rows).await?;
        outbox::archive(connection, &published).await?;
        if published.len() < rows.len() {
            tracing::warn!(lane = %self.lane, kept = rows.len() - published.len(), "facts nobody is bound to stay in the outbox");
        }
        Ok(!published.is_empty())
    }
}
