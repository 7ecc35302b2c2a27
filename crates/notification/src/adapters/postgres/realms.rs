//! Realms in PostgreSQL, as identity told of them.

use kernel::{Fault, RealmId};
use runtime::postgres;
use sqlx::PgPool;

use crate::adapters::realms::RealmFacts;

pub(crate) struct PgRealms {
    pool: PgPool,
}

impl PgRealms {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    pub(crate) async fn get(&self, realm_id: RealmId) -> Result<Option<RealmFacts>, Fault> {
        sqlx::query_as!(
            RealmFacts,
            "SELECT name, public_url, sender, language, time_zone, version
             FROM realms
             WHERE realm_id = $1",
            realm_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)
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
