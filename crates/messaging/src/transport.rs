//! What the relay and the consumers want of whatever carries facts.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{EventId, Secret};
use runtime::tls::ClientTls;

use crate::amqp::AmqpBroker;
use crate::local::LocalBroker;
use crate::message::Incoming;
use crate::outbox::OutboxRow;
use crate::{Lane, Message};

/// The carrier failed or is away. Whatever was not confirmed may or may not have arrived.
#[derive(Debug, thiserror::Error)]
#[error("the broker failed")]
pub struct TransportError(#[source] pub(crate) Box<dyn std::error::Error + Send + Sync>);

/// Who wants which facts.
#[derive(Debug, Clone, Copy)]
pub struct SubscriptionSpec {
    /// `<service>.<what it does>`: `notification.planner`. One queue a consumer and lane.
    pub consumer: &'static str,
    pub lane: Lane,
    /// Routing keys; `*` stands for one word, `#` for any number.
    pub bindings: &'static [&'static str],
    /// How long a message that is itself at fault waits before each further attempt; then it is dead.
    pub retry_tiers: &'static [Duration],
}

/// Opens connections to whatever carries facts.
#[derive(Debug, Clone)]
pub struct Broker(Carrier);

#[derive(Debug, Clone)]
enum Carrier {
    Amqp(AmqpBroker),
    Local(LocalBroker),
}

impl Broker {
    /// RabbitMQ at `amqp://user:password@host:port/vhost`, or at `amqps://…` with TLS.
    pub const fn amqp(url: Secret<String>, tls: Option<ClientTls>) -> Self {
        Self(Carrier::Amqp(AmqpBroker::new(url, tls)))
    }

    /// No broker at all: everything in one process, for consumers that are all known beforehand.
    pub fn local(consumers: &[SubscriptionSpec]) -> Self {
        Self(Carrier::Local(LocalBroker::new(consumers)))
    }

    /// What collectors call it (`messaging.system` of OpenTelemetry).
    pub(crate) const fn system(&self) -> &'static str {
        match self.0 {
            Carrier::Amqp(_) => "rabbitmq",
            Carrier::Local(_) => "cabinet.local",
        }
    }

    /// True if no other process may use the same database.
    pub(crate) const fn is_local(&self) -> bool {
        matches!(self.0, Carrier::Local(_))
    }

    /// Fails while the carrier is away.
    pub(crate) async fn publisher(&self, name: &str) -> Result<Box<dyn Publisher>, TransportError> {
        match &self.0 {
            Carrier::Amqp(amqp) => amqp.publisher(name).await,
            Carrier::Local(local) => Ok(local.publisher()),
        }
    }

    /// Declares the consumer's queue and its bindings, and takes from it. Fails while the carrier is away.
    pub async fn subscribe(&self, spec: &SubscriptionSpec, prefetch: u16) -> Result<Box<dyn Subscription>, TransportError> {
        match &self.0 {
            Carrier::Amqp(amqp) => amqp.subscribe(spec, prefetch).await,
            Carrier::Local(local) => local.subscribe(spec),
        }
    }

    /// Opens the way on which single messages are handed to single consumers again. Fails while the carrier is away.
    pub(crate) async fn redelivery(&self) -> Result<Box<dyn Redelivery>, TransportError> {
        match &self.0 {
            Carrier::Amqp(amqp) => amqp.redelivery().await,
            Carrier::Local(local) => Ok(Box::new(local.clone())),
        }
    }
}

/// Hands single messages to single consumers, as if they were new to them.
#[async_trait]
pub(crate) trait Redelivery: Send + Sync {
    /// Answers when the message is safe: with the carrier, or done by its consumer.
    async fn redeliver(&self, consumer: &str, lane: Lane, message: &Message) -> Result<(), TransportError>;
}

/// What became of a batch that was handed over.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// Taken for good: stored safely, and for somebody. The others stay where they are.
    pub(crate) taken: Vec<EventId>,
    /// How many came back because nobody is bound to them.
    pub(crate) unroutable: usize,
}

/// Hands facts over.
#[async_trait]
pub(crate) trait Publisher: Send {
    /// Publishes all and waits for every answer.
    async fn publish(&mut self, rows: &[OutboxRow]) -> Result<Published, TransportError>;
}

/// Takes facts in.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for one message, then takes what else is there, at most `max`; no lingering.
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Incoming>, TransportError>;

    /// Says that everything handed out so far is done with. Nothing handed out is forgotten by the carrier before.
    async fn acknowledge(&mut self) -> Result<(), TransportError>;

    /// How many messages wait to be handed out.
    async fn depth(&mut self) -> Result<u64, TransportError>;

    /// Puts a message by; it comes again when the tier's time has passed, its attempt counted. To be acknowledged after.
    async fn retry_later(&mut self, message: &Message, tier: Duration) -> Result<(), TransportError>;
}
