//! Links in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, LinkId, Permit, RealmId, Timestamp, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::audit::AuditLog;
use super::users::UserRow;
use crate::adapters::events;
use crate::application::{Links, NewLink, Redemption};
use crate::domain::audit::{AuditAct, Done};
use crate::domain::{Link, LinkChannel, LinkPurpose, PhoneNumber, User};

pub(crate) struct PgLinks {
    pool: PgPool,
    signal: OutboxSignal,
    audit: AuditLog,
}

impl PgLinks {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, audit: AuditLog) -> Self {
        Self { pool, signal, audit }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a stored link has no meaning")]
struct UnreadableLink;

impl PgLinks {
    /// Somebody has a user invited again.
    async fn invite(&self, call: &Call, new: &NewLink) -> Result<bool, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let is_kept = insert(&mut *transaction, call, new).await?;
        if is_kept {
            let done = Done::to_user(AuditAct::UserInvited, new.link.user_id);
            self.audit.append(&mut *transaction, call, new.link.realm_id, new.company_id, &[done]).await?;
        }
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(is_kept)
    }
}

/// Keeps a link and has it sent, as [`Links::insert`] says. Where nothing is sent something is kept as well that is nobody's and
/// over already: how long it takes tells nothing. That a phone is confirmed is known of this very version of the user.
pub(super) async fn insert(executor: impl PgExecutor<'_>, call: &Call, new: &NewLink) -> Result<bool, Fault> {
    let event = events::link_made(call, new);
    let link = &new.link;
    let made = sqlx::query!(
        "WITH limits AS MATERIALIZED (
             -- Counted for nobody as well: that takes as long.
             SELECT CASE
                 WHEN $17::text IS NULL THEN may_be_mailed($1, $2, $4, $18::text, $6)
                 ELSE may_be_texted_a_link($1, $2, $17::text, $18::text, $6)
             END AS leave_room
         ), made AS (
             INSERT INTO links
                 (realm_id, link_id, user_id, purpose, token_hash, email_key, created_at, expires_at, phone, client_address)
             SELECT realm_id, $3, user_id, $4, $5, CASE WHEN $17::text IS NULL THEN email_key ELSE '' END, $6, $7, $17::text, $18::text
             FROM users, limits
             WHERE realm_id = $1
               AND user_id = $2
               AND status = 'ACTIVE'
               AND version = $11
               AND CASE WHEN $17::text IS NULL THEN email_key IS NOT NULL ELSE phone = $17::text END
               AND leave_room
             RETURNING realm_id, user_id
         ), nothing AS (
             INSERT INTO links (realm_id, link_id, user_id, purpose, token_hash, email_key, created_at, expires_at)
             SELECT $1, $3, $3, $4, $5, '', $6, $6 - interval '30 days'
             FROM limits
             WHERE leave_room IS NOT NULL
               AND NOT EXISTS (SELECT FROM made)
         )
         SELECT messaging.append_event($8, realm_id, $9, user_id, $11, $10, $12, $13, $14, $15, $6, $16) AS appended
         FROM made",
        link.realm_id.as_uuid(),
        link.user_id.as_uuid(),
        link.id.as_uuid(),
        link.purpose.as_str(),
        new.token_hash,
        link.created_at.to_sqlx() as _,
        link.expires_at.to_sqlx() as _,
        event.event_id.as_uuid(),
        event.aggregate.kind,
        event.lane.as_str(),
        event.aggregate.version,
        event.cause_id.as_uuid(),
        event.event_type,
        event.payload,
        event.traceparent,
        event.expires_at.map(jiff_sqlx::ToSqlx::to_sqlx) as _,
        link.channel.phone().map(PhoneNumber::as_str),
        new.client_address.as_deref(),
    )
    .execute(executor)
    .await
    .map_err(postgres::fault)?;
    Ok(made.rows_affected() == 1)
}

#[async_trait]
impl Links for PgLinks {
    async fn insert(&self, _: &Permit, call: &Call, new: &NewLink) -> Result<bool, Fault> {
        let is_kept = match new.link.purpose {
            LinkPurpose::PasswordReset => insert(&self.pool, call, new).await?,
            LinkPurpose::Invitation => self.invite(call, new).await?,
        };
        self.signal.ring(Lane::Security);
        Ok(is_kept)
    }

    async fn get_open(
        &self,
        realm_id: RealmId,
        link_id: LinkId,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<(Link, User)>, Fault> {
        let row = sqlx::query!(
            r#"SELECT purpose, links.created_at AS link_created_at, expires_at, owner.realm_id, owner.user_id, company_id, role,
                 status, email, owner.email_key, email_verified_at, owner.phone, phone_verified_at, user_name, activated_at, awaits,
                 access_generation, version, owner.created_at, links.phone AS texted_to
             FROM links
             JOIN users AS owner ON owner.realm_id = links.realm_id AND owner.user_id = links.user_id
             WHERE links.realm_id = $1
               AND link_id = $2
               AND token_hash = $3
               AND ended_at IS NULL
               AND expires_at > $4
               AND status = 'ACTIVE'
               AND (
                   (links.phone IS NULL AND links.email_key = owner.email_key)
                   OR (links.phone = owner.phone AND owner.phone_verified_at IS NOT NULL)
               )"#,
            realm_id.as_uuid(),
            link_id.as_uuid(),
            token_hash,
            now.to_sqlx() as _,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let Some(row) = row else { return Ok(None) };
        let link = Link {
            realm_id,
            id: link_id,
            user_id: UserId::from_uuid(row.user_id),
            purpose: row.purpose.parse().map_err(|()| Fault::internal(UnreadableLink))?,
            channel: row.texted_to.map(PhoneNumber::from_stored).map_or(LinkChannel::Email, LinkChannel::Sms),
            created_at: row.link_created_at.to_jiff(),
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
        Ok(Some((link, user.try_into()?)))
    }

    async fn redeem(&self, _: &Permit, call: &Call, redemption: &Redemption<'_>) -> Result<Option<i64>, Fault> {
        let Redemption { link, user, password_hash, session, event_id, now } = redemption;
        let event = events::password_changed(call, *event_id, user, *now);
        // The user's row is locked first, as everywhere: whoever redeems the same link, or blocks him, waits and then finds it done.
        let generation = sqlx::query_scalar!(
            r#"WITH owner AS (
                 UPDATE users
                 SET access_generation = access_generation + 1,
                     email_verified_at = CASE WHEN $22 THEN coalesce(email_verified_at, $5) ELSE email_verified_at END,
                     version = version + 1
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND status = 'ACTIVE'
                   AND EXISTS (
                       SELECT FROM links
                       WHERE links.realm_id = $1
                         AND links.link_id = $3
                         AND links.ended_at IS NULL
                         AND links.expires_at > $5
                         AND (
                             (links.phone IS NULL AND links.email_key = users.email_key)
                             OR (links.phone = users.phone AND users.phone_verified_at IS NOT NULL)
                         )
                   )
                   AND version = $6
                 RETURNING user_id, version, access_generation
             ), ended_links AS (
                 UPDATE links
                 SET ended_at = $5
                 FROM owner
                 WHERE links.realm_id = $1
                   AND links.user_id = owner.user_id
                   AND links.ended_at IS NULL
             ), kept AS (
                 INSERT INTO passwords (realm_id, user_id, hash, set_at)
                 SELECT $1, user_id, $4, $5
                 FROM owner
                 ON CONFLICT (realm_id, user_id) DO UPDATE
                 SET hash = excluded.hash, set_at = excluded.set_at
             ), signed_in AS (
                 INSERT INTO sessions
                     (realm_id, session_id, user_id, name, client_address, client_agent, generation, created_at, refreshed_at, expires_at,
                      proof)
                 SELECT $1, $7, user_id, $8, $9, $10, 1, $5, $5, $11, $21
                 FROM owner
                 WHERE $20
             ), told AS (
                 SELECT
                     CASE WHEN $19 THEN
                         messaging.append_event($12, $1, $13, user_id, version, $14, $15, $16, $17, $18, $5, NULL)
                     END AS appended,
                     end_sessions($1, user_id, $7, $5) AS signed_out,
                     revoke_access(user_id, access_generation, $5) AS revoked,
                     access_generation
                 FROM owner
             )
             SELECT access_generation AS "access_generation!"
             FROM told"#,
            link.realm_id.as_uuid(),
            user.id().as_uuid(),
            link.id.as_uuid(),
            password_hash,
            now.to_sqlx() as _,
            user.version(),
            // Whoever is asked for more first keeps none.
            session.map_or(Uuid::nil(), |session| session.id.as_uuid()),
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
            // Whoever sets his first password knows that he did.
            link.purpose == LinkPurpose::PasswordReset,
            session.is_some(),
            session.map(|session| session.proof.to_string()),
            // What came by SMS shows nothing of the address.
            link.channel == LinkChannel::Email,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        self.signal.ring(Lane::Security);
        Ok(generation)
    }
}
