//! Preferences in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Fault, Permit, RealmId, Timestamp, UserId};
use runtime::postgres;
use sqlx::PgPool;

use crate::application::PreferenceStore;
use crate::domain::{Preference, Preferences, TicksSince, kept_since};

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
    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<Preferences>, Fault> {
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
        Ok(stored.map(|stored| Preferences {
            user_id,
            status_change_email: stored.status_change_email,
            status_change_sms: stored.status_change_sms,
        }))
    }

    async fn update(
        &self,
        _: &Permit,
        realm_id: RealmId,
        wanted: Preferences,
        named: &[Preference],
        now: Timestamp,
    ) -> Result<Preferences, Fault> {
        let change = |preference| named.contains(&preference).then_some(wanted.is_ticked(preference));
        let stored = sqlx::query!(
            "WITH changed AS (
                 INSERT INTO preferences AS stored (realm_id, user_id, status_change_email, status_change_sms, changed_at)
                 VALUES ($1, $2, coalesce($3, false), coalesce($4, false), $5)
                 ON CONFLICT (realm_id, user_id) DO UPDATE
                 SET status_change_email = coalesce($3, stored.status_change_email),
                     status_change_sms = coalesce($4, stored.status_change_sms),
                     changed_at = greatest($5, stored.changed_at + interval '1 microsecond') -- clocks of two replicas may differ
                 WHERE stored.status_change_email <> coalesce($3, stored.status_change_email)
                    OR stored.status_change_sms <> coalesce($4, stored.status_change_sms)
                 RETURNING realm_id, user_id, status_change_email, status_change_sms, changed_at
             ), remembered AS (
                 INSERT INTO preference_history (realm_id, user_id, changed_at, status_change_email, status_change_sms)
                 SELECT realm_id, user_id, changed_at, status_change_email, status_change_sms
                 FROM changed
             ), forgotten AS (
                 DELETE FROM preference_history AS old
                 USING changed
                 WHERE old.realm_id = $1
                   AND old.user_id = $2
                   AND EXISTS (
                       SELECT
                       FROM preference_history AS newer
                       WHERE newer.realm_id = $1
                         AND newer.user_id = $2
                         AND newer.changed_at > old.changed_at
                         AND newer.changed_at <= $6)
             )
             SELECT status_change_email, status_change_sms
             FROM changed",
            realm_id.as_uuid(),
            wanted.user_id.as_uuid(),
            change(Preference::StatusChangeEmail),
            change(Preference::StatusChangeSms),
            now.to_sqlx() as _,
            kept_since(now).to_sqlx() as _,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        match stored {
            Some(stored) => Ok(Preferences {
                user_id: wanted.user_id,
                status_change_email: stored.status_change_email,
                status_change_sms: stored.status_change_sms,
            }),
            // They stood so already.
            None => Ok(self.get(realm_id, wanted.user_id).await?.unwrap_or(Preferences::none(wanted.user_id))),
        }
    }

    async fn history(&self, realm_id: RealmId, user_id: UserId) -> Result<Vec<TicksSince>, Fault> {
        let rows = sqlx::query!(
            r#"SELECT changed_at AS "changed_at: jiff_sqlx::Timestamp", status_change_email, status_change_sms
             FROM preference_history
             WHERE realm_id = $1
               AND user_id = $2
             ORDER BY changed_at"#,
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let ticks = rows.into_iter().map(|row| TicksSince {
            changed_at: row.changed_at.to_jiff(),
            preferences: Preferences {
                user_id,
                status_change_email: row.status_change_email,
                status_change_sms: row.status_change_sms,
            },
        });
        Ok(ticks.collect())
    }
}
