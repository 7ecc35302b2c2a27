//! A consumer that writes down what it does, in one transaction with the inbox, and misbehaves as it is told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use cabinet_messaging::{Handler, HandlerError, Message, inbox};
use kernel::{EventId, Fault};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

/// A fact that cannot be done.
pub(crate) const POISON: &str = "poison";
/// A fact that cannot be done until it was put by twice.
pub(crate) const AILING: &str = "ailing";

pub(crate) struct Recorder {
    pool: PgPool,
    consumer: &'static str,
    is_away: AtomicBool,
    turned_away: AtomicUsize,
    /// The facts refused while each stood alone, and which attempt that was.
    refused: Mutex<Vec<(EventId, u32)>>,
}

impl Recorder {
    /// Makes the table of what was done. It has no key: what is done twice stands there twice.
    pub(crate) async fn prepare(pool: &PgPool) {
        let create = "CREATE TABLE done (consumer text NOT NULL, event_id uuid NOT NULL, attempt integer NOT NULL,
                                         payload bytea NOT NULL, place bigserial)";
        sqlx::query(create).execute(pool).await.expect("an empty database");
    }

    pub(crate) fn new(pool: PgPool, consumer: &'static str) -> Self {
        Self { pool, consumer, is_away: AtomicBool::default(), turned_away: AtomicUsize::default(), refused: Mutex::default() }
    }

    /// From now on it has no dependency to work with.
    pub(crate) fn go_away(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }

    pub(crate) fn come_back(&self) {
        self.is_away.store(false, Ordering::SeqCst);
    }

    /// How many batches met it while it was away.
    pub(crate) fn turned_away(&self) -> usize {
        self.turned_away.load(Ordering::SeqCst)
    }

    /// The attempts at which a fact was refused, in their order.
    pub(crate) fn refused(&self, event_id: EventId) -> Vec<u32> {
        let refused = self.refused.lock().expect("nobody panics while holding it");
        refused.iter().filter(|(id, _)| *id == event_id).map(|(_, attempt)| *attempt).collect()
    }

    async fn write(&self, batch: &[Message]) -> sqlx::Result<()> {
        let ids: Vec<_> = batch.iter().map(|message| message.event_id).collect();
        let mut transaction = self.pool.begin().await?;
        let mut fresh = inbox::accept(&mut transaction, self.consumer, &ids).await?;
        // The same fact may stand in a batch twice.
        let fresh: Vec<_> = batch.iter().filter(|message| fresh.remove(&message.event_id)).collect();
        let ids: Vec<Uuid> = fresh.iter().map(|message| message.event_id.as_uuid()).collect();
        let attempts: Vec<i32> = fresh.iter().map(|message| i32::try_from(message.attempt).expect("a few")).collect();
        let payloads: Vec<&[u8]> = fresh.iter().map(|message| message.payload.as_ref()).collect();
        sqlx::query(
            "INSERT INTO done (consumer, event_id, attempt, payload)
             SELECT $1, * FROM unnest($2::uuid[], $3::integer[], $4::bytea[])",
        )
        .bind(self.consumer)
        .bind(&ids)
        .bind(&attempts)
        .bind(&payloads)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn consume(&self, batch: &[Message]) -> Result<(), HandlerError> {
        if self.is_away.load(Ordering::SeqCst) {
            self.turned_away.fetch_add(1, Ordering::SeqCst);
            return Err(HandlerError::Unavailable("told to be away".into()));
        }
        if batch.iter().any(cannot_be_done) {
            if let [message] = batch {
                let mut refused = self.refused.lock().expect("nobody panics while holding it");
                refused.push((message.event_id, message.attempt));
            }
            return Err(HandlerError::Rejected("told to refuse".into()));
        }
        self.write(batch).await.map_err(|error| postgres::fault(error).into())
    }

    async fn probe(&self) -> Result<(), Fault> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop).map_err(postgres::fault)
    }
}

fn cannot_be_done(message: &Message) -> bool {
    match std::str::from_utf8(&message.payload) {
        Ok(POISON) => true,
        Ok(AILING) => message.attempt < 2,
        _ => false,
    }
}
