//! What the relay and the consumers want of whatever carries facts.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{EventId, Secret};

use crate::amqp::AmqpBroker;
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
pub struct Broker(AmqpBroker);

impl Broker {
    pub fn amqp(url: Secret<String>) -> Self {
        Self(AmqpBroker::new(url))
    }

    /// Fails while the carrier is away.
    pub(crate) async fn publisher(&self, name: &str) -> Result<Box<dyn Publisher>, TransportError> {
        self.0.publisher(name).await
    }

    /// Declares the consumer's queue and its bindings, and takes from it. Fails while the carrier is away.
    pub async fn subscribe(&self, spec: &SubscriptionSpec, prefetch: u16) -> Result<Box<dyn Subscription>, TransportError> {
        self.0.subscribe(spec, prefetch).await
    }
}

/// Hands facts over.
#[async_trait]
pub(crate) trait Publisher: Send {
    /// Publishes all, waits for every answer, and says which the carrier has taken for good: stored safely, and for
    /// somebody. What was not taken stays where it is.
    async fn publish(&mut self, rows: &[OutboxRow]) -> Result<Vec<EventId>, TransportError>;
}

/// Takes facts in.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for one message, then takes what else is there, at most `max`; no lingering.
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Incoming>, TransportError>;

    /// Says that everything handed out so far is done with. Nothing handed out is forgotten by the carrier before.
    async fn acknowledge(&mut self) -> Result<(), TransportError>;

    /// Puts a message by; it comes again when the tier's time has passed, its attempt counted. To be acknowledged after.
    async fn retry_later(&mut self, message: &Message, tier: Duration) -> Result<(), TransportError>;
}
