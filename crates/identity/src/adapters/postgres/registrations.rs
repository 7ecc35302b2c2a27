//! People who register themselves, in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, LinkId, Permit, RealmId, Timestamp, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::{PgExecutor, PgPool};

use super::admissions;
use super::introductions::IntroductionForm;
use super::users::{email, email_key, phone, user_name};
use crate::adapters::events;
use crate::application::{Addressee, Confirmation, Confirmed, NewRegistration, Registrations};
use crate::domain::{EmailAddress, Introduction, Newcomer, PhoneNumber, Registration, UserName};

pub(crate) struct PgRegistrations {
    pool: PgPool,
    signal: OutboxSignal,
}

impl PgRegistrations {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal) -> Self {
        Self { pool, signal }
    }
}

fn introduction(kept: Option<serde_json::Value>) -> Result<Introduction, Fault> {
    let Some(kept) = kept else { return Ok(Introduction::default()) };
    let form: IntroductionForm = serde_json::from_value(kept).map_err(Fault::internal)?;
    Ok(form.into())
}

#[async_trait]
impl Registrations for PgRegistrations {
    async fn insert(&self, _: &Permit, call: &Call, new: &NewRegistration) -> Result<bool, Fault> {
        let event = events::registered(call, new);
        let registration = &new.registration;
        let newcomer = &registration.newcomer;
        let user_version = match new.addressee {
            Addressee::Newcomer => None,
            Addressee::User { version, .. } => Some(version),
        };
        // Of an address that has a user nothing is kept but that it was mailed. Where nobody is mailed something is kept as well that is
        // over already: how long it takes tells nothing. Whether it may be mailed is looked at in any case, and the address of somebody
        // who is blocked counts like any.
        let made = sqlx::query!(
            "WITH allowed AS MATERIALIZED (
                 SELECT may_be_registered($1::uuid, $5::text, $10::timestamptz) AS it_is
             ), made AS (
                 INSERT INTO registrations
                     (realm_id, link_id, user_id, email, email_key, phone, user_name, introduction, token_hash, created_at, expires_at,
                      ended_at)
                 SELECT $1::uuid, $2::uuid, $3::uuid, CASE WHEN $12::bigint IS NULL THEN $4 ELSE '' END, $5::text,
                     CASE WHEN $12 IS NULL THEN $6::text END, CASE WHEN $12 IS NULL THEN $7::text END,
                     CASE WHEN $12 IS NULL THEN $8::jsonb END, $9::bytea, $10::timestamptz, $11::timestamptz,
                     CASE WHEN $12 IS NOT NULL THEN $10 END
                 FROM allowed
                 WHERE it_is
                   AND CASE
                       WHEN $12 IS NULL THEN NOT EXISTS (SELECT FROM users WHERE realm_id = $1 AND email_key = $5)
                       ELSE EXISTS (
                           SELECT FROM users
                           WHERE realm_id = $1 AND user_id = $3 AND email_key = $5 AND status = 'ACTIVE' AND version = $12
                       )
                   END
                 RETURNING realm_id, user_id
             ), nothing AS (
                 INSERT INTO registrations (realm_id, link_id, user_id, email, email_key, token_hash, created_at, expires_at)
                 SELECT $1, $2, $2, '', CASE WHEN it_is AND is_blocked THEN $5 ELSE '' END, $9, $10, $10
                 FROM allowed, (
                     SELECT EXISTS (
                         SELECT FROM users WHERE realm_id = $1 AND user_id = $3 AND status = 'BLOCKED' AND version = $12
                     ) AS is_blocked
                 ) AS addressee
                 WHERE NOT EXISTS (SELECT FROM made)
             )
             SELECT messaging.append_event($13, realm_id, $14, user_id, $15, $16, $17, $18, $19, $20, $10, $11) AS appended
             FROM made",
            registration.realm_id.as_uuid(),
            registration.link_id.as_uuid(),
            registration.user_id.as_uuid(),
            newcomer.email.as_str(),
            newcomer.email.key(),
            newcomer.phone.as_ref().map(PhoneNumber::as_str),
            newcomer.user_name.as_ref().map(UserName::as_str),
            IntroductionForm::of(&newcomer.introduction)?,
            new.token_hash,
            registration.created_at.to_sqlx() as _,
            registration.expires_at.to_sqlx() as _,
            user_version,
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.aggregate.version,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        self.signal.ring(Lane::Security);
        Ok(made.rows_affected() == 1)
    }

    async fn get_open(
        &self,
        realm_id: RealmId,
        link_id: LinkId,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<Registration>, Fault> {
        let row = sqlx::query!(
            "SELECT user_id, email, email_key, phone, user_name, introduction, created_at, expires_at
             FROM registrations
             WHERE realm_id = $1
               AND link_id = $2
               AND token_hash = $3
               AND ended_at IS NULL
               AND expires_at > $4
               AND NOT EXISTS (
                   SELECT FROM users WHERE users.realm_id = $1 AND users.email_key = registrations.email_key
               )",
            realm_id.as_uuid(),
            link_id.as_uuid(),
            token_hash,
            now.to_sqlx() as _,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let Some(row) = row else { return Ok(None) };
        let newcomer = Newcomer {
            email: EmailAddress::from_stored(row.email, row.email_key),
            phone: row.phone.map(PhoneNumber::from_stored),
            user_name: row.user_name.map(UserName::from_stored),
            introduction: introduction(row.introduction)?,
        };
        Ok(Some(Registration {
            realm_id,
            link_id,
            user_id: UserId::from_uuid(row.user_id),
            newcomer,
            created_at: row.created_at.to_jiff(),
            expires_at: row.expires_at.to_jiff(),
        }))
    }

    async fn confirm(&self, _: &Permit, call: &Call, confirmation: &Confirmation<'_>) -> Result<Confirmed, Fault> {
        let user = &confirmation.admission.user;
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        if !end(&mut *transaction, confirmation).await? {
            return Ok(Confirmed::Over);
        }
        if !add(&mut *transaction, call, confirmation).await? {
            let taken = admissions::taken(&mut *transaction, user.realm_id(), &[user]).await?;
            transaction.rollback().await.map_err(postgres::fault)?;
            return Ok(Confirmed::Taken(taken.into_values().next().unwrap_or_default()));
        }
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        Ok(Confirmed::Added)
    }
}

/// Ends every registration of the address. False if the one that is confirmed has ended before: of two who confirm at once the second
/// waits for the first, and then finds it so.
async fn end(executor: impl PgExecutor<'_>, confirmation: &Confirmation<'_>) -> Result<bool, Fault> {
    let user = &confirmation.admission.user;
    let ended = sqlx::query_scalar!(
        r#"WITH locked AS (
             SELECT link_id, expires_at
             FROM registrations
             WHERE realm_id = $1
               AND email_key = $2
               AND ended_at IS NULL
             ORDER BY link_id
             FOR UPDATE
         ), ended AS (
             -- All of them are his now, and say nothing any more.
             UPDATE registrations
             SET ended_at = $4,
                 user_id = $5,
                 email = '',
                 phone = NULL,
                 user_name = NULL,
                 introduction = NULL
             FROM locked
             WHERE registrations.realm_id = $1
               AND registrations.link_id = locked.link_id
         )
         SELECT count(*) AS "open!"
         FROM locked
         WHERE link_id = $3
           AND expires_at > $4"#,
        user.realm_id().as_uuid(),
        email_key(user.contacts()),
        confirmation.link_id.as_uuid(),
        confirmation.now.to_sqlx() as _,
        user.id().as_uuid(),
    )
    .fetch_one(executor)
    .await
    .map_err(postgres::fault)?;
    Ok(ended == 1)
}

/// Adds the user with his password and his session. False if somebody else has a contact of his.
async fn add(executor: impl PgExecutor<'_>, call: &Call, confirmation: &Confirmation<'_>) -> Result<bool, Fault> {
    let Confirmation { admission, password_hash, session, now, .. } = confirmation;
    let (user, contacts) = (&admission.user, admission.user.contacts());
    let event = events::user_created(call, admission.event_id, user.realm_id(), admission.created, user.created_at());
    let added = sqlx::query!(
        "WITH added AS (
             INSERT INTO users
                 (realm_id, user_id, company_id, role, status, introduction, email, email_key, email_verified_at, phone, user_name,
                  version, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $9)
             ON CONFLICT DO NOTHING
             RETURNING realm_id, user_id, version
         ), kept AS (
             INSERT INTO passwords (realm_id, user_id, hash, set_at)
             SELECT realm_id, user_id, $13, $9
             FROM added
         ), signed_in AS (
             INSERT INTO sessions
                 (realm_id, session_id, user_id, name, client_address, client_agent, generation, created_at, refreshed_at, expires_at,
                  proof)
             SELECT realm_id, $14, user_id, $15, $16, $17, 1, $9, $9, $18, $26
             FROM added
             WHERE $14::uuid IS NOT NULL
         )
         SELECT messaging.append_event($19, realm_id, $20, user_id, version, $21, $22, $23, $24, $25, $9) AS appended
         FROM added",
        user.realm_id().as_uuid(),
        user.id().as_uuid(),
        user.company_id().as_uuid(),
        user.role().as_str(),
        user.status().as_str(),
        IntroductionForm::of(&admission.introduction)?,
        email(contacts),
        email_key(contacts),
        now.to_sqlx() as _,
        phone(contacts),
        user_name(contacts),
        user.version(),
        *password_hash,
        session.map(|session| session.id.as_uuid()),
        session.map(|session| session.name.as_str()),
        session.and_then(|session| session.client_address.as_deref()),
        session.and_then(|session| session.client_agent.as_deref()),
        session.map(|session| session.expires_at.to_sqlx()) as _,
        event.event_id.as_uuid(),
        event.aggregate.kind,
        event.lane.as_str(),
        event.cause_id.as_uuid(),
        event.event_type,
        event.payload,
        event.traceparent,
        session.map(|session| session.proof.to_string()),
    )
    .execute(executor)
    .await
    .map_err(postgres::fault)?;
    Ok(added.rows_affected() == 1)
}
