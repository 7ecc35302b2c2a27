//! Users in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CompanyId, EventId, Fault, Permit, RealmId, RepeatError, Timestamp, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use super::admissions;
use crate::adapters::events;
use crate::application::{Account, Admission, Admitted, ChangeStandingError, InsertError, UpdateUserError, Users};
use crate::domain::{
    ContactChanged, Contacts, EmailAddress, Login, PhoneNumber, StandingChange, StandingChanged, StoredUser, User, UserName,
};

pub(crate) struct PgUsers {
    pool: PgPool,
    signal: OutboxSignal,
}

impl PgUsers {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal) -> Self {
        Self { pool, signal }
    }
}

pub(super) struct UserRow {
    pub(super) realm_id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) company_id: Uuid,
    pub(super) role: String,
    pub(super) status: String,
    pub(super) email: Option<String>,
    pub(super) email_key: Option<String>,
    pub(super) email_verified_at: Option<jiff_sqlx::Timestamp>,
    pub(super) phone: Option<String>,
    pub(super) phone_verified_at: Option<jiff_sqlx::Timestamp>,
    pub(super) user_name: Option<String>,
    pub(super) access_generation: i64,
    pub(super) version: i64,
    pub(super) created_at: jiff_sqlx::Timestamp,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored user has no meaning")]
struct UnreadableUser;

impl TryFrom<UserRow> for User {
    type Error = Fault;

    fn try_from(row: UserRow) -> Result<Self, Fault> {
        let contacts = Contacts {
            email: row.email.zip(row.email_key).map(|(email, key)| EmailAddress::from_stored(email, key)),
            phone: row.phone.map(PhoneNumber::from_stored),
            user_name: row.user_name.map(UserName::from_stored),
        };
        Ok(Self::from_stored(StoredUser {
            realm_id: RealmId::from_uuid(row.realm_id),
            id: UserId::from_uuid(row.user_id),
            company_id: CompanyId::from_uuid(row.company_id),
            role: row.role.parse().map_err(|()| Fault::internal(UnreadableUser))?,
            status: row.status.parse().map_err(|()| Fault::internal(UnreadableUser))?,
            contacts,
            email_verified: row.email_verified_at.is_some(),
            phone_verified: row.phone_verified_at.is_some(),
            access_generation: row.access_generation,
            version: row.version,
            created_at: row.created_at.to_jiff(),
        }))
    }
}

pub(super) fn email(contacts: &Contacts) -> Option<&str> {
    contacts.email.as_ref().map(EmailAddress::as_str)
}

pub(super) fn email_key(contacts: &Contacts) -> Option<&str> {
    contacts.email.as_ref().map(EmailAddress::key)
}

pub(super) fn phone(contacts: &Contacts) -> Option<&str> {
    contacts.phone.as_ref().map(PhoneNumber::as_str)
}

pub(super) fn user_name(contacts: &Contacts) -> Option<&str> {
    contacts.user_name.as_ref().map(UserName::as_str)
}

#[async_trait]
impl Users for PgUsers {
    async fn list(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<User>, Fault> {
        let ids: Vec<_> = ids.iter().map(UserId::as_uuid).collect();
        let rows = sqlx::query_as!(
            UserRow,
            "SELECT realm_id, user_id, company_id, role, status, email, email_key, email_verified_at, phone, phone_verified_at,
                 user_name, access_generation, version, created_at
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
            "SELECT realm_id, user_id, company_id, role, status, email, email_key, email_verified_at, phone, phone_verified_at,
                 user_name, access_generation, version, created_at
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

    async fn page(
        &self,
        realm_id: RealmId,
        company_id: CompanyId,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<User>, Fault> {
        let rows = sqlx::query_as!(
            UserRow,
            "SELECT realm_id, user_id, company_id, role, status, email, email_key, email_verified_at, phone, phone_verified_at,
                 user_name, access_generation, version, created_at
             FROM users
             WHERE realm_id = $1
               AND company_id = $2
               AND user_id > $3
             ORDER BY user_id
             LIMIT $4",
            realm_id.as_uuid(),
            company_id.as_uuid(),
            after.map_or(Uuid::nil(), |after| after.as_uuid()),
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(User::try_from).collect()
    }

    async fn account(&self, realm_id: RealmId, login: &Login) -> Result<Option<Account>, Fault> {
        let (email_key, phone, user_name) = match login {
            Login::Email(email) => (Some(email.key()), None, None),
            Login::Phone(phone) => (None, Some(phone.as_str()), None),
            Login::UserName(name) => (None, None, Some(name.as_str())),
        };
        let row = sqlx::query!(
            r#"SELECT found.realm_id, found.user_id, company_id, role, status, email, email_key, email_verified_at, phone,
                 phone_verified_at, user_name, access_generation, version, created_at, hash AS "hash?"
             FROM users AS found
             LEFT JOIN passwords ON passwords.realm_id = found.realm_id AND passwords.user_id = found.user_id
             WHERE found.realm_id = $1
               AND (email_key = $2 OR phone = $3 OR user_name = $4)"#,
            realm_id.as_uuid(),
            email_key,
            phone,
            user_name,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let Some(row) = row else { return Ok(None) };
        let user = UserRow {
            realm_id: row.realm_id,
            user_id: row.user_id,
            company_id: row.company_id,
            role: row.role,
            status: row.status,
            email: row.email,
            email_key: row.email_key,
            email_verified_at: row.email_verified_at,
            phone: row.phone,
            phone_verified_at: row.phone_verified_at,
            user_name: row.user_name,
            access_generation: row.access_generation,
            version: row.version,
            created_at: row.created_at,
        };
        Ok(Some(Account { user: user.try_into()?, password_hash: row.hash }))
    }

    async fn admitted(&self, call: &Call, now: Timestamp) -> Result<Option<Vec<Admitted>>, RepeatError> {
        admissions::admitted(&self.pool, call, now).await
    }

    async fn insert(
        &self,
        _: &Permit,
        call: &Call,
        admissions: &[Option<&Admission>],
        now: Timestamp,
    ) -> Result<Vec<Admitted>, InsertError> {
        let admitted = if call.named_request().is_none() {
            let mut connection = self.pool.acquire().await.map_err(postgres::fault)?;
            admissions::admit(&mut connection, call, admissions, now).await?
        } else {
            let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
            let admitted = admissions::admit(&mut transaction, call, admissions, now).await?;
            transaction.commit().await.map_err(postgres::fault)?;
            admitted
        };
        self.signal.ring(Lane::Normal);
        self.signal.ring(Lane::Security);
        Ok(admitted)
    }

    async fn update_contact(
        &self,
        _: &Permit,
        call: &Call,
        user: &User,
        event_id: EventId,
        changed: ContactChanged,
    ) -> Result<(), UpdateUserError> {
        let event = events::contact_changed(call, event_id, user.realm_id(), changed);
        let contacts = user.contacts();
        let written = sqlx::query!(
            "WITH updated AS (
                 UPDATE users
                 SET email = $3,
                     email_key = $4,
                     email_verified_at = CASE WHEN $5 THEN email_verified_at END,
                     phone = $6,
                     phone_verified_at = CASE WHEN $7 THEN coalesce(phone_verified_at, $16) END,
                     version = $8::bigint
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $8::bigint - 1
                 RETURNING realm_id, user_id, version
             )
             SELECT messaging.append_event($9, realm_id, $10, user_id, version, $11, $12, $13, $14, $15, $16) AS appended
             FROM updated",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            email(contacts),
            email_key(contacts),
            user.is_email_verified(),
            phone(contacts),
            user.is_phone_verified(),
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
            Some("users_email_taken" | "users_phone_taken") => UpdateUserError::Taken,
            _ => UpdateUserError::Fault(postgres::fault(error)),
        })?;
        if written.rows_affected() == 0 {
            return Err(UpdateUserError::Stale);
        }
        self.signal.ring(Lane::Normal);
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
                 SET role = $5, status = $6, version = $7::bigint, access_generation = $16
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $7::bigint - 1
                   AND (SELECT owners FROM deciding) = 1
                 RETURNING realm_id, user_id, version
             )
             SELECT messaging.append_event($8, realm_id, $9, user_id, version, $10, $11, $12, $13, $14, $15) AS appended,
                 CASE WHEN $17 THEN end_sessions(realm_id, user_id, NULL, $15) END AS signed_out,
                 revoke_access(user_id, $16, $15) AS revoked
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
            changed.access_generation,
            changed.change == StandingChange::Blocked,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        if written.rows_affected() == 0 {
            return Err(ChangeStandingError::Stale);
        }
        self.signal.ring(Lane::Normal);
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
