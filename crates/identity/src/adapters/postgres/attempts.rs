//! Attempts at secrets, counted in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, Permit, RealmId, Timestamp};
use runtime::postgres;
use sqlx::PgPool;
use sqlx::postgres::types::PgInterval;

use super::audit::AuditLog;
use crate::application::{Attempts, CountedBy, Lifted};
use crate::domain::guessing::Guessed;

pub(crate) struct PgAttempts {
    pool: PgPool,
    audit: AuditLog,
}

impl PgAttempts {
    pub(crate) const fn new(pool: PgPool, audit: AuditLog) -> Self {
        Self { pool, audit }
    }
}

/// The greatest keyed hash.
const LAST_HASH: [u8; 32] = [0xff; 32];

fn interval(counted_by: &CountedBy) -> PgInterval {
    let microseconds = i64::try_from(counted_by.window.as_micros()).unwrap_or(i64::MAX);
    PgInterval { months: 0, days: 0, microseconds }
}

#[async_trait]
impl Attempts for PgAttempts {
    async fn begin(
        &self,
        _: &Permit,
        realm_id: RealmId,
        guessed: Guessed,
        counted_by: &[CountedBy],
        times: i32,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Fault> {
        let subjects: Vec<Vec<u8>> = counted_by.iter().map(|counted_by| counted_by.subject.clone()).collect();
        let limits: Vec<i32> = counted_by.iter().map(|counted_by| counted_by.most).collect();
        let windows: Vec<PgInterval> = counted_by.iter().map(interval).collect();
        let until = sqlx::query_scalar!(
            "SELECT begin_attempts($1, $2, $3, $4, $5, $6, $7) AS wait_until",
            realm_id.as_uuid(),
            guessed.as_str(),
            &subjects,
            &limits,
            &windows,
            times,
            now.to_sqlx() as _,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(until.map(jiff_sqlx::Timestamp::to_jiff))
    }

    async fn take_back(
        &self,
        _: &Permit,
        realm_id: RealmId,
        guessed: Guessed,
        subjects: &[Vec<u8>],
        times: i32,
        now: Timestamp,
    ) -> Result<(), Fault> {
        // Locked in the order in which they are counted.
        sqlx::query!(
            "WITH counted AS (
                 SELECT subject
                 FROM attempts
                 WHERE realm_id = $1
                   AND guessed = $2
                   AND subject = ANY($3)
                   AND counted > 0
                   AND window_ends_at > $4
                 ORDER BY subject
                 FOR UPDATE
             )
             UPDATE attempts
             SET counted = greatest(attempts.counted - $5, 0)
             FROM counted
             WHERE attempts.realm_id = $1
               AND attempts.guessed = $2
               AND attempts.subject = counted.subject",
            realm_id.as_uuid(),
            guessed.as_str(),
            subjects,
            now.to_sqlx() as _,
            times,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }

    async fn forget(&self, _: &Permit, call: &Call, lifted: &Lifted, now: Timestamp) -> Result<u64, Fault> {
        let last = lifted.whose.as_ref().map(|whose| [whose.as_slice(), &LAST_HASH].concat());
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        // Locked in the order in which they are counted.
        let forgotten = sqlx::query!(
            "WITH counted AS (
                 SELECT guessed, subject
                 FROM attempts
                 WHERE realm_id = $1
                   AND (subject = ANY($2) OR subject BETWEEN $3 AND $4)
                   AND counted > 0
                   AND window_ends_at > $5
                 ORDER BY guessed, subject
                 FOR UPDATE
             )
             DELETE FROM attempts
             USING counted
             WHERE attempts.realm_id = $1
               AND attempts.guessed = counted.guessed
               AND attempts.subject = counted.subject",
            lifted.realm_id.as_uuid(),
            &lifted.subjects,
            lifted.whose.as_deref(),
            last.as_deref(),
            now.to_sqlx() as _,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?
        .rows_affected();
        if forgotten > 0 {
            let done = std::slice::from_ref(&lifted.done);
            self.audit.append(&mut *transaction, call, lifted.realm_id, lifted.company_id, done).await?;
        }
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(forgotten)
    }
}
