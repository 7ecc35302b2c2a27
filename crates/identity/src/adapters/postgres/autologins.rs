//! Links in letters about a case, in PostgreSQL: those that were used.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{DeliveryId, Fault, Permit, RealmId, Timestamp, UserId};
use runtime::postgres;
use sqlx::PgPool;

use crate::application::Autologins;
use crate::domain::{Autologin, AutologinReader, EmailAddress, Session};

pub(crate) struct PgAutologins {
    pool: PgPool,
}

impl PgAutologins {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a stored user has no meaning")]
struct UnreadableUser;

#[async_trait]
impl Autologins for PgAutologins {
    async fn readers(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<AutologinReader>, Fault> {
        let rows = sqlx::query!(
            r#"SELECT users.user_id, version, role, access_generation, email AS "email!", autologins_from, set_at AS "set_at?",
                 EXISTS (
                     SELECT FROM second_factors
                     WHERE second_factors.realm_id = users.realm_id
                       AND second_factors.user_id = users.user_id
                       AND confirmed_at IS NOT NULL
                 ) OR EXISTS (
                     SELECT FROM passkeys
                     WHERE passkeys.realm_id = users.realm_id
                       AND passkeys.user_id = users.user_id
                 ) AS "has_second_factor!"
             FROM users
             LEFT JOIN passwords ON passwords.realm_id = users.realm_id AND passwords.user_id = users.user_id
             WHERE users.realm_id = $1
               AND users.user_id = ANY($2)
               AND status = 'ACTIVE'
               AND email IS NOT NULL"#,
            realm_id.as_uuid(),
            &ids.iter().map(UserId::as_uuid).collect::<Vec<_>>(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let read = rows.into_iter().map(|row| {
            Ok(AutologinReader {
                user_id: UserId::from_uuid(row.user_id),
                version: row.version,
                role: row.role.parse().map_err(|()| UnreadableUser)?,
                access_generation: row.access_generation,
                email: EmailAddress::parse(&row.email).map_err(|_| UnreadableUser)?,
                password_set_at: row.set_at.map(jiff_sqlx::Timestamp::to_jiff),
                autologins_from: row.autologins_from.map(jiff_sqlx::Timestamp::to_jiff),
                has_second_factor: row.has_second_factor,
            })
        });
        read.collect::<Result<_, UnreadableUser>>().map_err(Fault::internal)
    }

    async fn is_redeemed(&self, realm_id: RealmId, delivery_id: DeliveryId) -> Result<bool, Fault> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                 SELECT FROM redeemed_autologins
                 WHERE realm_id = $1
                   AND delivery_id = $2
             ) AS "is_redeemed!""#,
            realm_id.as_uuid(),
            delivery_id.as_uuid(),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)
    }

    async fn redeem(
        &self,
        _: &Permit,
        autologin: &Autologin,
        session: &Session,
        user_version: i64,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        // Whoever blocks him, or sets his password, at this moment holds his row: then nothing is kept.
        let kept = sqlx::query!(
            "WITH owner AS (
                 SELECT user_id
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND status = 'ACTIVE'
                   AND version = $3
                 FOR SHARE
             ), redeemed AS (
                 INSERT INTO redeemed_autologins (realm_id, delivery_id, user_id, expires_at)
                 SELECT $1, $4, user_id, $5
                 FROM owner
                 ON CONFLICT DO NOTHING
                 RETURNING user_id
             )
             INSERT INTO sessions
                 (realm_id, session_id, user_id, name, client_address, client_agent, generation, created_at, refreshed_at, expires_at, proof)
             SELECT $1, $6, user_id, $7, $8, $9, $10, $11, $11, $12, $13
             FROM redeemed",
            autologin.realm_id.as_uuid(),
            autologin.user_id.as_uuid(),
            user_version,
            autologin.delivery_id.as_uuid(),
            autologin.expires_at().to_sqlx() as _,
            session.id.as_uuid(),
            session.name,
            session.client_address.as_deref(),
            session.client_agent.as_deref(),
            session.generation,
            now.to_sqlx() as _,
            session.expires_at.to_sqlx() as _,
            session.proof.to_string(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(kept.rows_affected() == 1)
    }
}
