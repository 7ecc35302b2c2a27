//! A delivery: one person told one thing through one channel.

use std::str::FromStr;

use kernel::{CaseId, CommandId, DeliveryId, EventId, RealmId, UserId};

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Channel {
    Email,
}

impl Channel {
    pub(crate) const ALL: [Self; 1] = [Self::Email];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
        }
    }
}

impl FromStr for Channel {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or(())
    }
}

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// N1: the status of his case changed.
    StatusChange,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::StatusChange => "STATUS_CHANGE",
        }
    }
}

/// Somebody who may have to be told of a fact: told if he ticked it.
#[derive(Debug, Clone)]
pub(crate) struct NewDelivery {
    pub(crate) realm_id: RealmId,
    pub(crate) cause_id: CommandId,
    pub(crate) object_id: CaseId,
    pub(crate) user_id: UserId,
    pub(crate) delivery_id: DeliveryId,
    pub(crate) event_id: EventId,
    pub(crate) kind: Kind,
    pub(crate) channel: Channel,
    /// The fact itself, rendered at the moment of sending.
    pub(crate) content: Vec<u8>,
    pub(crate) traceparent: Option<String>,
}

/// A delivery that this process is to send now. Nobody else may, until the lease is over.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) realm_id: RealmId,
    pub(crate) cause_id: CommandId,
    pub(crate) object_id: CaseId,
    pub(crate) user_id: UserId,
    pub(crate) delivery_id: DeliveryId,
    pub(crate) channel: Channel,
    pub(crate) content: Vec<u8>,
    /// Which attempt this is, counted from 1.
    pub(crate) attempt: i32,
    pub(crate) created_at: kernel::Timestamp,
    /// When this process claimed it, by its own monotonic clock.
    pub(crate) leased_since: std::time::Instant,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The provider has taken it.
    Sent { address_hash: Vec<u8> },
    /// The provider has refused it for good.
    Failed { reason: &'static str },
    /// It must not or cannot be sent to this person.
    Suppressed { reason: &'static str },
    /// It was certainly not sent; to be tried again.
    Retry { reason: &'static str },
    /// The provider may or may not have taken it: the connection broke before its answer. A letter is sent again under the
    /// same Message-ID, so that a mail program shows one.
    Uncertain { reason: &'static str },
}

/// An attempt and its end, to be written to the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) delivery: Claimed,
    pub(crate) outcome: Outcome,
}
