//! Who may do what with users: one pure function.

use kernel::{Caller, CompanyId, Decision, Role};

use super::User;

pub(crate) enum Action<'a> {
    /// Adds a user to a company of the caller's realm.
    CreateUser {
        company_id: CompanyId,
    },
    ChangeEmail(&'a User),
    ChangeStanding(&'a User),
    SeeUser(&'a User),
}

impl kernel::Action for Action<'_> {
    fn decide(&self, caller: &Caller) -> Decision {
        decide(caller, self)
    }
}

fn decide(caller: &Caller, action: &Action<'_>) -> Decision {
    match action {
        Action::CreateUser { company_id } => create_user(caller, *company_id),
        Action::ChangeEmail(user) => change_email(caller, user),
        Action::ChangeStanding(user) => change_standing(caller, user),
        Action::SeeUser(user) => see_user(caller, user),
    }
}

/// I2: only an OWNER adds users by hand, and only in his own company.
fn create_user(caller: &Caller, company_id: CompanyId) -> Decision {
    match caller {
        Caller::User(user) if user.role == Role::Owner && user.company_id == company_id => Decision::Allow,
        Caller::User(user) if user.role == Role::Owner => Decision::Hide,
        Caller::Service(_) => Decision::Allow,
        Caller::User(_) | Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => Decision::Deny,
    }
}

/// Contacts are kept by the realm's own services until policies say who else may change them (I16).
fn change_email(caller: &Caller, changed: &User) -> Decision {
    match caller {
        Caller::Service(service) if service.realm_id == changed.realm_id() => Decision::Allow,
        _ if see_user(caller, changed) == Decision::Allow => Decision::Deny,
        _ => Decision::Hide,
    }
}

/// I2: only an OWNER decides about the users of his own company. That he does not decide about himself (I3) is no matter
/// of permission: he is told so.
fn change_standing(caller: &Caller, changed: &User) -> Decision {
    match caller {
        Caller::User(user) if user.role == Role::Owner && user.company_id == changed.company_id() => Decision::Allow,
        _ if see_user(caller, changed) == Decision::Allow => Decision::Deny,
        _ => Decision::Hide,
    }
}

fn see_user(caller: &Caller, seen: &User) -> Decision {
    let allowed = match caller {
        Caller::User(user) => {
            let administers = user.role >= Role::Admin && user.company_id == seen.company_id();
            user.realm_id == seen.realm_id() && (administers || user.user_id == seen.id())
        }
        Caller::Service(service) => service.realm_id == seen.realm_id(),
        Caller::Component(_) => true,
        Caller::PlatformAdmin(_) | Caller::Anonymous => false,
    };
    if allowed { Decision::Allow } else { Decision::Hide }
}
