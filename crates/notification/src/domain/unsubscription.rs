//! What the link at the foot of a letter does (N10).

use kernel::{RealmId, UserId};

use super::Preference;

/// One tick of one person, to be taken back. Whoever holds a link to it may: only he was sent one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsubscription {
    pub(crate) realm_id: RealmId,
    pub(crate) user_id: UserId,
    pub(crate) preference: Preference,
}
