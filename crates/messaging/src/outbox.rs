//! The outbox as the relay sees it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, CommandId, EventId, RealmId, Timestamp};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{Lane, RelayMetrics};

/// How often the age of the outbox is looked at.
const AGE_INTERVAL: Duration = Duration::from_secs(2);

/// A fact that waits to be published.
#[derive(Debug, Clone)]
pub(crate) struct OutboxRow {
    pub(crate) event_id: EventId,
    pub(crate) realm_id: RealmId,
    pub(crate) cause_id: CommandId,
    pub(crate) event_type: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) traceparent: Option<String>,
    pub(crate) occurred_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
}

impl OutboxRow {
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// No fact has a lower id.
pub(crate) const BEFORE_ALL: EventId = EventId::from_uuid(Uuid::nil());

/// The oldest facts of a lane behind one of them, at most `limit`.
pub(crate) async fn oldest(
    connection: &mut PgConnection,
    lane: Lane,
    behind: EventId,
    limit: usize,
) -> sqlx::Result<Vec<OutboxRow>> {
    let rows = sqlx::query!(
        "SELECT event_id, realm_id, cause_id, type AS event_type, payload, traceparent, occurred_at, expires_at
         FROM messaging.outbox
         WHERE lane = $1
           AND event_id > $2
         ORDER BY event_id
         LIMIT $3",
        lane.as_str(),
        behind.as_uuid(),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter().map(|row| OutboxRow {
        event_id: EventId::from_uuid(row.event_id),
        realm_id: RealmId::from_uuid(row.realm_id),
        cause_id: CommandId::from_uuid(row.cause_id),
        event_type: row.event_type,
        payload: row.payload,
        traceparent: row.traceparent,
        occurred_at: row.occurred_at.to_jiff(),
        expires_at: row.expires_at.map(jiff_sqlx::Timestamp::to_jiff),
    });
    Ok(rows.collect())
}

/// Moves published facts to the archive, in one statement. A fact that is gone already is no error: a deposed relay may
/// have moved it. Nor is one that is in the archive: it was replayed from there.
pub(crate) async fn archive(connection: &mut PgConnection, published: &[EventId]) -> sqlx::Result<()> {
    let ids: Vec<_> = published.iter().map(EventId::as_uuid).collect();
    sqlx::query!(
        "WITH left_outbox AS (
             DELETE FROM messaging.outbox
             WHERE event_id = ANY($1)
             RETURNING *
         )
         INSERT INTO messaging.outbox_archive
         SELECT * FROM left_outbox
         ON CONFLICT DO NOTHING",
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets facts that are to leave no trace, or that nobody was told in time.
pub(crate) async fn delete(connection: &mut PgConnection, ids: &[EventId]) -> sqlx::Result<()> {
    let ids: Vec<_> = ids.iter().map(EventId::as_uuid).collect();
    sqlx::query!(
        "DELETE FROM messaging.outbox
         WHERE event_id = ANY($1)",
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// When the oldest fact of a lane happened; none if the lane is empty.
async fn oldest_occurred_at(pool: &PgPool, lane: Lane) -> sqlx::Result<Option<Timestamp>> {
    let occurred_at = sqlx::query_scalar!(
        "SELECT occurred_at
         FROM messaging.outbox
         WHERE lane = $1
         ORDER BY event_id
         LIMIT 1",
        lane.as_str(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(occurred_at.map(jiff_sqlx::Timestamp::to_jiff))
}

/// Measures how long the oldest fact has waited, whoever owns the lane and whether or not the broker is there.
pub(crate) async fn watch_outbox_age(pool: PgPool, lane: Lane, metrics: RelayMetrics, clock: Arc<dyn Clock>) -> Infallible {
    loop {
        if let Ok(oldest) = oldest_occurred_at(&pool, lane).await {
            let age = oldest.map_or(0.0, |oldest| clock.now().duration_since(oldest).as_secs_f64());
            metrics.age(age.max(0.0));
        }
        tokio::time::sleep(AGE_INTERVAL).await;
    }
}
