//! Tells this process, and everybody who watches, of access that was taken back.
//!
//! Every look at the table is passed on, also when it found nothing: silence means that nobody has looked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use kernel::{Clock, Fault, Timestamp};
use runtime::access::{Access, AccessSource, REVOCATION_MEMORY, Revocation};
use runtime::token::{KeySet, Subject};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::adapters::postgres::PgRevocations;
use crate::adapters::signing_keys::SigningKeys;
use crate::application::Revocations as _;

/// Twice in the 200 ms that the contract promises.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// The longest a look may take: together with the silence that is believed, less than the second that I4 promises.
const LOOK_LIMIT: Duration = Duration::from_millis(300);
/// Looks that a watcher may lag behind before he has to begin anew.
const LAG: usize = 3;
/// Revocations in one message of the history.
const CHUNK: usize = 5000;

/// What one look found.
type Look = Arc<Vec<Revocation>>;

/// One message to a watcher.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) revocations: Look,
    pub(crate) is_current: bool,
}

#[derive(Clone)]
pub(crate) struct RevocationFeed {
    revocations: PgRevocations,
    clock: Arc<dyn Clock>,
    looks: broadcast::Sender<Look>,
    /// Ends the streams when the process drains.
    draining: CancellationToken,
}

impl RevocationFeed {
    pub(crate) fn new(revocations: PgRevocations, clock: Arc<dyn Clock>, draining: CancellationToken) -> Self {
        Self { revocations, clock, looks: broadcast::channel(LAG).0, draining }
    }

    /// Looks for ever, and tells `access`, which is this process's own.
    pub(crate) async fn run(self, access: Access) -> Infallible {
        let mut number = 0;
        let mut tick = tokio::time::interval(LOOK_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let started = Instant::now();
            let look = tokio::time::timeout(LOOK_LIMIT, self.revocations.behind(number, self.memory())).await;
            match look.unwrap_or_else(|elapsed| Err(Fault::unavailable(elapsed))) {
                // A standby that took over may have lost the last of them: what comes next has numbers we have seen.
                Ok((_, last)) if last < number => number = 0,
                Ok((found, last)) => {
                    number = last;
                    access.hear(&found, true, started);
                    // Fails only if nobody watches.
                    let _ = self.looks.send(Arc::new(found));
                }
                Err(fault) => tracing::warn!(error = &fault as &dyn std::error::Error, "revocations not looked at"),
            }
        }
    }

    /// Since when revocations matter.
    fn memory(&self) -> Timestamp {
        self.clock.now().checked_sub(REVOCATION_MEMORY).unwrap_or(Timestamp::MIN)
    }

    /// First the last minutes, then every look. A watcher that cannot keep up is let go, and begins anew.
    pub(crate) async fn watch(&self) -> Result<BoxStream<'static, Told>, Fault> {
        // Before the history is read, so that nothing falls between the two.
        let looks = self.looks.subscribe();
        let (history, _) = self.revocations.behind(0, self.memory()).await?;
        let history: VecDeque<Told> =
            history.chunks(CHUNK).map(|chunk| Told { revocations: Arc::new(chunk.to_vec()), is_current: false }).collect();
        let live = stream::unfold(looks, async |mut looks| {
            let revocations = looks.recv().await.ok()?;
            Some((Told { revocations, is_current: true }, looks))
        });
        Ok(stream::iter(history).chain(live).take_until(self.draining.clone().cancelled_owned()).boxed())
    }
}

/// Identity itself: its own database knows for certain.
pub(crate) struct OwnAccess {
    pub(crate) keys: SigningKeys,
    pub(crate) revocations: PgRevocations,
}

#[async_trait]
impl AccessSource for OwnAccess {
    async fn signing_keys(&self) -> Result<KeySet, Fault> {
        Ok(self.keys.key_set())
    }

    async fn is_revoked(&self, subjects: &[Subject]) -> Result<bool, Fault> {
        self.revocations.is_revoked(subjects).await
    }
}
