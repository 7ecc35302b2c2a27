//! Users in PostgreSQL.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CompanyId, EventId, Fault, Permit, RealmId, Timestamp, UserId};
use messaging::{Lane, NewEvent, OutboxSignal};
use runtime::postgres;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::adapters::events;
use crate::application::{Account, Admission, ChangeStandingError, UpdateUserError, Users};
use crate::domain::{
    Contact, ContactChanged, Contacts, EmailAddress, PhoneNumber, StandingChange, StandingChanged, StoredUser, User, UserName,
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

fn email(contacts: &Contacts) -> Option<&str> {
    contacts.email.as_ref().map(EmailAddress::as_str)
}

fn email_key(contacts: &Contacts) -> Option<&str> {
    contacts.email.as_ref().map(EmailAddress::key)
}

fn phone(contacts: &Contacts) -> Option<&str> {
    contacts.phone.as_ref().map(PhoneNumber::as_str)
}

fn user_name(contacts: &Contacts) -> Option<&str> {
    contacts.user_name.as_ref().map(UserName::as_str)
}

/// One contact of each.
fn column(users: &[&User], of: fn(&Contacts) -> Option<&str>) -> Vec<Option<String>> {
    users.iter().map(|user| of(user.contacts()).map(str::to_owned)).collect()
}

/// Facts, a column each.
#[derive(Default)]
struct Facts {
    ids: Vec<Uuid>,
    users: Vec<Uuid>,
    lanes: Vec<&'static str>,
    types: Vec<&'static str>,
    payloads: Vec<Vec<u8>>,
    expires_at: Vec<Option<jiff_sqlx::Timestamp>>,
}

impl Facts {
    fn push(&mut self, user_id: UserId, event: NewEvent) {
        self.ids.push(event.event_id.as_uuid());
        self.users.push(user_id.as_uuid());
        self.lanes.push(event.lane.as_str());
        self.types.push(event.event_type);
        self.payloads.push(event.payload);
        self.expires_at.push(event.expires_at.map(jiff_sqlx::ToSqlx::to_sqlx));
    }

    fn of(call: &Call, admissions: &[&Admission]) -> Self {
        let mut facts = Self::default();
        for Admission { user, created, event_id, invitation } in admissions {
            facts.push(user.id(), events::user_created(call, *event_id, user.realm_id(), *created, user.created_at()));
            if let Some(new) = invitation {
                facts.push(user.id(), events::link_made(call, new));
            }
        }
        facts
    }
}

/// Adds those whose contacts nobody has, with their links and the facts of both, in one statement.
pub(super) async fn insert(
    executor: impl PgExecutor<'_>,
    call: &Call,
    realm_id: RealmId,
    admissions: &[&Admission],
    now: Timestamp,
) -> Result<HashSet<UserId>, Fault> {
    let users: Vec<&User> = admissions.iter().map(|admission| &admission.user).collect();
    let links: Vec<_> = admissions.iter().filter_map(|admission| admission.invitation.as_ref()).collect();
    let facts = Facts::of(call, admissions);
    let added = sqlx::query_scalar!(
        r#"WITH added AS (
             INSERT INTO users (realm_id, user_id, company_id, role, status, email, email_key, phone, user_name, version, created_at)
             SELECT $1, user_id, company_id, role, status, email, email_key, phone, user_name, 1, $2
             FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
                 AS admitted (user_id, company_id, role, status, email, email_key, phone, user_name)
             ORDER BY email_key, phone, user_name -- so that two imports do not wait for each other in a circle
             ON CONFLICT DO NOTHING
             RETURNING user_id, email_key
         ), linked AS (
             INSERT INTO links (realm_id, link_id, user_id, purpose, token_hash, email_key, created_at, expires_at)
             SELECT $1, link_id, user_id, purpose, token_hash, email_key, $2, expires_at
             FROM unnest($11::uuid[], $12::uuid[], $13::text[], $14::bytea[], $15::timestamptz[])
                 AS made (link_id, user_id, purpose, token_hash, expires_at)
             JOIN added USING (user_id)
         ), told AS (
             SELECT user_id,
                 messaging.append_event(event_id, $1, 'user', user_id, 1, lane, $22, type, payload, $23, $2, expires_at) AS appended
             FROM unnest($16::uuid[], $17::uuid[], $18::text[], $19::text[], $20::bytea[], $21::timestamptz[])
                 AS fact (event_id, user_id, lane, type, payload, expires_at)
             JOIN added USING (user_id)
         )
         SELECT user_id AS "user_id!"
         FROM told
         GROUP BY user_id"#,
        realm_id.as_uuid(),
        now.to_sqlx() as _,
        &users.iter().map(|user| user.id().as_uuid()).collect::<Vec<_>>(),
        &users.iter().map(|user| user.company_id().as_uuid()).collect::<Vec<_>>(),
        &users.iter().map(|user| user.role().as_str().to_owned()).collect::<Vec<_>>(),
        &users.iter().map(|user| user.status().as_str().to_owned()).collect::<Vec<_>>(),
        &column(&users, email) as _,
        &column(&users, email_key) as _,
        &column(&users, phone) as _,
        &column(&users, user_name) as _,
        &links.iter().map(|new| new.link.id.as_uuid()).collect::<Vec<_>>(),
        &links.iter().map(|new| new.link.user_id.as_uuid()).collect::<Vec<_>>(),
        &links.iter().map(|new| new.link.purpose.as_str().to_owned()).collect::<Vec<_>>(),
        &links.iter().map(|new| new.token_hash.clone()).collect::<Vec<_>>(),
        &links.iter().map(|new| new.link.expires_at.to_sqlx()).collect::<Vec<_>>() as _,
        &facts.ids,
        &facts.users,
        &facts.lanes as _,
        &facts.types as _,
        &facts.payloads,
        &facts.expires_at as _,
        call.command_id().as_uuid(),
        call.traceparent(),
    )
    .fetch_all(executor)
    .await
    .map_err(postgres::fault)?;
    Ok(added.into_iter().map(UserId::from_uuid).collect())
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

    async fn account(&self, realm_id: RealmId, email: &EmailAddress) -> Result<Option<Account>, Fault> {
        let row = sqlx::query!(
            r#"SELECT found.realm_id, found.user_id, company_id, role, status, email, email_key, email_verified_at, phone,
                 phone_verified_at, user_name, access_generation, version, created_at, hash AS "hash?"
             FROM users AS found
             LEFT JOIN passwords ON passwords.realm_id = found.realm_id AND passwords.user_id = found.user_id
             WHERE found.realm_id = $1
               AND email_key = $2"#,
            realm_id.as_uuid(),
            email.key(),
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

    async fn insert(&self, _: &Permit, call: &Call, admissions: &[&Admission]) -> Result<HashSet<UserId>, Fault> {
        let Some(first) = admissions.first() else { return Ok(HashSet::new()) };
        let added = insert(&self.pool, call, first.user.realm_id(), admissions, first.user.created_at()).await?;
        self.signal.ring(Lane::Normal);
        self.signal.ring(Lane::Security);
        Ok(added)
    }

    async fn taken(&self, realm_id: RealmId, users: &[&User]) -> Result<HashMap<UserId, Vec<Contact>>, Fault> {
        let rows = sqlx::query!(
            r#"SELECT
                 asked.user_id AS "user_id!",
                 EXISTS (
                     SELECT FROM users WHERE realm_id = $1 AND email_key = asked.email_key AND user_id <> asked.user_id
                 ) AS "email!",
                 EXISTS (
                     SELECT FROM users WHERE realm_id = $1 AND phone = asked.phone AND user_id <> asked.user_id
                 ) AS "phone!",
                 EXISTS (
                     SELECT FROM users WHERE realm_id = $1 AND user_name = asked.user_name AND user_id <> asked.user_id
                 ) AS "user_name!"
             FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS asked (user_id, email_key, phone, user_name)"#,
            realm_id.as_uuid(),
            &users.iter().map(|user| user.id().as_uuid()).collect::<Vec<_>>(),
            &column(users, email_key) as _,
            &column(users, phone) as _,
            &column(users, user_name) as _,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let taken = rows.into_iter().map(|row| {
            let all = [
                row.email.then_some(Contact::Email),
                row.phone.then_some(Contact::Phone),
                row.user_name.then_some(Contact::UserName),
            ];
            (UserId::from_uuid(row.user_id), all.into_iter().flatten().collect())
        });
        Ok(taken.collect())
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
