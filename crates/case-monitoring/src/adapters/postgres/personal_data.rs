//! What case-monitoring keeps of persons, erased and given to them (I27). A case stays with the company that works on it, as a number with a history of
//! statuses; what it was about is his who asked for it.

use async_trait::async_trait;
use kernel::{Fault, RealmId, Timestamp, UserId};
use messaging::{PersonalData, Records, Redaction};
use runtime::postgres;
use sqlx::PgPool;

use super::personal_records;
use crate::adapters::events;

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
        sqlx::query!(
            "UPDATE cases
             SET subject = ''
             WHERE realm_id = $1
               AND requester_id = $2
               AND subject <> ''",
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }

    async fn export(&self, realm_id: RealmId, user_id: UserId, records: &Records) -> Result<(), Fault> {
        personal_records::give(&self.pool, realm_id, user_id, records).await
    }

    fn redaction(&self) -> Option<Redaction> {
        Some(events::without_contents)
    }
}
