//! Moves committed facts from the outbox to the broker: publish, wait for every confirm, then archive.
//!
//! One owner per service and lane, by an advisory lock held on the very connection that reads and archives: when that
//! connection is lost, so is the lock, and so is the power to archive. A deposed owner can only repeat, never lose.

use std::time::Duration;

use kernel::Secret;
use runtime::lifecycle::{Backoff, WorkerResult};
use runtime::postgres;
use sqlx::postgres::PgListener;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::metrics::RelayMetrics;
use crate::outbox;
use crate::transport::Publisher;
use crate::{Broker, Lane, OutboxSignal};

const BATCH: i64 = 1000;
/// How often a relay that is not the owner tries to become it.
const CANDIDATE_INTERVAL: Duration = Duration::from_millis(500);
/// The first half of the advisory lock's key; the second is the lane's.
const LOCK_SPACE: i32 = 0x0CAB;
/// The second half where the lock is about who may use the database at all.
const TRANSPORT_LOCK: i32 = 1;
/// Where processes that do not own the lane tell the owner of commits.
const NOTIFICATIONS: &str = "cabinet_outbox";
const PASS_ON_INTERVAL: Duration = Duration::from_millis(10);

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
    pub metrics: RelayMetrics,
}

/// Why a relay had to start over.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the outbox could not be reached")]
    Database(#[from] sqlx::Error),
    #[error("the outbox could not be opened")]
    Connect(#[from] kernel::Fault),
    #[error("another process uses this database in a way that does not go with ours")]
    NotAlone,
    #[error("facts could not be published")]
    Transport(#[from] crate::TransportError),
}

impl Relay {
    /// Runs until `stop` is cancelled. Whatever fails is tried again, for ever, on new connections.
    pub async fn run(self, stop: CancellationToken) -> WorkerResult {
        let mut backoff = Backoff::new();
        while !stop.is_cancelled() {
            if let Err(error) = self.relay(&stop, &mut backoff).await {
                if self.broker.is_local() && matches!(error, RelayError::NotAlone) {
                    return Err(error.into());
                }
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
        if !self.share_database(&mut connection).await? {
            return Err(RelayError::NotAlone);
        }
        while !self.become_owner(&mut connection).await? {
            tokio::select! {
                () = self.signal.rung() => self.pass_on(&mut connection).await?,
                () = tokio::time::sleep(CANDIDATE_INTERVAL) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
        let mut passed_on = PgListener::connect(self.database_url.expose()).await?;
        passed_on.listen(NOTIFICATIONS).await?;
        let mut publisher = self.broker.publisher(self.service).await?;
        tracing::info!(lane = %self.lane, "relay owns the lane");
        while !stop.is_cancelled() {
            if self.drain(&mut connection, publisher.as_mut()).await? {
                backoff.reset();
                continue;
            }
            tokio::select! {
                () = self.signal.rung() => {}
                notification = passed_on.recv() => drop(notification?),
                () = tokio::time::sleep(self.poll_interval) => {}
                () = stop.cancelled() => {}
            }
        }
        connection.close().await?;
        Ok(())
    }

    /// A process without a broker needs the database for itself; those with one share it.
    async fn share_database(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        let locked = if self.broker.is_local() {
            let locked = sqlx::query_scalar!("SELECT pg_try_advisory_lock($1, $2)", LOCK_SPACE, TRANSPORT_LOCK);
            locked.fetch_one(connection).await?
        } else {
            let locked = sqlx::query_scalar!("SELECT pg_try_advisory_lock_shared($1, $2)", LOCK_SPACE, TRANSPORT_LOCK);
            locked.fetch_one(connection).await?
        };
        Ok(locked == Some(true))
    }

    async fn become_owner(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        let locked = sqlx::query_scalar!("SELECT pg_try_advisory_lock($1, hashtext($2))", LOCK_SPACE, self.lane.as_str());
        locked.fetch_one(connection).await.map(|locked| locked == Some(true))
    }

    /// Tells the owner, in another process, that something was committed here; at most once every [`PASS_ON_INTERVAL`].
    async fn pass_on(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        tokio::time::sleep(PASS_ON_INTERVAL).await;
        sqlx::query!("SELECT pg_notify($1, $2)", NOTIFICATIONS, self.lane.as_str()).execute(connection).await?;
        Ok(())
    }

    /// Moves one batch. True if there may be more at once.
    async fn drain(&self, connection: &mut PgConnection, publisher: &mut dyn Publisher) -> Result<bool, RelayError> {
        let rows = outbox::oldest(connection, self.lane, BATCH).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let published = publisher.publish(&rows).await?;
        outbox::archive(connection, &published.taken).await?;
        self.metrics.published(published.taken.len());
        if published.unroutable > 0 {
            tracing::warn!(lane = %self.lane, kept = published.unroutable, "facts nobody is bound to stay in the outbox");
        }
        Ok(!published.taken.is_empty())
    }
}
