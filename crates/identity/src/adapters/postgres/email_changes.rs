//! Addresses that are not their users' yet, in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, LinkId, Permit, RealmId, Timestamp, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::PgPool;

use super::users::UserRow;
use crate::adapters::events;
use crate::application::{EmailChanges, NewEmailChange};
use crate::domain::{EmailAddress, EmailChange, User};

pub(crate) struct PgEmailChanges {
    pool: PgPool,
    signal: OutboxSignal,
}

impl PgEmailChanges {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal) -> Self {
        Self { pool, signal }
    }
}

#[async_trait]
impl EmailChanges for PgEmailChanges {
    async fn insert(&self, _: &Permit, call: &Call, new: &NewEmailChange) -> Result<bool, Fault> {
        let event = events::email_change_requested(call, new);
        let change = &new.change;
        let made = sqlx::query!(
            "WITH made AS (
                 INSERT INTO email_changes
                     (realm_id, link_id, user_id, session_id, email, email_key, present_key, token_hash, created_at, expires_at)
                 SELECT realm_id, $3, user_id, $17, $4, $5, email_key, $6, $7, $8
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $9
                   AND status = 'ACTIVE'
                   AND may_be_asked(realm_id, user_id, $5, $7)
                 RETURNING realm_id, user_id
             )
             SELECT messaging.append_event($10, realm_id, $11, user_id, $9, $12, $13, $14, $15, $16, $7, $8) AS appended
             FROM made",
            change.realm_id.as_uuid(),
            change.user_id.as_uuid(),
            change.link_id.as_uuid(),
            change.email.as_str(),
            change.email.key(),
            new.token_hash,
            change.created_at.to_sqlx() as _,
            change.expires_at.to_sqlx() as _,
            new.user_version,
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            new.session_id.as_uuid(),
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
    ) -> Result<Option<(EmailChange, User)>, Fault> {
        let row = sqlx::query!(
            r#"SELECT wanted.email AS wanted_email, wanted.email_key AS wanted_key, wanted.created_at AS asked_at, wanted.expires_at,
                 owner.realm_id, owner.user_id, company_id, role, status, owner.email, owner.email_key, email_verified_at, phone,
                 phone_verified_at, user_name, activated_at, awaits, access_generation, version, owner.created_at
             FROM email_changes AS wanted
             JOIN users AS owner ON owner.realm_id = wanted.realm_id AND owner.user_id = wanted.user_id
             JOIN sessions AS asking ON asking.realm_id = wanted.realm_id AND asking.session_id = wanted.session_id
             WHERE wanted.realm_id = $1
               AND link_id = $2
               AND token_hash = $3
               AND wanted.expires_at > $4
               AND asking.ended_at IS NULL
               AND asking.expires_at > $4
               AND status = 'ACTIVE'
               AND owner.email_key IS NOT DISTINCT FROM present_key"#,
            realm_id.as_uuid(),
            link_id.as_uuid(),
            token_hash,
            now.to_sqlx() as _,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let Some(row) = row else { return Ok(None) };
        let change = EmailChange {
            realm_id,
            link_id,
            user_id: UserId::from_uuid(row.user_id),
            email: EmailAddress::from_stored(row.wanted_email, row.wanted_key),
            created_at: row.asked_at.to_jiff(),
            expires_at: row.expires_at.to_jiff(),
        };
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
            activated_at: row.activated_at,
            awaits: row.awaits,
            access_generation: row.access_generation,
            version: row.version,
            created_at: row.created_at,
        };
        Ok(Some((change, user.try_into()?)))
    }
}
