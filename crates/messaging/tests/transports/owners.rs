//! Several relays of one database: one owns the lane, another takes over, and nobody is there twice without a broker.

use std::time::{Duration, Instant};

use cabinet_messaging::{Broker, Lane, OutboxSignal, Relay};
use kernel::Secret;
use testkit::{TestVhost, shared_rabbitmq};

use crate::path::{FIRST, HAPPENED, Path, Running, SECOND, Transport, good};

/// Too long to be what a fact waited for.
const HARDLY_EVER: Duration = Duration::from_secs(10);
/// Well below that, and ample for anything else.
const SOON: Duration = Duration::from_secs(5);

/// Connections of relays, whether or not they own the lane.
const RELAYS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'relay'";
/// Those that own a lane.
const OWNERS: &str = "SELECT count(*)
                      FROM pg_locks JOIN pg_stat_activity USING (pid)
                      WHERE datname = current_database() AND application_name = 'relay'
                        AND locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted";
/// What a server does to a client that it takes for dead.
const CUT_OWNER: &str = "SELECT count(pg_terminate_backend(pid))
                         FROM pg_locks JOIN pg_stat_activity USING (pid)
                         WHERE datname = current_database() AND application_name = 'relay'
                           AND locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted";
const DONE_BY_FIRST: &str = "SELECT count(*) FROM done WHERE consumer = 'test.first'";
const DONE_BY_SECOND: &str = "SELECT count(*) FROM done WHERE consumer = 'test.second'";
const DONE_AT_ALL: &str = "SELECT count(DISTINCT event_id) FROM done";

/// Two replicas of a service. Each publishes to a virtual host of its own, so that who published is who consumes: `FIRST`
/// gets what the first relay sends, `SECOND` what the second sends.
struct Replicas {
    path: Path,
    first: Replica,
    second: Replica,
    _consumers: [Running; 2],
    _other_vhost: TestVhost,
}

struct Replica {
    signal: OutboxSignal,
    _relay: Running,
}

impl Replica {
    fn start(relay: Relay) -> Self {
        let relay = Relay { poll_interval: HARDLY_EVER, ..relay };
        Self { signal: relay.signal.clone(), _relay: Running::start(|stop| relay.run(stop)) }
    }
}

impl Replicas {
    /// The first owns the lane, the second waits.
    async fn start() -> Self {
        let mut path = Path::open(Transport::Amqp, &[FIRST]).await;
        let first_consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
        let first = Replica::start(path.relay());
        path.eventually("an owner", async || path.count(OWNERS).await == 1).await;

        let other_vhost = shared_rabbitmq().vhost();
        let first_broker = std::mem::replace(&mut path.broker, Broker::amqp(Secret::new(other_vhost.url().to_owned()), None));
        path.declare(&SECOND).await;
        let second_consumer = path.start_consumer(SECOND, &path.recorder(&SECOND));
        let second = Replica::start(path.relay());
        path.broker = first_broker;
        path.eventually("another relay", async || path.count(RELAYS).await == 2).await;
        Self { path, first, second, _consumers: [first_consumer, second_consumer], _other_vhost: other_vhost }
    }
}

/// Rule F5: whoever does not own the lane publishes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_relays_owns_the_lane() {
    let replicas = Replicas::start().await;
    let path = &replicas.path;
    for _ in 0..10 {
        path.append(HAPPENED, &good(50)).await;
        replicas.second.signal.ring(Lane::Normal);
        replicas.first.signal.ring(Lane::Normal);
    }
    path.settled(500).await;
    assert_eq!((path.count(DONE_BY_FIRST).await, path.count(DONE_BY_SECOND).await), (500, 0));
    assert_eq!(path.count(OWNERS).await, 1);
}

/// A replica that does not own the lane passes its commits on: the owner sends them long before it looks by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_beside_the_owner_wakes_him() {
    let replicas = Replicas::start().await;
    let path = &replicas.path;
    // The owner has looked, found nothing more, and sleeps.
    path.append(HAPPENED, &good(1)).await;
    replicas.first.signal.ring(Lane::Normal);
    path.settled(1).await;

    let committed = Instant::now();
    path.append(HAPPENED, &good(1)).await;
    replicas.second.signal.ring(Lane::Normal);
    path.settled(2).await;

    assert!(committed.elapsed() < SOON, "it took {:?}", committed.elapsed());
    assert_eq!(path.count(DONE_BY_FIRST).await, 2);
}

/// Rule F5: the owner's connection is cut while he sleeps. He does not know, and the other has the lane.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_lost_its_lane_without_knowing_it_publishes_no_more() {
    let replicas = Replicas::start().await;
    let path = &replicas.path;
    path.append(HAPPENED, &good(10)).await;
    replicas.first.signal.ring(Lane::Normal);
    path.settled(10).await;

    assert_eq!(path.count(CUT_OWNER).await, 1);
    let cut = Instant::now();
    path.append(HAPPENED, &good(10)).await;
    path.eventually("the other to publish", async || path.count(DONE_BY_SECOND).await == 10).await;
    assert!(cut.elapsed() < SOON, "it took {:?}", cut.elapsed());

    path.append(HAPPENED, &good(10)).await;
    replicas.first.signal.ring(Lane::Normal);
    replicas.second.signal.ring(Lane::Normal);
    path.settled(30).await;
    assert_eq!((path.count(DONE_BY_FIRST).await, path.count(DONE_BY_SECOND).await), (10, 20));
    // He found out, and waits for his turn again.
    path.eventually("both to be there", async || path.count(RELAYS).await == 2 && path.count(OWNERS).await == 1).await;
}

/// Rules F1, F5: whoever owns the lane is cut off in the middle of his work, again and again; somebody goes on, and what was
/// published and not yet archived is published again.
#[tokio::test(flavor = "multi_thread")]
async fn owners_that_are_cut_off_in_the_middle_of_their_work_lose_nothing() {
    let replicas = Replicas::start().await;
    let path = &replicas.path;
    path.append(HAPPENED, &good(20_000)).await;
    replicas.first.signal.ring(Lane::Normal);
    for _ in 0..5 {
        let before = path.in_archive().await;
        path.eventually("an owner at work", async || path.in_archive().await > before || path.in_outbox().await == 0).await;
        path.eventually("an owner to cut off", async || path.count(CUT_OWNER).await == 1).await;
        replicas.first.signal.ring(Lane::Normal);
    }
    path.eventually("the rest", async || path.in_outbox().await == 0 && path.count(DONE_AT_ALL).await == 20_000).await;
    assert_eq!(path.in_archive().await, 20_000);
}

/// Without a broker another process would not see what is done here: the second is refused, whichever kind it is.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_database_belongs_to_one_process() {
    let alone = Path::open(Transport::Local, &[FIRST]).await;
    let _consumer = alone.start_consumer(FIRST, &alone.recorder(&FIRST));
    let relay = alone.start_relay();
    alone.append(HAPPENED, &good(1)).await;
    alone.settled(1).await;

    let second = Running::start(|stop| alone.relay().run(stop)).ended().await;
    assert!(second.is_err(), "a second process without a broker");

    // With a broker it waits: once the first is gone, the database is free for all.
    let vhost = shared_rabbitmq().vhost();
    let mut shared = alone.relay();
    shared.broker = Broker::amqp(Secret::new(vhost.url().to_owned()), None);
    drop(shared.broker.subscribe(&FIRST, 1).await.expect("the broker is there"));
    let _shared = Running::start(|stop| shared.run(stop));
    alone.append(HAPPENED, &good(1)).await;
    alone.settled(2).await;
    assert_eq!(vhost.queue_depth("test.first.normal"), 0, "the fact went the local way");

    relay.stop().await.expect("it ends when it is asked to");
    alone.append(HAPPENED, &good(1)).await;
    alone.eventually("the other way", async || vhost.queue_depth("test.first.normal") == 1).await;
}

/// The other way round: a database that is shared is refused to whoever wants it alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_shared_through_a_broker_is_refused_to_one_without() {
    let shared = Path::open(Transport::Amqp, &[FIRST]).await;
    let _relay = shared.start_relay();
    shared.eventually("an owner", async || shared.count(OWNERS).await == 1).await;

    let mut alone = shared.relay();
    alone.broker = Broker::local(&[FIRST]);
    assert!(Running::start(|stop| alone.run(stop)).ended().await.is_err());
}
