//! A person who belongs to exactly one company of one realm (I1).

use kernel::{CompanyId, RealmId, Role, Timestamp, UserId};

use super::EmailAddress;

#[derive(Debug, Clone)]
pub(crate) struct User {
    realm_id: RealmId,
    id: UserId,
    company_id: CompanyId,
    role: Role,
    email: EmailAddress,
    version: i64,
    created_at: Timestamp,
}

/// Fact: a user exists now. It names nobody: who wants to know more asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UserCreated {
    pub(crate) user_id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) version: i64,
}

/// Fact: a user's e-mail address is another now. It does not say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UserEmailChanged {
    pub(crate) user_id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) version: i64,
    pub(crate) at: Timestamp,
}

impl User {
    pub(crate) fn create(
        realm_id: RealmId,
        id: UserId,
        company_id: CompanyId,
        role: Role,
        email: EmailAddress,
        now: Timestamp,
    ) -> (Self, UserCreated) {
        let user = Self { realm_id, id, company_id, role, email, version: 1, created_at: now };
        let created = UserCreated { user_id: id, company_id, version: user.version };
        (user, created)
    }

    /// Takes another address; nothing happens if it is the one the user has.
    pub(crate) fn change_email(&mut self, email: EmailAddress, now: Timestamp) -> Option<UserEmailChanged> {
        if self.email == email {
            return None;
        }
        self.email = email;
        self.version += 1;
        Some(UserEmailChanged { user_id: self.id, company_id: self.company_id, version: self.version, at: now })
    }

    /// A user as it was stored.
    pub(crate) const fn from_stored(
        realm_id: RealmId,
        id: UserId,
        company_id: CompanyId,
        role: Role,
        email: EmailAddress,
        version: i64,
        created_at: Timestamp,
    ) -> Self {
        Self { realm_id, id, company_id, role, email, version, created_at }
    }

    pub(crate) const fn realm_id(&self) -> RealmId {
        self.realm_id
    }

    pub(crate) const fn id(&self) -> UserId {
        self.id
    }

    pub(crate) const fn company_id(&self) -> CompanyId {
        self.company_id
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) const fn email(&self) -> &EmailAddress {
        &self.email
    }

    pub(crate) const fn version(&self) -> i64 {
        self.version
    }

    pub(crate) const fn created_at(&self) -> Timestamp {
        self.created_at
    }
}
