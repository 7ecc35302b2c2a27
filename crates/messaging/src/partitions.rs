//! Keeps the logs' partitions: makes those to come, drops those whose time is over.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff_sqlx::ToSqlx as _;
use kernel::{Clock, Fault};
use runtime::postgres;
use sqlx::PgPool;

/// How often house is kept.
const INTERVAL: Duration = Duration::from_hours(1);
/// A whole week ahead, so that a service whose upkeep fails over a weekend does not notice.
const AHEAD_DAYS: i32 = 7;

/// How long a log keeps its rows.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// The partitioned table, with its schema unless that is `public`; its default partition has the same name with `_other`.
    pub table: &'static str,
    /// The UUIDv7 it is partitioned by.
    pub id_column: &'static str,
    pub days: i32,
}

/// The source of replay.
const ARCHIVE: Retention = Retention { table: "messaging.outbox_archive", id_column: "event_id", days: 7 };
/// Longer than any archive, so that whatever is replayed is recognised.
const INBOX: Retention = Retention { table: "messaging.inbox", id_column: "event_id", days: 10 };
/// Long enough to mend what killed them.
const DEAD_LETTER_DAYS: i64 = 30;
/// Partitions of requests are made for so many hours ahead: an upkeep that fails for less goes unnoticed.
const REQUEST_AHEAD_HOURS: i32 = 6;
/// For a day, a command is recognised.
const REQUEST_HOURS: i32 = 24;

/// The upkeep of one service's logs.
pub struct Partitions {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    logs: Vec<Retention>,
}

impl Partitions {
    /// The logs of schema `messaging`, and the service's own.
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, own: &[Retention]) -> Self {
        let logs = [ARCHIVE, INBOX].iter().chain(own).copied().collect();
        Self { pool, clock, logs }
    }

    /// Keeps house once. To be done before a service starts, since a row that came first would keep its day's partition from
    /// being made.
    pub async fn keep(&self) -> Result<(), Fault> {
        match self.keep_requests().await.map_err(postgres::fault) {
            // Somebody reads the table, as a backup does. The default partition takes what comes meanwhile.
            Err(Fault::Unavailable(error)) => {
                tracing::warn!(error = error.as_ref() as &dyn std::error::Error, "partitions of requests not kept");
            }
            kept => kept?,
        }
        for log in &self.logs {
            self.keep_log(log).await.map_err(postgres::fault)?;
        }
        self.forget_dead_letters().await.map_err(postgres::fault)
    }

    /// Keeps house for ever. What fails is tried again the next time.
    pub async fn run(self) -> Infallible {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if let Err(fault) = self.keep().await {
                tracing::warn!(error = &fault as &dyn std::error::Error, "partitions not kept");
            }
        }
    }

    async fn keep_log(&self, log: &Retention) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        // Upkeep never makes others wait long for a table.
        sqlx::query!("SET LOCAL lock_timeout = '2s'").execute(&mut *transaction).await?;
        sqlx::query!(
            "SELECT messaging.keep_partitions($1::text::regclass, $2, $3, $4, $5)",
            log.table,
            log.id_column,
            self.clock.now().to_sqlx() as _,
            AHEAD_DAYS,
            log.days,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    async fn keep_requests(&self) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query!("SET LOCAL lock_timeout = '200ms'").execute(&mut *transaction).await?;
        sqlx::query!(
            "SELECT messaging.keep_request_partitions($1, $2, $3)",
            self.clock.now().to_sqlx() as _,
            REQUEST_AHEAD_HOURS,
            REQUEST_HOURS,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    async fn forget_dead_letters(&self) -> sqlx::Result<()> {
        let oldest = self.clock.now() - jiff::SignedDuration::from_hours(24 * DEAD_LETTER_DAYS);
        sqlx::query!("DELETE FROM messaging.dead_letter WHERE died_at < $1", oldest.to_sqlx() as _).execute(&self.pool).await?;
        Ok(())
    }
}
