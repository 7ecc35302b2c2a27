//! Facts that a consumer gave up, kept in its own database.

use std::sync::Arc;

use jiff_sqlx::ToSqlx as _;
use kernel::{Clock, IdSource};
use sqlx::PgPool;

use crate::{Malformed, Message, SubscriptionSpec};

/// The dead letters of one service.
#[derive(Clone)]
pub struct DeadLetters {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

impl DeadLetters {
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self { pool, clock, ids }
    }

    /// Keeps a message that was tried often enough.
    pub(crate) async fn bury(&self, spec: &SubscriptionSpec, message: &Message, reason: &str) -> sqlx::Result<()> {
        let now = self.clock.now();
        sqlx::query!(
            "INSERT INTO messaging.dead_letter
                 (dead_letter_id, consumer, lane, event_id, realm_id, cause_id, type, occurred_at, traceparent, payload, reason, died_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            self.ids.uuid_v7(now),
            spec.consumer,
            spec.lane.as_str(),
            message.event_id.as_uuid(),
            message.realm_id.as_uuid(),
            message.cause_id.as_uuid(),
            message.event_type,
            message.occurred_at.to_sqlx() as _,
            message.traceparent,
            message.payload,
            reason,
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Keeps a message whose envelope cannot be read.
    pub(crate) async fn bury_malformed(&self, spec: &SubscriptionSpec, malformed: &Malformed) -> sqlx::Result<()> {
        let now = self.clock.now();
        sqlx::query!(
            "INSERT INTO messaging.dead_letter (dead_letter_id, consumer, lane, type, payload, reason, died_at)
             VALUES ($1, $2, $3, $4, $5, 'malformed envelope', $6)",
            self.ids.uuid_v7(now),
            spec.consumer,
            spec.lane.as_str(),
            malformed.routing_key,
            malformed.payload,
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
