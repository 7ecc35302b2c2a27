//! Preferences in PostgreSQL.

use async_trait::async_trait;
use kernel::{Fault, Permit, RealmId};
use runtime::postgres;
use sqlx::PgPool;

use crate::application::PreferenceStore;
use crate::domain::{Preference, Preferences};

pub(crate) struct PgPreferences {
    pool: PgPool,
}

impl PgPreferences {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl PreferenceStore for PgPreferences {
    async fn update(
        &self,
        _: &Permit,
        realm_id: RealmId,
        wanted: Preferences,
        named: &[Preference],
    ) -> Result<Preferences, Fault> {
        let status_change_email = named.contains(&Preference::StatusChangeEmail).then_some(wanted.status_change_email);
        let stored = sqlx::query!(
            "INSERT INTO preferences AS stored (realm_id, user_id, status_change_email)
             VALUES ($1, $2, coalesce($3, false))
             ON CONFLICT (realm_id, user_id) DO UPDATE
             SET status_change_email = coalesce($3, stored.status_change_email)
             RETURNING status_change_email",
            realm_id.as_uuid(),
            wanted.user_id.as_uuid(),
            status_change_email,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(Preferences { user_id: wanted.user_id, status_change_email: stored.status_change_email })
    }
}
