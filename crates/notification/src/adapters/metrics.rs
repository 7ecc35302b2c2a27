//! What operators see of the ledger.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

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
