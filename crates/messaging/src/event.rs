//! A fact as its service states it.

use std::fmt;
use std::str::FromStr;

use kernel::{CommandId, EventId, RealmId, Timestamp};
use uuid::Uuid;

/// A stream of its own from outbox to dispatcher: no lane waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    Normal,
}

impl Lane {
    pub const ALL: [Self; 1] = [Self::Normal];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Lane {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == text).ok_or(())
    }
}

/// The aggregate that a fact is about, and its version after the fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregate {
    pub kind: &'static str,
    pub id: Uuid,
    pub version: i64,
}

/// A fact to be committed together with the change it tells of, through `messaging.append_event`.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub event_id: EventId,
    pub realm_id: RealmId,
    pub aggregate: Aggregate,
    pub lane: Lane,
    /// The command that caused it.
    pub cause_id: CommandId,
    /// Its routing key: `<service>.<aggregate>.<fact>.v1`.
    pub event_type: &'static str,
    /// The fact itself, a protocol buffer of the contract.
    pub payload: Vec<u8>,
    pub traceparent: Option<String>,
    pub occurred_at: Timestamp,
}
