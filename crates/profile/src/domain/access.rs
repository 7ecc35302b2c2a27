//! Who may do what with profiles: one pure function.

use std::collections::BTreeSet;

use kernel::{Caller, CompanyId, Decision, RealmId, Role};

use super::{AttributeAudience, Profile, Viewer};

pub(crate) enum Action<'a> {
    /// Asks for profiles of a realm, or of none; each of them is decided about by itself.
    LookUpProfiles {
        realm_id: Option<RealmId>,
    },
    SeeProfile(&'a Profile),
    UpdateProfile(&'a Profile),
    /// Writes attributes of it; each of them is decided about by itself.
    WriteAttributes(&'a Profile),
    /// Of no company, if what is meant is not there.
    ManageAttributes {
        company_id: Option<CompanyId>,
    },
    ListAttributes {
        company_id: CompanyId,
    },
    /// As attributes.
    ManageDepartments {
        company_id: Option<CompanyId>,
    },
    ListDepartments {
        company_id: CompanyId,
    },
}

impl kernel::Action for Action<'_> {
    fn decide(&self, caller: &Caller) -> Decision {
        decide(caller, self)
    }
}

fn decide(caller: &Caller, action: &Action<'_>) -> Decision {
    match action {
        Action::LookUpProfiles { realm_id } => look_up(caller, *realm_id),
        Action::SeeProfile(profile) => see(caller, profile),
        Action::UpdateProfile(profile) => update(caller, profile),
        Action::WriteAttributes(profile) => write_attributes(caller, profile),
        Action::ManageAttributes { company_id } | Action::ManageDepartments { company_id } => manage_company(caller, *company_id),
        Action::ListAttributes { company_id } | Action::ListDepartments { company_id } => look_into_company(caller, *company_id),
    }
}

/// I1: for everybody else the realm has no people.
fn look_up(caller: &Caller, realm_id: Option<RealmId>) -> Decision {
    let allowed = match caller {
        Caller::User(_) | Caller::Service(_) => caller.realm_id() == realm_id,
        Caller::Component(_) => realm_id.is_some(),
        Caller::PlatformAdmin(_) => false,
        Caller::Gateway(_) | Caller::Anonymous => return Decision::Deny,
    };
    if allowed { Decision::Allow } else { Decision::Hide }
}

fn see(caller: &Caller, profile: &Profile) -> Decision {
    let allowed = match caller {
        Caller::User(user) => {
            let administers = user.role >= Role::Admin && user.company_id == profile.company_id();
            let helps = user.role == Role::Support;
            user.realm_id == profile.realm_id() && (administers || helps || user.user_id == profile.user_id())
        }
        Caller::Service(service) => service.realm_id == profile.realm_id(),
        Caller::Component(_) => true,
        Caller::PlatformAdmin(_) => false,
        Caller::Gateway(_) | Caller::Anonymous => return Decision::Deny,
    };
    if allowed { Decision::Allow } else { Decision::Hide }
}

/// A profile is its person's own; the realm's services keep it for him. Who merely sees it is told that it is not his.
fn update(caller: &Caller, profile: &Profile) -> Decision {
    match (see(caller, profile), caller) {
        (Decision::Allow, Caller::User(user)) if user.user_id == profile.user_id() => Decision::Allow,
        (Decision::Allow, Caller::Service(_)) => Decision::Allow,
        (Decision::Allow, _) => Decision::Deny,
        (refused, _) => refused,
    }
}

/// Whoever sees a profile may see attributes of it, and write some.
fn write_attributes(caller: &Caller, profile: &Profile) -> Decision {
    match (see(caller, profile), caller) {
        (Decision::Allow, Caller::User(_) | Caller::Service(_)) => Decision::Allow,
        (Decision::Allow, _) => Decision::Deny,
        (refused, _) => refused,
    }
}

/// Who is no owner is told so whatever there is.
fn manage_company(caller: &Caller, company_id: Option<CompanyId>) -> Decision {
    match caller {
        Caller::User(user) if user.role != Role::Owner => Decision::Deny,
        Caller::User(user) if company_id == Some(user.company_id) => Decision::Allow,
        Caller::User(_) => Decision::Hide,
        _ => Decision::Deny,
    }
}

fn look_into_company(caller: &Caller, company_id: CompanyId) -> Decision {
    match caller {
        Caller::User(user) if user.company_id == company_id => Decision::Allow,
        Caller::User(_) => Decision::Hide,
        Caller::Service(_) => Decision::Allow,
        _ => Decision::Deny,
    }
}

/// Whether it is his own who calls. What he does to it is his own business, whatever he calls through.
pub(crate) fn is_own(caller: &Caller, profile: &Profile) -> bool {
    matches!(caller, Caller::User(user) if user.user_id == profile.user_id())
}

/// As what the caller looks at this profile, which he may see.
pub(crate) fn viewer_of(caller: &Caller, profile: &Profile) -> Viewer {
    match caller {
        Caller::Service(_) => Viewer::Everything,
        Caller::User(user) => {
            let himself = (user.user_id == profile.user_id()).then_some(AttributeAudience::User);
            Viewer::As(himself.into_iter().chain(by_role(user.role)).collect())
        }
        _ => Viewer::As(BTreeSet::new()),
    }
}

/// As what the caller looks at any profile of his company; its owners know of all that there is.
pub(crate) fn viewer_of_company(caller: &Caller) -> Viewer {
    match caller {
        Caller::User(user) => Viewer::As([AttributeAudience::User].into_iter().chain(by_role(user.role)).collect()),
        _ => Viewer::As(BTreeSet::new()),
    }
}

/// Whether he knows of what is on no profile.
pub(crate) fn knows_all_attributes(caller: &Caller) -> bool {
    matches!(caller, Caller::Service(_)) || matches!(caller, Caller::User(user) if user.role == Role::Owner)
}

/// Agents see no profile but their own.
const fn by_role(role: Role) -> Option<AttributeAudience> {
    match role {
        Role::Owner => Some(AttributeAudience::Owner),
        Role::Admin => Some(AttributeAudience::Agent),
        Role::Agent | Role::Customer | Role::Support => None,
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Component, CredentialId, GatewayCaller, Id, PlatformAdminCaller, ServiceCaller, SessionId};
    use kernel::{Through, UserCaller, UserId};
    use uuid::Uuid;

    use super::super::profile::tests::empty;
    use super::*;

    const ALLOW: Decision = Decision::Allow;
    const DENY: Decision = Decision::Deny;
    const HIDE: Decision = Decision::Hide;

    fn id<Of>(number: u128) -> Id<Of> {
        Id::from_uuid(Uuid::from_u128(number))
    }

    /// A user of the realm of [`empty`].
    fn user(user_id: UserId, company_id: CompanyId, role: Role) -> UserCaller {
        let through = Through::Session(SessionId::from_uuid(Uuid::nil()));
        UserCaller { realm_id: empty().realm_id(), company_id, user_id, role, through }
    }

    fn service(realm_id: RealmId) -> Caller {
        Caller::Service(ServiceCaller { realm_id, credential_id: CredentialId::from_uuid(Uuid::nil()), name: "importer".into() })
    }

    #[test]
    fn a_profile_is_seen_by_few_and_changed_by_fewer() {
        let profile = empty();
        let (himself, company, realm) = (profile.user_id(), profile.company_id(), profile.realm_id());
        let abroad = UserCaller { realm_id: id(9), ..user(himself, company, Role::Owner) };
        let table = [
            ("himself", Caller::User(user(himself, company, Role::Customer)), ALLOW, ALLOW),
            ("a colleague", Caller::User(user(id(8), company, Role::Agent)), HIDE, HIDE),
            ("an admin of his company", Caller::User(user(id(8), company, Role::Admin)), ALLOW, DENY),
            ("an owner of his company", Caller::User(user(id(8), company, Role::Owner)), ALLOW, DENY),
            ("an owner of another company", Caller::User(user(id(8), id(7), Role::Owner)), HIDE, HIDE),
            ("the same ids in another realm", Caller::User(abroad), HIDE, HIDE),
            ("support of the realm", Caller::User(user(id(8), id(7), Role::Support)), ALLOW, DENY),
            (
                "support of another realm",
                Caller::User(UserCaller { realm_id: id(9), ..user(id(8), id(7), Role::Support) }),
                HIDE,
                HIDE,
            ),
            ("a service of the realm", service(realm), ALLOW, ALLOW),
            ("a service of another realm", service(id(9)), HIDE, HIDE),
            ("a component", Caller::Component(Component::Notification), ALLOW, DENY),
            ("an operator", Caller::PlatformAdmin(PlatformAdminCaller { name: "operator".into() }), HIDE, HIDE),
            ("a gateway", Caller::Gateway(GatewayCaller { realm_id: realm, credential_id: id(6) }), DENY, DENY),
            ("nobody", Caller::Anonymous, DENY, DENY),
        ];
        for (who, caller, sees, updates) in table {
            assert_eq!(decide(&caller, &Action::SeeProfile(&profile)), sees, "{who} sees");
            assert_eq!(decide(&caller, &Action::UpdateProfile(&profile)), updates, "{who} updates");
        }
    }

    /// Rule I1.a: nobody looks into another realm, whatever it holds.
    #[test]
    fn nobody_looks_into_another_realm() {
        let realm_id = empty().realm_id();
        let customer = Caller::User(user(id(8), id(7), Role::Customer));
        let component = Caller::Component(Component::Notification);
        let operator = Caller::PlatformAdmin(PlatformAdminCaller { name: "operator".into() });
        let decided = |caller: &Caller, realm_id| decide(caller, &Action::LookUpProfiles { realm_id });
        assert_eq!((decided(&customer, Some(realm_id)), decided(&customer, Some(id(9)))), (ALLOW, HIDE));
        assert_eq!((decided(&service(realm_id), Some(realm_id)), decided(&service(realm_id), Some(id(9)))), (ALLOW, HIDE));
        assert_eq!((decided(&component, Some(realm_id)), decided(&component, None)), (ALLOW, HIDE));
        assert_eq!((decided(&operator, Some(realm_id)), decided(&operator, None)), (HIDE, HIDE));
        assert_eq!(decided(&Caller::Anonymous, Some(realm_id)), DENY);
    }
}
