//! Users in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CompanyId, EventId, Fault, Permit, RealmId, Role, UserId};
use messaging::OutboxSignal;
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use crate::adapters::events;
use crate::application::{InsertUserError, UpdateUserError, Users};
use crate::domain::{EmailAddress, User, UserCreated, UserEmailChanged};

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
    email: String,
    email_key: String,
    version: i64,
    created_at: jiff_sqlx::Timestamp,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored role has no meaning")]
struct UnknownRole;

impl TryFrom<UserRow> for User {
    type Error = Fault;

    fn try_from(row: UserRow) -> Result<Self, Fault> {
        let role: Role = row.role.parse().map_err(|()| Fault::internal(UnknownRole))?;
        Ok(Self::from_stored(
            RealmId::from_uuid(row.realm_id),
            UserId::from_uuid(row.user_id),
            CompanyId::from_uuid(row.company_id),
            role,
            EmailAddress::from_stored(row.email, row.email_key),
            row.version,
            row.created_at.to_jiff(),
        ))
    }
}

#[async_trait]
impl Users for PgUsers {
    async fn list(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<User>, Fault> {
        let ids: Vec<_> = ids.iter().map(UserId::as_uuid).collect();
        let rows = sqlx::query_as!(
            UserRow,
            "SELECT realm_id, user_id, company_id, role, email, email_key, version, created_at
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
            "SELECT realm_id, user_id, company_id, role, email, email_key, version, created_at
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
                 INSERT INTO users (realm_id, user_id, company_id, role, email, email_key, version, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
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
}
