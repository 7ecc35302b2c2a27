//! Credentials of machines in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CredentialId, Fault, Permit, RealmId, Timestamp};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use super::audit::AuditLog;
use crate::application::Credentials;
use crate::domain::audit::{AuditAct, Done};
use crate::domain::{Credential, CredentialKind};

pub(crate) struct PgCredentials {
    pool: PgPool,
    audit: AuditLog,
}

impl PgCredentials {
    pub(crate) const fn new(pool: PgPool, audit: AuditLog) -> Self {
        Self { pool, audit }
    }
}

struct CredentialRow {
    realm_id: Uuid,
    credential_id: Uuid,
    kind: String,
    name: String,
    created_at: jiff_sqlx::Timestamp,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored credential has no meaning")]
struct UnreadableCredential;

const SERVICE: &str = "SERVICE";
const GATEWAY: &str = "GATEWAY";
const ACTING_SERVICE: &str = "ACTING_SERVICE";

impl TryFrom<CredentialRow> for Credential {
    type Error = Fault;

    fn try_from(row: CredentialRow) -> Result<Self, Fault> {
        let kind = match row.kind.as_str() {
            SERVICE => CredentialKind::Service,
            GATEWAY => CredentialKind::Gateway,
            ACTING_SERVICE => CredentialKind::ActingService,
            _ => return Err(Fault::internal(UnreadableCredential)),
        };
        Ok(Self {
            id: CredentialId::from_uuid(row.credential_id),
            realm_id: RealmId::from_uuid(row.realm_id),
            kind,
            name: row.name,
            created_at: row.created_at.to_jiff(),
        })
    }
}

#[async_trait]
impl Credentials for PgCredentials {
    async fn insert(&self, _: &Permit, call: &Call, credential: &Credential, secret_hash: &[u8]) -> Result<(), Fault> {
        let kind = match credential.kind {
            CredentialKind::Service => SERVICE,
            CredentialKind::Gateway => GATEWAY,
            CredentialKind::ActingService => ACTING_SERVICE,
        };
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        sqlx::query!(
            "INSERT INTO credentials (realm_id, credential_id, kind, name, secret_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            credential.realm_id.as_uuid(),
            credential.id.as_uuid(),
            kind,
            credential.name,
            secret_hash,
            credential.created_at.to_sqlx() as _,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        let done = Done::to_credential(AuditAct::CredentialCreated, credential.id);
        self.audit.append(&mut *transaction, call, credential.realm_id, None, &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(())
    }

    async fn list(&self, realm_id: RealmId) -> Result<Vec<Credential>, Fault> {
        let rows = sqlx::query_as!(
            CredentialRow,
            "SELECT realm_id, credential_id, kind, name, created_at
             FROM credentials
             WHERE realm_id = $1
             ORDER BY credential_id DESC",
            realm_id.as_uuid(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(Credential::try_from).collect()
    }

    async fn get(&self, realm_id: RealmId, id: CredentialId) -> Result<Option<Credential>, Fault> {
        let row = sqlx::query_as!(
            CredentialRow,
            "SELECT realm_id, credential_id, kind, name, created_at
             FROM credentials
             WHERE realm_id = $1
               AND credential_id = $2",
            realm_id.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(Credential::try_from).transpose()
    }

    async fn find(&self, id: CredentialId, secret_hash: &[u8]) -> Result<Option<Credential>, Fault> {
        let row = sqlx::query_as!(
            CredentialRow,
            "SELECT realm_id, credential_id, kind, name, created_at
             FROM credentials
             WHERE credential_id = $1
               AND secret_hash = $2",
            id.as_uuid(),
            secret_hash,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(Credential::try_from).transpose()
    }

    async fn delete(&self, _: &Permit, call: &Call, id: CredentialId, now: Timestamp) -> Result<bool, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let deleted = sqlx::query!(
            "WITH deleted AS (
                 DELETE FROM credentials
                 WHERE credential_id = $1
                 RETURNING realm_id, credential_id
             )
             SELECT realm_id, revoke_access(credential_id, $2, $3) AS revoked
             FROM deleted",
            id.as_uuid(),
            i64::MAX,
            now.to_sqlx() as _,
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        let Some(deleted) = deleted else { return Ok(false) };
        let (realm_id, done) = (RealmId::from_uuid(deleted.realm_id), Done::to_credential(AuditAct::CredentialDeleted, id));
        self.audit.append(&mut *transaction, call, realm_id, None, &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(true)
    }
}
