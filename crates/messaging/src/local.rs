//! Facts within one process, without a broker: the laptop runs the same path as the cluster.
//!
//! A fact stays in the outbox until every consumer that wants it has done with it; what a consumer has done with is in its
//! inbox. So a crash repeats and never loses, as with a broker. All consumers are known beforehand: a fact is not taken
//! before the slowest of them has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use kernel::EventId;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::message::{Incoming, Message};
use crate::outbox::OutboxRow;
use crate::transport::{Published, Publisher, Redelivery, Subscription, SubscriptionSpec};
use crate::{Lane, TransportError};

/// How long a publisher waits for consumers before it looks at the outbox again.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long a consumer may take for a message that is handed to it again.
const REDELIVERY_LIMIT: Duration = Duration::from_secs(10);

/// A message on its way to one consumer. Dropped unsettled, it is handed over again.
#[derive(Debug)]
struct Handed {
    message: Message,
    done: Option<oneshot::Sender<()>>,
}

/// One consumer's queue. It has a sender while somebody is subscribed.
#[derive(Debug)]
struct Queue {
    spec: SubscriptionSpec,
    sender: Option<mpsc::UnboundedSender<Handed>>,
}

#[derive(Debug, Clone)]
pub(crate) struct LocalBroker {
    queues: Arc<Mutex<Vec<Queue>>>,
    /// Changes whenever a consumer has done with something. Every lane's publisher watches, and misses nothing.
    settled: watch::Sender<()>,
}

impl LocalBroker {
    pub(crate) fn new(consumers: &[SubscriptionSpec]) -> Self {
        let queues = consumers.iter().map(|spec| Queue { spec: *spec, sender: None }).collect();
        Self { queues: Arc::new(Mutex::new(queues)), settled: watch::Sender::default() }
    }

    pub(crate) fn publisher(&self) -> Box<dyn Publisher> {
        let settled = self.settled.subscribe();
        Box::new(LocalPublisher { broker: self.clone(), settled, under_way: HashMap::new() })
    }

    pub(crate) fn subscribe(&self, spec: &SubscriptionSpec) -> Result<Box<dyn Subscription>, TransportError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut queues = self.queues();
        let queue = queues.iter_mut().find(|queue| queue.spec.consumer == spec.consumer && queue.spec.lane == spec.lane);
        queue.ok_or_else(|| TransportError("the consumer was not named beforehand".into()))?.sender = Some(sender);
        Ok(Box::new(LocalSubscription { receiver, settled: self.settled.clone(), handed_out: Vec::new(), put_by: Vec::new() }))
    }

    fn queues(&self) -> MutexGuard<'_, Vec<Queue>> {
        self.queues.lock().expect("nobody panics while holding the queues")
    }

    /// Who wants a fact, by the places of their queues.
    fn wanted_by(&self, event_type: &str) -> Vec<usize> {
        let queues = self.queues();
        let is_bound = |queue: &Queue| queue.spec.bindings.iter().any(|binding| matches(binding, event_type));
        (0..queues.len()).filter(|place| is_bound(&queues[*place])).collect()
    }

    /// Hands a message to one queue; the answer comes when its consumer has done with it, or is gone.
    fn hand_over(&self, place: usize, message: Message) -> Option<oneshot::Receiver<()>> {
        let (done, answer) = oneshot::channel();
        let queues = self.queues();
        let sender = queues[place].sender.as_ref()?;
        sender.send(Handed { message, done: Some(done) }).ok().map(|()| answer)
    }
}

#[async_trait]
impl Redelivery for LocalBroker {
    async fn redeliver(&self, consumer: &str, lane: Lane, message: &Message) -> Result<(), TransportError> {
        let place = self.queues().iter().position(|queue| queue.spec.consumer == consumer && queue.spec.lane == lane);
        let answer = place.and_then(|place| self.hand_over(place, Message { attempt: 0, ..message.clone() }));
        let answer = answer.ok_or_else(|| TransportError("nobody takes messages for this consumer".into()))?;
        // Kept nowhere meanwhile, so it is safe only when its consumer has done with it.
        let done = tokio::time::timeout(REDELIVERY_LIMIT, answer).await.map_err(|elapsed| TransportError(elapsed.into()))?;
        done.map_err(|gone| TransportError(gone.into()))
    }
}

/// True if a routing key is what a binding wants: `*` is one word, `#` any number of them.
fn matches(binding: &str, key: &str) -> bool {
    let (mut binding, mut key) = (binding.split('.'), key.split('.'));
    loop {
        match (binding.next(), key.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(word)) if wanted == word => {}
            _ => return false,
        }
    }
}

struct LocalPublisher {
    broker: LocalBroker,
    settled: watch::Receiver<()>,
    /// Who has not done with a fact yet, and where his answer comes from.
    under_way: HashMap<EventId, HashMap<usize, Option<oneshot::Receiver<()>>>>,
}

impl LocalPublisher {
    /// Hands a fact to everybody who wants it and has not got it. True once all have done with it.
    fn push(&mut self, row: &OutboxRow, wanted_by: Vec<usize>) -> bool {
        let broker = &self.broker;
        let nobody_yet = || wanted_by.into_iter().map(|place| (place, None)).collect();
        let waiting = self.under_way.entry(row.event_id).or_insert_with(nobody_yet);
        waiting.retain(|place, answer| match answer.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Ok(())) => false,
            Some(Err(TryRecvError::Empty)) => true,
            // Never handed over, or its consumer is gone.
            Some(Err(TryRecvError::Closed)) | None => {
                *answer = broker.hand_over(*place, message(row));
                true
            }
        });
        waiting.is_empty()
    }

    fn push_all(&mut self, rows: &[OutboxRow]) -> Published {
        let mut published = Published::default();
        for row in rows {
            let wanted_by = self.broker.wanted_by(&row.event_type);
            if wanted_by.is_empty() {
                published.unroutable += 1;
            } else if self.push(row, wanted_by) {
                self.under_way.remove(&row.event_id);
                published.taken.push(row.event_id);
            }
        }
        published
    }
}

#[async_trait]
impl Publisher for LocalPublisher {
    async fn publish(&mut self, rows: &[OutboxRow]) -> Result<Published, TransportError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let published = self.push_all(rows);
            let is_late = Instant::now() >= deadline;
            if !published.taken.is_empty() || published.unroutable == rows.len() || is_late {
                return Ok(published);
            }
            let _ = tokio::time::timeout_at(deadline, self.settled.changed()).await;
        }
    }
}

fn message(row: &OutboxRow) -> Message {
    Message {
        event_id: row.event_id,
        realm_id: row.realm_id,
        cause_id: row.cause_id,
        event_type: row.event_type.clone(),
        occurred_at: row.occurred_at,
        expires_at: row.expires_at,
        payload: row.payload.clone(),
        traceparent: row.traceparent.clone(),
        attempt: 0,
    }
}

struct LocalSubscription {
    receiver: mpsc::UnboundedReceiver<Handed>,
    settled: watch::Sender<()>,
    /// Handed to the consumer and not acknowledged.
    handed_out: Vec<Handed>,
    /// Put by until their time.
    put_by: Vec<(Instant, Handed)>,
}

impl LocalSubscription {
    fn hand_out(&mut self, handed: Handed) -> Incoming {
        let message = handed.message.clone();
        self.handed_out.push(handed);
        Incoming::Message(message)
    }

    /// The message put by whose time comes first.
    fn next_put_by(&self) -> Option<(usize, Instant)> {
        let times = self.put_by.iter().enumerate().map(|(place, (at, _))| (place, *at));
        times.min_by_key(|(_, at)| *at)
    }
}

/// Waits until a moment; for ever if there is none.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[async_trait]
impl Subscription for LocalSubscription {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Incoming>, TransportError> {
        let next_put_by = self.next_put_by();
        let first = tokio::select! {
            handed = self.receiver.recv() => handed.ok_or_else(|| TransportError("somebody else took this consumer's place".into()))?,
            () = until(next_put_by.map(|(_, at)| at)) => {
                let (place, _) = next_put_by.expect("only a message put by ends the wait");
                self.put_by.swap_remove(place).1
            }
        };
        let mut batch = vec![self.hand_out(first)];
        while batch.len() < max
            && let Ok(handed) = self.receiver.try_recv()
        {
            batch.push(self.hand_out(handed));
        }
        Ok(batch)
    }

    async fn acknowledge(&mut self) -> Result<(), TransportError> {
        for handed in self.handed_out.drain(..) {
            if let Some(done) = handed.done {
                // Fails only if the publisher is gone, whose successor hands it over again.
                let _ = done.send(());
            }
        }
        self.settled.send_replace(());
        Ok(())
    }

    async fn depth(&mut self) -> Result<u64, TransportError> {
        Ok(u64::try_from(self.receiver.len()).unwrap_or(u64::MAX))
    }

    async fn retry_later(&mut self, message: &Message, tier: Duration) -> Result<(), TransportError> {
        let place = self.handed_out.iter().position(|handed| handed.message.event_id == message.event_id);
        let place = place.ok_or_else(|| TransportError("the message was not handed out".into()))?;
        let mut handed = self.handed_out.swap_remove(place);
        handed.message.attempt += 1;
        self.put_by.push((Instant::now() + tier, handed));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn bindings_match_as_a_topic_exchange_matches_them() {
        assert!(matches("case_monitoring.case.created.v1", "case_monitoring.case.created.v1"));
        assert!(matches("case_monitoring.*.created.v1", "case_monitoring.case.created.v1"));
        assert!(matches("case_monitoring.#", "case_monitoring.case.created.v1"));
        assert!(!matches("case_monitoring.*", "case_monitoring.case.created.v1"));
        assert!(!matches("case_monitoring.case.created.v1", "case_monitoring.case.created"));
        assert!(!matches("identity.#", "case_monitoring.case.created.v1"));
    }
}
