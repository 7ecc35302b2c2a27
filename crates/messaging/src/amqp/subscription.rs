//! Takes messages from a consumer's queue and settles them.

use std::time::Duration;

use async_trait::async_trait;
use futures::{FutureExt as _, StreamExt as _};
use lapin::Consumer;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use super::{Link, envelope, topology};
use crate::TransportError;
use crate::message::{Incoming, Message};
use crate::transport::{Subscription, SubscriptionSpec};

pub(super) struct AmqpSubscription {
    link: Link,
    consumer: Consumer,
    spec: SubscriptionSpec,
    last_delivery_tag: u64,
}

impl AmqpSubscription {
    pub(super) async fn start(link: Link, spec: &SubscriptionSpec, prefetch: u16) -> Result<Self, TransportError> {
        link.channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let queue = topology::queue(spec.consumer, spec.lane);
        let options = BasicConsumeOptions::default();
        let consumer = link.channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
        Ok(Self { link, consumer, spec: *spec, last_delivery_tag: 0 })
    }

    fn take(&mut self, delivery: Delivery) -> Incoming {
        self.last_delivery_tag = delivery.delivery_tag;
        match envelope::read(&delivery.routing_key, &delivery.properties, delivery.data) {
            Ok(message) => Incoming::Message(message),
            Err(malformed) => Incoming::Malformed(malformed),
        }
    }
}

#[async_trait]
impl Subscription for AmqpSubscription {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Incoming>, TransportError> {
        let mut batch = Vec::new();
        let mut next = self.consumer.next().await;
        loop {
            let delivery = next.ok_or_else(|| TransportError("the broker cancelled the consumer".into()))??;
            batch.push(self.take(delivery));
            if batch.len() == max {
                return Ok(batch);
            }
            match self.consumer.next().now_or_never() {
                Some(ready) => next = ready,
                None => return Ok(batch),
            }
        }
    }

    async fn acknowledge(&mut self) -> Result<(), TransportError> {
        self.link.channel.basic_ack(self.last_delivery_tag, BasicAckOptions { multiple: true }).await?;
        Ok(())
    }

    async fn depth(&mut self) -> Result<u64, TransportError> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = topology::queue(self.spec.consumer, self.spec.lane);
        let declared = self.link.channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
        Ok(u64::from(declared.message_count()))
    }

    async fn retry_later(&mut self, message: &Message, tier: Duration) -> Result<(), TransportError> {
        let properties = envelope::properties_for_retry(message, message.attempt + 1);
        self.link.publish_to_queue(&topology::retry_queue(&self.spec, tier), &message.payload, properties).await
    }
}
