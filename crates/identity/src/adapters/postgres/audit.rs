//! The audit log in PostgreSQL: written in the transaction of what it tells of; what other services tell of, in the one that takes their
//! facts in.

use std::sync::Arc;

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{
    Actor, ActorKind, AuditEntryId, Call, Clock, CommandId, CompanyId, CredentialId, EventId, Fault, Id, IdSource, RealmId,
    Timestamp,
};
use messaging::inbox;
use runtime::postgres;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::application::{AuditEntries, PLATFORM};
use crate::domain::audit::{AuditAct, AuditEntry, AuditFilter, Done, ToldAct};

/// Writes entries for whoever else writes.
#[derive(Clone)]
pub(crate) struct AuditLog {
    ids: Arc<dyn IdSource>,
    clock: Arc<dyn Clock>,
}

/// Where and by whom something is done.
struct Doing<'a> {
    realm_id: RealmId,
    company_id: Option<CompanyId>,
    actor: &'a Actor,
    client_address: Option<String>,
    command_id: CommandId,
}

impl AuditLog {
    pub(crate) const fn new(ids: Arc<dyn IdSource>, clock: Arc<dyn Clock>) -> Self {
        Self { ids, clock }
    }

    pub(super) async fn append(
        &self,
        executor: impl PgExecutor<'_>,
        call: &Call,
        realm_id: RealmId,
        company_id: Option<CompanyId>,
        done: &[Done],
    ) -> Result<(), Fault> {
        let Some(actor) = Actor::of(call.caller()) else { return Ok(()) };
        let client_address = call.client_in(realm_id).address.map(|address| address.to_string());
        let doing = Doing { realm_id, company_id, actor: &actor, client_address, command_id: call.command_id() };
        self.write(executor, &doing, done).await
    }

    /// What is done by a command beside the database itself, and in no realm.
    pub(super) async fn append_command(&self, executor: impl PgExecutor<'_>, done: &[Done]) -> Result<(), Fault> {
        let command_id = self.ids.new_id(self.clock.now());
        let actor = &Actor::COMMAND_LINE;
        let doing = Doing { realm_id: PLATFORM, company_id: None, actor, client_address: None, command_id };
        self.write(executor, &doing, done).await
    }

    async fn write(&self, executor: impl PgExecutor<'_>, doing: &Doing<'_>, done: &[Done]) -> Result<(), Fault> {
        if done.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let ids: Vec<Uuid> = done.iter().map(|_| self.ids.new_id::<kernel::of::AuditEntry>(now).as_uuid()).collect();
        sqlx::query!(
            "INSERT INTO audit_log
                 (realm_id, entry_id, company_id, act, object_id, detail, actor_kind, actor_id, actor_name, acting_service,
                  client_address, command_id, done_at)
             SELECT $1, entry_id, $2, act, object_id, detail, $7, $8, $9, $10, $11, $12, $13
             FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[]) AS done (entry_id, act, object_id, detail)",
            doing.realm_id.as_uuid(),
            doing.company_id.map(|company_id| company_id.as_uuid()),
            &ids,
            &done.iter().map(|done| done.act.as_str().to_owned()).collect::<Vec<_>>(),
            &done.iter().map(|done| done.object_id.as_uuid()).collect::<Vec<_>>(),
            &done.iter().map(|done| done.detail.clone()).collect::<Vec<_>>() as _,
            doing.actor.kind.as_str(),
            doing.actor.id.map(|id| id.as_uuid()),
            doing.actor.name.as_deref(),
            doing.actor.acting_service.map(|id| id.as_uuid()),
            doing.client_address.as_deref(),
            doing.command_id.as_uuid(),
            now.to_sqlx() as _,
        )
        .execute(executor)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }
}

/// Nothing is done later: 9999-12-30.
const LATEST: Timestamp = Timestamp::constant(253_402_128_000, 0);

pub(crate) struct PgAuditEntries {
    pool: PgPool,
}

impl PgAuditEntries {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Writes down what other services tell of, each act once.
    pub(crate) async fn note(&self, consumer: &str, told: &[ToldAct]) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let event_ids: Vec<EventId> = told.iter().map(event_id).collect();
        let fresh = inbox::accept(&mut transaction, consumer, &event_ids).await.map_err(postgres::fault)?;
        for told in told.iter().filter(|told| fresh.contains(&event_id(told))) {
            note_act(&mut transaction, told).await?;
        }
        transaction.commit().await.map_err(postgres::fault)
    }
}

/// An entry has the id of the fact that told of it.
fn event_id(told: &ToldAct) -> EventId {
    EventId::from_uuid(told.entry.id.as_uuid())
}

/// Of whoever was erased meanwhile it is not written where he came from. One that stands in a batch twice is one.
async fn note_act(connection: &mut PgConnection, told: &ToldAct) -> Result<(), Fault> {
    let ToldAct { realm_id, cause_id, entry } = told;
    sqlx::query!(
        "INSERT INTO audit_log
             (realm_id, entry_id, company_id, act, object_id, detail, actor_kind, actor_id, actor_name, acting_service,
              client_address, command_id, done_at)
         SELECT $1::uuid, $2::uuid, $3::uuid, $4::text, $5::uuid, $6::text, $7::text, $8::uuid, $9::text, $10::uuid,
             CASE WHEN NOT EXISTS (
                 SELECT FROM messaging.erasure
                 WHERE erasure.realm_id = $1::uuid
                   AND erasure.user_id = $8::uuid
             ) THEN $11::text END,
             $12::uuid, $13::timestamptz
         ON CONFLICT (realm_id, entry_id) DO NOTHING",
        realm_id.as_uuid(),
        entry.id.as_uuid(),
        entry.company_id.map(|company_id| company_id.as_uuid()),
        entry.done.act.as_str(),
        entry.done.object_id.as_uuid(),
        entry.done.detail.as_deref(),
        entry.actor.kind.as_str(),
        entry.actor.id.map(|id| id.as_uuid()),
        entry.actor.name.as_deref(),
        entry.actor.acting_service.map(|id| id.as_uuid()),
        entry.client_address.as_deref(),
        cause_id.as_uuid(),
        entry.at.to_sqlx() as _,
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("a stored entry of the audit log has no meaning")]
struct UnreadableEntry;

#[async_trait]
impl AuditEntries for PgAuditEntries {
    async fn page(
        &self,
        realm_id: RealmId,
        filter: &AuditFilter,
        after: Option<AuditEntryId>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, Fault> {
        let start = filter.start.unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH);
        let end = filter.end.unwrap_or(LATEST).min(LATEST);
        let rows = sqlx::query!(
            "SELECT entry_id, company_id, act, object_id, detail, actor_kind, actor_id, actor_name, acting_service, client_address,
                 done_at
             FROM audit_log
             WHERE realm_id = $1
               AND ($2::uuid IS NULL OR company_id = $2)
               AND ($3::uuid IS NULL OR actor_id = $3)
               AND ($4::uuid IS NULL OR object_id = $4)
               AND ($5::text IS NULL OR act = $5)
               AND done_at >= $6
               AND done_at < $7
               -- An id is made at the moment of its entry: so the moments bound the key as well.
               AND entry_id >= messaging.uuid_v7_floor($6)
               AND entry_id < $8
               -- A later release may have written down more, which this one cannot say.
               AND act = ANY($10)
               AND actor_kind = ANY($11)
             ORDER BY entry_id DESC
             LIMIT $9",
            realm_id.as_uuid(),
            filter.company_id.map(|id| id.as_uuid()),
            filter.actor_id.map(|id| id.as_uuid()),
            filter.object_id.map(|id| id.as_uuid()),
            filter.act.map(AuditAct::as_str),
            start.to_sqlx() as _,
            end.to_sqlx() as _,
            after.map_or(Uuid::max(), |after| after.as_uuid()),
            limit,
            &AuditAct::ALL.map(|act| act.as_str().to_owned())[..],
            &ActorKind::ALL.map(|kind| kind.as_str().to_owned())[..],
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let unreadable = |()| Fault::internal(UnreadableEntry);
        let entries = rows.into_iter().map(|row| {
            Ok(AuditEntry {
                id: AuditEntryId::from_uuid(row.entry_id),
                company_id: row.company_id.map(CompanyId::from_uuid),
                done: Done {
                    act: row.act.parse().map_err(unreadable)?,
                    object_id: Id::from_uuid(row.object_id),
                    detail: row.detail,
                },
                actor: Actor {
                    kind: row.actor_kind.parse().map_err(unreadable)?,
                    id: row.actor_id.map(Id::from_uuid),
                    name: row.actor_name,
                    acting_service: row.acting_service.map(CredentialId::from_uuid),
                },
                client_address: row.client_address,
                at: row.done_at.to_jiff(),
            })
        });
        entries.collect()
    }
}
