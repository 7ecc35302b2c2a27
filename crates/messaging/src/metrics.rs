//! What operators see of the event path.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::{Lane, SubscriptionSpec};

/// One service's outbox, a lane each.
#[derive(Debug, Clone, Default)]
pub struct RelayMetrics {
    published: Counter,
    unconfirmed: Gauge,
    age: Gauge<f64, AtomicU64>,
}

/// A batch whose confirms are awaited.
pub(crate) struct Unconfirmed(Gauge);

impl Drop for Unconfirmed {
    fn drop(&mut self) {
        self.0.set(0);
    }
}

/// One consumer.
#[derive(Debug, Clone, Default)]
pub struct ConsumerMetrics {
    done: Counter,
    put_by: Counter,
    buried: Counter,
    depth: Gauge,
}

impl RelayMetrics {
    pub fn register(registry: &mut Registry, service: &'static str, lane: Lane) -> Self {
        let metrics = Self::default();
        let registry = labelled(registry, [("service", service), ("lane", lane.as_str())]);
        registry.register("outbox_published", "Facts the broker has taken", metrics.published.clone());
        let unconfirmed = "Facts handed to the broker that it has not confirmed";
        registry.register("outbox_unconfirmed", unconfirmed, metrics.unconfirmed.clone());
        registry.register_with_unit("outbox_age", "Age of the oldest fact in the outbox", Unit::Seconds, metrics.age.clone());
        metrics
    }

    pub(crate) fn published(&self, count: usize) {
        self.published.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// So many facts are on their way, until what this answers with is dropped: a kill meanwhile may have them published again.
    pub(crate) fn unconfirmed(&self, count: usize) -> Unconfirmed {
        self.unconfirmed.set(i64::try_from(count).unwrap_or(i64::MAX));
        Unconfirmed(self.unconfirmed.clone())
    }

    pub(crate) fn age(&self, seconds: f64) {
        self.age.set(seconds);
    }
}

impl ConsumerMetrics {
    pub fn register(registry: &mut Registry, spec: &SubscriptionSpec) -> Self {
        let metrics = Self::default();
        let registry = labelled(registry, [("consumer", spec.consumer), ("lane", spec.lane.as_str())]);
        registry.register("consumer_done", "Messages done, repeats included", metrics.done.clone());
        registry.register("consumer_put_by", "Messages put by for a fault of their own", metrics.put_by.clone());
        registry.register("consumer_buried", "Messages given up as dead letters", metrics.buried.clone());
        registry.register("queue_depth", "Messages that wait in the consumer's queue", metrics.depth.clone());
        metrics
    }

    pub(crate) fn done(&self, count: usize) {
        self.done.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(crate) fn put_by(&self) {
        self.put_by.inc();
    }

    pub(crate) fn buried(&self) {
        self.buried.inc();
    }

    pub(crate) fn depth(&self, depth: u64) {
        self.depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
    }
}

fn labelled<'a>(registry: &'a mut Registry, labels: [(&'static str, &'static str); 2]) -> &'a mut Registry {
    let labels = labels.into_iter().map(|(name, value)| (name.into(), value.into()));
    registry.sub_registry_with_labels(labels)
}
