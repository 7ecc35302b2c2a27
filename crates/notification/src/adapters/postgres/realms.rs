//! Realms in PostgreSQL, as identity told of them.

use kernel::{Fault, RealmId};
use runtime::postgres;
use sqlx::PgPool;

use crate::adapters::realms::RealmFacts;

/// Whether there is news of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    Stale,
}

pub(crate) struct PgRealms {
    pool: PgPool,
}

impl PgRealms {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// What is known of a realm, and whether that is all there is to know.
    pub(crate) async fn get(&self, realm_id: RealmId) -> Result<Option<(RealmFacts, Freshness)>, Fault> {
        let row = sqlx::query!(
            r#"SELECT name, public_url, sender, language, time_zone, version,
                 coalesce(wanted_version > version, false) AS "is_stale!"
             FROM realms AS known
             LEFT JOIN realm_news AS news ON news.realm_id = known.realm_id
             WHERE known.realm_id = $1"#,
            realm_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(row.map(|row| {
            let facts = RealmFacts {
                name: row.name,
                public_url: row.public_url,
                sender: row.sender,
                language: row.language,
                time_zone: row.time_zone,
                version: row.version,
            };
            (facts, if row.is_stale { Freshness::Stale } else { Freshness::Fresh })
        }))
    }

    /// Remembers a realm, unless a newer state of it is known.
    pub(crate) async fn keep(&self, realm_id: RealmId, facts: &RealmFacts) -> Result<(), Fault> {
        sqlx::query!(
            "INSERT INTO realms AS known (realm_id, name, public_url, sender, language, time_zone, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (realm_id) DO UPDATE
             SET name = excluded.name,
                 public_url = excluded.public_url,
                 sender = excluded.sender,
                 language = excluded.language,
                 time_zone = excluded.time_zone,
                 version = excluded.version
             WHERE known.version < excluded.version",
            realm_id.as_uuid(),
            facts.name,
            facts.public_url,
            facts.sender,
            facts.language,
            facts.time_zone,
            facts.version,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }
}
