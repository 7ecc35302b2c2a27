//! From whom access was taken back, in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Fault, Timestamp};
use runtime::access::Revocation;
use runtime::postgres;
use runtime::token::Subject;
use sqlx::PgPool;

use crate::application::Revocations;

/// A revocation, or nothing where there is none behind the number.
type Row = (Option<uuid::Uuid>, Option<i64>, Option<jiff_sqlx::Timestamp>);

#[derive(Clone)]
pub(crate) struct PgRevocations {
    pool: PgPool,
}

impl PgRevocations {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Those behind a number, and the last number there is; numbers are given in the order of commits, so none is skipped.
    pub(crate) async fn behind(&self, number: i64, since: Timestamp) -> Result<(Vec<Revocation>, i64), Fault> {
        let rows = sqlx::query!(
            r#"SELECT last, subject_id AS "subject_id?", generation AS "generation?", revoked_at AS "revoked_at?"
             FROM revocation_counter
             LEFT JOIN revocations ON number > $1 AND revoked_at >= $2
             ORDER BY number"#,
            number,
            since.to_sqlx() as _,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let last = rows.first().map_or(0, |row| row.last);
        let revocation = |row: Row| {
            let subject = Subject { id: row.0?, generation: row.1? };
            Some(Revocation { subject, at: row.2?.to_jiff() })
        };
        let rows = rows.into_iter().map(|row| (row.subject_id, row.generation, row.revoked_at));
        Ok((rows.filter_map(revocation).collect(), last))
    }
}

#[async_trait]
impl Revocations for PgRevocations {
    async fn is_revoked(&self, subjects: &[Subject]) -> Result<bool, Fault> {
        let ids: Vec<_> = subjects.iter().map(|subject| subject.id).collect();
        let generations: Vec<_> = subjects.iter().map(|subject| subject.generation).collect();
        let is_revoked = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                 SELECT
                 FROM revocations
                 JOIN unnest($1::uuid[], $2::bigint[]) AS asked (subject_id, generation) USING (subject_id)
                 WHERE asked.generation < revocations.generation
             ) AS "is_revoked!""#,
            &ids,
            &generations,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(is_revoked)
    }
}
