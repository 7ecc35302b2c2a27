//! Facts that nothing is wrong with: they arrive, once, and stay in the outbox until they have.

use cabinet_messaging::{Broker, Lane, SubscriptionSpec};
use kernel::Secret;
use testkit::shared_rabbitmq;

use crate::path::{FIRST, HAPPENED, Path, Running, SECOND, TIERS, Transport, good};

/// Somebody who wants what nobody else does.
const ODD: SubscriptionSpec =
    SubscriptionSpec { consumer: "test.odd", lane: Lane::Normal, bindings: &["test.oddity.*.v1"], retry_tiers: &TIERS };
const ODDITY: &str = "test.oddity.happened.v1";

/// Rules F1, F2: whoever is bound to a fact does it once; then it is in the archive.
#[tokio::test(flavor = "multi_thread")]
async fn a_committed_fact_is_done_once_by_every_consumer_and_then_archived() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST, SECOND]).await;
        let _consumers = [FIRST, SECOND].map(|spec| path.start_consumer(spec, &path.recorder(&spec)));
        let _relay = path.start_relay();

        path.append(HAPPENED, &good(1_500)).await;

        path.settled(3_000).await;
        assert_eq!(path.in_archive().await, 1_500, "{transport}");
        assert_eq!(path.count("SELECT count(DISTINCT (consumer, event_id)) FROM done").await, 3_000, "{transport}");
    }
}

/// Rule F1: a fact that takes many of the broker's frames arrives whole, and so do those around it.
#[tokio::test(flavor = "multi_thread")]
async fn facts_of_every_length_arrive_whole() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
        let _relay = path.start_relay();
        let texts: Vec<_> =
            [0, 1, 16_375, 16_376, 16_377, 16_384, 32_753, 1_000_000, 1].iter().map(|length| "x".repeat(*length)).collect();

        path.append(HAPPENED, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;

        path.settled(9).await;
        let whole =
            "SELECT count(*) FROM done JOIN messaging.outbox_archive AS sent USING (event_id) WHERE done.payload = sent.payload";
        assert_eq!(path.count(whole).await, 9, "{transport}");
    }
}

/// Rule F2: an operator replays the archive, or a relay repeats itself: nobody does it again, and it leaves again.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_fact_changes_nothing() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
        let _relay = path.start_relay();
        path.append(HAPPENED, &good(300)).await;
        path.settled(300).await;

        let replay = "INSERT INTO messaging.outbox SELECT * FROM messaging.outbox_archive";
        sqlx::query(replay).execute(&path.pool).await.expect("facts can be replayed");
        path.append(HAPPENED, &good(1)).await;

        path.settled(301).await;
        assert_eq!(path.in_archive().await, 301, "{transport}");
    }
}

/// Rules F1, F4: an unroutable message is confirmed by the broker, and has not been sent for all that.
#[tokio::test(flavor = "multi_thread")]
async fn a_fact_nobody_is_bound_to_stays_until_somebody_is() {
    let path = Path::open(Transport::Amqp, &[FIRST]).await;
    let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
    let _relay = path.start_relay();

    path.append(ODDITY, &good(3)).await;
    path.append(HAPPENED, &good(2)).await;
    path.eventually("the others", async || path.in_archive().await == 2 && path.done().await == 2).await;
    assert_eq!(path.in_outbox().await, 3);

    let _odd = path.start_consumer(ODD, &path.recorder(&ODD));
    path.settled(5).await;
    assert_eq!(path.count("SELECT count(*) FROM done WHERE consumer = 'test.odd'").await, 3);
}

/// Rule F4: the relay looks past as many facts as it reads at once.
#[tokio::test(flavor = "multi_thread")]
async fn facts_nobody_is_bound_to_hold_up_no_other() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
        path.append(ODDITY, &good(2_100)).await;
        path.append(HAPPENED, &good(10)).await;
        let _relay = path.start_relay();
        path.eventually("those somebody is bound to", async || path.done().await == 10).await;
        path.eventually("them to be archived", async || path.in_archive().await == 10).await;
        assert_eq!(path.in_outbox().await, 2_100, "{transport}");
    }
}

/// Rule F4: one of two queues is full and refuses; whoever has the other may get it again, but it is not archived.
#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_one_queue_refuses_stays_until_that_queue_takes_it() {
    let path = Path::open(Transport::Amqp, &[FIRST, SECOND]).await;
    path.vhost.limit_length("test.first.normal", 5);
    let _relay = path.start_relay();
    let _second = path.start_consumer(SECOND, &path.recorder(&SECOND));

    // A queue learns of its own limit only after it has gone beyond it.
    for round in 1..=10 {
        path.append(HAPPENED, &good(10)).await;
        path.eventually("the other queue to have them all", async || path.done().await == 10 * round).await;
    }
    let (outbox, archive) = (path.in_outbox().await, path.in_archive().await);
    assert!(outbox > 0 && outbox + archive == 100, "{outbox} wait, {archive} are gone");

    let _first = path.start_consumer(FIRST, &path.recorder(&FIRST));
    path.settled(200).await;
    assert_eq!(path.in_archive().await, 100);
}

/// Rule F1: without a broker the outbox itself keeps a fact for whoever is not there.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_fact_waits_for_its_slowest_consumer() {
    let path = Path::open(Transport::Local, &[FIRST, SECOND]).await;
    let _relay = path.start_relay();
    let _first = path.start_consumer(FIRST, &path.recorder(&FIRST));
    path.append(HAPPENED, &good(100)).await;
    path.eventually("the first consumer", async || path.done().await == 100).await;
    assert_eq!((path.in_outbox().await, path.in_archive().await), (100, 0));

    let _second = path.start_consumer(SECOND, &path.recorder(&SECOND));
    path.settled(200).await;
}

/// Rule F1: facts committed while no broker answers leave when one does.
#[tokio::test(flavor = "multi_thread")]
async fn facts_wait_for_a_broker_that_is_not_there_yet() {
    let path = Path::open(Transport::Amqp, &[FIRST]).await;
    let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
    let gone = shared_rabbitmq().vhost();
    let mut relay = path.relay();
    relay.broker = Broker::amqp(Secret::new(gone.url().to_owned()), None);
    drop(gone);
    let lost = Running::start(|stop| relay.run(stop));
    path.append(HAPPENED, &good(100)).await;
    path.eventually("the relay to have tried", async || path.count(RELAYS).await >= 1).await;
    assert_eq!((path.in_outbox().await, path.done().await), (100, 0));
    lost.stop().await.expect("it ends when it is asked to");

    let _relay = path.start_relay();
    path.settled(100).await;
}

const RELAYS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'relay'";
