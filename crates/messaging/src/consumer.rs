//! Takes facts from the broker and hands them to a service's handler, in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{EventId, Fault};
use runtime::lifecycle::{Backoff, WorkerResult};
use runtime::trace::{Span, SpanKind, Tracer};
use tokio_util::sync::CancellationToken;

use crate::metrics::ConsumerMetrics;
use crate::{Broker, DeadLetters, Incoming, Message, Subscription, SubscriptionSpec, TransportError};

/// The most facts that one transaction takes.
const BATCH: usize = 256;
/// The most facts the broker hands out before the first is acknowledged: one batch at work, the next on its way.
const PREFETCH: u16 = 512;

/// The longest a batch may take.
const CONSUME_LIMIT: Duration = Duration::from_mins(1);
/// How often the depth of the queue is looked at.
const DEPTH_INTERVAL: Duration = Duration::from_secs(2);
/// How long a message that is itself at fault waits before each further attempt.
pub const RETRY_TIERS: [Duration; 3] = [Duration::from_secs(5), Duration::from_mins(1), Duration::from_mins(10)];

/// Why a batch could not be done.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The consumer's own dependency is away; no message is at fault.
    #[error("the consumer's dependency is away")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// At least one message of the batch cannot be done.
    #[error("a message cannot be done")]
    Rejected(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Fault> for HandlerError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable(source) => Self::Unavailable(source),
            Fault::Internal(source) => Self::Rejected(source),
        }
    }
}

/// What a service does with facts.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Does all of the batch in one transaction, the inbox included, or nothing of it.
    async fn consume(&self, batch: &[Message]) -> Result<(), HandlerError>;

    /// Asks whether the dependencies are back.
    async fn probe(&self) -> Result<(), Fault>;
}

/// One consumer of one lane.
pub struct Consumer {
    pub broker: Broker,
    pub spec: SubscriptionSpec,
    pub handler: Arc<dyn Handler>,
    pub dead_letters: DeadLetters,
    pub metrics: ConsumerMetrics,
    pub tracer: Tracer,
}

/// Why a consumer had to start over.
#[derive(Debug, thiserror::Error)]
enum ConsumerError {
    #[error("facts could not be taken")]
    Transport(#[from] TransportError),
    #[error("the consumer's dependency is away")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A message that cannot be done, and why.
struct Fallen<'a> {
    message: &'a Message,
    reason: String,
}

impl Consumer {
    /// Runs until `stop` is cancelled. While a dependency is away nothing is taken, and nothing is held against a message.
    pub async fn run(self, stop: CancellationToken) -> WorkerResult {
        let mut backoff = Backoff::new();
        while !stop.is_cancelled() {
            let Err(error) = self.consume(&stop, &mut backoff).await else { break };
            tracing::warn!(consumer = self.spec.consumer, error = &error as &dyn std::error::Error, "consumer starts over");
            tokio::select! {
                () = backoff.wait() => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    async fn consume(&self, stop: &CancellationToken, backoff: &mut Backoff) -> Result<(), ConsumerError> {
        self.handler.probe().await.map_err(|fault| ConsumerError::Unavailable(fault.into()))?;
        let mut subscription = self.broker.subscribe(&self.spec, PREFETCH).await?;
        let mut depth_tick = tokio::time::interval(DEPTH_INTERVAL);
        loop {
            tokio::select! {
                batch = subscription.next_batch(BATCH) => {
                    self.settle(subscription.as_mut(), batch?).await?;
                    backoff.reset();
                }
                _ = depth_tick.tick() => self.metrics.depth(subscription.depth().await?),
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Does a batch; only when all of it is done, put by or buried does the broker forget it.
    async fn settle(&self, subscription: &mut dyn Subscription, batch: Vec<Incoming>) -> Result<(), ConsumerError> {
        let mut messages = Vec::with_capacity(batch.len());
        let mut malformed = Vec::new();
        for incoming in batch {
            match incoming {
                Incoming::Message(message) => messages.push(message),
                Incoming::Malformed(envelope) => malformed.push(envelope),
            }
        }
        let fallen = self.do_traced(&mut messages).await?;
        // Last, so that a batch that comes again because a dependency was away has buried nobody yet.
        for envelope in malformed {
            tracing::error!(consumer = self.spec.consumer, "malformed envelope");
            self.dead_letters.bury_malformed(&self.spec, &envelope).await.map_err(unavailable)?;
            self.metrics.buried();
        }
        for fallen in fallen {
            self.put_by(subscription, fallen).await?;
        }
        subscription.acknowledge().await?;
        self.metrics.done(messages.len());
        Ok(())
    }

    /// Does the batch, and records what of it is part of a trace.
    async fn do_traced<'a>(&self, messages: &'a mut [Message]) -> Result<Vec<Fallen<'a>>, ConsumerError> {
        let mut spans = self.begin_spans(messages);
        let done = self.do_all(messages).await;
        match &done {
            Ok(fallen) => {
                for fallen in fallen {
                    if let Some(span) = spans.get_mut(&fallen.message.event_id) {
                        span.fail("REJECTED");
                    }
                }
            }
            Err(_) => spans.values_mut().for_each(|span| span.fail("UNAVAILABLE")),
        }
        done
    }

    /// Begins a span for each message that is part of a trace. What follows from the message is a part of that span.
    fn begin_spans(&self, messages: &mut [Message]) -> HashMap<EventId, Span> {
        let mut spans = HashMap::new();
        for message in messages {
            let name = format_args!("process {}", message.event_type);
            let mut span = self.tracer.part(message.traceparent.as_deref(), SpanKind::Consumer, name);
            if !span.is_recorded() {
                continue;
            }
            span.set("messaging.system", self.broker.system());
            span.set("messaging.operation.type", "process");
            span.set("messaging.consumer.group.name", self.spec.consumer);
            span.set("cabinet.lane", self.spec.lane.as_str());
            span.set("cabinet.attempt", i64::from(message.attempt));
            span.set_text("messaging.destination.name", &message.event_type);
            span.set_text("messaging.message.id", message.event_id);
            message.traceparent = span.traceparent();
            spans.insert(message.event_id, span);
        }
        spans
    }

    /// Hands the batch to the handler; one that is refused is halved until the message at fault stands alone.
    async fn do_all<'a>(&self, messages: &'a [Message]) -> Result<Vec<Fallen<'a>>, ConsumerError> {
        let mut fallen = Vec::new();
        let mut parts = vec![messages];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match (self.consume_in_time(part).await, part) {
                (Ok(()), _) => {}
                (Err(HandlerError::Unavailable(error)), _) => return Err(ConsumerError::Unavailable(error)),
                (Err(HandlerError::Rejected(error)), [message]) => fallen.push(Fallen { message, reason: chain(error.as_ref()) }),
                (Err(HandlerError::Rejected(_)), _) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.push(second);
                    parts.push(first);
                }
            }
        }
        Ok(fallen)
    }

    /// A dependency that is silent is as good as away, whatever its connection says.
    async fn consume_in_time(&self, part: &[Message]) -> Result<(), HandlerError> {
        let in_time = tokio::time::timeout(CONSUME_LIMIT, self.handler.consume(part)).await;
        in_time.unwrap_or_else(|elapsed| Err(HandlerError::Unavailable(elapsed.into())))
    }

    async fn put_by(&self, subscription: &mut dyn Subscription, fallen: Fallen<'_>) -> Result<(), ConsumerError> {
        let Fallen { message, reason } = fallen;
        let attempt = message.attempt;
        let tier = usize::try_from(attempt).ok().and_then(|attempt| self.spec.retry_tiers.get(attempt));
        if let Some(tier) = tier {
            tracing::warn!(consumer = self.spec.consumer, event.id = %message.event_id, attempt, reason, "message put by");
            subscription.retry_later(message, *tier).await?;
            self.metrics.put_by();
        } else {
            tracing::error!(consumer = self.spec.consumer, event.id = %message.event_id, attempt, reason, "message is dead");
            self.dead_letters.bury(&self.spec, message, &reason).await.map_err(unavailable)?;
            self.metrics.buried();
        }
        Ok(())
    }
}

/// The dead letters' own table could not be written: as good as any dependency that is away.
fn unavailable(error: sqlx::Error) -> ConsumerError {
    ConsumerError::Unavailable(error.into())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
