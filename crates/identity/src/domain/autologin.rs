//! Links in letters about a case that open their reader's account at it (I19).

use std::time::Duration;

use kernel::{CaseId, DeliveryId, RealmId, Role, Timestamp, UserId};

use super::{EmailAddress, FirstFactor, Policy};

/// How long after its letter was made a link opens anything.
const OPEN_FOR: Duration = Duration::from_hours(72);

/// What such a link names. It is signed and not kept, until it is redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Autologin {
    pub(crate) realm_id: RealmId,
    /// The letter, by which a link is told from every other.
    pub(crate) delivery_id: DeliveryId,
    pub(crate) user_id: UserId,
    pub(crate) case_id: CaseId,
    pub(crate) made_at: Timestamp,
}

impl Autologin {
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.made_at.saturating_add(OPEN_FOR).expect("whole hours can be added to a moment")
    }

    pub(crate) fn is_open_at(&self, now: Timestamp) -> bool {
        now < self.expires_at()
    }
}

/// An active user as he is when a link to him is made, and when it is followed: a link dies with what it was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AutologinReader {
    pub(crate) user_id: UserId,
    pub(crate) version: i64,
    pub(crate) role: Role,
    pub(crate) access_generation: i64,
    pub(crate) email: EmailAddress,
    pub(crate) password_set_at: Option<Timestamp>,
    /// When his address last changed, if it has.
    pub(crate) autologins_from: Option<Timestamp>,
    pub(crate) has_second_factor: bool,
}

impl AutologinReader {
    /// Whether a letter alone may let him in: not where he is asked for more than what he comes with, nor one made before his address changed,
    /// were it to have changed back.
    pub(crate) fn may_enter(&self, autologin: &Autologin, policy: &Policy) -> bool {
        let is_asked_for_more = self.has_second_factor || policy.second_factor.required_of.contains(&self.role);
        let is_too_old = self.autologins_from.is_some_and(|from| autologin.made_at < from);
        !is_asked_for_more && !is_too_old && policy.sign_on.admits(self.role, FirstFactor::Autologin)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kernel::Id;
    use uuid::Uuid;

    use super::super::{SecondFactorRule, SignOnRule};
    use super::*;

    fn autologin() -> Autologin {
        let id = Uuid::from_u128;
        Autologin {
            realm_id: Id::from_uuid(id(1)),
            delivery_id: Id::from_uuid(id(2)),
            user_id: Id::from_uuid(id(3)),
            case_id: Id::from_uuid(id(4)),
            made_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn reader() -> AutologinReader {
        AutologinReader {
            user_id: Id::from_uuid(Uuid::from_u128(3)),
            version: 1,
            role: Role::Customer,
            access_generation: 0,
            email: EmailAddress::parse("anna@example.com").expect("a good address"),
            password_set_at: None,
            autologins_from: None,
            has_second_factor: false,
        }
    }

    /// Rule I19.b: a link opens something for exactly 72 hours from its letter.
    #[test]
    fn a_link_is_open_for_three_days() {
        let end = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(72);
        assert!(autologin().is_open_at(end - SignedDuration::from_micros(1)) && !autologin().is_open_at(end));
    }

    /// Rule I19.d: where more is asked of a user than what he comes with, no letter lets him in.
    #[test]
    fn no_letter_stands_for_a_second_factor() {
        let required_of = vec![Role::Customer];
        let factor = Policy { second_factor: SecondFactorRule { required_of: required_of.clone() }, ..Policy::any() };
        let sign_on = Policy { sign_on: SignOnRule { required_of }, ..Policy::any() };
        let reader = reader();
        assert!(reader.may_enter(&autologin(), &Policy::any()));
        assert!(!reader.may_enter(&autologin(), &factor) && !reader.may_enter(&autologin(), &sign_on));
        assert!(!AutologinReader { has_second_factor: true, ..reader }.may_enter(&autologin(), &Policy::any()));
    }

    /// Rule I19.d: letters that were made before his address changed let nobody in; those made since do.
    #[test]
    fn no_letter_is_older_than_the_address() {
        let changed_at = |microseconds| Some(Timestamp::UNIX_EPOCH + SignedDuration::from_micros(microseconds));
        let since = |microseconds| AutologinReader { autologins_from: changed_at(microseconds), ..reader() };
        assert!(!since(1).may_enter(&autologin(), &Policy::any()));
        assert!(since(0).may_enter(&autologin(), &Policy::any()));
    }
}
