//! Removes the files of avatars that no profile has: of those that were replaced, and of uploads that came to no end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Fault};
use tokio::sync::Notify;

use crate::adapters::avatar_store::AvatarStore;
use crate::adapters::postgres::PgUnusedAvatars;

/// Nobody rings for what a process left behind that was killed.
const INTERVAL: Duration = Duration::from_secs(30);
/// At once.
const BATCH: i64 = 100;

pub(crate) struct Housekeeping {
    pub(crate) unused: PgUnusedAvatars,
    pub(crate) files: AvatarStore,
    pub(crate) clock: Arc<dyn Clock>,
    /// Rung when there is something to do.
    pub(crate) bell: Arc<Notify>,
}

impl Housekeeping {
    /// Removes what is to go, for ever.
    pub(crate) async fn run(self) -> Infallible {
        loop {
            if let Err(fault) = self.remove().await {
                tracing::warn!(error = &fault as &dyn std::error::Error, "files of avatars were not removed");
            }
            // Either way it is time to look again.
            let _ = tokio::time::timeout(INTERVAL, self.bell.notified()).await;
        }
    }

    /// Whoever dies between the lines leaves a row by which it is done again.
    async fn remove(&self) -> Result<(), Fault> {
        loop {
            let going = self.unused.give_up(self.clock.now(), BATCH).await?;
            if going.is_empty() {
                return Ok(());
            }
            let mut kept = None;
            for (realm_id, avatar_id) in going {
                match self.files.delete(realm_id, avatar_id).await {
                    Ok(()) => self.unused.forget(realm_id, avatar_id).await?,
                    Err(fault) => kept = Some(fault),
                }
            }
            // The others have gone; those that would not are tried again later.
            if let Some(fault) = kept {
                return Err(fault);
            }
        }
    }
}
