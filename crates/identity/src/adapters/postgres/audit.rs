//! The audit log in PostgreSQL: written in the transaction of what it tells of.

use std::sync::Arc;

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{
    AuditEntryId, Call, Caller, Clock, CompanyId, CredentialId, Fault, Id, IdSource, RealmId, Through, Timestamp, UserCaller,
};
use runtime::postgres;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::application::AuditEntries;
use crate::domain::audit::{ActorKind, AuditAct, AuditEntry, AuditFilter, Done};

/// Writes entries for whoever else writes.
#[derive(Clone)]
pub(crate) struct AuditLog {
    ids: Arc<dyn IdSource>,
    clock: Arc<dyn Clock>,
}

/// Who does something, as the log has him.
struct ActorColumns {
    kind: ActorKind,
    id: Option<Uuid>,
    name: Option<String>,
    acting_service: Option<Uuid>,
}

/// Nobody else administers anything.
fn actor(caller: &Caller) -> Option<ActorColumns> {
    let nobody = ActorColumns { kind: ActorKind::User, id: None, name: None, acting_service: None };
    match caller {
        Caller::User(UserCaller { user_id, through, .. }) => {
            let acting_service = if let Through::Service(id) = through { Some(id.as_uuid()) } else { None };
            Some(ActorColumns { id: Some(user_id.as_uuid()), acting_service, ..nobody })
        }
        Caller::Service(service) => {
            Some(ActorColumns { kind: ActorKind::Service, id: Some(service.credential_id.as_uuid()), ..nobody })
        }
        Caller::PlatformAdmin(admin) => {
            Some(ActorColumns { kind: ActorKind::PlatformAdmin, name: Some(admin.name.clone()), ..nobody })
        }
        Caller::Anonymous | Caller::Gateway(_) | Caller::Component(_) => None,
    }
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
        let Some(actor) = actor(call.caller()) else { return Ok(()) };
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
            realm_id.as_uuid(),
            company_id.map(|company_id| company_id.as_uuid()),
            &ids,
            &done.iter().map(|done| done.act.as_str().to_owned()).collect::<Vec<_>>(),
            &done.iter().map(|done| done.object_id.as_uuid()).collect::<Vec<_>>(),
            &done.iter().map(|done| done.detail.clone()).collect::<Vec<_>>() as _,
            actor.kind.as_str(),
            actor.id,
            actor.name,
            actor.acting_service,
            call.client_in(realm_id).address.map(|address| address.to_string()),
            call.command_id().as_uuid(),
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
                actor_kind: row.actor_kind.parse().map_err(unreadable)?,
                actor_id: row.actor_id.map(Id::from_uuid),
                actor_name: row.actor_name,
                acting_service: row.acting_service.map(CredentialId::from_uuid),
                client_address: row.client_address,
                at: row.done_at.to_jiff(),
            })
        });
        entries.collect()
    }
}
