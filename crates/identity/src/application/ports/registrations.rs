//! People who register themselves.

use async_trait::async_trait;
use kernel::{Call, EventId, Fault, LinkId, Permit, RealmId, Timestamp, UserId};

use super::Admission;
use crate::domain::{Contact, Registration, Session};

/// A registration to be kept, with the letter that follows.
#[derive(Debug)]
pub(crate) struct NewRegistration {
    pub(crate) registration: Registration,
    pub(crate) addressee: Addressee,
    /// What is kept of the token.
    pub(crate) token_hash: Vec<u8>,
    /// The token for the letter, and where it goes, which only notification can read.
    pub(crate) sealed_token: Vec<u8>,
    pub(crate) sealed_address: Vec<u8>,
    pub(crate) event_id: EventId,
}

/// Who has the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// No user yet: he is mailed a link.
    Newcomer,
    /// A user, as he was read: he is told that he has an account, unless he is blocked.
    User { id: UserId, version: i64 },
}

/// A registration that is confirmed: everything that follows, all or nothing.
#[derive(Debug)]
pub(crate) struct Confirmation<'a> {
    pub(crate) link_id: LinkId,
    /// The user, who is not invited: he is there.
    pub(crate) admission: &'a Admission,
    pub(crate) password_hash: &'a str,
    /// None of somebody who is asked for more than his password first.
    pub(crate) session: Option<&'a Session>,
    pub(crate) now: Timestamp,
}

/// What became of a registration that was to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Confirmed {
    Added,
    /// It was confirmed before, or is over.
    Over,
    /// Others have these contacts of his; none if they have let go of them since.
    Taken(Vec<Contact>),
}

/// Where registrations are kept that are not confirmed yet.
#[async_trait]
pub(crate) trait Registrations: Send + Sync {
    /// Keeps one and has the addressee mailed, unless the address was mailed a moment ago, or often enough today, or he is another by now,
    /// or blocked: false then, and something is kept that is nobody's.
    async fn insert(&self, permit: &Permit, call: &Call, new: &NewRegistration) -> Result<bool, Fault>;

    /// One that can be confirmed now: not used, not over, its address no user's.
    async fn get_open(
        &self,
        realm_id: RealmId,
        link_id: LinkId,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<Registration>, Fault>;

    /// Confirms one if it still can be; others with the same address end with it.
    async fn confirm(&self, permit: &Permit, call: &Call, confirmation: &Confirmation<'_>) -> Result<Confirmed, Fault>;
}
