//! What is over, deleted from whichever table it is in.

use jiff_sqlx::ToSqlx as _;
use kernel::{Fault, Timestamp};
use runtime::postgres;
use sqlx::PgPool;

pub(crate) struct PgHousekeeping {
    pool: PgPool,
}

impl PgHousekeeping {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Deletes what no token can be about any more, tokens of single sign-on and autologins that were used, attempts that count no
    /// longer, registrations and visits to providers that are over, and sessions, links, changes of addresses and phone codes that
    /// ended before `ended_before`, with second factors that were begun before it and never shown, challenges of passkeys that were
    /// never answered, and stations that nobody has entered from since.
    pub(crate) async fn forget(&self, revoked_before: Timestamp, ended_before: Timestamp, now: Timestamp) -> Result<(), Fault> {
        sqlx::query!("DELETE FROM revocations WHERE revoked_at < $1", revoked_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        sqlx::query!("DELETE FROM links WHERE expires_at < $1", ended_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        sqlx::query!("DELETE FROM sessions WHERE coalesce(ended_at, expires_at) < $1", ended_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        sqlx::query!("DELETE FROM stations WHERE entered_at < $1", ended_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        sqlx::query!("DELETE FROM phone_codes WHERE expires_at < $1", ended_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        sqlx::query!("DELETE FROM email_changes WHERE expires_at < $1", ended_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        // What somebody has said of himself who did not come is nobody's business any more.
        sqlx::query!("DELETE FROM registrations WHERE expires_at < $1", now.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        sqlx::query!("DELETE FROM social_returns WHERE expires_at < $1", now.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        // A token that is over is refused as such; but another replica's clock may be behind, or its call may have begun before.
        sqlx::query!("DELETE FROM sign_on_tokens WHERE expires_at < $1", revoked_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        sqlx::query!("DELETE FROM redeemed_autologins WHERE expires_at < $1", revoked_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        // Nobody shows the first code of a factor that he began then.
        sqlx::query!("DELETE FROM second_factors WHERE confirmed_at IS NULL AND created_at < $1", ended_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        sqlx::query!("DELETE FROM passkey_challenges WHERE created_at < $1", ended_before.to_sqlx() as _)
            .execute(&self.pool)
            .await
            .map_err(postgres::fault)?;
        // An attempt that begins at this moment has its rows: they are left to it.
        sqlx::query!(
            "DELETE FROM attempts
             USING (
                 SELECT realm_id, guessed, subject
                 FROM attempts
                 WHERE window_ends_at < $1
                 FOR UPDATE SKIP LOCKED
             ) AS over
             WHERE attempts.realm_id = over.realm_id
               AND attempts.guessed = over.guessed
               AND attempts.subject = over.subject",
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }
}
