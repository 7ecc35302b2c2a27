//! Publishes pipelined and believes nothing but the broker's answers.

use async_trait::async_trait;
use lapin::Confirmation;
use lapin::options::BasicPublishOptions;

use super::topology::EXCHANGE;
use super::{Link, envelope};
use crate::TransportError;
use crate::outbox::OutboxRow;
use crate::transport::{Published, Publisher};

pub(super) struct AmqpPublisher {
    link: Link,
}

impl AmqpPublisher {
    pub(super) const fn new(link: Link) -> Self {
        Self { link }
    }
}

#[async_trait]
impl Publisher for AmqpPublisher {
    async fn publish(&mut self, rows: &[OutboxRow]) -> Result<Published, TransportError> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let mut answers = Vec::with_capacity(rows.len());
        for row in rows {
            let key = row.event_type.as_str().into();
            let publishing =
                self.link.channel.basic_publish(EXCHANGE.into(), key, options, &row.payload, envelope::properties(row));
            answers.push((row.event_id, publishing.await?));
        }
        let mut published = Published::default();
        for (event_id, answer) in answers {
            let answer = answer.await?;
            if is_taken(&answer) {
                published.taken.push(event_id);
            } else if answer.is_ack() {
                published.unroutable += 1;
            }
        }
        Ok(published)
    }
}

/// An unroutable message comes back as an Ack with the message inside: stored nowhere, so not taken.
pub(super) fn is_taken(confirmation: &Confirmation) -> bool {
    matches!(confirmation, Confirmation::Ack(None))
}
