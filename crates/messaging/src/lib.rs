//! How a fact travels: outbox, relay, broker, consumer, inbox (design §5). The only crate that knows the broker's client.
//!
//! Promises: a fact that was committed is never lost; it may be repeated; nothing relies on the order of arrival. What
//! facts mean is no business of this crate, but for two: that a user is to be erased, also from what this crate keeps, and that somebody has
//! done what only those do who administer, such as handing back a dead letter. What is to be erased can be had before, which is served here
//! for the same reason.

mod acts;
mod amqp;
mod config;
mod consumer;
mod dead_letters;
mod erasure;
mod event;
mod export;
pub mod inbox;
mod local;
mod message;
mod metrics;
mod outbox;
mod partitions;
mod relay;
pub mod requests;
mod signal;
mod start;
mod transport;

pub use acts::{Act, ActLog};
pub use config::MessagingConfig;
pub use consumer::{Consumer, Handler, HandlerError, RETRY_TIERS};
pub use dead_letters::{DeadLetterDesk, DeadLetterGrpc, DeadLetters, serve_dead_letters};
pub use erasure::{ErasureSpec, PersonalData, Redaction, start_erasures};
pub use event::{Aggregate, Lane, NewEvent};
pub use export::{EXPORT_PAGE, Holdings, KeyedRecord, PersonalRecord, PersonalRecords, Records, serve_exports};
pub use message::{Incoming, Malformed, Message};
pub use metrics::{ConsumerMetrics, RelayMetrics};
pub use partitions::{Partitions, Retention};
pub use relay::{RELAY_CONNECTIONS, Relay};
pub use signal::OutboxSignal;
pub use start::{start_consumer, start_partitions, start_relays};
pub use transport::{Broker, Subscription, SubscriptionSpec, TransportError};

use sqlx::migrate::Migrator;

/// The schema `messaging`, with a table of migrations of its own.
pub fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../../migrations/messaging");
    migrator.create_schemas = vec!["messaging".into()].into();
    migrator.table_name = "messaging.schema_migration".into();
    migrator
}
