//! What identity keeps of persons, erased and given to them (I27).

use async_trait::async_trait;
use kernel::{Fault, RealmId, Timestamp, UserId};
use messaging::{PersonalData, Records};
use runtime::postgres;
use sqlx::{PgConnection, PgPool};

use super::personal_records;

/// The user himself is deleted by then. What a call that had begun before has left behind goes with the rest.
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
    async fn erase(&self, realm_id: RealmId, user_id: UserId, _: Timestamp) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        forget(&mut transaction, realm_id, user_id).await?;
        forget_addresses(&mut transaction, realm_id, user_id).await?;
        forget_mail(&mut transaction, realm_id, user_id).await?;
        transaction.commit().await.map_err(postgres::fault)
    }

    async fn export(&self, realm_id: RealmId, user_id: UserId, records: &Records) -> Result<(), Fault> {
        personal_records::give(&self.pool, realm_id, user_id, records).await
    }
}

/// Deletes whatever is kept for a user beside himself.
pub(super) async fn forget(connection: &mut PgConnection, realm_id: RealmId, user_id: UserId) -> Result<(), Fault> {
    let (realm_id, user_id) = (realm_id.as_uuid(), user_id.as_uuid());
    let deletions = [
        sqlx::query!("DELETE FROM passwords WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM links WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM sessions WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM redeemed_autologins WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM stations WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM phone_codes WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM email_changes WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM registrations WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM second_factors WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM recovery_codes WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM external_ids WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM social_accounts WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM passkeys WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM passkey_challenges WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
        sqlx::query!("DELETE FROM group_members WHERE realm_id = $1 AND user_id = $2", realm_id, user_id),
    ];
    for deletion in deletions {
        deletion.execute(&mut *connection).await.map_err(postgres::fault)?;
    }
    Ok(())
}

/// What he did stands in the log, and not where he came from.
async fn forget_addresses(connection: &mut PgConnection, realm_id: RealmId, user_id: UserId) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE audit_log
         SET client_address = NULL
         WHERE realm_id = $1
           AND actor_id = $2
           AND client_address IS NOT NULL",
        realm_id.as_uuid(),
        user_id.as_uuid(),
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

/// Security mail to him that waits for the broker: sealed tokens and addresses.
async fn forget_mail(connection: &mut PgConnection, realm_id: RealmId, user_id: UserId) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM messaging.outbox
         WHERE lane = 'security'
           AND realm_id = $1
           AND aggregate_id = $2",
        realm_id.as_uuid(),
        user_id.as_uuid(),
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}
