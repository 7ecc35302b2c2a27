//! A fact as its service states it.

use std::fmt;
use std::str::FromStr;

use kernel::{CommandId, EventId, RealmId, Timestamp};
use uuid::Uuid;

/// A stream of its own from outbox to dispatcher: no lane waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    Normal,
    /// Mail about somebody's access. It is told first whatever else is queued, expires rather than be late, and leaves nothing
    /// behind: what it carries may be a secret.
    Security,
}

impl Lane {
    pub const ALL: [Self; 2] = [Self::Normal, Self::Security];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Security => "security",
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
    /// From this moment on it is worth nothing, and is forgotten instead of told.
    pub expires_at: Option<Timestamp>,
}
