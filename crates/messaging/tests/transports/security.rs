//! The lane of security mail: it waits for nobody, comes in time or not at all, and leaves nothing behind.

use std::sync::Arc;
use std::time::Duration;

use cabinet_messaging::{Broker, Incoming, Lane};
use kernel::{Secret, Timestamp};
use testkit::shared_rabbitmq;

use crate::death::{dead_letter_ids, replay_all};
use crate::path::{FIRST, HAPPENED, ManualClock, Path, Running, SECURITY, Transport, good};
use crate::recorder::POISON;

const HOUR: Duration = Duration::from_hours(1);

fn in_an_hour() -> Timestamp {
    Timestamp::now() + HOUR
}

#[tokio::test(flavor = "multi_thread")]
async fn security_facts_leave_no_trace_in_outbox_and_archive() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST, SECURITY]).await;
        let recorder = path.recorder(&SECURITY);
        let _consumers = [FIRST, SECURITY].map(|spec| path.start_consumer(spec, &recorder));
        let _relays = path.start_relays();

        for _ in 0..10 {
            path.append_security("good", in_an_hour()).await;
        }
        path.append(HAPPENED, &good(5)).await;

        path.settled(15).await;
        assert_eq!(path.in_archive().await, 5, "{transport}: the others, as ever");
        let left = "SELECT count(*) FROM messaging.outbox_archive WHERE lane = 'security'";
        assert_eq!(path.count(left).await, 0, "{transport}");
    }
}

/// Rule N11.a: a fact that nobody took is kept until it has expired, as any other is for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_fact_is_deleted_and_never_delivered() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[SECURITY]).await;
        let clock = Arc::new(ManualClock::at(Timestamp::now()));
        let soon = Timestamp::now() + Duration::from_mins(1);
        path.append_security("good", soon).await;
        let last = path.append_security("good", in_an_hour()).await;

        clock.advance(Duration::from_mins(2));
        let mut relay = path.relay_of(Lane::Security);
        relay.clock = clock;
        let _relay = Running::start(|stop| relay.run(stop));
        let _consumer = path.start_consumer(SECURITY, &path.recorder(&SECURITY));

        path.settled(1).await;
        let done: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT event_id FROM done").fetch_all(&path.pool).await.expect("a table");
        assert_eq!(done, [last.as_uuid()], "{transport}");
        assert_eq!(path.in_archive().await, 0, "{transport}");
    }
}

/// The broker was away for longer than the fact is worth anything; then it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_expires_while_the_broker_is_away_is_not_sent_when_it_is_back() {
    let path = Path::open(Transport::Amqp, &[SECURITY]).await;
    let clock = Arc::new(ManualClock::at(Timestamp::now()));
    let gone = shared_rabbitmq().vhost();
    let mut lost = path.relay_of(Lane::Security);
    lost.clock = clock.clone();
    lost.broker = Broker::amqp(Secret::new(gone.url().to_owned()), None);
    drop(gone);
    let lost = Running::start(|stop| lost.run(stop));
    path.append_security("good", in_an_hour()).await;
    path.eventually("the relay to have tried", async || path.count(RELAYS).await >= 1).await;
    assert_eq!(path.in_outbox().await, 1);
    lost.stop().await.expect("it ends when it is asked to");

    clock.advance(2 * HOUR);
    let mut relay = path.relay_of(Lane::Security);
    relay.clock = clock;
    let _relay = Running::start(|stop| relay.run(stop));
    let _consumer = path.start_consumer(SECURITY, &path.recorder(&SECURITY));

    path.eventually("the outbox to be empty", async || path.in_outbox().await == 0).await;
    path.settled(0).await;
    assert_eq!(path.vhost.queue_depth("test.first.security"), 0);
}

/// Rule N11.a: five thousand normal facts wait, before the broker and behind it, for somebody who takes none of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_normal_facts_does_not_hold_up_a_security_fact() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST, SECURITY]).await;
        let busy = path.recorder(&FIRST);
        busy.go_away();
        path.append(HAPPENED, &good(5_000)).await;
        let _relays = path.start_relays();
        let _busy = path.start_consumer(FIRST, &busy);
        let _ready = path.start_consumer(SECURITY, &path.recorder(&SECURITY));
        path.eventually("the backlog's consumer at its wits' end", async || busy.turned_away() > 0).await;

        let urgent = path.append_security("good", in_an_hour()).await;
        path.eventually("the security fact", async || path.done().await > 0).await;

        busy.come_back();
        path.settled(5_001).await;
        let first = sqlx::query_scalar("SELECT event_id FROM done ORDER BY place LIMIT 1").fetch_one(&path.pool).await;
        assert_eq!(Some(urgent.as_uuid()), first.ok(), "{transport}: before all the others");
    }
}

/// What is given up may hold a secret: an operator sees that it was there, and cannot hand it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_buried_security_fact_keeps_no_payload() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[SECURITY]).await;
        let event_id = path.append_security(POISON, in_an_hour()).await;
        let _relays = path.start_relays();
        let _consumer = path.start_consumer(SECURITY, &path.recorder(&SECURITY));
        path.eventually("the grave", async || path.dead().await == 1).await;

        let buried: (uuid::Uuid, String, Vec<u8>, String) =
            sqlx::query_as("SELECT event_id, lane, payload, reason FROM messaging.dead_letter")
                .fetch_one(&path.pool)
                .await
                .expect("one dead letter");
        assert_eq!(buried, (event_id.as_uuid(), "security".to_owned(), vec![], "told to refuse".to_owned()), "{transport}");
        assert_eq!(replay_all(&path, &dead_letter_ids(&path).await).await, (0, 1), "{transport}: it is skipped");
        assert_eq!(path.dead().await, 1, "{transport}: and stays where it is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_arrives_with_the_moment_of_its_end() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[SECURITY]).await;
        let end: Timestamp = "2999-12-31T23:59:59.123456Z".parse().expect("RFC 3339");
        path.append_security("good", end).await;
        let mut subscription = path.broker.subscribe(&SECURITY, 1).await.expect("the carrier is there");
        let _relays = path.start_relays();

        let batch = subscription.next_batch(1).await.expect("the carrier is there");

        let [Incoming::Message(message)] = batch.as_slice() else { panic!("one good message: {batch:?}") };
        assert_eq!(message.expires_at, Some(end), "{transport}");
    }
}

const RELAYS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'relay'";
