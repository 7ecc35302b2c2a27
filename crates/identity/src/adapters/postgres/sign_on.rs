//! Keys, links and used tokens of single sign-on, in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, Permit, RealmId, SignOnKeyId, Timestamp, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::admissions;
use super::audit::AuditLog;
use crate::application::{Admission, SentFirst, SignOns, UserLinked};
use crate::domain::audit::{AuditAct, Done};
use crate::domain::{ExternalId, SignOnKey, User};

pub(crate) struct PgSignOns {
    pool: PgPool,
    signal: OutboxSignal,
    audit: AuditLog,
}

impl PgSignOns {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, audit: AuditLog) -> Self {
        Self { pool, signal, audit }
    }
}

struct KeyRow {
    realm_id: Uuid,
    key_id: Uuid,
    name: String,
    public_key: Vec<u8>,
    created_at: jiff_sqlx::Timestamp,
}

impl From<KeyRow> for SignOnKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: SignOnKeyId::from_uuid(row.key_id),
            realm_id: RealmId::from_uuid(row.realm_id),
            name: row.name,
            public_key: row.public_key,
            created_at: row.created_at.to_jiff(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a stored external id has no meaning")]
struct UnreadableExternalId;

#[async_trait]
impl SignOns for PgSignOns {
    async fn insert_key(&self, _: &Permit, call: &Call, key: &SignOnKey) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        sqlx::query!(
            "INSERT INTO sign_on_keys (realm_id, key_id, name, public_key, created_at)
             VALUES ($1, $2, $3, $4, $5)",
            key.realm_id.as_uuid(),
            key.id.as_uuid(),
            key.name,
            key.public_key,
            key.created_at.to_sqlx() as _,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        let done = Done::to_sign_on_key(AuditAct::SignOnKeyCreated, key.id);
        self.audit.append(&mut *transaction, call, key.realm_id, None, &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)
    }

    async fn list_keys(&self, realm_id: RealmId) -> Result<Vec<SignOnKey>, Fault> {
        let rows = sqlx::query_as!(
            KeyRow,
            "SELECT realm_id, key_id, name, public_key, created_at
             FROM sign_on_keys
             WHERE realm_id = $1
             ORDER BY key_id DESC",
            realm_id.as_uuid(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(rows.into_iter().map(SignOnKey::from).collect())
    }

    async fn get_key(&self, realm_id: RealmId, id: SignOnKeyId) -> Result<Option<SignOnKey>, Fault> {
        let row = sqlx::query_as!(
            KeyRow,
            "SELECT realm_id, key_id, name, public_key, created_at
             FROM sign_on_keys
             WHERE realm_id = $1
               AND key_id = $2",
            realm_id.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(row.map(SignOnKey::from))
    }

    async fn delete_key(&self, _: &Permit, call: &Call, realm_id: RealmId, id: SignOnKeyId) -> Result<bool, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let deleted =
            sqlx::query!("DELETE FROM sign_on_keys WHERE realm_id = $1 AND key_id = $2", realm_id.as_uuid(), id.as_uuid(),)
                .execute(&mut *transaction)
                .await
                .map_err(postgres::fault)?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        let done = Done::to_sign_on_key(AuditAct::SignOnKeyDeleted, id);
        self.audit.append(&mut *transaction, call, realm_id, None, &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(true)
    }

    async fn use_up(&self, _: &Permit, realm_id: RealmId, token_hash: &[u8], expires_at: Timestamp) -> Result<bool, Fault> {
        let used = sqlx::query!(
            "INSERT INTO sign_on_tokens (realm_id, token_hash, expires_at)
             VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
            realm_id.as_uuid(),
            token_hash,
            expires_at.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(used.rows_affected() == 1)
    }

    async fn get_linked(&self, realm_id: RealmId, external_id: &ExternalId) -> Result<Option<UserId>, Fault> {
        let user_id = sqlx::query_scalar!(
            "SELECT user_id FROM external_ids WHERE realm_id = $1 AND external_id = $2",
            realm_id.as_uuid(),
            external_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(user_id.map(UserId::from_uuid))
    }

    async fn get_external_id(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<ExternalId>, Fault> {
        let external_id = sqlx::query_scalar!(
            "SELECT external_id FROM external_ids WHERE realm_id = $1 AND user_id = $2",
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let read = |text: String| ExternalId::parse(&text).ok_or_else(|| Fault::internal(UnreadableExternalId));
        external_id.map(read).transpose()
    }

    async fn link_first(&self, _: &Permit, user: &User, external_id: &ExternalId, now: Timestamp) -> Result<UserLinked, Fault> {
        // Whoever changes his address at this moment holds his row: then he is looked for again.
        let linked = sqlx::query!(
            "INSERT INTO external_ids (realm_id, external_id, user_id, linked_at)
             SELECT realm_id, $4, user_id, $5
             FROM users
             WHERE realm_id = $1
               AND user_id = $2
               AND version = $3
               AND status = 'ACTIVE'
             FOR SHARE
             ON CONFLICT DO NOTHING",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.version(),
            external_id.as_str(),
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(if linked.rows_affected() == 1 { UserLinked::Done } else { UserLinked::Stale })
    }

    async fn link(
        &self,
        _: &Permit,
        call: &Call,
        user: &User,
        external_id: &ExternalId,
        now: Timestamp,
    ) -> Result<UserLinked, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        if !is_there(&mut *transaction, user).await? {
            return Ok(UserLinked::Stale);
        }
        let linked = sqlx::query!(
            "INSERT INTO external_ids (realm_id, user_id, external_id, linked_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (realm_id, user_id) DO UPDATE
             SET external_id = excluded.external_id,
                 linked_at = excluded.linked_at
             WHERE external_ids.external_id <> excluded.external_id",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            external_id.as_str(),
            now.to_sqlx() as _,
        )
        .execute(&mut *transaction)
        .await;
        let linked = match linked {
            Err(error) if postgres::violated_constraint(&error) == Some(ONE_USER) => return Ok(UserLinked::Taken),
            linked => linked.map_err(postgres::fault)?,
        };
        if linked.rows_affected() == 1 {
            let done = Done::to_user(AuditAct::UserLinked, user.id());
            self.audit.append(&mut *transaction, call, user.realm_id(), Some(user.company_id()), &[done]).await?;
        }
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(UserLinked::Done)
    }

    async fn unlink(&self, _: &Permit, call: &Call, user: &User) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let unlinked = sqlx::query!(
            "DELETE FROM external_ids WHERE realm_id = $1 AND user_id = $2",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if unlinked.rows_affected() == 1 {
            let done = Done::to_user(AuditAct::UserUnlinked, user.id());
            self.audit.append(&mut *transaction, call, user.realm_id(), Some(user.company_id()), &[done]).await?;
        }
        transaction.commit().await.map_err(postgres::fault)
    }

    async fn admit(
        &self,
        _: &Permit,
        call: &Call,
        admission: &Admission,
        external_id: &ExternalId,
        now: Timestamp,
    ) -> Result<SentFirst, Fault> {
        let user = &admission.user;
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let added = admissions::insert(&mut *transaction, call, user.realm_id(), &[admission], now).await?;
        if added.is_empty() {
            let taken = admissions::taken(&mut *transaction, user.realm_id(), &[user]).await?;
            return Ok(SentFirst::Taken(taken.into_values().next().unwrap_or_default()));
        }
        let linked = sqlx::query!(
            "WITH verified AS (
                 UPDATE users
                 SET email_verified_at = $4
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND email IS NOT NULL
             )
             INSERT INTO external_ids (realm_id, user_id, external_id, linked_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            external_id.as_str(),
            now.to_sqlx() as _,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if linked.rows_affected() == 0 {
            return Ok(SentFirst::Overtaken);
        }
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        Ok(SentFirst::Added)
    }
}

/// One external id is one user's.
const ONE_USER: &str = "external_ids_pkey";

/// Of a user who is deleted at this moment nothing is kept.
async fn is_there(executor: impl PgExecutor<'_>, user: &User) -> Result<bool, Fault> {
    let row = sqlx::query!(
        "SELECT user_id FROM users WHERE realm_id = $1 AND user_id = $2 FOR SHARE",
        user.realm_id().as_uuid(),
        user.id().as_uuid(),
    )
    .fetch_optional(executor)
    .await
    .map_err(postgres::fault)?;
    Ok(row.is_some())
}
