//! Stations that users have entered a VPN from, in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Fault, Permit, RealmId, Timestamp, UserId};
use runtime::postgres;
use sqlx::PgPool;

use crate::application::{Account, Stations};

pub(crate) struct PgStations {
    pool: PgPool,
}

impl PgStations {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Stations for PgStations {
    async fn is_known(&self, realm_id: RealmId, user_id: UserId, station: &[u8]) -> Result<bool, Fault> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                 SELECT FROM stations
                 JOIN passwords ON passwords.realm_id = stations.realm_id AND passwords.user_id = stations.user_id
                 WHERE stations.realm_id = $1
                   AND stations.user_id = $2
                   AND station = $3
                   AND (
                       stations.password_set_at = passwords.set_at
                       OR (stations.password_set_at IS NULL AND entered_at >= passwords.set_at)
                   )
             ) AS "is_known!""#,
            realm_id.as_uuid(),
            user_id.as_uuid(),
            station,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)
    }

    async fn remember(&self, _: &Permit, account: &Account, station: &[u8], now: Timestamp) -> Result<(), Fault> {
        let user = &account.user;
        // Of a user who is deleted at this moment nothing is kept.
        sqlx::query!(
            "INSERT INTO stations (realm_id, user_id, station, entered_at, password_set_at)
             SELECT realm_id, user_id, $3, $4, $5
             FROM users
             WHERE realm_id = $1
               AND user_id = $2
             FOR SHARE
             ON CONFLICT (realm_id, user_id, station) DO UPDATE
             SET entered_at = greatest(stations.entered_at, excluded.entered_at), password_set_at = excluded.password_set_at",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            station,
            now.to_sqlx() as _,
            account.password_set_at().map(Timestamp::to_sqlx) as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }
}
