//! A person who belongs to exactly one company of one realm (I1).

use std::str::FromStr;

use kernel::{CompanyId, RealmId, Role, Timestamp, UserId};

use super::EmailAddress;

/// Whether a user may do anything (I4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserStatus {
    Active,
    Blocked,
}

impl UserStatus {
    const ALL: [Self; 2] = [Self::Active, Self::Blocked];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Blocked => "BLOCKED",
        }
    }
}

impl FromStr for UserStatus {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    realm_id: RealmId,
    id: UserId,
    company_id: CompanyId,
    role: Role,
    status: UserStatus,
    email: EmailAddress,
    version: i64,
    created_at: Timestamp,
}

/// A user as storage keeps him.
#[derive(Debug)]
pub(crate) struct StoredUser {
    pub(crate) realm_id: RealmId,
    pub(crate) id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) role: Role,
    pub(crate) status: UserStatus,
    pub(crate) email: EmailAddress,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
}

/// What an OWNER decides about a user of his company (I2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Role(Role),
    Status(UserStatus),
}

/// Fact: a user's standing in his company is another now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StandingChanged {
    pub(crate) user_id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) version: i64,
    pub(crate) change: StandingChange,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandingChange {
    Role,
    Blocked,
    Unblocked,
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
        let user = Self { realm_id, id, company_id, role, status: UserStatus::Active, email, version: 1, created_at: now };
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

    /// Takes another standing (role, status) in the company; nothing happens if it is the one the user has.
    pub(crate) fn change_standing(&mut self, standing: Standing, now: Timestamp) -> Option<StandingChanged> {
        let kind = match standing {
            Standing::Role(role) if role != self.role => {
                self.role = role;
                StandingChange::Role
            }
            Standing::Status(status) if status != self.status => {
                self.status = status;
                if status == UserStatus::Blocked { StandingChange::Blocked } else { StandingChange::Unblocked }
            }
            Standing::Role(_) | Standing::Status(_) => return None,
        };
        self.version += 1;
        Some(StandingChanged { user_id: self.id, company_id: self.company_id, version: self.version, change: kind, at: now })
    }

    /// A user as it was stored.
    pub(crate) fn from_stored(stored: StoredUser) -> Self {
        let StoredUser { realm_id, id, company_id, role, status, email, version, created_at } = stored;
        Self { realm_id, id, company_id, role, status, email, version, created_at }
    }

    pub(crate) const fn status(&self) -> UserStatus {
        self.status
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
