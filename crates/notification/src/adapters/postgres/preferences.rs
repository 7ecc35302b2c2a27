//! Preferences in PostgreSQL.

use async_trait::async_trait;
use kernel::{Fault, Permit, RealmId, UserId};
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
    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Preferences, Fault> {
        let stored = sqlx::query!(
            "SELECT status_change_email, status_change_sms
             FROM preferences
             WHERE realm_id = $1
               AND user_id = $2",
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(Preferences {
            user_id,
            status_change_email: stored.as_ref().is_some_and(|stored| stored.status_change_email),
            status_change_sms: stored.as_ref().is_some_and(|stored| stored.status_change_sms),
        })
    }

    async fn update(
        &self,
        _: &Permit,
        realm_id: RealmId,
        wanted: Preferences,
        named: &[Preference],
    ) -> Result<Preferences, Fault> {
        let change = |preference| named.contains(&preference).then_some(wanted.is_ticked(preference));
        let stored = sqlx::query!(
            "INSERT INTO preferences AS stored (realm_id, user_id, status_change_email, status_change_sms)
             VALUES ($1, $2, coalesce($3, false), coalesce($4, false))
             ON CONFLICT (realm_id, user_id) DO UPDATE
             SET status_change_email = coalesce($3, stored.status_change_email),
                 status_change_sms = coalesce($4, stored.status_change_sms)
             RETURNING status_change_email, status_change_sms",
            realm_id.as_uuid(),
            wanted.user_id.as_uuid(),
            change(Preference::StatusChangeEmail),
            change(Preference::StatusChangeSms),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(Preferences {
            user_id: wanted.user_id,
            status_change_email: stored.status_change_email,
            status_change_sms: stored.status_change_sms,
        })
    }
}
