//! Those who run the platform, in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Fault, Permit, Timestamp};
use runtime::postgres;
use sqlx::PgPool;

use super::audit::AuditLog;
use crate::application::{Administrator, Administrators, PLATFORM};
use crate::domain::audit::{AuditAct, Done};

pub(crate) struct PgAdministrators {
    pool: PgPool,
    audit: AuditLog,
}

impl PgAdministrators {
    pub(crate) const fn new(pool: PgPool, audit: AuditLog) -> Self {
        Self { pool, audit }
    }

    /// Makes an administrator, or gives one a one-time password again. Asked for by whoever holds the database itself.
    pub(crate) async fn upsert(&self, name: &str, password_hash: &str, now: Timestamp) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        sqlx::query!(
            "INSERT INTO administrators (name, password_hash, is_one_time, changed_at)
             VALUES ($1, $2, true, $3)
             ON CONFLICT (name) DO UPDATE
             SET password_hash = excluded.password_hash, is_one_time = true, changed_at = excluded.changed_at",
            name,
            password_hash,
            now.to_sqlx() as _,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        let done = Done::to_administrator(AuditAct::AdministratorPasswordGiven, PLATFORM, name);
        self.audit.append_command(&mut *transaction, &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)
    }

    /// Deletes an administrator; what tokens he has end within five minutes. False if there is none.
    pub(crate) async fn delete(&self, name: &str) -> Result<bool, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let deleted = sqlx::query!(
            "DELETE FROM administrators
             WHERE name = $1",
            name,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        let done = Done::to_administrator(AuditAct::AdministratorRemoved, PLATFORM, name);
        self.audit.append_command(&mut *transaction, &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(true)
    }
}

#[async_trait]
impl Administrators for PgAdministrators {
    async fn get(&self, name: &str) -> Result<Option<Administrator>, Fault> {
        let row = sqlx::query!(
            "SELECT name, password_hash, is_one_time, changed_at
             FROM administrators
             WHERE name = $1",
            name,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(row.map(|row| Administrator {
            name: row.name,
            password_hash: row.password_hash,
            is_one_time: row.is_one_time,
            changed_at: row.changed_at.to_jiff(),
        }))
    }

    async fn set_password(&self, _: &Permit, was: &Administrator, password_hash: &str, now: Timestamp) -> Result<bool, Fault> {
        let set = sqlx::query!(
            "UPDATE administrators
             SET password_hash = $3, is_one_time = false, changed_at = $4
             WHERE name = $1
               AND password_hash = $2",
            was.name,
            was.password_hash,
            password_hash,
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(set.rows_affected() == 1)
    }
}
