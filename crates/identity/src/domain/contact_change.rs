//! Who changes e-mail addresses and phone numbers, and when another one holds (I16).

use std::time::Duration;

use kernel::{LinkId, RealmId, Timestamp, UserId};

use super::EmailAddress;

const LINK_LIFETIME: Duration = Duration::from_hours(1);

/// Who changes them, beside the realm's own services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContactChanger {
    /// The user himself: another one holds once it is verified.
    User,
    /// An OWNER of his company.
    Owner,
    /// SUPPORT alone.
    Support,
    /// The user himself until he has an address, and until his number is confirmed; from then on SUPPORT.
    SupportOnceSet,
    /// Nobody else.
    Service,
}

/// An address that a user wants, and has been mailed a link to show that it is his.
#[derive(Debug, Clone)]
pub(crate) struct EmailChange {
    pub(crate) realm_id: RealmId,
    pub(crate) link_id: LinkId,
    pub(crate) user_id: UserId,
    pub(crate) email: EmailAddress,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl EmailChange {
    pub(crate) fn new(realm_id: RealmId, link_id: LinkId, user_id: UserId, email: EmailAddress, now: Timestamp) -> Self {
        let expires_at = now.saturating_add(LINK_LIFETIME).expect("whole hours can be added to a moment");
        Self { realm_id, link_id, user_id, email, created_at: now, expires_at }
    }
}
