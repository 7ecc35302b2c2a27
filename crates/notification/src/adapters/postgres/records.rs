//! The ledger as it is read.

use async_trait::async_trait;
use kernel::{DeliveryId, Fault, RealmId, Timestamp, UserId};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use super::UnknownWord;
use crate::adapters::events;
use crate::application::{DeliveryRecords, ExplainDelivery, ListDeliveries};
use crate::domain::{DeliveryRecord, ObjectId};

/// How long a command may take, and how far clocks may differ, in milliseconds.
const COMMAND_MARGIN: i64 = 600_000;

pub(crate) struct PgDeliveryRecords {
    pool: PgPool,
}

impl PgDeliveryRecords {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

struct RecordRow {
    delivery_id: Uuid,
    user_id: Uuid,
    kind: String,
    channel: String,
    state: String,
    reason: Option<String>,
    object_id: Uuid,
    attempt: i32,
    created_at: jiff_sqlx::Timestamp,
    settled_at: Option<jiff_sqlx::Timestamp>,
    expires_at: Option<jiff_sqlx::Timestamp>,
    receipt: Option<String>,
}

impl TryFrom<RecordRow> for DeliveryRecord {
    type Error = Fault;

    fn try_from(row: RecordRow) -> Result<Self, Fault> {
        let unknown = |()| Fault::internal(UnknownWord);
        Ok(Self {
            delivery_id: DeliveryId::from_uuid(row.delivery_id),
            user_id: UserId::from_uuid(row.user_id),
            kind: row.kind.parse().map_err(unknown)?,
            channel: row.channel.parse().map_err(unknown)?,
            state: row.state.parse().map_err(unknown)?,
            reason: row.reason,
            object_id: ObjectId::from_uuid(row.object_id),
            attempt: row.attempt,
            created_at: row.created_at.to_jiff(),
            settled_at: row.settled_at.map(jiff_sqlx::Timestamp::to_jiff),
            expires_at: row.expires_at.map(jiff_sqlx::Timestamp::to_jiff),
            receipt: row.receipt,
        })
    }
}

#[async_trait]
impl DeliveryRecords for PgDeliveryRecords {
    async fn page(&self, realm_id: RealmId, query: &ListDeliveries) -> Result<Vec<DeliveryRecord>, Fault> {
        let rows = sqlx::query_as!(
            RecordRow,
            "SELECT delivery_id, user_id, kind, channel, state, reason, object_id, attempt, created_at, settled_at, expires_at,
                 receipt
             FROM deliveries
             WHERE realm_id = $1
               AND user_id = $2
               AND delivery_id < $3
               AND ($4::uuid IS NULL OR object_id = $4)
             ORDER BY delivery_id DESC
             LIMIT $5",
            realm_id.as_uuid(),
            query.user_id.as_uuid(),
            query.after.map_or(Uuid::max(), |after| after.as_uuid()),
            query.object_id.map(|object_id| object_id.as_uuid()),
            query.limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(DeliveryRecord::try_from).collect()
    }

    async fn get(&self, realm_id: RealmId, user_id: UserId, delivery_id: DeliveryId) -> Result<Option<DeliveryRecord>, Fault> {
        let row = sqlx::query_as!(
            RecordRow,
            "SELECT delivery_id, user_id, kind, channel, state, reason, object_id, attempt, created_at, settled_at, expires_at,
                 receipt
             FROM deliveries
             WHERE realm_id = $1
               AND user_id = $2
               AND delivery_id = $3",
            realm_id.as_uuid(),
            user_id.as_uuid(),
            delivery_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(DeliveryRecord::try_from).transpose()
    }

    async fn of_change(
        &self,
        realm_id: RealmId,
        asked: &ExplainDelivery,
        changed_at: Timestamp,
    ) -> Result<Option<DeliveryRecord>, Fault> {
        let [first, last] = commands_around(changed_at);
        let told = sqlx::query!(
            "SELECT delivery_id, content
             FROM deliveries
             WHERE realm_id = $1
               AND user_id = $2
               AND object_id = $3
               AND channel = $4
               AND kind = 'STATUS_CHANGE'
               AND cause_id BETWEEN $5 AND $6",
            realm_id.as_uuid(),
            asked.user_id.as_uuid(),
            asked.case_id.as_uuid(),
            asked.channel.as_str(),
            first,
            last,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let of_version = told.into_iter().find(|row| events::case_version(&row.content) == Some(asked.case_version));
        match of_version {
            Some(row) => self.get(realm_id, asked.user_id, DeliveryId::from_uuid(row.delivery_id)).await,
            None => Ok(None),
        }
    }
}

/// The ids that commands may have which made a change at that moment: they begin with their own (UUIDv7, RFC 9562 §5.7), by the
/// clock of another process.
fn commands_around(changed_at: Timestamp) -> [Uuid; 2] {
    let id = |milliseconds: i64, rest: u128| {
        let milliseconds = u128::from(milliseconds.unsigned_abs()) & 0xffff_ffff_ffff;
        Uuid::from_u128(milliseconds << 80 | rest)
    };
    let at = changed_at.as_millisecond();
    [id(at - COMMAND_MARGIN, 0), id(at + COMMAND_MARGIN, (1 << 80) - 1)]
}
