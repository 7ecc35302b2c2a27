//! Wakes the relay after a commit, so that a fact does not wait for the next poll.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::Lane;

/// Rung by whoever committed a fact; the lane's relay of the same process listens. Ringing is never lost and never blocks.
#[derive(Debug, Clone, Default)]
pub struct OutboxSignal(Arc<Bells>);

#[derive(Debug, Default)]
struct Bells {
    normal: Notify,
    security: Notify,
}

impl OutboxSignal {
    /// Says that the outbox has something in this lane.
    pub fn ring(&self, lane: Lane) {
        self.bell(lane).notify_one();
    }

    pub(crate) async fn rung(&self, lane: Lane) {
        self.bell(lane).notified().await;
    }

    fn bell(&self, lane: Lane) -> &Notify {
        match lane {
            Lane::Normal => &self.0.normal,
            Lane::Security => &self.0.security,
        }
    }
}
