//! Contacts that users show to be theirs.

use async_trait::async_trait;
use kernel::{Call, EventId, Fault, LinkId, Permit, PhoneCodeId, RealmId, SessionId, Timestamp, UserId};

use crate::domain::{CodeNumber, ContactChanged, EmailChange, PhoneCode, PhoneNumber, User};

/// Another contact of a user, with what follows: all or nothing.
#[derive(Debug)]
pub(crate) struct ContactUpdate<'a> {
    /// The user as he is then.
    pub(crate) user: &'a User,
    pub(crate) changed: ContactChanged,
    pub(crate) set_by: ContactSetter,
    pub(crate) event_id: EventId,
    /// Of one that takes another's place.
    pub(crate) notice: Option<ReplacementNotice>,
}

/// Who sets a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContactSetter {
    /// The user, who has shown that it is his.
    Himself,
    Administrator,
}

/// What he is told whose contact was replaced.
#[derive(Debug)]
pub(crate) struct ReplacementNotice {
    pub(crate) event_id: EventId,
    /// The address he had at that moment, which only notification can read; empty if he had none.
    pub(crate) sealed_address: Vec<u8>,
}

/// An address to be shown to be its user's.
#[derive(Debug)]
pub(crate) struct NewEmailChange {
    pub(crate) change: EmailChange,
    pub(crate) user_version: i64,
    /// It was asked for in this session, and is void when that has ended.
    pub(crate) session_id: SessionId,
    /// What is kept of the token.
    pub(crate) token_hash: Vec<u8>,
    /// The token for the letter, and where it goes, which only notification can read.
    pub(crate) sealed_token: Vec<u8>,
    pub(crate) sealed_address: Vec<u8>,
    pub(crate) event_id: EventId,
}

/// Where addresses are kept that are not their users' yet.
#[async_trait]
pub(crate) trait EmailChanges: Send + Sync {
    /// Keeps one and has a link mailed to it, unless another was a moment ago, or enough of them today, or the user is another by now:
    /// false then. Whose it is by now does not matter: whoever asks cannot tell.
    async fn insert(&self, permit: &Permit, call: &Call, new: &NewEmailChange) -> Result<bool, Fault>;

    /// One that can hold now, and its user: not over, asked for in a session that goes on, the user active and still of the address he had.
    async fn get_open(
        &self,
        realm_id: RealmId,
        link_id: LinkId,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<(EmailChange, User)>, Fault>;
}

/// A code to be sent.
#[derive(Debug)]
pub(crate) struct NewPhoneCode {
    pub(crate) code: PhoneCode,
    /// The version of the user for whom it was made.
    pub(crate) user_version: i64,
    /// What is kept of it.
    pub(crate) mac: Vec<u8>,
    /// The code for the message, which only notification can read.
    pub(crate) sealed_code: Vec<u8>,
    /// Where it goes, as only notification can read it, if that is not the number he has.
    pub(crate) sealed_phone: Option<Vec<u8>>,
    pub(crate) client_address: Option<String>,
    pub(crate) event_id: EventId,
}

/// A code that may be tried once more; that it was is counted already.
#[derive(Debug)]
pub(crate) struct TriedCode {
    pub(crate) id: PhoneCodeId,
    pub(crate) phone: PhoneNumber,
    pub(crate) number: CodeNumber,
    pub(crate) mac: Vec<u8>,
}

/// Where codes are kept that were sent to phones.
#[async_trait]
pub(crate) trait PhoneCodes: Send + Sync {
    /// Keeps a code and has it sent, unless another was a moment ago, or enough of them today, or the user is another by now: false
    /// then. Whose number it is by now does not matter: whoever asks cannot tell.
    async fn insert(&self, permit: &Permit, call: &Call, new: &NewPhoneCode) -> Result<bool, Fault>;

    /// Counts a try of the code that was sent last; none if there is nothing to be tried.
    async fn try_last(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Option<TriedCode>, Fault>;
}
