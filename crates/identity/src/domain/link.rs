//! Links that users are sent to set a password (I6, I7, I17).

use std::str::FromStr;
use std::time::Duration;

use kernel::{LinkId, RealmId, Timestamp, UserId};

use super::{Contact, PhoneNumber, User};

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

/// How a link reaches its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkChannel {
    /// By mail to his address, which redeeming it verifies.
    Email,
    /// By SMS to this phone, which shows nothing of his address.
    Sms(PhoneNumber),
}

impl LinkChannel {
    /// Whether the user can be sent a link by it: a phone counts only once he has confirmed it (I17).
    pub(crate) fn reaches(&self, user: &User) -> bool {
        match self {
            Self::Email => user.contacts().has(Contact::Email),
            Self::Sms(phone) => user.contacts().phone.as_ref() == Some(phone) && user.is_phone_verified(),
        }
    }

    /// The number that it goes to, if it goes to one.
    pub(crate) const fn phone(&self) -> Option<&PhoneNumber> {
        match self {
            Self::Email => None,
            Self::Sms(phone) => Some(phone),
        }
    }
}

/// A link that has not been used.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) realm_id: RealmId,
    pub(crate) id: LinkId,
    pub(crate) user_id: UserId,
    pub(crate) purpose: LinkPurpose,
    pub(crate) channel: LinkChannel,
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

    pub(crate) fn password_reset(realm_id: RealmId, id: LinkId, user_id: UserId, channel: LinkChannel, now: Timestamp) -> Self {
        Self { channel, ..Self::new(realm_id, id, user_id, LinkPurpose::PasswordReset, now, now, PASSWORD_RESET_LIFETIME) }
    }

    /// One that is mailed.
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
        Self { realm_id, id, user_id, purpose, channel: LinkChannel::Email, created_at, expires_at }
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
    use kernel::{Id, Role};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Contacts, EmailAddress};

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

    /// Rule I17.c: a link goes by SMS to a phone that its user has confirmed, and to no other.
    #[test]
    fn a_link_goes_by_sms_to_a_confirmed_phone_alone() {
        let number = |text: &str| PhoneNumber::from_stored(text.to_owned());
        let email = EmailAddress::parse("anna@example.com").ok();
        let contacts = Contacts { email, phone: Some(number("+380671234567")), user_name: None };
        let (id, company_id, realm_id) = (Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()));
        let (mut anna, _) = User::create(realm_id, id, company_id, Role::Customer, contacts, Timestamp::UNIX_EPOCH);
        let (hers, another) = (LinkChannel::Sms(number("+380671234567")), LinkChannel::Sms(number("+48221234567")));
        assert!(!hers.reaches(&anna) && LinkChannel::Email.reaches(&anna), "nobody has confirmed the phone");

        anna.confirm_phone(Timestamp::UNIX_EPOCH);
        assert!(hers.reaches(&anna) && !another.reaches(&anna));
        anna.change_phone(Some(number("+48221234567")), Timestamp::UNIX_EPOCH);
        assert!(!hers.reaches(&anna) && !another.reaches(&anna), "another has taken its place, and is not confirmed");
    }
}
