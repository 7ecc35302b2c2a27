//! Who is calling.

use std::fmt;
use std::str::FromStr;

use crate::{CompanyId, CredentialId, RealmId, SessionId, UserId};

/// A user's role in his company. Ordered: nobody grants a role above his own (I2). SUPPORT stands beside the others: it helps the
/// users of a whole realm, and administers nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Support,
    Customer,
    Agent,
    Admin,
    Owner,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Support, Self::Customer, Self::Agent, Self::Admin, Self::Owner];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Support => "SUPPORT",
            Self::Customer => "CUSTOMER",
            Self::Agent => "AGENT",
            Self::Admin => "ADMIN",
            Self::Owner => "OWNER",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

/// One of Cabinet's own services, calling another on its own behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Component {
    Identity,
    CaseMonitoring,
    Notification,
    Profile,
}

impl Component {
    pub const ALL: [Self; 4] = [Self::Identity, Self::CaseMonitoring, Self::Notification, Self::Profile];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::CaseMonitoring => "case-monitoring",
            Self::Notification => "notification",
            Self::Profile => "profile",
        }
    }
}

impl FromStr for Component {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|component| component.as_str() == text).ok_or(())
    }
}

/// By what a user calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// A session that he began.
    Session(SessionId),
    /// A session that a link in a letter opened, for reading and answering and no more (I19).
    Autologin(SessionId),
    /// A machine that his realm trusts to call in its users' names (N14).
    Service(CredentialId),
}

/// A person who belongs to one company of one realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCaller {
    pub realm_id: RealmId,
    pub company_id: CompanyId,
    pub user_id: UserId,
    pub role: Role,
    pub through: Through,
}

/// A machine that a realm trusts to act in it (SERVICE).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCaller {
    pub realm_id: RealmId,
    pub credential_id: CredentialId,
    /// The name the realm gave it; an identifier, not a secret.
    pub name: String,
}

/// A gateway in front of Cabinet: it says where its clients come from, and may do nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayCaller {
    pub realm_id: RealmId,
    pub credential_id: CredentialId,
}

/// A person who runs the platform (PLATFORM_ADMIN).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformAdminCaller {
    /// The name he is known by in the audit; an identifier, not a secret.
    pub name: String,
}

/// Who is calling, as proven by the access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// No token was shown.
    Anonymous,
    User(UserCaller),
    Service(ServiceCaller),
    Gateway(GatewayCaller),
    Component(Component),
    /// Runs the platform for all realms; belongs to none.
    PlatformAdmin(PlatformAdminCaller),
}

impl Caller {
    /// The realm whose things the caller may be concerned with. Cabinet's own components and strangers belong to none; a gateway
    /// has no business with what its realm owns.
    pub const fn realm_id(&self) -> Option<RealmId> {
        match self {
            Self::User(user) => Some(user.realm_id),
            Self::Service(service) => Some(service.realm_id),
            Self::Anonymous | Self::Gateway(_) | Self::Component(_) | Self::PlatformAdmin(_) => None,
        }
    }

    /// Who it is, as one text: the same in every session, with every role and name. Whoever calls in a user's name is not he.
    pub fn subject(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::User(UserCaller { realm_id, user_id, through, .. }) => match through {
                Through::Session(_) | Through::Autologin(_) => format!("user {realm_id} {user_id}"),
                Through::Service(credential_id) => format!("user {realm_id} {user_id} through {credential_id}"),
            },
            Self::Service(service) => format!("service {} {}", service.realm_id, service.credential_id),
            Self::Gateway(gateway) => format!("gateway {} {}", gateway.realm_id, gateway.credential_id),
            Self::Component(component) => format!("component {}", component.as_str()),
            Self::PlatformAdmin(admin) => format!("administrator {}", admin.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule I2.b: OWNER > ADMIN > AGENT > CUSTOMER.
    #[test]
    fn roles_are_ordered_as_the_rule_book_orders_them() {
        assert!(Role::Owner > Role::Admin && Role::Admin > Role::Agent && Role::Agent > Role::Customer);
        assert!(Role::Customer > Role::Support, "whoever helps everybody administers nobody");
    }
}
