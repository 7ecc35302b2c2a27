//! A fact as it arrives.

use kernel::{CommandId, EventId, RealmId, Timestamp};

/// What a consumer is handed: the envelope, read and checked, and the payload, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub event_id: EventId,
    pub realm_id: RealmId,
    pub cause_id: CommandId,
    /// Its routing key: `<service>.<aggregate>.<fact>.v1`.
    pub event_type: String,
    pub occurred_at: Timestamp,
    /// From this moment on it is worth nothing. It was on time when it was published; whoever is late minds it himself.
    pub expires_at: Option<Timestamp>,
    pub payload: Vec<u8>,
    pub traceparent: Option<String>,
    /// How many times this consumer has put it off for a fault of its own.
    pub attempt: u32,
}

/// A message whose envelope cannot be read. It never gets better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub routing_key: String,
    pub payload: Vec<u8>,
}

/// Whatever a queue holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    Message(Message),
    Malformed(Malformed),
}
