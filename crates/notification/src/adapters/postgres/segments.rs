//! The segments of sent SMS in PostgreSQL: how a receipt, which knows no more than a message's name, finds its delivery.

use kernel::Fault;
use runtime::postgres;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::domain::{Outcome, Receipt, Settled};

/// Remembers the names under which the SMSC has taken what was sent.
pub(super) async fn insert(pool: &PgPool, settled: &[Settled]) -> Result<(), Fault> {
    let segments: Vec<_> = settled.iter().flat_map(segments).collect();
    if segments.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Segment<'_>) -> Uuid| segments.iter().map(of).collect::<Vec<_>>();
    let names: Vec<_> = segments.iter().map(|(_, name)| name.to_owned().clone()).collect();
    sqlx::query!(
        "INSERT INTO sms_segments (realm_id, cause_id, object_id, user_id, message_id)
         SELECT realm_id, cause_id, object_id, user_id, message_id
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[])
             AS sent (realm_id, cause_id, object_id, user_id, message_id)
         ON CONFLICT (realm_id, cause_id, object_id, user_id, message_id) DO NOTHING",
        &column(|(settled, _)| settled.delivery.realm_id.as_uuid()),
        &column(|(settled, _)| settled.delivery.cause_id.as_uuid()),
        &column(|(settled, _)| settled.delivery.object_id.as_uuid()),
        &column(|(settled, _)| settled.delivery.user_id.as_uuid()),
        &names,
    )
    .execute(pool)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

/// A sent delivery and one of its names.
type Segment<'a> = (&'a Settled, &'a String);

fn segments(settled: &Settled) -> Vec<Segment<'_>> {
    match &settled.outcome {
        Outcome::Sent { message_ids, .. } => message_ids.iter().map(|name| (settled, name)).collect(),
        _ => Vec::new(),
    }
}

/// The delivery that a receipt is about.
#[expect(clippy::struct_field_names, reason = "named as the columns are")]
struct Key {
    realm_id: Uuid,
    cause_id: Uuid,
    object_id: Uuid,
    user_id: Uuid,
}

/// Writes a receipt down, and what all receipts of its delivery come to; false if nobody knows the segment.
pub(super) async fn receive(pool: &PgPool, receipt: &Receipt) -> Result<bool, Fault> {
    let mut transaction = pool.begin().await.map_err(postgres::fault)?;
    let Some(key) = lock_delivery(&mut transaction, &receipt.message_id).await? else { return Ok(false) };
    write_receipt(&mut transaction, &key, receipt).await?;
    sum_up(&mut transaction, &key).await?;
    transaction.commit().await.map_err(postgres::fault)?;
    Ok(true)
}

async fn lock_delivery(connection: &mut PgConnection, message_id: &str) -> Result<Option<Key>, Fault> {
    sqlx::query_as!(
        Key,
        "SELECT segment.realm_id, segment.cause_id, segment.object_id, segment.user_id
         FROM sms_segments AS segment
         JOIN deliveries AS delivery
             ON delivery.realm_id = segment.realm_id
            AND delivery.cause_id = segment.cause_id
            AND delivery.object_id = segment.object_id
            AND delivery.user_id = segment.user_id
            AND delivery.channel = 'SMS'
         WHERE segment.message_id = $1
         ORDER BY segment.cause_id DESC -- an SMSC may give a name again, some day
         LIMIT 1
         FOR UPDATE OF delivery -- of two receipts of one SMS the second sees what the first one has written",
        message_id,
    )
    .fetch_optional(connection)
    .await
    .map_err(postgres::fault)
}

async fn write_receipt(connection: &mut PgConnection, key: &Key, receipt: &Receipt) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE sms_segments
         SET receipt = $6
         WHERE realm_id = $1
           AND cause_id = $2
           AND object_id = $3
           AND user_id = $4
           AND message_id = $5",
        key.realm_id,
        key.cause_id,
        key.object_id,
        key.user_id,
        receipt.message_id,
        receipt.state.as_str(),
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

/// An SMS is delivered once all of its segments are; one that is not speaks for the whole.
async fn sum_up(connection: &mut PgConnection, key: &Key) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE deliveries
         SET receipt = (
             SELECT CASE
                 WHEN every(segment.receipt IS NOT DISTINCT FROM 'DELIVERED') THEN 'DELIVERED'
                 ELSE min(segment.receipt) FILTER (WHERE segment.receipt <> 'DELIVERED')
             END
             FROM sms_segments AS segment
             WHERE segment.realm_id = $1
               AND segment.cause_id = $2
               AND segment.object_id = $3
               AND segment.user_id = $4
         )
         WHERE realm_id = $1
           AND cause_id = $2
           AND object_id = $3
           AND user_id = $4
           AND channel = 'SMS'",
        key.realm_id,
        key.cause_id,
        key.object_id,
        key.user_id,
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}
