//! Passwords in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, Permit, RealmId, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::PgPool;

use super::audit::AuditLog;
use crate::adapters::events;
use crate::application::{NewPassword, PasswordSetter, Passwords, SessionsEnding};
use crate::domain::audit::{AuditAct, Done};

pub(crate) struct PgPasswords {
    pool: PgPool,
    signal: OutboxSignal,
    audit: AuditLog,
}

impl PgPasswords {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, audit: AuditLog) -> Self {
        Self { pool, signal, audit }
    }
}

#[async_trait]
impl Passwords for PgPasswords {
    async fn set(&self, _: &Permit, call: &Call, new: &NewPassword<'_>) -> Result<bool, Fault> {
        let NewPassword { user, hash, ending, set_by, event_id, now } = new;
        let event = events::password_changed(call, *event_id, user, *now);
        let staying = if let SessionsEnding::AllBut(session_id) = ending { Some(session_id.as_uuid()) } else { None };
        let (set_by, session_id) = match set_by {
            PasswordSetter::Himself(session_id) => (user.id(), Some(session_id.as_uuid())),
            PasswordSetter::Owner(owner_id) => (*owner_id, None),
        };
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        // Both rows are locked in the order of their ids, as wherever one user decides about another.
        let set = sqlx::query!(
            "WITH locked AS (
                 SELECT user_id, company_id, role, status
                 FROM users
                 WHERE realm_id = $1
                   AND user_id IN ($2, $15)
                 ORDER BY user_id
                 FOR UPDATE
             ), setting AS (
                 SELECT count(*) AS entitled
                 FROM locked
                 WHERE user_id = $15
                   AND status = 'ACTIVE'
                   AND CASE
                       WHEN $16::uuid IS NULL THEN role = 'OWNER' AND company_id = $17
                       ELSE EXISTS (
                           SELECT FROM sessions
                           WHERE sessions.realm_id = $1
                             AND sessions.session_id = $16
                             AND sessions.user_id = $15
                             AND sessions.ended_at IS NULL
                       )
                   END
             ), owner AS (
                 UPDATE users
                 SET version = version + 1, access_generation = access_generation + CASE WHEN $6 THEN 1 ELSE 0 END
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $5
                   AND (SELECT entitled FROM setting) = 1
                 RETURNING user_id, version, access_generation
             ), ended_links AS (
                 UPDATE links
                 SET ended_at = $4
                 FROM owner
                 WHERE links.realm_id = $1
                   AND links.user_id = owner.user_id
                   AND links.ended_at IS NULL
             ), kept AS (
                 INSERT INTO passwords (realm_id, user_id, hash, set_at)
                 SELECT $1, user_id, $3, $4
                 FROM owner
                 ON CONFLICT (realm_id, user_id) DO UPDATE
                 SET hash = excluded.hash, set_at = excluded.set_at
             )
             SELECT messaging.append_event($8, $1, $9, user_id, version, $10, $11, $12, $13, $14, $4, NULL) AS appended,
                 CASE WHEN $6 THEN end_sessions($1, user_id, NULL, $4) END AS signed_out,
                 CASE WHEN $6 THEN revoke_access(user_id, access_generation, $4) END AS revoked,
                 CASE WHEN $7::uuid IS NOT NULL THEN end_other_sessions($1, user_id, $7, $4) END AS others_signed_out,
                 end_autologin_sessions($1, user_id, $4) AS autologins_ended
             FROM owner",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            hash,
            now.to_sqlx() as _,
            user.version(),
            *ending == SessionsEnding::All,
            staying,
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            set_by.as_uuid(),
            session_id,
            user.company_id().as_uuid(),
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if set.rows_affected() == 0 {
            return Ok(false);
        }
        if matches!(new.set_by, PasswordSetter::Owner(_)) {
            let done = Done::to_user(AuditAct::PasswordSet, user.id());
            self.audit.append(&mut *transaction, call, user.realm_id(), Some(user.company_id()), &[done]).await?;
        }
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Security);
        Ok(true)
    }

    async fn replace_hash(&self, _: &Permit, realm_id: RealmId, user_id: UserId, former: &str, hash: &str) -> Result<(), Fault> {
        sqlx::query!(
            "UPDATE passwords
             SET hash = $4
             WHERE realm_id = $1
               AND user_id = $2
               AND hash = $3",
            realm_id.as_uuid(),
            user_id.as_uuid(),
            former,
            hash,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }
}
