//! How people want to be spoken to, in PostgreSQL.

use kernel::{Fault, RealmId, UserId};
use runtime::postgres;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::application::PersonVersion;

#[derive(Clone)]
pub(crate) struct PgSpeech {
    pool: PgPool,
}

/// What a profile says, as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct StoredSpeech {
    pub(crate) user_id: UserId,
    pub(crate) version: i64,
    /// Empty: the realm's.
    pub(crate) language: String,
    pub(crate) time_zone: String,
}

impl PgSpeech {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Those of the people of whom nothing newer has been heard.
    pub(crate) async fn list_fresh(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<StoredSpeech>, Fault> {
        let ids: Vec<_> = ids.iter().map(UserId::as_uuid).collect();
        let rows = sqlx::query!(
            "SELECT user_id, known_version, language, time_zone
             FROM speech
             WHERE realm_id = $1
               AND user_id = ANY($2)
               AND known_version >= wanted_version",
            realm_id.as_uuid(),
            &ids,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let stored = rows.into_iter().map(|row| StoredSpeech {
            user_id: UserId::from_uuid(row.user_id),
            version: row.known_version,
            language: row.language,
            time_zone: row.time_zone,
        });
        Ok(stored.collect())
    }

    /// Remembers what profile said, unless something newer is known.
    pub(crate) async fn learn(&self, realm_id: RealmId, told: &[StoredSpeech]) -> Result<(), Fault> {
        let ids: Vec<Uuid> = told.iter().map(|speech| speech.user_id.as_uuid()).collect();
        let versions: Vec<i64> = told.iter().map(|speech| speech.version).collect();
        let languages: Vec<String> = told.iter().map(|speech| speech.language.clone()).collect();
        let time_zones: Vec<String> = told.iter().map(|speech| speech.time_zone.clone()).collect();
        // Sorted, so that two that learn of the same people do not wait for each other in a circle.
        sqlx::query!(
            "INSERT INTO speech AS known (realm_id, user_id, known_version, language, time_zone)
             SELECT $1, user_id, version, language, time_zone
             FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[]) AS told (user_id, version, language, time_zone)
             WHERE NOT EXISTS (
                 SELECT FROM messaging.erasure
                 WHERE erasure.realm_id = $1
                   AND erasure.user_id = told.user_id
             )
             ORDER BY user_id
             ON CONFLICT (realm_id, user_id) DO UPDATE
             SET known_version = excluded.known_version,
                 language = excluded.language,
                 time_zone = excluded.time_zone
             WHERE known.known_version < excluded.known_version",
            realm_id.as_uuid(),
            &ids,
            &versions,
            &languages,
            &time_zones,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }
}

/// There is news of these profiles: they are asked about before anything is written to them.
pub(super) async fn want(connection: &mut PgConnection, profiles: &[PersonVersion]) -> Result<(), Fault> {
    if profiles.is_empty() {
        return Ok(());
    }
    let realms: Vec<_> = profiles.iter().map(|profile| profile.realm_id.as_uuid()).collect();
    let users: Vec<_> = profiles.iter().map(|profile| profile.user_id.as_uuid()).collect();
    let versions: Vec<_> = profiles.iter().map(|profile| profile.version).collect();
    // Sorted, so that two planners do not wait for each other in a circle.
    sqlx::query!(
        "INSERT INTO speech AS known (realm_id, user_id, wanted_version)
         SELECT realm_id, user_id, max(version)
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS news (realm_id, user_id, version)
         GROUP BY realm_id, user_id
         ORDER BY realm_id, user_id
         ON CONFLICT (realm_id, user_id) DO UPDATE
         SET wanted_version = excluded.wanted_version
         WHERE known.wanted_version < excluded.wanted_version",
        &realms,
        &users,
        &versions,
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}
