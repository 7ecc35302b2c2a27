//! What only a broker can do to a fact: strange messages in its queue, and its history of deaths.

use cabinet_messaging::{Incoming, Message};
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, BasicNackOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use crate::path::{FIRST, HAPPENED, Path, TIERS, Transport, good};

const QUEUE: &str = "test.first.normal";

/// A client of the broker that is none of ours.
struct Stranger {
    channel: Channel,
    _connection: Connection,
}

impl Stranger {
    async fn connect(path: &Path) -> Self {
        let connection =
            Connection::connect(path.vhost.url(), ConnectionProperties::default()).await.expect("the broker is there");
        let channel = connection.create_channel().await.expect("the broker is there");
        Self { channel, _connection: connection }
    }

    async fn publish(&self, exchange: &str, key: &str, headers: Option<FieldTable>, payload: &[u8]) {
        let properties = headers.map(|headers| BasicProperties::default().with_headers(headers)).unwrap_or_default();
        let options = BasicPublishOptions::default();
        let sent = self.channel.basic_publish(exchange.into(), key.into(), options, payload, properties).await;
        sent.expect("the broker is there").await.expect("the broker is there");
    }

    /// Looks at the next message of the queue and leaves it there.
    async fn peek(&self) -> Option<BasicGetMessage> {
        let message = self.channel.basic_get(QUEUE.into(), BasicGetOptions::default()).await.expect("the broker is there")?;
        let back = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        message.nack(back).await.expect("the broker is there");
        Some(message)
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// A good envelope.
fn headers() -> FieldTable {
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("id", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("specversion", "1.0"),
        ("type", HAPPENED),
        ("source", "/cabinet/test"),
        ("time", "2026-01-01T00:00:00Z"),
        ("realmid", "01890a5d-ac96-774b-bcce-b302099a8058"),
        ("causeid", "01890a5d-ac96-774b-bcce-b302099a8059"),
    ] {
        headers.insert(format!("cloudEvents_{name}").into(), text(value));
    }
    headers
}

/// A good envelope with one attribute spoilt.
fn spoilt(name: &str, value: AMQPValue) -> FieldTable {
    let mut headers = headers();
    headers.insert(format!("cloudEvents_{name}").into(), value);
    headers
}

/// Rule F6.a: an envelope nobody can read never gets better: it is buried at once, and holds up no other.
#[tokio::test(flavor = "multi_thread")]
async fn messages_whose_envelope_cannot_be_read_are_buried_at_once() {
    let malformed = [
        None,
        Some(FieldTable::default()),
        Some(spoilt("specversion", text("2.0"))),
        Some(spoilt("id", text("seven"))),
        Some(spoilt("id", AMQPValue::LongInt(7))),
        Some(spoilt("realmid", text(""))),
        Some(spoilt("causeid", AMQPValue::Boolean(true))),
        Some(spoilt("type", AMQPValue::Void)),
        Some(spoilt("time", text("yesterday"))),
        Some(spoilt("time", AMQPValue::LongLongInt(1))),
        Some(spoilt("id", text("\u{0}"))),
        // What PostgreSQL cannot keep.
        Some(spoilt("type", text("case\u{0}created"))),
        Some(spoilt("time", text("-009999-01-01T00:00:00Z"))),
    ];
    let path = Path::open(Transport::Amqp, &[FIRST]).await;
    let stranger = Stranger::connect(&path).await;
    let _relay = path.start_relay();
    path.append(HAPPENED, &good(20)).await;
    for headers in &malformed {
        stranger.publish("", QUEUE, headers.clone(), b"\xff\x00garbage").await;
    }
    // A stranger may tell of things that happened as well.
    stranger.publish("cabinet.events", HAPPENED, Some(headers()), b"good").await;
    path.append(HAPPENED, &good(20)).await;

    let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));

    path.settled(41).await;
    let buried = i64::try_from(malformed.len()).expect("a few");
    path.eventually("the graves", async || path.dead().await == buried).await;
    let expected = "SELECT count(*) FROM messaging.dead_letter
                    WHERE reason = 'malformed envelope' AND event_id IS NULL AND payload = '\\xff0067617262616765'
                      AND type = 'test.first.normal' AND consumer = 'test.first'";
    assert_eq!(path.count(expected).await, buried);
}

/// A type nobody has heard of has a good envelope: what becomes of it is the handler's to say.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_type_is_handed_to_the_handler() {
    let path = Path::open(Transport::Amqp, &[FIRST]).await;
    let stranger = Stranger::connect(&path).await;
    stranger.publish("", QUEUE, Some(spoilt("type", text("never.heard.of.v9"))), b"good").await;
    let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
    path.settled(1).await;
    assert_eq!(path.dead().await, 0);
}

/// Rule F7: while the dependency is away the same message comes again and again; it is buried once.
#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_message_beside_others_that_must_wait_is_buried_once() {
    let path = Path::open(Transport::Amqp, &[FIRST]).await;
    let stranger = Stranger::connect(&path).await;
    stranger.publish("", QUEUE, Some(headers()), b"good").await;
    stranger.publish("", QUEUE, None, b"garbage").await;
    let recorder = path.recorder(&FIRST);
    recorder.go_away();
    let _consumer = path.start_consumer(FIRST, &recorder);
    path.eventually("the consumer to find nobody", async || recorder.turned_away() > 3).await;
    recorder.come_back();
    path.settled(1).await;
    path.eventually("the grave", async || path.dead().await > 0).await;
    assert_eq!(path.dead().await, 1);
}

/// Rule F1: every round is a message of its own. What comes back from a tier has the history of that tier alone, or brokers
/// before 4.0 would take the second round for a circle and drop it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_back_from_a_tier_has_no_older_history() {
    let path = Path::open(Transport::Amqp, &[FIRST]).await;
    let stranger = Stranger::connect(&path).await;
    path.append(HAPPENED, &good(1)).await;
    let _relay = path.start_relay();

    for (attempt, tier) in [TIERS, TIERS].as_flattened().iter().enumerate() {
        let mut subscription = path.broker.subscribe(&FIRST, 1).await.expect("the broker is there");
        let batch = subscription.next_batch(1).await.expect("the broker is there");
        let [Incoming::Message(message)] = batch.as_slice() else { panic!("one good message: {batch:?}") };
        assert_eq!(message.attempt as usize, attempt);
        subscription.retry_later(message, *tier).await.expect("the broker is there");
        subscription.acknowledge().await.expect("the broker is there");
        drop(subscription);

        let mut returned = None;
        path.eventually("the tier's end", async || {
            returned = stranger.peek().await;
            returned.is_some()
        })
        .await;
        let returned = returned.expect("just seen");
        let headers = returned.delivery.properties.headers().clone().unwrap_or_default();
        let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else { panic!("no history: {headers:?}") };
        assert_eq!(deaths.as_slice().len(), 1, "{deaths:?}");
        let AMQPValue::FieldTable(death) = &deaths.as_slice()[0] else { panic!("no history: {deaths:?}") };
        assert_eq!(death.inner().get("queue"), Some(&text(&format!("{QUEUE}.retry.{}", tier.as_millis()))));
        assert_eq!(death.inner().get("count"), Some(&AMQPValue::LongLongInt(1)));
    }
    let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
    path.settled(1).await;
}

/// The envelope survives the way through a tier.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_put_by_comes_back_as_it_was() {
    let path = Path::open(Transport::Amqp, &[FIRST]).await;
    let stranger = Stranger::connect(&path).await;
    let mut traced = headers();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    traced.insert("traceparent".into(), text(trace));
    stranger.publish("", QUEUE, Some(traced), b"\x00payload\xff").await;

    let mut subscription = path.broker.subscribe(&FIRST, 1).await.expect("the broker is there");
    let mut batch = subscription.next_batch(1).await.expect("the broker is there");
    let Some(Incoming::Message(first)) = batch.pop() else { panic!("one good message") };
    subscription.retry_later(&first, TIERS[0]).await.expect("the broker is there");
    subscription.acknowledge().await.expect("the broker is there");
    let mut batch = subscription.next_batch(1).await.expect("the broker is there");
    let Some(Incoming::Message(second)) = batch.pop() else { panic!("one good message") };

    assert_eq!(first.traceparent.as_deref(), Some(trace));
    assert_eq!(second, Message { attempt: 1, ..first });
}
