//! What profile keeps of persons in PostgreSQL, erased and given to them (I27).

use kernel::{AvatarId, Fault, RealmId, Timestamp, UserId};
use messaging::Records;
use runtime::postgres;
use sqlx::{PgConnection, PgPool};

use super::avatars::set_aside;
use super::personal_records;

pub(crate) struct PgPersonalData {
    pool: PgPool,
}

impl PgPersonalData {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The avatar that is shown of him.
    pub(crate) async fn avatar_of(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<AvatarId>, Fault> {
        let avatar_id = sqlx::query_scalar!(
            "SELECT avatar_id
             FROM profiles
             WHERE realm_id = $1
               AND user_id = $2",
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(avatar_id.flatten().map(AvatarId::from_uuid))
    }

    /// Gives his profile with all that he has said in it.
    pub(crate) async fn export(&self, realm_id: RealmId, user_id: UserId, records: &Records) -> Result<(), Fault> {
        personal_records::give(&self.pool, realm_id, user_id, records).await
    }

    /// Deletes his profile with all that he has said in it. If he has taken another avatar meanwhile, its files go with the next
    /// housekeeping.
    pub(crate) async fn erase(&self, realm_id: RealmId, user_id: UserId, now: Timestamp) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        delete_values(&mut transaction, realm_id, user_id).await?;
        let avatar_id = delete_profile(&mut transaction, realm_id, user_id).await?;
        if let Some(avatar_id) = avatar_id {
            set_aside(&mut *transaction, realm_id, avatar_id, now).await?;
        }
        transaction.commit().await.map_err(postgres::fault)
    }
}

async fn delete_values(connection: &mut PgConnection, realm_id: RealmId, user_id: UserId) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM attribute_values
         WHERE realm_id = $1
           AND user_id = $2",
        realm_id.as_uuid(),
        user_id.as_uuid(),
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

async fn delete_profile(connection: &mut PgConnection, realm_id: RealmId, user_id: UserId) -> Result<Option<AvatarId>, Fault> {
    let deleted = sqlx::query_scalar!(
        "DELETE FROM profiles
         WHERE realm_id = $1
           AND user_id = $2
         RETURNING avatar_id",
        realm_id.as_uuid(),
        user_id.as_uuid(),
    )
    .fetch_optional(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(deleted.flatten().map(AvatarId::from_uuid))
}
