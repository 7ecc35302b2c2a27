//! The inbox of commands: what was done for those that their clients named, so that none is done twice.
//!
//! A command is remembered in the transaction that does it, by `messaging.remember_request` in its own statement or, for
//! users, by [`remember_batch`]. One that was refused, or that changed nothing, is not: it is done again.

use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Id, NamedRequest, RepeatError, Timestamp};
use runtime::postgres;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

/// The constraint that a command breaks that was done before, perhaps a moment ago.
pub const DONE_ONCE: &str = "request_done_once";

struct DoneRow {
    content: Vec<u8>,
    resource_id: Option<Uuid>,
    verdicts: Option<serde_json::Value>,
}

/// What the command of this call made or changed when it came before; nothing if it did not, or has no name.
pub async fn done<Of>(executor: impl PgExecutor<'_>, call: &Call, now: Timestamp) -> Result<Option<Id<Of>>, RepeatError> {
    let Some(request) = call.named_request() else { return Ok(None) };
    let row = find(executor, request, now).await?;
    Ok(row.and_then(|row| row.resource_id).map(Id::from_uuid))
}

/// What became of each of the batch of this call when it came before, in its order.
pub async fn verdicts(
    executor: impl PgExecutor<'_>,
    call: &Call,
    now: Timestamp,
) -> Result<Option<serde_json::Value>, RepeatError> {
    let Some(request) = call.named_request() else { return Ok(None) };
    let row = find(executor, request, now).await?;
    Ok(row.and_then(|row| row.verdicts))
}

async fn find(executor: impl PgExecutor<'_>, request: &NamedRequest, now: Timestamp) -> Result<Option<DoneRow>, RepeatError> {
    let row = sqlx::query_as!(
        DoneRow,
        "SELECT content, resource_id, verdicts
         FROM messaging.request
         WHERE request_key = $1
           AND done_at > $2::timestamptz - interval '24 hours'",
        request.key(),
        now.to_sqlx() as _,
    )
    .fetch_optional(executor)
    .await
    .map_err(postgres::fault)?;
    match row {
        Some(row) if row.content != request.content() => Err(RepeatError::IdReused),
        row => Ok(row),
    }
}

/// Remembers what became of each of a batch; breaks the constraint [`DONE_ONCE`] if the batch was done before.
pub async fn remember_batch(
    connection: &mut PgConnection,
    request: &NamedRequest,
    verdicts: &serde_json::Value,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT messaging.note_request($1, $2, NULL, $3, $4)",
        request.key(),
        request.content(),
        verdicts,
        now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
