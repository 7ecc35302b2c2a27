//! What operators see of the ledger, and of what leaves.

use std::time::Duration;

use messaging::Lane;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::application::SendMeter;
use crate::domain::Channel;

/// Seconds: a millisecond, as a mail server next door takes, up to the longest that a send may take.
const DURATIONS: [f64; 15] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Seconds: a few milliseconds, as the whole path takes when nothing is in its way, up to a provider that is away for hours.
const LATENCIES: [f64; 16] =
    [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 600.0, 3600.0, 14400.0];

#[derive(Debug, Clone, Default)]
pub(crate) struct LedgerMetrics {
    settled: Family<State, Counter>,
    waiting: Family<State, Gauge>,
    repeats: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl LedgerMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("deliveries_settled", "Attempts by the state they ended in", metrics.settled.clone());
        registry.register("deliveries_waiting", "Deliveries that are still to be sent, by state", metrics.waiting.clone());
        registry.register("inbox_repeats", "Facts that arrived again and changed nothing", metrics.repeats.clone());
        metrics
    }

    pub(crate) fn settled(&self, state: &'static str) {
        self.settled.get_or_create(&State { state }).inc();
    }

    pub(crate) fn waiting(&self, state: &'static str, count: i64) {
        self.waiting.get_or_create(&State { state }).set(count);
    }

    pub(crate) fn repeats(&self, count: usize) {
        self.repeats.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

/// What leaves, by channel and lane.
#[derive(Debug, Clone)]
pub(crate) struct SendMetrics {
    durations: Family<Way, Histogram, fn() -> Histogram>,
    latencies: Family<Way, Histogram, fn() -> Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Way {
    channel: &'static str,
    lane: &'static str,
}

/// What leaves by one channel and lane.
#[derive(Debug)]
pub(crate) struct WayMeter {
    duration: Histogram,
    latency: Histogram,
}

impl SendMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let (durations, latencies) = (metrics.durations.clone(), metrics.latencies.clone());
        let told = "Time that an attempt to send took, however it ended";
        registry.register_with_unit("delivery_send_duration", told, Unit::Seconds, durations);
        let told = "Time from the command to the provider's acceptance";
        registry.register_with_unit("delivery_latency", told, Unit::Seconds, latencies);
        metrics
    }

    pub(crate) fn of(&self, channel: Channel, lane: Lane) -> WayMeter {
        let way = Way { channel: channel.as_str(), lane: lane.as_str() };
        WayMeter { duration: self.durations.get_or_create_owned(&way), latency: self.latencies.get_or_create_owned(&way) }
    }
}

impl Default for SendMetrics {
    fn default() -> Self {
        Self {
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            latencies: Family::new_with_constructor(|| Histogram::new(LATENCIES)),
        }
    }
}

impl SendMeter for WayMeter {
    fn attempted(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
    }

    fn taken(&self, after: Duration) {
        self.latency.observe(after.as_secs_f64());
    }
}
