//! A person who belongs to exactly one company of one realm (I1).

use std::str::FromStr;

use kernel::{CompanyId, RealmId, Role, Timestamp, UserId};

use super::{Contact, Contacts, EmailAddress, PhoneNumber, UserDeleted, UserName};

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

/// Whether a user has had access yet (I5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// Since then; from when the hours of his invitation run.
    Since(Timestamp),
    /// He was added BLOCKED, and was not activated yet.
    Awaited,
    /// As well, and is to be invited then.
    AwaitedWithInvitation,
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    realm_id: RealmId,
    id: UserId,
    company_id: CompanyId,
    role: Role,
    status: UserStatus,
    activation: Activation,
    contacts: Contacts,
    email_verified: bool,
    phone_verified: bool,
    /// Access tokens of lower generations are void (I4).
    access_generation: i64,
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
    pub(crate) activation: Activation,
    pub(crate) contacts: Contacts,
    pub(crate) email_verified: bool,
    pub(crate) phone_verified: bool,
    pub(crate) access_generation: i64,
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
    /// The access tokens that tell of his former standing are void.
    pub(crate) access_generation: i64,
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

/// Fact: a contact of a user is another now. It does not say which value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContactChanged {
    pub(crate) user_id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) version: i64,
    pub(crate) contact: Contact,
    pub(crate) at: Timestamp,
}

impl User {
    pub(crate) fn create(
        realm_id: RealmId,
        id: UserId,
        company_id: CompanyId,
        role: Role,
        contacts: Contacts,
        now: Timestamp,
    ) -> (Self, UserCreated) {
        let user = Self {
            realm_id,
            id,
            company_id,
            role,
            status: UserStatus::Active,
            activation: Activation::Since(now),
            contacts,
            email_verified: false,
            phone_verified: false,
            access_generation: 1,
            version: 1,
            created_at: now,
        };
        let created = UserCreated { user_id: id, company_id, version: user.version };
        (user, created)
    }

    /// The same user, just created, but without access until he is activated (I5).
    pub(crate) fn awaiting(self, activation: Activation) -> Self {
        Self { status: UserStatus::Blocked, activation, ..self }
    }

    /// The same user, just created, who has shown that mail to his address reaches him.
    pub(crate) fn verified(self) -> Self {
        Self { email_verified: true, ..self }
    }

    /// Takes another address, not verified yet; nothing happens if it is the one the user has.
    pub(crate) fn change_email(&mut self, email: EmailAddress, now: Timestamp) -> Option<ContactChanged> {
        if self.contacts.email.as_ref() == Some(&email) {
            return None;
        }
        self.contacts.email = Some(email);
        self.email_verified = false;
        Some(self.contact_changed(Contact::Email, now))
    }

    /// Takes another number, not verified yet, or none; nothing happens if it is the one the user has.
    pub(crate) fn change_phone(&mut self, phone: Option<PhoneNumber>, now: Timestamp) -> Option<ContactChanged> {
        if self.contacts.phone == phone {
            return None;
        }
        self.contacts.phone = phone;
        self.phone_verified = false;
        Some(self.contact_changed(Contact::Phone, now))
    }

    /// Has shown that messages to his number reach him; nothing happens if he had before.
    pub(crate) fn confirm_phone(&mut self, now: Timestamp) -> Option<ContactChanged> {
        if self.phone_verified {
            return None;
        }
        self.phone_verified = true;
        Some(self.contact_changed(Contact::Phone, now))
    }

    /// Takes another address that he has shown to be his.
    pub(crate) fn replace_email(&mut self, email: EmailAddress, now: Timestamp) -> ContactChanged {
        self.contacts.email = Some(email);
        self.email_verified = true;
        self.contact_changed(Contact::Email, now)
    }

    /// Takes another number that he has shown to be his.
    pub(crate) fn replace_phone(&mut self, phone: PhoneNumber, now: Timestamp) -> ContactChanged {
        self.contacts.phone = Some(phone);
        self.phone_verified = true;
        self.contact_changed(Contact::Phone, now)
    }

    /// Ceases to be.
    pub(crate) const fn delete(&self, now: Timestamp) -> UserDeleted {
        UserDeleted { user_id: self.id, company_id: self.company_id, version: self.version + 1, at: now }
    }

    fn contact_changed(&mut self, contact: Contact, now: Timestamp) -> ContactChanged {
        self.version += 1;
        ContactChanged { user_id: self.id, company_id: self.company_id, version: self.version, contact, at: now }
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
                if status == UserStatus::Active && self.activated_at().is_none() {
                    self.activation = Activation::Since(now);
                }
                if status == UserStatus::Blocked { StandingChange::Blocked } else { StandingChange::Unblocked }
            }
            Standing::Role(_) | Standing::Status(_) => return None,
        };
        self.version += 1;
        self.access_generation += 1;
        Some(StandingChanged {
            user_id: self.id,
            company_id: self.company_id,
            version: self.version,
            change: kind,
            access_generation: self.access_generation,
            at: now,
        })
    }

    /// A user as it was stored.
    pub(crate) fn from_stored(stored: StoredUser) -> Self {
        let StoredUser {
            realm_id,
            id,
            company_id,
            role,
            status,
            activation,
            contacts,
            email_verified,
            phone_verified,
            access_generation,
            version,
            created_at,
        } = stored;
        Self {
            realm_id,
            id,
            company_id,
            role,
            status,
            activation,
            contacts,
            email_verified,
            phone_verified,
            access_generation,
            version,
            created_at,
        }
    }

    /// What a password must not be made of (I10).
    pub(crate) fn own_data(&self) -> Vec<&str> {
        let Contacts { email, phone, user_name } = &self.contacts;
        let email = email.as_ref().map(EmailAddress::as_str);
        let local_part = email.and_then(|email| email.split('@').next());
        let phone = phone.as_ref().map(PhoneNumber::as_str);
        [email, local_part, phone, user_name.as_ref().map(UserName::as_str)].into_iter().flatten().collect()
    }

    pub(crate) const fn status(&self) -> UserStatus {
        self.status
    }

    pub(crate) const fn activation(&self) -> Activation {
        self.activation
    }

    /// When he first had access; nothing if he is still waiting for it.
    pub(crate) const fn activated_at(&self) -> Option<Timestamp> {
        match self.activation {
            Activation::Since(activated_at) => Some(activated_at),
            Activation::Awaited | Activation::AwaitedWithInvitation => None,
        }
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

    pub(crate) const fn contacts(&self) -> &Contacts {
        &self.contacts
    }

    pub(crate) const fn is_email_verified(&self) -> bool {
        self.email_verified
    }

    pub(crate) const fn is_phone_verified(&self) -> bool {
        self.phone_verified
    }

    pub(crate) const fn access_generation(&self) -> i64 {
        self.access_generation
    }

    pub(crate) const fn version(&self) -> i64 {
        self.version
    }

    pub(crate) const fn created_at(&self) -> Timestamp {
        self.created_at
    }
}
