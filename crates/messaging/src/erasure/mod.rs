//! Erasing a person from all that a service keeps (I27). It is the one fact whose meaning this crate knows: half of what is to be
//! erased stands in its own tables, and every service does it in the same way.
//!
//! ```text
//! identity.user.deleted.v1 ─▶ messaging.erasure ─▶ the service's own data, its facts, its dead letters ─▶ <service>.user.erased.v1
//! ```
//!
//! Whoever dies in between does it again: erasing what is erased does nothing. An hour later it is done once more, for whatever was
//! under way: a message that was to be tried again, a call that had begun before. What arrives even later finds the row, which stays.

mod store;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api::cabinet::identity::events::v1 as pb_identity;
use async_trait::async_trait;
use kernel::{Clock, Fault, IdSource, RealmId, Timestamp, UserId};
use prost::Message as _;
use runtime::Process;
use runtime::postgres::Pools;
use sqlx::PgPool;
use tokio::sync::Notify;

use self::store::{Asked, Due, PgErasures};
use crate::start::start_consumer;
use crate::{Broker, DeadLetters, Handler, HandlerError, Lane, Message, OutboxSignal, RETRY_TIERS, Records, SubscriptionSpec};

const USER_DELETED: &str = "identity.user.deleted.v1";
/// Longer than any message is put by, and than any call lasts.
const SWEEP_AFTER: Duration = Duration::from_hours(1);
/// What a process has claimed that was killed, another one does then.
const LEASE: Duration = Duration::from_secs(30);
/// Nobody rings for that.
const INTERVAL: Duration = Duration::from_secs(10);
/// At once.
const BATCH: i64 = 100;

/// A fact of this type as it is kept without what it says of those it concerns; none if it says nothing but ids.
pub type Redaction = fn(event_type: &str, payload: &[u8]) -> Option<Vec<u8>>;

/// What a service keeps of persons.
#[async_trait]
pub trait PersonalData: Send + Sync {
    /// Erases what it keeps of a user, and leaves ids and counts. Done again it does nothing more.
    async fn erase(&self, realm_id: RealmId, user_id: UserId, now: Timestamp) -> Result<(), Fault>;

    /// Gives what it keeps of a user: all that is his, no secret, and nothing of anybody else.
    async fn export(&self, realm_id: RealmId, user_id: UserId, records: &Records) -> Result<(), Fault>;

    /// How facts of this service are kept that concern him; none where they say nothing but ids.
    fn redaction(&self) -> Option<Redaction> {
        None
    }
}

/// How a service hears of deletions, and says that it has erased.
#[derive(Debug, Clone, Copy)]
pub struct ErasureSpec {
    /// `<service>.erasure`
    pub consumer: &'static str,
    /// `<service>.user.erased.v1`
    pub event_type: &'static str,
}

impl ErasureSpec {
    pub const fn subscription(self) -> SubscriptionSpec {
        SubscriptionSpec { consumer: self.consumer, lane: Lane::Normal, bindings: &[USER_DELETED], retry_tiers: &RETRY_TIERS }
    }
}

/// Starts what erases users in a service.
pub fn start_erasures(
    process: &mut Process,
    pools: &Pools,
    broker: &Broker,
    dead_letters: &DeadLetters,
    signal: OutboxSignal,
    spec: ErasureSpec,
    personal_data: Arc<dyn PersonalData>,
) {
    let bell = Arc::new(Notify::new());
    let store = PgErasures::new(pools.workers.clone(), signal);
    let handler = ErasureHandler {
        store: store.clone(),
        pool: pools.workers.clone(),
        spec,
        clock: process.clock.clone(),
        bell: bell.clone(),
    };
    start_consumer(process, broker, dead_letters, spec.subscription(), Arc::new(handler));
    let eraser = Eraser { store, spec, personal_data, clock: process.clock.clone(), ids: process.ids.clone(), bell };
    process.workers.spawn_endless("erasures", eraser.run());
}

/// Remembers who is to be erased.
struct ErasureHandler {
    store: PgErasures,
    pool: PgPool,
    spec: ErasureSpec,
    clock: Arc<dyn Clock>,
    bell: Arc<Notify>,
}

#[async_trait]
impl Handler for ErasureHandler {
    async fn consume(&self, batch: &[Message]) -> Result<(), HandlerError> {
        let asked: Result<Vec<Asked>, Box<dyn std::error::Error + Send + Sync>> = batch.iter().map(asked).collect();
        let asked = asked.map_err(HandlerError::Rejected)?;
        self.store.remember(self.spec.consumer, &asked, self.clock.now()).await?;
        self.bell.notify_one();
        Ok(())
    }

    async fn probe(&self) -> Result<(), Fault> {
        crate::inbox::probe(&self.pool, self.spec.consumer).await
    }
}

fn asked(message: &Message) -> Result<Asked, Box<dyn std::error::Error + Send + Sync>> {
    let deleted = pb_identity::UserDeleted::decode(message.payload.as_slice())?;
    Ok(Asked {
        told_by: message.event_id,
        realm_id: message.realm_id,
        user_id: deleted.user_id.parse()?,
        caused_by: message.cause_id,
    })
}

/// Erases those of whom it was asked.
struct Eraser {
    store: PgErasures,
    spec: ErasureSpec,
    personal_data: Arc<dyn PersonalData>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    bell: Arc<Notify>,
}

impl Eraser {
    async fn run(self) -> Infallible {
        loop {
            if let Err(fault) = self.erase_all().await {
                tracing::warn!(consumer = self.spec.consumer, error = &fault as &dyn std::error::Error, "a user was not erased");
            }
            // Either way it is time to look again.
            let _ = tokio::time::timeout(INTERVAL, self.bell.notified()).await;
        }
    }

    /// Does what there is to be done; one of whom it fails keeps no other.
    async fn erase_all(&self) -> Result<(), Fault> {
        let mut kept = None;
        loop {
            let now = self.clock.now();
            let due = self.store.claim(now, later(now, LEASE), BATCH).await?;
            if due.is_empty() {
                return kept.map_or(Ok(()), Err);
            }
            for due in &due {
                if let Err(fault) = self.attend_to(due).await {
                    kept = Some(fault);
                }
            }
        }
    }

    async fn attend_to(&self, due: &Due) -> Result<(), Fault> {
        match due.erased_at {
            None => {
                self.erase(due).await?;
                self.tell(due, self.clock.now()).await
            }
            Some(erased_at) if !due.is_told => self.tell(due, erased_at).await,
            Some(_) => {
                self.erase(due).await?;
                self.store.note_sweep(due, self.clock.now()).await
            }
        }
    }

    async fn erase(&self, due: &Due) -> Result<(), Fault> {
        let Due { realm_id, user_id, .. } = *due;
        self.personal_data.erase(realm_id, user_id, self.clock.now()).await?;
        self.store.redact_facts(realm_id, user_id, self.personal_data.redaction()).await?;
        self.store.delete_dead_letters(realm_id, user_id).await
    }

    async fn tell(&self, due: &Due, erased_at: Timestamp) -> Result<(), Fault> {
        let event_id = self.ids.new_id(self.clock.now());
        self.store.tell(due, event_id, self.spec.event_type, erased_at, later(erased_at, SWEEP_AFTER)).await
    }
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.saturating_add(by).expect("a duration of whole seconds can be added to a moment")
}
