//! Dead letters in PostgreSQL.

use std::sync::Arc;

use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Clock, CommandId, DeadLetterId, EventId, Fault, IdSource, Permit, RealmId, Timestamp, UserId};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Act, ActLog, EXPORT_PAGE, KeyedRecord, Lane, Malformed, Message, SubscriptionSpec};

/// The dead letters of one service.
#[derive(Clone)]
pub struct DeadLetters {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    acts: ActLog,
}

/// PostgreSQL keeps any text without a NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Security mail may hold a secret, and would come too late in any case.
fn payload_to_keep<'a>(spec: &SubscriptionSpec, payload: &'a [u8]) -> &'a [u8] {
    match spec.lane {
        Lane::Normal => payload,
        Lane::Security => &[],
    }
}

/// A dead letter as an operator sees it.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) id: DeadLetterId,
    pub(super) consumer: String,
    pub(super) event_id: Option<EventId>,
    pub(super) event_type: String,
    pub(super) reason: String,
    pub(super) died_at: Timestamp,
}

impl DeadLetters {
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>, acts: ActLog) -> Self {
        Self { pool, clock, ids, acts }
    }

    /// Keeps a message that was tried often enough; of security mail only that it was there.
    pub(crate) async fn bury(&self, spec: &SubscriptionSpec, message: &Message, reason: &str) -> sqlx::Result<()> {
        let now = self.clock.now();
        sqlx::query!(
            "INSERT INTO messaging.dead_letter
                 (dead_letter_id, consumer, lane, event_id, realm_id, cause_id, type, occurred_at, expires_at,
                  traceparent, payload, reason, died_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            self.ids.uuid_v7(now),
            spec.consumer,
            spec.lane.as_str(),
            message.event_id.as_uuid(),
            message.realm_id.as_uuid(),
            message.cause_id.as_uuid(),
            message.event_type,
            message.occurred_at.to_sqlx() as _,
            message.expires_at.map(jiff_sqlx::ToSqlx::to_sqlx) as _,
            message.traceparent,
            payload_to_keep(spec, &message.payload),
            storable(reason),
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Keeps a message whose envelope cannot be read.
    pub(crate) async fn bury_malformed(&self, spec: &SubscriptionSpec, malformed: &Malformed) -> sqlx::Result<()> {
        let now = self.clock.now();
        sqlx::query!(
            "INSERT INTO messaging.dead_letter (dead_letter_id, consumer, lane, type, payload, reason, died_at)
             VALUES ($1, $2, $3, $4, $5, 'malformed envelope', $6)",
            self.ids.uuid_v7(now),
            spec.consumer,
            spec.lane.as_str(),
            storable(&malformed.routing_key),
            payload_to_keep(spec, &malformed.payload),
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Those that name a user, as he may know of them: that there are such, and of what kind. What they say is a copy of what is kept
    /// of him elsewhere, or was to become that.
    pub(crate) async fn naming(&self, realm_id: RealmId, user_id: UserId, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT dead_letter_id AS key,
                 jsonb_build_object('dead_letter_id', dead_letter_id, 'consumer', consumer, 'lane', lane, 'event_id', event_id,
                     'event_type', type, 'event_time', occurred_at, 'expire_time', expires_at, 'death_time', died_at)::text AS "record!"
             FROM messaging.dead_letter
             WHERE (realm_id = $1 OR realm_id IS NULL)
               AND position(convert_to($2, 'UTF8') IN payload) > 0
               AND dead_letter_id > $3
             ORDER BY dead_letter_id
             LIMIT $4"#,
            realm_id.as_uuid(),
            user_id.to_string(),
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Those behind `after`, the newest first.
    pub(super) async fn list(&self, after: Option<DeadLetterId>, limit: i64) -> Result<Vec<DeadLetter>, Fault> {
        let rows = sqlx::query!(
            "SELECT dead_letter_id, consumer, event_id, type AS event_type, reason, died_at
             FROM messaging.dead_letter
             WHERE $1::uuid IS NULL OR dead_letter_id < $1
             ORDER BY dead_letter_id DESC
             LIMIT $2",
            after.map(|id| id.as_uuid()),
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let letters = rows.into_iter().map(|row| DeadLetter {
            id: DeadLetterId::from_uuid(row.dead_letter_id),
            consumer: row.consumer,
            event_id: row.event_id.map(EventId::from_uuid),
            event_type: row.event_type,
            reason: row.reason,
            died_at: row.died_at.to_jiff(),
        });
        Ok(letters.collect())
    }

    /// A dead letter as a message to its consumer; none if there is no such letter, if its envelope could not be read, or if it
    /// was security mail, of which nothing is left.
    pub(super) async fn get(&self, id: DeadLetterId) -> Result<Option<(String, Lane, Message)>, Fault> {
        let row = sqlx::query!(
            r#"SELECT consumer, lane, event_id AS "event_id!", realm_id AS "realm_id!", cause_id AS "cause_id!",
                   type AS event_type, occurred_at AS "occurred_at!", expires_at, traceparent, payload
             FROM messaging.dead_letter
             WHERE dead_letter_id = $1
               AND event_id IS NOT NULL
               AND lane <> $2"#,
            id.as_uuid(),
            Lane::Security.as_str(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let Some(row) = row else { return Ok(None) };
        let lane: Lane = row.lane.parse().map_err(|()| Fault::internal("a stored lane has no meaning"))?;
        let message = Message {
            event_id: EventId::from_uuid(row.event_id),
            realm_id: RealmId::from_uuid(row.realm_id),
            cause_id: CommandId::from_uuid(row.cause_id),
            event_type: row.event_type,
            occurred_at: row.occurred_at.to_jiff(),
            expires_at: row.expires_at.map(jiff_sqlx::Timestamp::to_jiff),
            payload: row.payload,
            traceparent: row.traceparent,
            attempt: 0,
        };
        Ok(Some((row.consumer, lane, message)))
    }

    /// Forgets a letter that its consumer has again, and tells who gave it to him, unless somebody else has done so.
    pub(super) async fn delete(&self, _: &Permit, call: &Call, id: DeadLetterId, replayed: Act) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let deleted = sqlx::query!("DELETE FROM messaging.dead_letter WHERE dead_letter_id = $1", id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(postgres::fault)?;
        if deleted.rows_affected() == 0 {
            return Ok(());
        }
        self.acts.commit(transaction, call, replayed).await
    }
}
