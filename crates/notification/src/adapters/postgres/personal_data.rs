//! What notification keeps of persons, erased and given to them (I27).

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Fault, RealmId, Timestamp, UserId};
use messaging::{PersonalData, Records};
use runtime::postgres;
use sqlx::{PgConnection, PgPool};

use super::personal_records;

pub(crate) struct PgPersonalData {
    pool: PgPool,
}

impl PgPersonalData {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl PersonalData for PgPersonalData {
    async fn erase(&self, realm_id: RealmId, user_id: UserId, now: Timestamp) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        forget_contacts(&mut transaction, realm_id, user_id).await?;
        forget_preferences(&mut transaction, realm_id, user_id).await?;
        empty_deliveries(&mut transaction, realm_id, user_id, now).await?;
        transaction.commit().await.map_err(postgres::fault)
    }

    async fn export(&self, realm_id: RealmId, user_id: UserId, records: &Records) -> Result<(), Fault> {
        personal_records::give(&self.pool, realm_id, user_id, records).await
    }
}

async fn forget_contacts(connection: &mut PgConnection, realm_id: RealmId, user_id: UserId) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM people
         WHERE realm_id = $1
           AND user_id = $2",
        realm_id.as_uuid(),
        user_id.as_uuid(),
    )
    .execute(&mut *connection)
    .await
    .map_err(postgres::fault)?;
    sqlx::query!(
        "DELETE FROM speech
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

async fn forget_preferences(connection: &mut PgConnection, realm_id: RealmId, user_id: UserId) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM preferences
         WHERE realm_id = $1
           AND user_id = $2",
        realm_id.as_uuid(),
        user_id.as_uuid(),
    )
    .execute(&mut *connection)
    .await
    .map_err(postgres::fault)?;
    sqlx::query!(
        "DELETE FROM preference_history
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

/// That he was told stays in the ledger, but not what, nor where; what was not sent yet is not sent any more.
async fn empty_deliveries(
    connection: &mut PgConnection,
    realm_id: RealmId,
    user_id: UserId,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE deliveries
         SET content = '',
             address_hash = NULL,
             state = CASE WHEN settled_at IS NULL THEN 'SUPPRESSED' ELSE state END,
             reason = CASE WHEN settled_at IS NULL THEN 'ERASED' ELSE reason END,
             settled_at = coalesce(settled_at, $3)
         WHERE realm_id = $1
           AND user_id = $2
           AND (content <> '' OR address_hash IS NOT NULL OR settled_at IS NULL)",
        realm_id.as_uuid(),
        user_id.as_uuid(),
        now.to_sqlx() as _,
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}
