//! Forgets what is over: in the tables, and in this process.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Timestamp};
use runtime::access::{Access, REVOCATION_MEMORY};

use crate::adapters::postgres::PgHousekeeping;

const INTERVAL: Duration = Duration::from_mins(10);
/// How long sessions, links, changes of addresses and phone codes are remembered after their end, and stations after their last use.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

pub(crate) struct Housekeeping {
    pub(crate) tables: PgHousekeeping,
    pub(crate) access: Access,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Housekeeping {
    /// Deletes what is over, for ever.
    pub(crate) async fn run(self) -> Infallible {
        loop {
            let now = self.clock.now();
            let revoked_before = now.checked_sub(REVOCATION_MEMORY).unwrap_or(Timestamp::MIN);
            let ended_before = now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
            self.access.forget_before(revoked_before);
            if let Err(fault) = self.tables.forget(revoked_before, ended_before, now).await {
                tracing::warn!(error = &fault as &dyn std::error::Error, "what is over was not deleted");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}
