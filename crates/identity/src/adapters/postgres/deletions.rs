//! Deletions of users in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CommandId, CompanyId, Component, EventId, Fault, Id, Permit, RealmId, Role, Timestamp, UserId};
use messaging::{Lane, OutboxSignal, inbox};
use runtime::postgres;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::audit::AuditLog;
use super::personal_data;
use super::users::email_key;
use crate::adapters::events;
use crate::application::{DeleteUserError, Deletions, NewDeletion};
use crate::domain::audit::{AuditAct, Done};
use crate::domain::{PhoneNumber, User, UserDeleted, UserDeletion, UserName};

/// Deletions that are told of again, at once.
const TOLD_AGAIN: i64 = 100;

#[derive(Clone)]
pub(crate) struct PgDeletions {
    pool: PgPool,
    signal: OutboxSignal,
    audit: AuditLog,
}

/// A service keeps nothing of a user any more, as a fact says.
pub(crate) struct Erased {
    pub(crate) event_id: EventId,
    pub(crate) realm_id: RealmId,
    pub(crate) user_id: UserId,
    pub(crate) component: Component,
    pub(crate) at: Timestamp,
}

/// A deletion that somebody has not heard of yet.
pub(crate) struct Untold {
    pub(crate) realm_id: RealmId,
    pub(crate) cause_id: CommandId,
    pub(crate) deleted: UserDeleted,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored erasure names a service that there is not")]
struct UnknownService;

impl PgDeletions {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, audit: AuditLog) -> Self {
        Self { pool, signal, audit }
    }

    /// Writes which services have erased, and which deletions are complete by that.
    pub(crate) async fn confirm(&self, consumer: &str, erased: &[Erased]) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let event_ids: Vec<EventId> = erased.iter().map(|erased| erased.event_id).collect();
        let fresh = inbox::accept(&mut transaction, consumer, &event_ids).await.map_err(postgres::fault)?;
        let mut erased: Vec<&Erased> = erased.iter().filter(|erased| fresh.contains(&erased.event_id)).collect();
        // So that two who write of the same do not wait for each other in a circle.
        erased.sort_by_key(|erased| (erased.realm_id, erased.user_id));
        for erased in erased {
            note_erasure(&mut transaction, erased).await?;
            complete(&mut transaction, erased).await?;
        }
        transaction.commit().await.map_err(postgres::fault)
    }

    /// Deletions of which nobody was told since then, though not all services have erased.
    pub(crate) async fn untold(&self, told_before: Timestamp) -> Result<Vec<Untold>, Fault> {
        let rows = sqlx::query!(
            "SELECT realm_id, user_id, company_id, version, cause_id, deleted_at
             FROM user_deletions
             WHERE completed_at IS NULL
               AND told_at < $1
             ORDER BY told_at
             LIMIT $2",
            told_before.to_sqlx() as _,
            TOLD_AGAIN,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let untold = rows.into_iter().map(|row| Untold {
            realm_id: RealmId::from_uuid(row.realm_id),
            cause_id: CommandId::from_uuid(row.cause_id),
            deleted: deleted(row.user_id, row.company_id, row.version, row.deleted_at),
        });
        Ok(untold.collect())
    }

    /// Tells of a deletion again, unless another replica has.
    pub(crate) async fn tell_again(
        &self,
        untold: &Untold,
        event_id: EventId,
        told_before: Timestamp,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let event = events::user_deleted(event_id, untold.realm_id, untold.cause_id, None, untold.deleted);
        sqlx::query!(
            "WITH told AS (
                 UPDATE user_deletions
                 SET told_at = $4
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND completed_at IS NULL
                   AND told_at < $3
                 RETURNING realm_id, user_id, version
             )
             SELECT messaging.append_event($5, realm_id, $6, user_id, version, $7, $8, $9, $10, NULL, $4) AS appended
             FROM told",
            untold.realm_id.as_uuid(),
            untold.deleted.user_id.as_uuid(),
            told_before.to_sqlx() as _,
            now.to_sqlx() as _,
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        Ok(())
    }
}

fn deleted(user_id: Uuid, company_id: Uuid, version: i64, deleted_at: jiff_sqlx::Timestamp) -> UserDeleted {
    UserDeleted {
        user_id: Id::from_uuid(user_id),
        company_id: CompanyId::from_uuid(company_id),
        version,
        at: deleted_at.to_jiff(),
    }
}

#[async_trait]
impl Deletions for PgDeletions {
    async fn delete(&self, _: &Permit, call: &Call, new: &NewDeletion<'_>) -> Result<(), DeleteUserError> {
        let (realm_id, company_id) = (new.user.realm_id(), new.user.company_id());
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        check(&concerned(&mut transaction, new).await?, new)?;
        personal_data::forget(&mut transaction, realm_id, new.user.id()).await?;
        forget_contacts(&mut transaction, new.user).await?;
        delete_user(&mut transaction, call, new).await?;
        let done = Done::with_role(AuditAct::UserDeleted, new.user.id(), new.user.role());
        self.audit.append(&mut *transaction, call, realm_id, Some(company_id), &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        Ok(())
    }

    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<UserDeletion>, Fault> {
        let rows = sqlx::query!(
            r#"SELECT company_id, version, deleted_at, service AS "service?", erased_at AS "erased_at?: jiff_sqlx::Timestamp"
             FROM user_deletions AS deletion
             LEFT JOIN user_erasures AS erasure ON erasure.realm_id = deletion.realm_id AND erasure.user_id = deletion.user_id
             WHERE deletion.realm_id = $1
               AND deletion.user_id = $2
             ORDER BY erased_at"#,
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let Some(first) = rows.first() else { return Ok(None) };
        let deleted = deleted(user_id.as_uuid(), first.company_id, first.version, first.deleted_at);
        let erasures = rows.into_iter().filter_map(|row| row.service.zip(row.erased_at)).map(|(service, erased_at)| {
            let component = service.parse().map_err(|()| Fault::internal(UnknownService))?;
            Ok((component, erased_at.to_jiff()))
        });
        Ok(Some(UserDeletion { realm_id, deleted, erasures: erasures.collect::<Result<_, Fault>>()? }))
    }
}

/// A user whose row is ours until the end of the transaction.
struct Concerned {
    user_id: Uuid,
    company_id: Uuid,
    role: String,
    status: String,
    version: i64,
}

impl Concerned {
    fn is_active(&self, role: Role) -> bool {
        self.role == role.as_str() && self.status == "ACTIVE"
    }
}

/// The user, whoever deletes him, and the active OWNERs of the company. Locked in the order of their ids, as by everybody who decides
/// about standings, so that two who decide about each other do so one after the other.
async fn concerned(connection: &mut PgConnection, new: &NewDeletion<'_>) -> Result<Vec<Concerned>, Fault> {
    sqlx::query_as!(
        Concerned,
        "SELECT user_id, company_id, role, status, version
         FROM users
         WHERE realm_id = $1
           AND (user_id IN ($2, $3) OR company_id = $4 AND role = 'OWNER' AND status = 'ACTIVE')
         ORDER BY user_id
         FOR UPDATE",
        new.user.realm_id().as_uuid(),
        new.user.id().as_uuid(),
        new.deleted_by.as_uuid(),
        new.user.company_id().as_uuid(),
    )
    .fetch_all(connection)
    .await
    .map_err(postgres::fault)
}

fn check(concerned: &[Concerned], new: &NewDeletion<'_>) -> Result<(), DeleteUserError> {
    let (user_id, company_id) = (new.user.id().as_uuid(), new.user.company_id().as_uuid());
    let of_id = |id: Uuid| concerned.iter().find(|concerned| concerned.user_id == id);
    let deleter = of_id(new.deleted_by.as_uuid()).filter(|deleter| deleter.is_active(new.as_role));
    if deleter.is_none() {
        return Err(DeleteUserError::OutOfOffice);
    }
    let user = of_id(user_id).filter(|user| user.version == new.user.version()).ok_or(DeleteUserError::Stale)?;
    let mut owners = concerned.iter().filter(|owner| owner.company_id == company_id && owner.is_active(Role::Owner));
    if user.is_active(Role::Owner) && owners.all(|owner| owner.user_id == user_id) {
        return Err(DeleteUserError::LastOwner);
    }
    Ok(())
}

/// His contacts, where others have typed them. What they asked for is void by that, but counts on (I17).
async fn forget_contacts(connection: &mut PgConnection, user: &User) -> Result<(), Fault> {
    let (realm_id, contacts) = (user.realm_id().as_uuid(), user.contacts());
    let (email_key, phone) = (email_key(contacts), contacts.phone.as_ref().map(PhoneNumber::as_str));
    let user_name = contacts.user_name.as_ref().map(UserName::as_str);
    let changes = [
        // Perhaps his own, from before he was a user.
        sqlx::query!("DELETE FROM registrations WHERE realm_id = $1 AND email_key = $2", realm_id, email_key),
        sqlx::query!(
            "UPDATE registrations
             SET phone = nullif(phone, $2), user_name = nullif(user_name, $3)
             WHERE realm_id = $1
               AND (phone = $2 OR user_name = $3)",
            realm_id,
            phone,
            user_name,
        ),
        sqlx::query!(
            "UPDATE email_changes
             SET email = '', email_key = '', expires_at = created_at
             WHERE realm_id = $1
               AND email_key = $2",
            realm_id,
            email_key,
        ),
        sqlx::query!(
            "UPDATE phone_codes
             SET phone = '', expires_at = created_at
             WHERE realm_id = $1
               AND phone = $2",
            realm_id,
            phone,
        ),
    ];
    for change in changes {
        change.execute(&mut *connection).await.map_err(postgres::fault)?;
    }
    Ok(())
}

async fn delete_user(connection: &mut PgConnection, call: &Call, new: &NewDeletion<'_>) -> Result<(), Fault> {
    let traceparent = call.traceparent().map(str::to_owned);
    let event = events::user_deleted(new.event_id, new.user.realm_id(), call.command_id(), traceparent, new.deleted);
    sqlx::query!(
        "WITH deleted AS (
             DELETE FROM users
             WHERE realm_id = $1
               AND user_id = $2
             RETURNING realm_id, user_id, company_id
         ), remembered AS (
             INSERT INTO user_deletions (realm_id, user_id, company_id, version, cause_id, deleted_at, told_at)
             SELECT realm_id, user_id, company_id, $3, $7, $11, $11
             FROM deleted
         )
         SELECT messaging.append_event($4, realm_id, $5, user_id, $3, $6, $7, $8, $9, $10, $11) AS appended,
             revoke_access(user_id, 9223372036854775807, $11) AS revoked
         FROM deleted",
        new.user.realm_id().as_uuid(),
        new.user.id().as_uuid(),
        new.deleted.version,
        event.event_id.as_uuid(),
        event.aggregate.kind,
        event.lane.as_str(),
        event.cause_id.as_uuid(),
        event.event_type,
        event.payload,
        event.traceparent,
        event.occurred_at.to_sqlx() as _,
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

/// Of nobody but who was deleted here.
async fn note_erasure(connection: &mut PgConnection, erased: &Erased) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO user_erasures (realm_id, user_id, service, erased_at)
         SELECT realm_id, user_id, $3, $4
         FROM user_deletions
         WHERE realm_id = $1
           AND user_id = $2
         FOR UPDATE -- whoever comes last sees them all
         ON CONFLICT DO NOTHING",
        erased.realm_id.as_uuid(),
        erased.user_id.as_uuid(),
        erased.component.as_str(),
        erased.at.to_sqlx() as _,
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

async fn complete(connection: &mut PgConnection, erased: &Erased) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE user_deletions
         SET completed_at = (
             SELECT max(erased_at)
             FROM user_erasures
             WHERE realm_id = $1
               AND user_id = $2
         )
         WHERE realm_id = $1
           AND user_id = $2
           AND completed_at IS NULL
           AND $3 = (
             SELECT count(*)
             FROM user_erasures
             WHERE realm_id = $1
               AND user_id = $2
         )",
        erased.realm_id.as_uuid(),
        erased.user_id.as_uuid(),
        i64::try_from(Component::ALL.len()).expect("four fits"),
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}
