//! People who register themselves: nobody is a user before he has shown that mail to his address arrives (I22).

use std::time::Duration;

use kernel::{CompanyId, LinkId, RealmId, Timestamp, UserId};

use super::{Contacts, EmailAddress, Introduction, PhoneNumber, UserName};

/// As an invitation.
const LIFETIME: Duration = Duration::from_hours(24);

/// Whether people register themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SelfRegistration {
    Closed,
    Open,
}

/// How people register themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RegistrationRule {
    pub(crate) self_registration: SelfRegistration,
    /// Where they come to; until a company is named they come to none.
    pub(crate) company_id: Option<CompanyId>,
}

impl RegistrationRule {
    /// The company of whoever registers now; none if nobody does.
    pub(crate) fn open_company(&self) -> Option<CompanyId> {
        self.company_id.filter(|_| self.self_registration == SelfRegistration::Open)
    }
}

/// What somebody has said of himself who wants to be a user.
#[derive(Debug, Clone)]
pub(crate) struct Newcomer {
    pub(crate) email: EmailAddress,
    pub(crate) phone: Option<PhoneNumber>,
    pub(crate) user_name: Option<UserName>,
    pub(crate) introduction: Introduction,
}

impl Newcomer {
    /// None of somebody without an address: nothing can be shown to reach him.
    pub(crate) fn of(contacts: Contacts, introduction: Introduction) -> Option<Self> {
        let Contacts { email, phone, user_name } = contacts;
        Some(Self { email: email?, phone, user_name, introduction })
    }
}

/// Somebody who is to show that his address is his.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) realm_id: RealmId,
    pub(crate) link_id: LinkId,
    /// Who he is going to be.
    pub(crate) user_id: UserId,
    pub(crate) newcomer: Newcomer,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Registration {
    pub(crate) fn new(realm_id: RealmId, link_id: LinkId, user_id: UserId, newcomer: Newcomer, now: Timestamp) -> Self {
        let expires_at = now.saturating_add(LIFETIME).expect("whole hours can be added to a moment");
        Self { realm_id, link_id, user_id, newcomer, created_at: now, expires_at }
    }
}

#[cfg(test)]
mod tests {
    use kernel::Id;
    use uuid::Uuid;

    use super::*;

    impl RegistrationRule {
        /// Nobody registers himself.
        pub(crate) const CLOSED: Self = Self { self_registration: SelfRegistration::Closed, company_id: None };
    }

    /// Rule I22.e: registration is open where the policy says so and names a company.
    #[test]
    fn who_registers_wants_a_company() {
        let company_id = Some(Id::from_uuid(Uuid::from_u128(1)));
        let rule = |self_registration, company_id| RegistrationRule { self_registration, company_id };
        assert_eq!(rule(SelfRegistration::Open, company_id).open_company(), company_id);
        assert_eq!(rule(SelfRegistration::Open, None).open_company(), None);
        assert_eq!(rule(SelfRegistration::Closed, company_id).open_company(), None);
    }
}
