//! Users in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CompanyId, EventId, Fault, Permit, RealmId, UserId};
use messaging::OutboxSignal;
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use crate::adapters::events;
use crate::application::{ChangeStandingError, InsertUserError, UpdateUserError, Users};
use crate::domain::{EmailAddress, StandingChanged, StoredUser, User, UserCreated, UserEmailChanged};

pub(crate) struct PgUsers {
    pool: PgPool,
    signal: OutboxSignal,
}

impl PgUsers {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal) -> Self {
        Self { pool, signal }
    }
}

struct UserRow {
    realm_id: Uuid,
    user_id: Uuid,
    company_id: Uuid,
    role: String,
    status: String,
    email: String,
    email_key: String,
    version: i64,
    created_at: jiff_sqlx::Timestamp,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored user has no meaning")]
struct UnreadableUser;

impl TryFrom<UserRow> for User {
    type Error = Fault;

    fn try_from(row: UserRow) -> Result<Self, Fault> {
        Ok(Self::from_stored(StoredUser {
            realm_id: RealmId::from_uuid(row.realm_id),
            id: UserId::from_uuid(row.user_id),
            company_id: CompanyId::from_uuid(row.company_id),
            role: row.role.parse().map_err(|()| Fault::internal(UnreadableUser))?,
            status: row.status.parse().map_err(|()| Fault::internal(UnreadableUser))?,
            email: EmailAddress::from_stored(row.email, row.email_key),
            version: row.version,
            created_at: row.created_at.to_jiff(),
        }))
    }
}

#[async_trait]
impl Users for PgUsers {
    async fn list(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<User>, Fault> {
        let ids: Vec<_> = ids.iter().map(UserId::as_uuid).collect();
        let rows = sqlx::query_as!(
            UserRow,
            "SELECT realm_id, user_id, company_id, role, status, email, email_key, version, created_at
             FROM users
             WHERE realm_id = $1
               AND user_id = ANY($2)",
            realm_id.as_uuid(),
            &ids,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(User::try_from).collect()
    }

    async fn get(&self, realm_id: RealmId, id: UserId) -> Result<Option<User>, Fault> {
        let row = sqlx::query_as!(
            UserRow,
            "SELECT realm_id, user_id, company_id, role, status, email, email_key, version, created_at
             FROM users
             WHERE realm_id = $1
               AND user_id = $2",
            realm_id.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(User::try_from).transpose()
    }

    async fn insert(
        &self,
        _: &Permit,
        call: &Call,
        user: &User,
        event_id: EventId,
        created: UserCreated,
    ) -> Result<(), InsertUserError> {
        let event = events::user_created(call, event_id, user.realm_id(), created, user.created_at());
        sqlx::query!(
            "WITH inserted AS (
                 INSERT INTO users (realm_id, user_id, company_id, role, status, email, email_key, version, created_at)
                 VALUES ($1, $2, $3, $4, $16, $5, $6, $7, $8)
                 RETURNING realm_id, user_id, version, created_at
             )
             SELECT messaging.append_event($9, realm_id, $10, user_id, version, $11, $12, $13, $14, $15, created_at) AS appended
             FROM inserted",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.company_id().as_uuid(),
            user.role().as_str(),
            user.email().as_str(),
            user.email().key(),
            user.version(),
            user.created_at().to_sqlx() as _,
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            user.status().as_str(),
        )
        .execute(&self.pool)
        .await
        .map_err(|error| match postgres::violated_constraint(&error) {
            Some("users_email_taken") => InsertUserError::EmailTaken,
            _ => InsertUserError::Fault(postgres::fault(error)),
        })?;
        self.signal.ring();
        Ok(())
    }

    async fn update_email(
        &self,
        _: &Permit,
        call: &Call,
        user: &User,
        event_id: EventId,
        changed: UserEmailChanged,
    ) -> Result<(), UpdateUserError> {
        let event = events::user_email_changed(call, event_id, user.realm_id(), changed);
        let written = sqlx::query!(
            "WITH updated AS (
                 UPDATE users
                 SET email = $3, email_key = $4, version = $5::bigint
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $5::bigint - 1
                 RETURNING realm_id, user_id, version
             )
             SELECT messaging.append_event($6, realm_id, $7, user_id, version, $8, $9, $10, $11, $12, $13) AS appended
             FROM updated",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.email().as_str(),
            user.email().key(),
            user.version(),
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            event.occurred_at.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(|error| match postgres::violated_constraint(&error) {
            Some("users_email_taken") => UpdateUserError::EmailTaken,
            _ => UpdateUserError::Fault(postgres::fault(error)),
        })?;
        if written.rows_affected() == 0 {
            return Err(UpdateUserError::Stale);
        }
        self.signal.ring();
        Ok(())
    }

    async fn update_standing(
        &self,
        _: &Permit,
        call: &Call,
        user: &User,
        decided_by: UserId,
        event_id: EventId,
        changed: StandingChanged,
    ) -> Result<(), ChangeStandingError> {
        let event = events::standing_changed(call, event_id, user.realm_id(), changed);
        // Both rows are locked in the order of their ids, so that two who decide about each other do so one after the other.
        let written = sqlx::query!(
            "WITH locked AS (
                 SELECT user_id, company_id, role, status
                 FROM users
                 WHERE realm_id = $1
                   AND user_id IN ($2, $3)
                 ORDER BY user_id
                 FOR UPDATE
             ), deciding AS (
                 SELECT count(*) AS owners
                 FROM locked
                 WHERE user_id = $3
                   AND company_id = $4
                   AND role = 'OWNER'
                   AND status = 'ACTIVE'
             ), updated AS (
                 UPDATE users
                 SET role = $5, status = $6, version = $7::bigint
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $7::bigint - 1
                   AND (SELECT owners FROM deciding) = 1
                 RETURNING realm_id, user_id, version
             )
             SELECT messaging.append_event($8, realm_id, $9, user_id, version, $10, $11, $12, $13, $14, $15) AS appended
             FROM updated",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            decided_by.as_uuid(),
            user.company_id().as_uuid(),
            user.role().as_str(),
            user.status().as_str(),
            user.version(),
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            event.occurred_at.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        if written.rows_affected() == 0 {
            return Err(ChangeStandingError::Stale);
        }
        self.signal.ring();
        Ok(())
    }

    async fn is_active_owner(&self, realm_id: RealmId, id: UserId) -> Result<bool, Fault> {
        let owner = sqlx::query_scalar!(
            "SELECT user_id
             FROM users
             WHERE realm_id = $1
               AND user_id = $2
               AND role = 'OWNER'
               AND status = 'ACTIVE'",
            realm_id.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(owner.is_some())
    }
}
