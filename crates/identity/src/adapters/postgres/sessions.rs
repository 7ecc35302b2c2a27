//! Sessions in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CompanyId, EventId, Fault, Permit, RealmId, SessionId, Timestamp, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use super::audit::AuditLog;
use crate::adapters::events;
use crate::application::{EndedByOthers, Sessions};
use crate::domain::audit::{AuditAct, Done};
use crate::domain::{Session, SessionUser, User, UserStatus};

pub(crate) struct PgSessions {
    pool: PgPool,
    signal: OutboxSignal,
    audit: AuditLog,
}

impl PgSessions {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, audit: AuditLog) -> Self {
        Self { pool, signal, audit }
    }

    /// Whether a session is this user's, perhaps one that has ended.
    async fn has(&self, user: &User, session_id: SessionId) -> Result<bool, Fault> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                 SELECT FROM sessions
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND session_id = $3
             ) AS "has!""#,
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            session_id.as_uuid(),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)
    }
}

struct SessionRow {
    realm_id: Uuid,
    session_id: Uuid,
    user_id: Uuid,
    name: String,
    client_address: Option<String>,
    client_agent: Option<String>,
    generation: i64,
    created_at: jiff_sqlx::Timestamp,
    refreshed_at: jiff_sqlx::Timestamp,
    expires_at: jiff_sqlx::Timestamp,
    authenticated_at: Option<jiff_sqlx::Timestamp>,
    proof: String,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored session has no meaning")]
struct UnreadableSession;

impl TryFrom<SessionRow> for Session {
    type Error = Fault;

    fn try_from(row: SessionRow) -> Result<Self, Fault> {
        Ok(Self {
            realm_id: RealmId::from_uuid(row.realm_id),
            id: SessionId::from_uuid(row.session_id),
            user_id: UserId::from_uuid(row.user_id),
            name: row.name,
            client_address: row.client_address,
            client_agent: row.client_agent,
            generation: row.generation,
            created_at: row.created_at.to_jiff(),
            refreshed_at: row.refreshed_at.to_jiff(),
            expires_at: row.expires_at.to_jiff(),
            authenticated_at: row.authenticated_at.unwrap_or(row.created_at).to_jiff(),
            proof: row.proof.parse().map_err(|()| Fault::internal(UnreadableSession))?,
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a stored user has no meaning")]
struct UnreadableUser;

#[async_trait]
impl Sessions for PgSessions {
    async fn insert(&self, _: &Permit, session: &Session, user_version: i64) -> Result<bool, Fault> {
        // Whoever blocks him, or sets his password, at this moment holds his row: then nothing is kept.
        let kept = sqlx::query!(
            "INSERT INTO sessions
                 (realm_id, session_id, user_id, name, client_address, client_agent, generation, created_at, refreshed_at, expires_at, proof)
             SELECT realm_id, $3, user_id, $4, $5, $6, $7, $8, $8, $9, $11
             FROM users
             WHERE realm_id = $1
               AND user_id = $2
               AND status = 'ACTIVE'
               AND version = $10
             FOR SHARE",
            session.realm_id.as_uuid(),
            session.user_id.as_uuid(),
            session.id.as_uuid(),
            session.name,
            session.client_address.as_deref(),
            session.client_agent.as_deref(),
            session.generation,
            session.created_at.to_sqlx() as _,
            session.expires_at.to_sqlx() as _,
            user_version,
            session.proof.to_string(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(kept.rows_affected() == 1)
    }

    async fn get(&self, realm_id: RealmId, session_id: SessionId) -> Result<Option<(Session, SessionUser)>, Fault> {
        let row = sqlx::query!(
            "SELECT sessions.realm_id, session_id, sessions.user_id, name, client_address, client_agent, generation,
                 sessions.created_at, refreshed_at, expires_at, authenticated_at, proof, company_id, role, status, access_generation, version
             FROM sessions
             JOIN users ON users.realm_id = sessions.realm_id AND users.user_id = sessions.user_id
             WHERE sessions.realm_id = $1
               AND session_id = $2
               AND ended_at IS NULL",
            realm_id.as_uuid(),
            session_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let Some(row) = row else { return Ok(None) };
        let user = SessionUser {
            company_id: CompanyId::from_uuid(row.company_id),
            role: row.role.parse().map_err(|()| Fault::internal(UnreadableUser))?,
            access_generation: row.access_generation,
            version: row.version,
            is_active: row.status == UserStatus::Active.as_str(),
        };
        let session = SessionRow {
            realm_id: row.realm_id,
            session_id: row.session_id,
            user_id: row.user_id,
            name: row.name,
            client_address: row.client_address,
            client_agent: row.client_agent,
            generation: row.generation,
            created_at: row.created_at,
            refreshed_at: row.refreshed_at,
            expires_at: row.expires_at,
            authenticated_at: row.authenticated_at,
            proof: row.proof,
        };
        Ok(Some((session.try_into()?, user)))
    }

    async fn list(&self, realm_id: RealmId, user_id: UserId, now: Timestamp) -> Result<Vec<Session>, Fault> {
        let rows = sqlx::query_as!(
            SessionRow,
            "SELECT realm_id, session_id, user_id, name, client_address, client_agent, generation, created_at, refreshed_at, expires_at,
                 authenticated_at, proof
             FROM sessions
             WHERE realm_id = $1
               AND user_id = $2
               AND ended_at IS NULL
               AND expires_at > $3
             ORDER BY session_id DESC
             LIMIT 1000",
            realm_id.as_uuid(),
            user_id.as_uuid(),
            now.to_sqlx() as _,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(Session::try_from).collect()
    }

    async fn rotate(&self, _: &Permit, session: &Session, expires_at: Timestamp, now: Timestamp) -> Result<bool, Fault> {
        let rotated = sqlx::query!(
            "UPDATE sessions
             SET generation = generation + 1, refreshed_at = $4, expires_at = $5
             WHERE realm_id = $1
               AND session_id = $2
               AND generation = $3
               AND ended_at IS NULL",
            session.realm_id.as_uuid(),
            session.id.as_uuid(),
            session.generation,
            now.to_sqlx() as _,
            expires_at.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(rotated.rows_affected() == 1)
    }

    async fn authenticate(&self, _: &Permit, realm_id: RealmId, session_id: SessionId, now: Timestamp) -> Result<bool, Fault> {
        let authenticated = sqlx::query!(
            "UPDATE sessions
             SET authenticated_at = $3
             WHERE realm_id = $1
               AND session_id = $2
               AND ended_at IS NULL",
            realm_id.as_uuid(),
            session_id.as_uuid(),
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(authenticated.rows_affected() == 1)
    }

    async fn rename(
        &self,
        _: &Permit,
        realm_id: RealmId,
        user_id: UserId,
        session_id: SessionId,
        name: &str,
    ) -> Result<bool, Fault> {
        let renamed = sqlx::query!(
            "UPDATE sessions
             SET name = $4
             WHERE realm_id = $1
               AND user_id = $2
               AND session_id = $3
               AND ended_at IS NULL",
            realm_id.as_uuid(),
            user_id.as_uuid(),
            session_id.as_uuid(),
            name,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(renamed.rows_affected() == 1)
    }

    async fn end(
        &self,
        _: &Permit,
        realm_id: RealmId,
        user_id: UserId,
        session_id: SessionId,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let ended = sqlx::query_scalar!(
            r#"WITH own AS (
                 SELECT session_id, ended_at
                 FROM sessions
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND session_id = $3
             ), ended AS (
                 UPDATE sessions
                 SET ended_at = $4
                 FROM own
                 WHERE sessions.realm_id = $1
                   AND sessions.session_id = own.session_id
                   AND sessions.ended_at IS NULL
                 RETURNING sessions.session_id
             ), revoked AS (
                 SELECT revoke_access(session_id, $5, $4) AS done
                 FROM ended
             )
             SELECT count(*) AS "sessions!"
             FROM own LEFT JOIN revoked ON true"#,
            realm_id.as_uuid(),
            user_id.as_uuid(),
            session_id.as_uuid(),
            now.to_sqlx() as _,
            i64::MAX,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(ended == 1)
    }

    async fn end_for(
        &self,
        _: &Permit,
        call: &Call,
        user: &User,
        ended: EndedByOthers,
        now: Timestamp,
    ) -> Result<Option<usize>, Fault> {
        let named = if let EndedByOthers::One(session_id) = ended { Some(session_id) } else { None };
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        // All of them are locked, in one order, before the first is revoked: revocations are counted by one row, which whoever ends one of his
        // own sessions at this moment waits for while he holds it.
        let going_on = sqlx::query!(
            r#"SELECT session_id, expires_at > $4 AS "is_open!"
             FROM sessions
             WHERE realm_id = $1
               AND user_id = $2
               AND ($3::uuid IS NULL OR session_id = $3)
               AND ended_at IS NULL
             ORDER BY session_id
             FOR UPDATE"#,
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            named.map(|session_id| session_id.as_uuid()),
            now.to_sqlx() as _,
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        let count = going_on.iter().filter(|session| session.is_open).count();
        if count > 0 {
            let detail = named.map_or_else(|| count.to_string(), |session_id| session_id.to_string());
            let done = Done::to_user(AuditAct::SessionsEnded, user.id()).detailed(detail);
            self.audit.append(&mut *transaction, call, user.realm_id(), Some(user.company_id()), &[done]).await?;
        }
        sqlx::query!(
            "WITH ended AS (
                 UPDATE sessions
                 SET ended_at = $3
                 WHERE realm_id = $1
                   AND session_id = ANY($2)
                 RETURNING session_id
             )
             SELECT revoke_access(session_id, $4, $3) AS revoked
             FROM ended",
            user.realm_id().as_uuid(),
            &going_on.iter().map(|session| session.session_id).collect::<Vec<_>>(),
            now.to_sqlx() as _,
            i64::MAX,
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        transaction.commit().await.map_err(postgres::fault)?;
        match named {
            Some(session_id) if count == 0 && !self.has(user, session_id).await? => Ok(None),
            _ => Ok(Some(count)),
        }
    }

    async fn end_compromised(
        &self,
        _: &Permit,
        call: &Call,
        session: &Session,
        user_version: i64,
        event_id: EventId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let event = events::session_compromised(call, event_id, session, user_version, now);
        sqlx::query!(
            "WITH ended AS (
                 UPDATE sessions
                 SET ended_at = $3
                 WHERE realm_id = $1
                   AND session_id = $2
                   AND ended_at IS NULL
                 RETURNING realm_id, session_id
             )
             SELECT revoke_access(session_id, $4, $3) AS revoked,
                 messaging.append_event($5, realm_id, $6, session_id, $7, $8, $9, $10, $11, $12, $3, NULL) AS appended
             FROM ended",
            session.realm_id.as_uuid(),
            session.id.as_uuid(),
            now.to_sqlx() as _,
            i64::MAX,
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
        Ok(())
    }
}
