//! One path under test: a database with an outbox and an inbox, a transport, and the two ends of it as tasks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use cabinet_messaging::{
    ActLog, Broker, Consumer, ConsumerMetrics, DeadLetters, Lane, OutboxSignal, Relay, RelayMetrics, SubscriptionSpec, migrator,
};
use jiff_sqlx::ToSqlx as _;
use kernel::{Clock, EventId, Id, IdSource as _, RandomIds, Secret, Timestamp};
use runtime::lifecycle::WorkerResult;
use runtime::trace::Tracer;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use testkit::{TestDatabase, TestVhost, shared_postgres, shared_rabbitmq};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::recorder::Recorder;

/// How long anything may take that happens in the background.
const PATIENCE: Duration = Duration::from_mins(1);
/// Short, so that no test waits for a signal nobody rings.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Tiers as production has them, in a shorter time.
pub(crate) const TIERS: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(150), Duration::from_millis(200)];

/// The type of nearly every fact here.
pub(crate) const HAPPENED: &str = "test.thing.happened.v1";

pub(crate) const FIRST: SubscriptionSpec =
    SubscriptionSpec { consumer: "test.first", lane: Lane::Normal, bindings: &["test.thing.#"], retry_tiers: &TIERS };
pub(crate) const SECOND: SubscriptionSpec = SubscriptionSpec { consumer: "test.second", ..FIRST };
/// The security lane of the first.
pub(crate) const SECURITY: SubscriptionSpec = SubscriptionSpec { lane: Lane::Security, bindings: &["test.secret.#"], ..FIRST };
const TOLD: &str = "test.secret.told.v1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Amqp,
    Local,
}

impl Transport {
    pub(crate) const BOTH: [Self; 2] = [Self::Amqp, Self::Local];
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amqp => "amqp",
            Self::Local => "local",
        })
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_microsecond()))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("days at the most");
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::Relaxed)).expect("days from now")
    }
}

/// A relay or a consumer at work. It ends when it is dropped.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<WorkerResult>,
}

impl Running {
    pub(crate) fn start<F: Future<Output = WorkerResult> + Send + 'static>(run: impl FnOnce(CancellationToken) -> F) -> Self {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(run(stop.clone())), stop }
    }

    /// Asks it to end, and waits for how it does.
    pub(crate) async fn stop(mut self) -> WorkerResult {
        self.stop.cancel();
        self.ended().await
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> WorkerResult {
        let ended = tokio::time::timeout(PATIENCE, &mut self.task).await.expect("it ends in time");
        ended.expect("it does not panic")
    }

    /// Drops it in the middle of whatever it does, and waits until it is gone.
    pub(crate) async fn abort(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A database, a transport, and what a service would make of them.
pub(crate) struct Path {
    pub(crate) transport: Transport,
    pub(crate) pool: PgPool,
    pub(crate) broker: Broker,
    pub(crate) vhost: TestVhost,
    pub(crate) database: TestDatabase,
    database_url: String,
}

impl Path {
    /// With queues for these consumers, who are not there yet.
    pub(crate) async fn open(transport: Transport, consumers: &[SubscriptionSpec]) -> Self {
        let (vhost, database) = (shared_rabbitmq().vhost(), shared_postgres().database());
        let broker = match transport {
            Transport::Amqp => Broker::amqp(Secret::new(vhost.url().to_owned()), None),
            Transport::Local => Broker::local(consumers),
        };
        let database_url = database.url().to_owned();
        Self { transport, ..Self::over(broker, vhost, database, database_url, consumers).await }
    }

    /// Over a database and a broker that are reached in a way of their own.
    pub(crate) async fn over(
        broker: Broker,
        vhost: TestVhost,
        database: TestDatabase,
        database_url: String,
        consumers: &[SubscriptionSpec],
    ) -> Self {
        let pool = PgPoolOptions::new().max_connections(8).connect_lazy(&database_url).expect("a URL of the test kit");
        migrator().run(&pool).await.expect("an empty database can be migrated");
        Recorder::prepare(&pool).await;
        let path = Self { transport: Transport::Amqp, pool, broker, vhost, database, database_url };
        for spec in consumers {
            path.declare(spec).await;
        }
        path
    }

    /// Makes a consumer's queue. What was published before it is not for him.
    pub(crate) async fn declare(&self, spec: &SubscriptionSpec) {
        drop(self.broker.subscribe(spec, 1).await.expect("the broker is there"));
    }

    /// Commits facts, one for each text.
    pub(crate) async fn append(&self, event_type: &str, texts: &[&str]) -> Vec<EventId> {
        let now = Timestamp::now();
        let ids: Vec<Uuid> = texts.iter().map(|_| RandomIds.uuid_v7(now)).collect();
        let payloads: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        sqlx::query(
            "SELECT messaging.append_event(id, $3, 'thing', id, 1, 'normal', $4, $5, payload, NULL, $6)
             FROM unnest($1::uuid[], $2::bytea[]) AS fact (id, payload)",
        )
        .bind(&ids)
        .bind(&payloads)
        .bind(RandomIds.uuid_v7(now))
        .bind(RandomIds.uuid_v7(now))
        .bind(event_type)
        .bind(now.to_sqlx())
        .execute(&self.pool)
        .await
        .expect("facts can be committed");
        ids.into_iter().map(Id::from_uuid).collect()
    }

    /// Commits one fact of the lane security.
    pub(crate) async fn append_security(&self, text: &str, expires_at: Timestamp) -> EventId {
        let id = RandomIds.uuid_v7(Timestamp::now());
        sqlx::query("SELECT messaging.append_event($1, $1, 'secret', $1, 1, 'security', $1, $2, $3, NULL, $4, $5)")
            .bind(id)
            .bind(TOLD)
            .bind(text.as_bytes())
            .bind(Timestamp::now().to_sqlx())
            .bind(expires_at.to_sqlx())
            .execute(&self.pool)
            .await
            .expect("facts can be committed");
        Id::from_uuid(id)
    }

    pub(crate) fn recorder(&self, spec: &SubscriptionSpec) -> Arc<Recorder> {
        Arc::new(Recorder::new(self.pool.clone(), spec.consumer))
    }

    pub(crate) fn dead_letters(&self) -> DeadLetters {
        let (clock, ids) = (Arc::new(ManualClock::at(Timestamp::now())), Arc::new(RandomIds));
        let acts = ActLog::new("test.act.done.v1", OutboxSignal::default(), ids.clone(), clock.clone());
        DeadLetters::new(self.pool.clone(), clock, ids, acts)
    }

    pub(crate) fn start_consumer(&self, spec: SubscriptionSpec, recorder: &Arc<Recorder>) -> Running {
        let consumer = Consumer {
            broker: self.broker.clone(),
            spec,
            handler: recorder.clone(),
            dead_letters: self.dead_letters(),
            metrics: ConsumerMetrics::default(),
            tracer: Tracer::default(),
        };
        Running::start(|stop| consumer.run(stop))
    }

    /// A relay as a process of its own would have it.
    pub(crate) fn relay(&self) -> Relay {
        self.relay_of(Lane::Normal)
    }

    pub(crate) fn relay_of(&self, lane: Lane) -> Relay {
        Relay {
            service: "test",
            lane,
            database_url: Secret::new(self.database_url.clone()),
            broker: self.broker.clone(),
            signal: OutboxSignal::default(),
            poll_interval: POLL_INTERVAL,
            metrics: RelayMetrics::default(),
            tracer: Tracer::default(),
            clock: Arc::new(ManualClock::at(Timestamp::now())),
        }
    }

    pub(crate) fn start_relay(&self) -> Running {
        Running::start(|stop| self.relay().run(stop))
    }

    /// The relays of one process, a lane each.
    pub(crate) fn start_relays(&self) -> [Running; 2] {
        Lane::ALL.map(|lane| Running::start(|stop| self.relay_of(lane).run(stop)))
    }

    /// The number a query answers with.
    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.expect("a count")
    }

    /// Of acts, which dead letters are handed back by, nobody is told here.
    pub(crate) async fn in_outbox(&self) -> i64 {
        self.count("SELECT count(*) FROM messaging.outbox WHERE type NOT LIKE '%.act.done.v1'").await
    }

    pub(crate) async fn in_archive(&self) -> i64 {
        self.count("SELECT count(*) FROM messaging.outbox_archive").await
    }

    pub(crate) async fn dead(&self) -> i64 {
        self.count("SELECT count(*) FROM messaging.dead_letter").await
    }

    /// How often anything was done, by anybody.
    pub(crate) async fn done(&self) -> i64 {
        self.count("SELECT count(*) FROM done").await
    }

    /// Waits for something that happens in the background.
    pub(crate) async fn eventually(&self, what: &str, mut look: impl AsyncFnMut() -> bool) {
        let started = Instant::now();
        while !look().await {
            assert!(started.elapsed() < PATIENCE, "{}: waited {PATIENCE:?} for {what}", self.transport);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until every fact has left and `count` things were done, and shows that it was not one more.
    pub(crate) async fn settled(&self, count: i64) {
        self.eventually(&format!("{count} facts to be done and archived"), async || {
            self.in_outbox().await == 0 && self.done().await >= count
        })
        .await;
        assert_eq!(self.done().await, count, "{}", self.transport);
    }
}

/// As many texts as asked for, none of them of any meaning.
pub(crate) fn good(count: usize) -> Vec<&'static str> {
    vec!["good"; count]
}
