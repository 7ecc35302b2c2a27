//! Wakes the relay after a commit, so that a fact does not wait for the next poll.

use std::sync::Arc;

use tokio::sync::Notify;

/// Rung by whoever committed a fact; the relay of the same process listens. Ringing is never lost and never blocks.
#[derive(Debug, Clone, Default)]
pub struct OutboxSignal(Arc<Notify>);

impl OutboxSignal {
    /// Says that the outbox has something.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn rung(&self) {
        self.0.notified().await;
    }
}
