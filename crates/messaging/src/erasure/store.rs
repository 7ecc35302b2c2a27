//! Who is to be erased, in PostgreSQL, and what this crate itself keeps of him.

use api::cabinet::messaging::events::v1 as pb;
use jiff_sqlx::ToSqlx as _;
use kernel::{CommandId, EventId, Fault, RealmId, Timestamp, UserId};
use prost::Message as _;
use runtime::grpc::timestamp;
use runtime::postgres;
use sqlx::PgPool;

use super::Redaction;
use crate::acts::without_address_of;
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

/// A user for whom there is something to be done now.
pub(super) struct Due {
    pub(super) realm_id: RealmId,
    pub(super) user_id: UserId,
    cause_id: CommandId,
    /// None: he is still to be erased.
    pub(super) erased_at: Option<Timestamp>,
    /// Erased and told: he is erased once more.
    pub(super) is_told: bool,
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

    /// Remembers those of whom this consumer had not heard. Of whom it is asked again, that is told again.
    pub(super) async fn remember(&self, consumer: &str, asked: &[Asked], now: Timestamp) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let event_ids: Vec<EventId> = asked.iter().map(|asked| asked.told_by).collect();
        let fresh = inbox::accept(&mut transaction, consumer, &event_ids).await.map_err(postgres::fault)?;
        let asked: Vec<&Asked> = asked.iter().filter(|asked| fresh.contains(&asked.told_by)).collect();
        // Sorted, so that two who remember the same do not wait for each other in a circle.
        sqlx::query!(
            "INSERT INTO messaging.erasure AS known (realm_id, user_id, cause_id, due_at)
             SELECT DISTINCT ON (realm_id, user_id) realm_id, user_id, cause_id, $4::timestamptz
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS asked (realm_id, user_id, cause_id)
             ORDER BY realm_id, user_id
             ON CONFLICT (realm_id, user_id) DO UPDATE
             SET is_told = false,
                 due_at = excluded.due_at
             WHERE known.is_told",
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

    /// Those for whom there is something to be done, which nobody else does before `until`. Who fails comes again then, behind the others.
    pub(super) async fn claim(&self, now: Timestamp, until: Timestamp, limit: i64) -> Result<Vec<Due>, Fault> {
        let rows = sqlx::query!(
            "UPDATE messaging.erasure AS erasure
             SET due_at = $2
             FROM (
                 SELECT realm_id, user_id
                 FROM messaging.erasure
                 WHERE due_at <= $1
                 ORDER BY due_at
                 LIMIT $3
                 FOR UPDATE SKIP LOCKED -- what another replica is claiming is not waited for
             ) AS due
             WHERE erasure.realm_id = due.realm_id
               AND erasure.user_id = due.user_id
             RETURNING erasure.realm_id, erasure.user_id, erasure.cause_id, erasure.erased_at, erasure.is_told",
            now.to_sqlx() as _,
            until.to_sqlx() as _,
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let due = rows.into_iter().map(|row| Due {
            realm_id: RealmId::from_uuid(row.realm_id),
            user_id: UserId::from_uuid(row.user_id),
            cause_id: CommandId::from_uuid(row.cause_id),
            erased_at: row.erased_at.map(jiff_sqlx::Timestamp::to_jiff),
            is_told: row.is_told,
        });
        Ok(due.collect())
    }

    /// Takes from the facts that name him, published or not, what they say of him: of acts where he came from, and of the service's own, if
    /// they say anything of him, whatever it knows to be his. A fact that is on its way from the one table to
    /// the other at this moment is found the second time.
    pub(super) async fn redact_facts(&self, realm_id: RealmId, user_id: UserId, own: Option<Redaction>) -> Result<(), Fault> {
        let mut behind = BEFORE_ALL;
        loop {
            let facts = self.facts_naming(realm_id, user_id, own.is_none(), behind).await?;
            let Some((last, ..)) = facts.last() else { return Ok(()) };
            behind = *last;
            for (event_id, event_type, payload) in &facts {
                let of_act = without_address_of(user_id, event_type, payload);
                if let Some(redacted) = of_act.or_else(|| own.and_then(|redaction| redaction(event_type, payload))) {
                    self.replace_payload(*event_id, &redacted).await?;
                }
            }
        }
    }

    async fn facts_naming(
        &self,
        realm_id: RealmId,
        user_id: UserId,
        acts_alone: bool,
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
               AND (NOT $5 OR type LIKE '%.act.done.v1')
               AND position(convert_to($3, 'UTF8') IN payload) > 0
             ORDER BY event_id
             LIMIT $4"#,
            realm_id.as_uuid(),
            behind.as_uuid(),
            user_id.to_string(),
            FACTS,
            acts_alone,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(rows.into_iter().map(|row| (EventId::from_uuid(row.event_id), row.event_type, row.payload)).collect())
    }

    /// One at a time: whoever holds a single row waits for nobody who waits for him.
    async fn replace_payload(&self, event_id: EventId, payload: &[u8]) -> Result<(), Fault> {
        sqlx::query!("UPDATE messaging.outbox SET payload = $2 WHERE event_id = $1", event_id.as_uuid(), payload)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        sqlx::query!("UPDATE messaging.outbox_archive SET payload = $2 WHERE event_id = $1", event_id.as_uuid(), payload)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        Ok(())
    }

    /// Of those that cannot even tell their realm as well: an id is unique in the world. Acts are still to be written down: of them goes where he
    /// came from.
    pub(super) async fn delete_dead_letters(&self, realm_id: RealmId, user_id: UserId) -> Result<(), Fault> {
        let acts = sqlx::query!(
            "SELECT dead_letter_id, type AS event_type, payload
             FROM messaging.dead_letter
             WHERE realm_id = $1
               AND type LIKE '%.act.done.v1'
               AND position(convert_to($2, 'UTF8') IN payload) > 0",
            realm_id.as_uuid(),
            user_id.to_string(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        for act in acts {
            let Some(redacted) = without_address_of(user_id, &act.event_type, &act.payload) else { continue };
            sqlx::query!("UPDATE messaging.dead_letter SET payload = $2 WHERE dead_letter_id = $1", act.dead_letter_id, redacted)
                .execute(&self.pool)
                .await
                .map_err(postgres::fault)?;
        }
        sqlx::query!(
            "DELETE FROM messaging.dead_letter
             WHERE (realm_id = $1 OR realm_id IS NULL)
               AND NOT (realm_id IS NOT NULL AND type LIKE '%.act.done.v1')
               AND position(convert_to($2, 'UTF8') IN payload) > 0",
            realm_id.as_uuid(),
            user_id.to_string(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }

    /// Writes that he is erased, and tells of it. `sweep_at` is when he is erased once more, if he was not yet.
    pub(super) async fn tell(
        &self,
        due: &Due,
        event_id: EventId,
        event_type: &str,
        erased_at: Timestamp,
        sweep_at: Timestamp,
    ) -> Result<(), Fault> {
        let payload = pb::UserErased { user_id: due.user_id.to_string(), erase_time: Some(timestamp(erased_at)) };
        sqlx::query!(
            "WITH told AS (
                 UPDATE messaging.erasure
                 SET erased_at = $3,
                     is_told = true,
                     due_at = CASE WHEN swept_at IS NULL THEN $4::timestamptz END
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND NOT is_told
                 RETURNING realm_id, user_id, erased_at
             )
             SELECT messaging.append_event($5, realm_id, 'user', user_id, 1, $6, $7, $8, $9, NULL, erased_at) AS appended
             FROM told",
            due.realm_id.as_uuid(),
            due.user_id.as_uuid(),
            erased_at.to_sqlx() as _,
            sweep_at.to_sqlx() as _,
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

    /// Writes that he was erased once more.
    pub(super) async fn note_sweep(&self, due: &Due, now: Timestamp) -> Result<(), Fault> {
        sqlx::query!(
            "UPDATE messaging.erasure
             SET swept_at = $3,
                 due_at = NULL
             WHERE realm_id = $1
               AND user_id = $2
               AND is_told",
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
