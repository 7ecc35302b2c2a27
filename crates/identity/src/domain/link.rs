//! Links that users are mailed to set a password (I6, I7).

use std::str::FromStr;
use std::time::Duration;

use kernel::{LinkId, RealmId, Timestamp, UserId};

/// I6: exactly 24 hours from the user's creation, or from the first activation of one created BLOCKED.
const INVITATION_LIFETIME: Duration = Duration::from_hours(24);
const PASSWORD_RESET_LIFETIME: Duration = Duration::from_hours(1);

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkPurpose {
    Invitation,
    PasswordReset,
}

impl LinkPurpose {
    const ALL: [Self; 2] = [Self::Invitation, Self::PasswordReset];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "INVITATION",
            Self::PasswordReset => "PASSWORD_RESET",
        }
    }
}

impl FromStr for LinkPurpose {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text).ok_or(())
    }
}

/// A link that has not been used.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) realm_id: RealmId,
    pub(crate) id: LinkId,
    pub(crate) user_id: UserId,
    pub(crate) purpose: LinkPurpose,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Link {
    /// An invitation of a user who has had access since `activated_at`; none once its 24 hours have passed. Sending it again does
    /// not prolong it.
    pub(crate) fn invitation(
        realm_id: RealmId,
        id: LinkId,
        user_id: UserId,
        activated_at: Timestamp,
        now: Timestamp,
    ) -> Option<Self> {
        let link = Self::new(realm_id, id, user_id, LinkPurpose::Invitation, now, activated_at, INVITATION_LIFETIME);
        link.is_open_at(now).then_some(link)
    }

    /// True as long as an invitation of a user who has had access since `activated_at` can be used.
    pub(crate) fn invites_at(activated_at: Timestamp, now: Timestamp) -> bool {
        now < end(activated_at, INVITATION_LIFETIME)
    }

    pub(crate) fn password_reset(realm_id: RealmId, id: LinkId, user_id: UserId, now: Timestamp) -> Self {
        Self::new(realm_id, id, user_id, LinkPurpose::PasswordReset, now, now, PASSWORD_RESET_LIFETIME)
    }

    fn new(
        realm_id: RealmId,
        id: LinkId,
        user_id: UserId,
        purpose: LinkPurpose,
        created_at: Timestamp,
        counted_from: Timestamp,
        lifetime: Duration,
    ) -> Self {
        let expires_at = end(counted_from, lifetime);
        Self { realm_id, id, user_id, purpose, created_at, expires_at }
    }

    pub(crate) fn is_open_at(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

fn end(counted_from: Timestamp, lifetime: Duration) -> Timestamp {
    counted_from.saturating_add(lifetime).expect("whole hours can be added to a moment")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kernel::Id;
    use uuid::Uuid;

    use super::*;

    fn invitation(now: Timestamp) -> Option<Link> {
        let id = Uuid::from_u128;
        Link::invitation(Id::from_uuid(id(1)), Id::from_uuid(id(2)), Id::from_uuid(id(3)), Timestamp::UNIX_EPOCH, now)
    }

    /// Rule I6.a: an invitation is good for exactly 24 hours from the user's creation, however often it is sent.
    #[test]
    fn an_invitation_ends_24_hours_after_the_user_was_created() {
        let end = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24);
        let sent_at_once = invitation(Timestamp::UNIX_EPOCH).expect("it has just begun");
        let just_before = end - SignedDuration::from_micros(1);
        let sent_again = invitation(just_before).expect("a microsecond is left");
        assert_eq!((sent_at_once.expires_at, sent_again.expires_at), (end, end));
        assert!(sent_at_once.is_open_at(just_before) && !sent_at_once.is_open_at(end));
        assert!(invitation(end).is_none());
    }
}
