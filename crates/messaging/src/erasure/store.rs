//! Who is to be erased, in PostgreSQL, and what this crate itself keeps of him.

use std::time::Duration;

use api::cabinet::messaging::events::v1 as pb;
use jiff_sqlx::ToSqlx as _;
use kernel::{CommandId, EventId, Fault, RealmId, Timestamp, UserId};
use prost::Message as _;
use runtime::grpc::timestamp;
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use super::Redaction;
use crate::outbox::BEFORE_ALL;
use crate::{Lane, OutboxSignal, inbox};

/// Facts that are looked at together.
const FACTS: i64 = 500;

/// A user who is to be erased, as a fact says.
pub(super) struct Asked {
    pub(super) told_by: EventId,
    pub(super) realm_id: RealmId,
    pub(super) user_id: UserId,
    pub(super) caused_by: CommandId,
}

/// A user who is to be erased now.
pub(super) struct Due {
    pub(super) realm_id: RealmId,
    pub(super) user_id: UserId,
    cause_id: CommandId,
    /// He was erased, and is once more.
    is_swept: bool,
}

#[derive(Clone)]
pub(super) struct PgErasures {
    pool: PgPool,
    signal: OutboxSignal,
}

impl PgErasures {
    pub(super) const fn new(pool: PgPool, signal: OutboxSignal) -> Self {
        Self { pool, signal }
    }

    /// Remembers those of whom this consumer had not heard. Who is named again is erased again.
    pub(super) async fn remember(&self, consumer: &str, asked: &[Asked], now: Timestamp) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let event_ids: Vec<EventId> = asked.iter().map(|asked| asked.told_by).collect();
        let fresh = inbox::accept(&mut transaction, consumer, &event_ids).await.map_err(postgres::fault)?;
        let asked: Vec<&Asked> = asked.iter().filter(|asked| fresh.contains(&asked.told_by)).collect();
        sqlx::query!(
            "INSERT INTO messaging.erasure (realm_id, user_id, cause_id, asked_at)
             SELECT DISTINCT ON (realm_id, user_id) realm_id, user_id, cause_id, $4::timestamptz
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS asked (realm_id, user_id, cause_id)
             ORDER BY realm_id, user_id
             ON CONFLICT (realm_id, user_id) DO UPDATE
             SET asked_at = excluded.asked_at,
                 erased_at = NULL,
                 swept_at = NULL",
            &asked.iter().map(|asked| asked.realm_id.as_uuid()).collect::<Vec<_>>(),
            &asked.iter().map(|asked| asked.user_id.as_uuid()).collect::<Vec<_>>(),
            &asked.iter().map(|asked| asked.caused_by.as_uuid()).collect::<Vec<_>>(),
            now.to_sqlx() as _,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        transaction.commit().await.map_err(postgres::fault)
    }

    /// Those who are to be erased, and those whose erasure is that long ago and was not repeated.
    pub(super) async fn due(&self, now: Timestamp, sweep_after: Duration, limit: i64) -> Result<Vec<Due>, Fault> {
        let swept_from = now.saturating_sub(sweep_after).expect("whole hours can be taken from a moment");
        let rows = sqlx::query!(
            r#"SELECT realm_id, user_id, cause_id, erased_at IS NOT NULL AS "is_swept!"
             FROM messaging.erasure
             WHERE swept_at IS NULL
               AND (erased_at IS NULL OR erased_at <= $1)
             ORDER BY asked_at
             LIMIT $2"#,
            swept_from.to_sqlx() as _,
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let due = rows.into_iter().map(|row| Due {
            realm_id: RealmId::from_uuid(row.realm_id),
            user_id: UserId::from_uuid(row.user_id),
            cause_id: CommandId::from_uuid(row.cause_id),
            is_swept: row.is_swept,
        });
        Ok(due.collect())
    }

    /// Takes from the facts that name him, published or not, what they say of him. A fact that is on its way from the one table to
    /// the other at this moment is found the second time.
    pub(super) async fn redact_facts(&self, realm_id: RealmId, user_id: UserId, redaction: Redaction) -> Result<(), Fault> {
        let mut behind = BEFORE_ALL;
        loop {
            let facts = self.facts_naming(realm_id, user_id, behind).await?;
            let Some((last, ..)) = facts.last() else { return Ok(()) };
            behind = *last;
            let redacted =
                facts.iter().filter_map(|(id, event_type, payload)| Some((id.as_uuid(), redaction(event_type, payload)?)));
            let (ids, payloads): (Vec<Uuid>, Vec<Vec<u8>>) = redacted.unzip();
            self.replace_payloads(&ids, &payloads).await?;
        }
    }

    async fn facts_naming(
        &self,
        realm_id: RealmId,
        user_id: UserId,
        behind: EventId,
    ) -> Result<Vec<(EventId, String, Vec<u8>)>, Fault> {
        let rows = sqlx::query!(
            r#"SELECT event_id AS "event_id!", type AS "event_type!", payload AS "payload!"
             FROM (
                 SELECT event_id, realm_id, type, payload FROM messaging.outbox
                 UNION ALL
                 SELECT event_id, realm_id, type, payload FROM messaging.outbox_archive
             ) AS fact
             WHERE realm_id = $1
               AND event_id > $2
               AND position(convert_to($3, 'UTF8') IN payload) > 0
             ORDER BY event_id
             LIMIT $4"#,
            realm_id.as_uuid(),
            behind.as_uuid(),
            user_id.to_string(),
            FACTS,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(rows.into_iter().map(|row| (EventId::from_uuid(row.event_id), row.event_type, row.payload)).collect())
    }

    async fn replace_payloads(&self, ids: &[Uuid], payloads: &[Vec<u8>]) -> Result<(), Fault> {
        sqlx::query!(
            "WITH fact AS (
                 SELECT event_id, payload FROM unnest($1::uuid[], $2::bytea[]) AS redacted (event_id, payload)
             ), waiting AS (
                 UPDATE messaging.outbox
                 SET payload = fact.payload
                 FROM fact
                 WHERE messaging.outbox.event_id = fact.event_id
             )
             UPDATE messaging.outbox_archive
             SET payload = fact.payload
             FROM fact
             WHERE messaging.outbox_archive.event_id = fact.event_id",
            ids,
            payloads,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }

    /// Of those that cannot even tell their realm as well: an id is unique in the world.
    pub(super) async fn delete_dead_letters(&self, realm_id: RealmId, user_id: UserId) -> Result<(), Fault> {
        sqlx::query!(
            "DELETE FROM messaging.dead_letter
             WHERE (realm_id = $1 OR realm_id IS NULL)
               AND position(convert_to($2, 'UTF8') IN payload) > 0",
            realm_id.as_uuid(),
            user_id.to_string(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }

    /// Writes that he is erased, and tells of it; the second time nobody is told.
    pub(super) async fn finish(&self, due: &Due, event_id: EventId, event_type: &str, now: Timestamp) -> Result<(), Fault> {
        if due.is_swept {
            return self.note_sweep(due, now).await;
        }
        let payload = pb::UserErased { user_id: due.user_id.to_string(), erase_time: Some(timestamp(now)) };
        sqlx::query!(
            "WITH erased AS (
                 UPDATE messaging.erasure
                 SET erased_at = $3
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND erased_at IS NULL
                 RETURNING realm_id, user_id, erased_at
             )
             SELECT messaging.append_event($4, realm_id, 'user', user_id, 1, $5, $6, $7, $8, NULL, erased_at) AS appended
             FROM erased",
            due.realm_id.as_uuid(),
            due.user_id.as_uuid(),
            now.to_sqlx() as _,
            event_id.as_uuid(),
            Lane::Normal.as_str(),
            due.cause_id.as_uuid(),
            event_type,
            payload.encode_to_vec(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        Ok(())
    }

    async fn note_sweep(&self, due: &Due, now: Timestamp) -> Result<(), Fault> {
        sqlx::query!(
            "UPDATE messaging.erasure
             SET swept_at = $3
             WHERE realm_id = $1
               AND user_id = $2
               AND erased_at IS NOT NULL",
            due.realm_id.as_uuid(),
            due.user_id.as_uuid(),
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }
}
