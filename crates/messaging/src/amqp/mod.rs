//! RabbitMQ (AMQP 0.9.1): one topic exchange, one quorum queue per consumer and lane.
//!
//! Whatever fails here fails as a whole; the relay and the consumers open new connections. The client's own recovery is
//! off, since it cannot know what was confirmed.

mod connection;
mod envelope;
mod publisher;
mod subscription;
mod topology;

use std::time::Duration;

use async_trait::async_trait;
use kernel::Secret;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Connection};
use runtime::tls::ClientTls;

use crate::transport::{Publisher, Redelivery, Subscription, SubscriptionSpec};
use crate::{Lane, Message, TransportError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl From<lapin::Error> for TransportError {
    fn from(error: lapin::Error) -> Self {
        Self(error.into())
    }
}

/// Where the broker is, and how one knows it.
#[derive(Debug, Clone)]
pub(crate) struct AmqpBroker {
    url: Secret<String>,
    tls: Option<ClientTls>,
}

impl AmqpBroker {
    pub(crate) const fn new(url: Secret<String>, tls: Option<ClientTls>) -> Self {
        Self { url, tls }
    }

    pub(crate) async fn publisher(&self, name: &str) -> Result<Box<dyn Publisher>, TransportError> {
        let link = Link::open(self, &format!("{name} relay")).await?;
        topology::declare_exchange(&link.channel).await?;
        Ok(Box::new(publisher::AmqpPublisher::new(link)))
    }

    pub(crate) async fn subscribe(
        &self,
        spec: &SubscriptionSpec,
        prefetch: u16,
    ) -> Result<Box<dyn Subscription>, TransportError> {
        let link = Link::open(self, spec.consumer).await?;
        topology::declare_exchange(&link.channel).await?;
        topology::declare_queues(&link.channel, spec).await?;
        Ok(Box::new(subscription::AmqpSubscription::start(link, spec, prefetch).await?))
    }
}

impl AmqpBroker {
    pub(crate) async fn redelivery(&self) -> Result<Box<dyn Redelivery>, TransportError> {
        Ok(Box::new(Link::open(self, "replay").await?))
    }
}

#[async_trait]
impl Redelivery for Link {
    async fn redeliver(&self, consumer: &str, lane: Lane, message: &Message) -> Result<(), TransportError> {
        let properties = envelope::properties_for_retry(message, 0);
        self.publish_to_queue(&topology::queue(consumer, lane), &message.payload, properties).await
    }
}

/// A connection with one channel on which publishes are confirmed.
struct Link {
    channel: Channel,
    /// Closed when it is dropped.
    _connection: Connection,
}

impl Link {
    async fn open(broker: &AmqpBroker, name: &str) -> Result<Self, TransportError> {
        let opening = async {
            let connection = connection::open(broker, name).await?;
            let channel = connection.create_channel().await?;
            channel.confirm_select(lapin::options::ConfirmSelectOptions::default()).await?;
            Ok(Self { channel, _connection: connection })
        };
        tokio::time::timeout(CONNECT_TIMEOUT, opening).await.map_err(|elapsed| TransportError(elapsed.into()))?
    }
    /// Publishes past the exchange, to one queue; fails unless the broker has it safe there.
    async fn publish_to_queue(&self, queue: &str, payload: &[u8], properties: BasicProperties) -> Result<(), TransportError> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let answer = self.channel.basic_publish("".into(), queue.into(), options, payload, properties).await?.await?;
        if publisher::is_taken(&answer) { Ok(()) } else { Err(TransportError("the broker did not take a message".into())) }
    }
}
