//! Codes that are sent to a phone to confirm it (I17).

use std::time::Duration;

use kernel::{PhoneCodeId, RealmId, Timestamp, UserId};

use super::PhoneNumber;

const LIFETIME: Duration = Duration::from_mins(5);

/// Which of a user's numbers a code confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeNumber {
    /// The one he has.
    Present,
    /// The one he wants instead.
    Next,
}

#[derive(Debug, Clone)]
pub(crate) struct PhoneCode {
    pub(crate) realm_id: RealmId,
    pub(crate) id: PhoneCodeId,
    pub(crate) user_id: UserId,
    pub(crate) phone: PhoneNumber,
    pub(crate) number: CodeNumber,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl PhoneCode {
    pub(crate) fn new(
        realm_id: RealmId,
        id: PhoneCodeId,
        user_id: UserId,
        phone: PhoneNumber,
        number: CodeNumber,
        now: Timestamp,
    ) -> Self {
        let expires_at = now.saturating_add(LIFETIME).expect("whole minutes can be added to a moment");
        Self { realm_id, id, user_id, phone, number, created_at: now, expires_at }
    }
}
