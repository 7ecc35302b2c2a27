//! Avatars in PostgreSQL: whose they are, and which ones are nobody's.

use std::sync::Arc;

use api::cabinet::identity::v1::AuditAct;
use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{AvatarId, Call, EventId, Fault, Permit, RealmId, Timestamp};
use messaging::{ActLog, Lane, OutboxSignal};
use runtime::postgres;
use sqlx::{PgExecutor, PgPool};
use tokio::sync::Notify;

use super::profiles;
use crate::application::{Avatars, WriteProfileError};
use crate::domain::access::is_own;
use crate::domain::{Profile, ProfileChanged};

pub(crate) struct PgAvatars {
    pool: PgPool,
    signal: OutboxSignal,
    acts: ActLog,
    /// Rung when there are files to be removed.
    unused: Arc<Notify>,
}

/// A process that was paused for an hour in the middle of an upload.
#[derive(Debug, thiserror::Error)]
#[error("the files of the avatar were given up meanwhile")]
struct GivenUp;

impl PgAvatars {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, acts: ActLog, unused: Arc<Notify>) -> Self {
        Self { pool, signal, acts, unused }
    }
}

#[async_trait]
impl Avatars for PgAvatars {
    async fn expect(&self, _: &Permit, realm_id: RealmId, avatar_id: AvatarId, by: Timestamp) -> Result<(), Fault> {
        set_aside(&self.pool, realm_id, avatar_id, by).await
    }

    async fn change(
        &self,
        _: &Permit,
        call: &Call,
        profile: &Profile,
        event_id: EventId,
        changed: ProfileChanged,
        former: Option<AvatarId>,
    ) -> Result<(), WriteProfileError> {
        let realm_id = profile.realm_id();
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        if let Some(avatar_id) = profile.avatar_id() {
            take(&mut *transaction, realm_id, avatar_id).await?;
        }
        profiles::write(&mut *transaction, call, profile, event_id, changed).await?;
        if let Some(former) = former {
            set_aside(&mut *transaction, realm_id, former, changed.at).await?;
        }
        if !is_own(call.caller(), profile) {
            let act = if profile.avatar_id().is_some() { AuditAct::AvatarUploaded } else { AuditAct::AvatarDeleted };
            self.acts.append(&mut *transaction, call, profiles::act_on(act, profile)).await?;
        }
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        self.unused.notify_one();
        Ok(())
    }
}

/// From this moment on its files are to go.
pub(super) async fn set_aside(
    executor: impl PgExecutor<'_>,
    realm_id: RealmId,
    avatar_id: AvatarId,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO unused_avatars (realm_id, avatar_id, removable_at)
         VALUES ($1, $2, $3)",
        realm_id.as_uuid(),
        avatar_id.as_uuid(),
        at.to_sqlx() as _,
    )
    .execute(executor)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

/// Its files stay, unless they are being removed by now. Whoever removes them waits for this row, or this for him.
async fn take(executor: impl PgExecutor<'_>, realm_id: RealmId, avatar_id: AvatarId) -> Result<(), Fault> {
    let taken = sqlx::query!(
        "DELETE FROM unused_avatars
         WHERE realm_id = $1
           AND avatar_id = $2
           AND NOT is_going",
        realm_id.as_uuid(),
        avatar_id.as_uuid(),
    )
    .execute(executor)
    .await
    .map_err(postgres::fault)?;
    if taken.rows_affected() == 0 { Err(Fault::unavailable(GivenUp)) } else { Ok(()) }
}

/// Avatars whose files are to be removed.
pub(crate) struct PgUnusedAvatars {
    pool: PgPool,
}

impl PgUnusedAvatars {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Those whose time has come, the longest first, so many at the most. From now on no profile takes them.
    pub(crate) async fn give_up(&self, now: Timestamp, most: i64) -> Result<Vec<(RealmId, AvatarId)>, Fault> {
        let rows = sqlx::query!(
            "UPDATE unused_avatars
             SET is_going = TRUE
             FROM (
                 SELECT realm_id, avatar_id
                 FROM unused_avatars
                 WHERE removable_at <= $1
                 ORDER BY removable_at
                 LIMIT $2
                 FOR UPDATE SKIP LOCKED
             ) AS over
             WHERE unused_avatars.realm_id = over.realm_id
               AND unused_avatars.avatar_id = over.avatar_id
             RETURNING unused_avatars.realm_id, unused_avatars.avatar_id",
            now.to_sqlx() as _,
            most,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(rows.into_iter().map(|row| (RealmId::from_uuid(row.realm_id), AvatarId::from_uuid(row.avatar_id))).collect())
    }

    /// Its files are removed.
    pub(crate) async fn forget(&self, realm_id: RealmId, avatar_id: AvatarId) -> Result<(), Fault> {
        sqlx::query!(
            "DELETE FROM unused_avatars
             WHERE realm_id = $1
               AND avatar_id = $2",
            realm_id.as_uuid(),
            avatar_id.as_uuid(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }
}
