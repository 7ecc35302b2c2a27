//! The outbox as the relay sees it.

use kernel::{CommandId, EventId, RealmId, Timestamp};
use sqlx::PgConnection;

use crate::Lane;

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
}

/// The oldest facts of a lane, at most `limit`.
pub(crate) async fn oldest(connection: &mut PgConnection, lane: Lane, limit: i64) -> sqlx::Result<Vec<OutboxRow>> {
    let rows = sqlx::query!(
        "SELECT event_id, realm_id, cause_id, type AS event_type, payload, traceparent, occurred_at
         FROM messaging.outbox
         WHERE lane = $1
         ORDER BY event_id
         LIMIT $2",
        lane.as_str(),
        limit,
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
    });
    Ok(rows.collect())
}

/// Moves published facts to the archive, in one statement. A fact that is gone already is no error: a deposed relay may
/// have moved it.
pub(crate) async fn archive(connection: &mut PgConnection, published: &[EventId]) -> sqlx::Result<()> {
    let ids: Vec<_> = published.iter().map(EventId::as_uuid).collect();
    sqlx::query!(
        "WITH left_outbox AS (
             DELETE FROM messaging.outbox
             WHERE event_id = ANY($1)
             RETURNING *
         )
         INSERT INTO messaging.outbox_archive
         SELECT * FROM left_outbox",
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}
