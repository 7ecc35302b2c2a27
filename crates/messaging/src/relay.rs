//! Moves committed facts from the outbox to the broker: publish, wait for every confirm, then archive; what goes by the lane
//! security is deleted instead.
//!
//! One owner per service and lane, by an advisory lock held on the very connection that reads and archives: when that
//! connection is lost, so is the lock, and so is the power to archive. A deposed owner can only repeat, never lose.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kernel::{Clock, EventId, Secret};
use runtime::lifecycle::{Backoff, WorkerResult};
use runtime::postgres;
use runtime::trace::{SpanKind, Tracer};
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::metrics::RelayMetrics;
use crate::outbox::{self, OutboxRow};
use crate::transport::Publisher;
use crate::{Broker, Lane, OutboxSignal};

const BATCH: usize = 1000;
/// How often a relay that is not the owner tries to become it.
const CANDIDATE_INTERVAL: Duration = Duration::from_millis(500);
/// The first half of the advisory lock's key; the second is the lane's.
const LOCK_SPACE: i32 = 0x0CAB;
/// The server lets go of an owner that has fallen silent (its machine is gone, it is frozen, the network is cut), and of its
/// lock: otherwise nobody could follow it for hours. An owner asks at least every [`Relay::poll_interval`].
const LET_GO: [(&str, &str); 5] = [
    ("idle_session_timeout", "30s"),
    ("tcp_user_timeout", "20s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];
/// The outbox is read along its key: while it is nearly empty, a scan of its rows looks cheaper and reads all the dead ones.
const BY_KEY: [(&str, &str); 1] = [("enable_seqscan", "off")];
/// What has left the outbox need not be on the disk before the next batch goes: a server that dies at the wrong moment has the
/// last batches in its outbox again, and the inbox absorbs the repeats.
const UNFLUSHED: [(&str, &str); 1] = [("synchronous_commit", "off")];
/// How often a process without a broker asks for the database to itself: its own last connection may still be dying.
const CLAIMS_OF_THE_DATABASE: u32 = 5;
/// How long facts wait that nobody is bound to before they are offered again, unless another comes.
const UNBOUND_INTERVAL: Duration = Duration::from_millis(500);
/// Where processes that do not own the lane tell the owner of commits.
const NOTIFICATIONS: &str = "cabinet_outbox";
const PASS_ON_INTERVAL: Duration = Duration::from_millis(10);
/// The longest a batch may take. A database or a broker that is silent for longer (a queue at its limit may leave a publish
/// unanswered for ever, RabbitMQ 3.10) is taken for gone, whatever its connection
/// says.
const DRAIN_LIMIT: Duration = Duration::from_secs(15);

/// The connections of one relay, so of one lane: its own, and its listener's.
pub const RELAY_CONNECTIONS: u32 = 2;

/// One lane's relay of one service.
#[derive(Clone)]
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
    pub tracer: Tracer,
    pub clock: Arc<dyn Clock>,
}

/// The second half of the lock that is about who may use the database at all. A lane each, since the relays of one process
/// do not shut each other out.
const fn transport_lock(lane: Lane) -> i32 {
    match lane {
        Lane::Normal => 1,
        Lane::Security => 2,
    }
}

/// What became of a batch.
#[derive(Debug, Default)]
struct Drained {
    /// True if some of it is gone: there may be more at once.
    is_taken: bool,
    /// The end of a full batch with facts that nobody is bound to. What comes behind it is looked at too, before the relay
    /// begins at the lowest again: they hold up no other.
    stuck_up_to: Option<EventId>,
    /// True if there was such a fact.
    is_unbound: bool,
}

/// Why a relay had to start over.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the outbox could not be reached")]
    Database(#[from] sqlx::Error),
    #[error("the outbox could not be opened")]
    Connect(#[from] kernel::Fault),
    #[error("a batch took too long")]
    Stuck,
    #[error("another process uses this database in a way that does not go with ours")]
    NotAlone,
    #[error("facts could not be published")]
    Transport(#[from] crate::TransportError),
}

impl Relay {
    /// Runs until `stop` is cancelled. Whatever fails is tried again, for ever, on new connections.
    pub async fn run(self, stop: CancellationToken) -> WorkerResult {
        let mut backoff = Backoff::new();
        let mut refusals = 0;
        while !stop.is_cancelled() {
            if let Err(error) = self.relay(&stop, &mut backoff).await {
                refusals = if matches!(error, RelayError::NotAlone) { refusals + 1 } else { 0 };
                if self.broker.is_local() && refusals == CLAIMS_OF_THE_DATABASE {
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
            .options([("plan_cache_mode", "force_custom_plan"), ("jit", "off")])
            .options(UNFLUSHED)
            .options(BY_KEY)
            .options(LET_GO);
        let mut connection = options.connect().await?;
        if !self.share_database(&mut connection).await? {
            return Err(RelayError::NotAlone);
        }
        while !self.become_owner(&mut connection).await? {
            tokio::select! {
                () = self.signal.rung(self.lane) => self.pass_on(&mut connection).await?,
                () = tokio::time::sleep(CANDIDATE_INTERVAL) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
        let mut passed_on = self.listener().await?;
        passed_on.listen(NOTIFICATIONS).await?;
        let mut publisher = self.broker.publisher(self.service).await?;
        tracing::info!(lane = %self.lane, "relay owns the lane");
        let mut behind = outbox::BEFORE_ALL;
        while !stop.is_cancelled() {
            let draining = self.drain(&mut connection, publisher.as_mut(), behind);
            let drained = tokio::time::timeout(DRAIN_LIMIT, draining).await.map_err(|_| RelayError::Stuck)??;
            behind = drained.stuck_up_to.unwrap_or(outbox::BEFORE_ALL);
            if drained.is_taken {
                backoff.reset();
            }
            if drained.is_taken || drained.stuck_up_to.is_some() {
                continue;
            }
            let pause = if drained.is_unbound { self.poll_interval.max(UNBOUND_INTERVAL) } else { self.poll_interval };
            tokio::select! {
                () = self.signal.rung(self.lane) => {}
                notified = self.notified(&mut passed_on) => notified?,
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        connection.close().await?;
        Ok(())
    }

    /// A listener holds a connection of its own.
    async fn listener(&self) -> Result<PgListener, RelayError> {
        let options = postgres::connect_options(&self.database_url)?.application_name("relay listener");
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        Ok(PgListener::connect_with(&pool).await?)
    }

    /// A process without a broker needs the database for itself; those with one share it.
    async fn share_database(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        let lock = transport_lock(self.lane);
        let locked = if self.broker.is_local() {
            let locked = sqlx::query_scalar!("SELECT pg_try_advisory_lock($1, $2)", LOCK_SPACE, lock);
            locked.fetch_one(connection).await?
        } else {
            let locked = sqlx::query_scalar!("SELECT pg_try_advisory_lock_shared($1, $2)", LOCK_SPACE, lock);
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

    /// Waits until another process says that it committed something in this lane.
    async fn notified(&self, passed_on: &mut PgListener) -> sqlx::Result<()> {
        while passed_on.recv().await?.payload() != self.lane.as_str() {}
        Ok(())
    }

    /// Moves one batch. What has expired is not published any more.
    async fn drain(
        &self,
        connection: &mut PgConnection,
        publisher: &mut dyn Publisher,
        behind: EventId,
    ) -> Result<Drained, RelayError> {
        let rows = outbox::oldest(connection, self.lane, behind, BATCH).await?;
        let Some(last) = rows.last().map(|row| row.event_id) else { return Ok(Drained::default()) };
        let is_full = rows.len() == BATCH;
        let began = SystemTime::now();
        let now = self.clock.now();
        let (expired, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.is_expired(now));
        self.forget(connection, &expired).await?;
        let unconfirmed = self.metrics.unconfirmed(rows.len());
        let published = publisher.publish(&rows).await?;
        drop(unconfirmed);
        match self.lane {
            Lane::Normal => outbox::archive(connection, &published.taken).await?,
            Lane::Security => outbox::delete(connection, &published.taken).await?,
        }
        self.metrics.published(published.taken.len());
        if published.unroutable > 0 {
            tracing::warn!(lane = %self.lane, kept = published.unroutable, "facts nobody is bound to stay in the outbox");
        }
        self.trace(&rows, &published.taken, began);
        let is_stuck = published.unroutable > 0 && is_full;
        let is_taken = !published.taken.is_empty() || !expired.is_empty();
        Ok(Drained { is_taken, stuck_up_to: is_stuck.then_some(last), is_unbound: published.unroutable > 0 })
    }

    /// Records the publishing of each fact that has left and is part of a trace; those that have not are published again. What
    /// follows from a fact belongs to what it was committed in, whose context it carries, and not to this.
    fn trace(&self, rows: &[OutboxRow], taken: &[EventId], began: SystemTime) {
        let traced: Vec<_> = rows.iter().filter(|row| self.tracer.wants(row.traceparent.as_deref())).collect();
        if traced.is_empty() {
            return;
        }
        let taken: HashSet<_> = taken.iter().collect();
        for row in traced.into_iter().filter(|row| taken.contains(&row.event_id)) {
            let name = format_args!("publish {}", row.event_type);
            let mut span = self.tracer.part_since(|| began, row.traceparent.as_deref(), SpanKind::Producer, name);
            span.set("messaging.system", self.broker.system());
            span.set("messaging.operation.type", "send");
            span.set("cabinet.lane", self.lane.as_str());
            span.set_text("messaging.destination.name", &row.event_type);
            span.set_text("messaging.message.id", row.event_id);
        }
    }

    async fn forget(&self, connection: &mut PgConnection, expired: &[OutboxRow]) -> sqlx::Result<()> {
        if expired.is_empty() {
            return Ok(());
        }
        let ids: Vec<EventId> = expired.iter().map(|row| row.event_id).collect();
        outbox::delete(connection, &ids).await?;
        tracing::warn!(lane = %self.lane, expired = ids.len(), "facts expired before they could be published");
        Ok(())
    }
}
