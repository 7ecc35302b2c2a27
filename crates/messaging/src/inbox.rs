//! The inbox: which facts a consumer has done with, kept in the transaction that does them.

use std::collections::HashSet;

use kernel::{EventId, Fault};
use runtime::postgres;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// Notes that `consumer` is doing with these facts now; answers with those it had not done before. Rolled back together
/// with what the consumer does. A fact that stands among them twice is one: whoever does them one by one minds that.
pub async fn accept(connection: &mut PgConnection, consumer: &str, event_ids: &[EventId]) -> sqlx::Result<HashSet<EventId>> {
    let ids: Vec<_> = event_ids.iter().map(EventId::as_uuid).collect();
    let accepted = sqlx::query_scalar!(
        "INSERT INTO messaging.inbox (event_id, consumer)
         SELECT DISTINCT unnest($1::uuid[]), $2
         ON CONFLICT DO NOTHING
         RETURNING event_id",
        &ids,
        consumer,
    )
    .fetch_all(connection)
    .await?;
    Ok(accepted.into_iter().map(EventId::from_uuid).collect())
}

/// Asks whether the inbox can be written. A database that answers and takes no writes (a full disk, a standby) is not back.
pub async fn probe(pool: &PgPool, consumer: &str) -> Result<(), Fault> {
    let write = async {
        let mut transaction = pool.begin().await?;
        accept(&mut transaction, consumer, &[EventId::from_uuid(Uuid::nil())]).await?;
        transaction.rollback().await
    };
    write.await.map_err(postgres::fault)
}
