//! The exchange and the queues, as they are declared.
//!
//! ```text
//! cabinet.events (topic) ─▶ <consumer>.<lane> (quorum) ─▶ the consumer
//!                              ▲                               │ a message's own fault
//!                              └── <consumer>.<lane>.retry.<ms> (quorum, TTL) ◀──┘
//! ```

use lapin::Channel;
use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::transport::SubscriptionSpec;
use crate::{Lane, TransportError};

pub(super) const EXCHANGE: &str = "cabinet.events";
/// The broker's own last net, for a message that kills its consumer each time: far beyond any outage.
const DELIVERY_LIMIT: i64 = 1000;

pub(super) async fn declare_exchange(channel: &Channel) -> Result<(), TransportError> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    Ok(channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, options, FieldTable::default()).await?)
}

pub(super) async fn declare_queues(channel: &Channel, spec: &SubscriptionSpec) -> Result<(), TransportError> {
    let queue = queue(spec.consumer, spec.lane);
    let mut main = match spec.lane {
        Lane::Normal => {
            let undeliverable = format!("{queue}.undeliverable");
            declare(channel, &undeliverable, quorum()).await?;
            dead_lettering_to(&undeliverable)
        }
        // Its secrets are not kept for anybody to look at.
        Lane::Security => quorum(),
    };
    main.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
    declare(channel, &queue, main).await?;
    for tier in spec.retry_tiers {
        let mut waiting = dead_lettering_to(&queue);
        let milliseconds = i64::try_from(tier.as_millis()).expect("a tier is minutes at the most");
        waiting.insert("x-message-ttl".into(), AMQPValue::LongLongInt(milliseconds));
        declare(channel, &retry_queue(spec, *tier), waiting).await?;
    }
    for binding in spec.bindings {
        let options = QueueBindOptions::default();
        channel.queue_bind(queue.as_str().into(), EXCHANGE.into(), (*binding).into(), options, FieldTable::default()).await?;
    }
    Ok(())
}

pub(super) fn queue(consumer: &str, lane: Lane) -> String {
    format!("{consumer}.{lane}")
}

pub(super) fn retry_queue(spec: &SubscriptionSpec, tier: std::time::Duration) -> String {
    format!("{}.retry.{}", queue(spec.consumer, spec.lane), tier.as_millis())
}

async fn declare(channel: &Channel, name: &str, arguments: FieldTable) -> Result<(), TransportError> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.into(), options, arguments).await?;
    Ok(())
}

/// A replicated queue that says no rather than drop when it is full.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

/// Messages leave for `queue` only once they are safe there.
fn dead_lettering_to(queue: &str) -> FieldTable {
    let mut arguments = quorum();
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(queue));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
