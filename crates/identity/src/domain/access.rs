//! Who may do what with realms, users, links, sessions and credentials: one pure function.

use kernel::{Caller, CompanyId, Component, Decision, RealmId, Role, Through, UserCaller};

use super::{Company, ContactChanger, Credential, CredentialKind, OwnerSetsPasswords, User, UserDeleter, UserDeletion};

pub(crate) enum Action<'a> {
    /// Whatever proves itself by a secret of its own: signing in, links, refresh tokens, credentials.
    ShowSecret,
    /// Reads what everybody may know.
    ReadPublished,
    /// What only Cabinet's own components ask.
    WatchAccess,
    /// Makes what opens people's accounts, for letters to them.
    MakeAutologins,
    /// Asks whether somebody may enter a VPN, of whichever realm the caller stands before.
    EnterVpn,
    CreateRealm,
    ListRealms,
    SeeRealm {
        realm_id: RealmId,
    },
    ChangePolicy {
        realm_id: RealmId,
    },
    ChangeRealm {
        realm_id: RealmId,
    },
    CreateCompany {
        realm_id: RealmId,
    },
    ListCompanies {
        realm_id: RealmId,
    },
    SeeCompany(&'a Company),
    /// Reads and writes what OWNERs decide for their company.
    ManageCompanySettings(&'a Company),
    ManageCredentials,
    /// Keeps the keys that a realm's own service signs people in with.
    ManageSignOnKeys,
    /// Says who its users are in the realm's own service.
    LinkUsers,
    /// Calls in a user's name, by the credential that the caller has, if it has one.
    ActFor {
        user: &'a User,
        credential: Option<&'a Credential>,
    },
    /// Adds users to a company of the caller's realm.
    CreateUsers {
        company_id: CompanyId,
    },
    ListUsers {
        company_id: CompanyId,
    },
    /// Reads the groups of a company of the caller's realm.
    SeeGroups {
        company_id: CompanyId,
    },
    /// Makes and changes them.
    ManageGroups {
        company_id: CompanyId,
    },
    /// Reads what was done in a realm, or in one company of it.
    SeeAudit {
        realm_id: RealmId,
        company_id: Option<CompanyId>,
    },
    InviteAgain(&'a User),
    /// Changes somebody's contacts, where they are changed by these.
    ChangeContacts {
        user: &'a User,
        by: ContactChanger,
    },
    /// Changes one's own, where users do so; in a session of one's own.
    ChangeOwnContacts {
        by: ContactChanger,
    },
    ChangeStanding(&'a User),
    /// Sets somebody's password, where OWNERs do so.
    SetPassword {
        user: &'a User,
        by_owner: OwnerSetsPasswords,
    },
    /// Takes somebody's second factor away, which he has lost.
    ResetSecondFactor(&'a User),
    /// Sees and ends somebody's sessions, and lifts what keeps him waiting.
    HelpUser(&'a User),
    /// Lifts what keeps everybody behind an address waiting.
    LiftAddressLimits {
        realm_id: RealmId,
    },
    /// Deletes somebody, where users are deleted by these.
    DeleteUser {
        user: &'a User,
        by: UserDeleter,
    },
    /// Gathers all that is kept of somebody.
    ExportUser(&'a User),
    /// Reads how far a deletion has come.
    SeeDeletion(&'a UserDeletion),
    /// Asks for a user of the whole realm by what he has.
    FindUser,
    /// Asks for users by their ids; each of them is decided about by himself.
    LookUpUsers,
    SeeUser(&'a User),
    /// Lists, names and ends sessions of one's own; whoever calls in a user's name has none.
    ManageOwnSessions,
    /// Ends the session one calls in, whatever opened it.
    LeaveSession,
    /// Gets, changes and gives up a second factor of one's own; whoever calls in a user's name has no device of his.
    ManageOwnSecondFactor,
    /// Reads, links and unlinks accounts of one's own at providers; whoever calls in a user's name has none.
    ManageOwnSocialAccounts,
    /// Changes one's own password; whoever calls in a user's name does not know it.
    ChangeOwnPassword,
    /// Confirms contacts of one's own.
    ConfirmOwnContacts,
}

impl kernel::Action for Action<'_> {
    fn decide(&self, caller: &Caller) -> Decision {
        decide(caller, self)
    }
}

fn decide(caller: &Caller, action: &Action<'_>) -> Decision {
    match action {
        Action::ShowSecret | Action::ReadPublished => Decision::Allow,
        Action::WatchAccess => allow_if(matches!(caller, Caller::Component(_))),
        Action::MakeAutologins => allow_if(*caller == Caller::Component(Component::Notification)),
        // It says where its clients are, as any gateway does, and may do nothing else.
        Action::EnterVpn => allow_if(matches!(caller, Caller::Gateway(_))),
        Action::CreateRealm | Action::ListRealms | Action::ManageCredentials | Action::ManageSignOnKeys => {
            allow_if(matches!(caller, Caller::PlatformAdmin(_)))
        }
        Action::SeeRealm { realm_id } => see_realm(caller, *realm_id),
        Action::ChangePolicy { realm_id } | Action::ChangeRealm { realm_id } | Action::CreateCompany { realm_id } => {
            manage_realm(caller, *realm_id)
        }
        Action::ListCompanies { realm_id } => list_companies(caller, *realm_id),
        Action::SeeCompany(company) => see_company(caller, company),
        Action::ManageCompanySettings(company) => manage_company_settings(caller, company),
        Action::ActFor { user, credential } => act_for(caller, user, *credential),
        Action::CreateUsers { company_id } => create_users(caller, *company_id),
        Action::ListUsers { company_id } | Action::SeeGroups { company_id } => list_users(caller, *company_id),
        Action::ManageGroups { company_id } => manage_groups(caller, *company_id),
        Action::SeeAudit { realm_id, company_id } => see_audit(caller, *realm_id, *company_id),
        Action::InviteAgain(user) => invite_again(caller, user),
        Action::ChangeContacts { user, by } => change_contacts(caller, user, *by),
        Action::ChangeOwnContacts { by } => {
            let is_changeable = matches!(by, ContactChanger::User | ContactChanger::SupportOnceSet);
            if is_changeable { in_own_session(caller) } else { Decision::Deny }
        }
        Action::ChangeStanding(user) => change_standing(caller, user),
        Action::SetPassword { user, by_owner } => set_password(caller, user, *by_owner),
        Action::ResetSecondFactor(user) => reset_second_factor(caller, user),
        Action::HelpUser(user) => help_user(caller, user),
        Action::LiftAddressLimits { realm_id } => lift_address_limits(caller, *realm_id),
        Action::DeleteUser { user, by } => delete_user(caller, user, *by),
        Action::ExportUser(user) => export_user(caller, user),
        Action::SeeDeletion(deletion) => see_deletion(caller, deletion),
        Action::FindUser => allow_if(is_support(caller) || matches!(caller, Caller::Service(_))),
        Action::LinkUsers => allow_if(matches!(caller, Caller::Service(_))),
        Action::LookUpUsers => allow_if(!matches!(caller, Caller::Anonymous | Caller::Gateway(_))),
        Action::SeeUser(user) => see_user(caller, user),
        Action::ManageOwnSessions
        | Action::ManageOwnSecondFactor
        | Action::ManageOwnSocialAccounts
        | Action::ChangeOwnPassword => in_own_session(caller),
        Action::LeaveSession => {
            allow_if(matches!(caller, Caller::User(UserCaller { through: Through::Session(_) | Through::Autologin(_), .. })))
        }
        Action::ConfirmOwnContacts => match caller {
            Caller::User(UserCaller { through: Through::Service(_), .. }) => Decision::Allow,
            _ => in_own_session(caller),
        },
    }
}

/// What a user does for himself; a letter that has let him in is no proof that it is he (I11, I19).
const fn in_own_session(caller: &Caller) -> Decision {
    match caller {
        Caller::User(UserCaller { through: Through::Session(_), .. }) => Decision::Allow,
        Caller::User(UserCaller { through: Through::Autologin(_), .. }) => Decision::Prove,
        _ => Decision::Deny,
    }
}

const fn allow_if(allowed: bool) -> Decision {
    if allowed { Decision::Allow } else { Decision::Deny }
}

/// I1: nothing of one realm is visible from another.
fn see_realm(caller: &Caller, realm_id: RealmId) -> Decision {
    match caller {
        Caller::PlatformAdmin(_) | Caller::Component(_) => Decision::Allow,
        Caller::User(_) | Caller::Service(_) if caller.realm_id() == Some(realm_id) => Decision::Allow,
        Caller::User(_) | Caller::Service(_) => Decision::Hide,
        Caller::Gateway(_) | Caller::Anonymous => Decision::Deny,
    }
}

/// Realms are kept by those who run the platform, and by their own services.
fn manage_realm(caller: &Caller, realm_id: RealmId) -> Decision {
    match caller {
        Caller::PlatformAdmin(_) => Decision::Allow,
        Caller::Service(service) if service.realm_id == realm_id => Decision::Allow,
        _ if see_realm(caller, realm_id) == Decision::Hide => Decision::Hide,
        _ => Decision::Deny,
    }
}

/// I1: of a support desk, for the users of its whole realm.
const fn is_support(caller: &Caller) -> bool {
    matches!(caller, Caller::User(UserCaller { role: Role::Support, .. }))
}

fn list_companies(caller: &Caller, realm_id: RealmId) -> Decision {
    match manage_realm(caller, realm_id) {
        Decision::Deny if is_support(caller) => Decision::Allow,
        decided => decided,
    }
}

fn see_company(caller: &Caller, company: &Company) -> Decision {
    match caller {
        Caller::User(user) if is_support(caller) && user.realm_id == company.realm_id => Decision::Allow,
        Caller::PlatformAdmin(_) | Caller::Component(_) => Decision::Allow,
        Caller::Service(service) if service.realm_id == company.realm_id => Decision::Allow,
        Caller::User(user) if user.company_id == company.id => Decision::Allow,
        Caller::User(_) | Caller::Service(_) => Decision::Hide,
        Caller::Gateway(_) | Caller::Anonymous => Decision::Deny,
    }
}

/// I2: an OWNER, and the realm's own services, which print receipts; not an ADMIN.
fn manage_company_settings(caller: &Caller, company: &Company) -> Decision {
    match (see_company(caller, company), caller) {
        (Decision::Allow, Caller::User(user)) => allow_if(user.role == Role::Owner && user.company_id == company.id),
        (Decision::Allow, Caller::Service(_)) => Decision::Allow,
        (Decision::Allow, _) => Decision::Deny,
        (refused, _) => refused,
    }
}

/// N14: a machine whose credential says so, for the users of its realm.
fn act_for(caller: &Caller, user: &User, credential: Option<&Credential>) -> Decision {
    match caller {
        Caller::Service(service) if service.realm_id == user.realm_id() => {
            allow_if(credential.is_some_and(|credential| credential.kind == CredentialKind::ActingService))
        }
        _ if see_user(caller, user) == Decision::Allow => Decision::Deny,
        Caller::Gateway(_) => Decision::Deny,
        _ => Decision::Hide,
    }
}

/// I2: only an OWNER adds users by hand, and only in his own company.
fn create_users(caller: &Caller, company_id: CompanyId) -> Decision {
    match caller {
        Caller::User(user) if user.role == Role::Owner && user.company_id == company_id => Decision::Allow,
        Caller::User(user) if user.role == Role::Owner => Decision::Hide,
        Caller::Service(_) => Decision::Allow,
        Caller::User(_) | Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Gateway(_) | Caller::Anonymous => {
            Decision::Deny
        }
    }
}

fn list_users(caller: &Caller, company_id: CompanyId) -> Decision {
    match caller {
        Caller::User(_) if is_support(caller) => Decision::Allow,
        Caller::User(user) if user.company_id != company_id => Decision::Hide,
        Caller::User(user) => allow_if(user.role >= Role::Admin),
        Caller::Service(_) => Decision::Allow,
        Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Gateway(_) | Caller::Anonymous => Decision::Deny,
    }
}

/// I2: only an OWNER manages groups, and only in his own company.
fn manage_groups(caller: &Caller, company_id: CompanyId) -> Decision {
    match (list_users(caller, company_id), caller) {
        (Decision::Allow, Caller::User(user)) => allow_if(user.role == Role::Owner),
        (Decision::Allow, _) => Decision::Deny,
        (refused, _) => refused,
    }
}

/// I26: an OWNER looks into the log of his own company, and nobody else of it does.
fn see_audit(caller: &Caller, realm_id: RealmId, company_id: Option<CompanyId>) -> Decision {
    match (manage_realm(caller, realm_id), caller) {
        (Decision::Deny, Caller::User(user))
            if !is_support(caller) && company_id.is_some_and(|company_id| company_id != user.company_id) =>
        {
            Decision::Hide
        }
        (Decision::Deny, Caller::User(user)) => allow_if(user.role == Role::Owner && company_id.is_some()),
        (decided, _) => decided,
    }
}

/// As adding him.
fn invite_again(caller: &Caller, user: &User) -> Decision {
    match caller {
        Caller::Service(service) if service.realm_id == user.realm_id() => Decision::Allow,
        Caller::User(owner) if owner.role == Role::Owner && owner.company_id == user.company_id() => Decision::Allow,
        _ if see_user(caller, user) == Decision::Allow => Decision::Deny,
        Caller::Gateway(_) => Decision::Deny,
        _ => Decision::Hide,
    }
}

/// I16: the realm's own services keep contacts, with those whom its policy names. SUPPORT helps others, not its own desk: an
/// OWNER of it stands above.
fn change_contacts(caller: &Caller, changed: &User, by: ContactChanger) -> Decision {
    let by_support = matches!(by, ContactChanger::Support | ContactChanger::SupportOnceSet);
    match caller {
        Caller::Service(service) if service.realm_id == changed.realm_id() => Decision::Allow,
        Caller::User(user) if is_support(caller) && user.realm_id == changed.realm_id() => {
            allow_if(by_support && user.company_id != changed.company_id())
        }
        Caller::User(user) if user.role == Role::Owner && user.company_id == changed.company_id() => {
            match (by, user.user_id == changed.id()) {
                // Whoever reaches him by another address has his account.
                (ContactChanger::Owner, true) => in_own_session(caller),
                (by, _) => allow_if(by == ContactChanger::Owner),
            }
        }
        _ if see_user(caller, changed) == Decision::Allow => Decision::Deny,
        Caller::Gateway(_) => Decision::Deny,
        _ => Decision::Hide,
    }
}

/// I2: only an OWNER decides about the users of his own company. That he does not decide about himself (I3) is no matter
/// of permission: he is told so.
fn change_standing(caller: &Caller, changed: &User) -> Decision {
    match caller {
        Caller::User(user) if user.role == Role::Owner && user.company_id == changed.company_id() => Decision::Allow,
        _ if see_user(caller, changed) == Decision::Allow => Decision::Deny,
        Caller::Gateway(_) => Decision::Deny,
        _ => Decision::Hide,
    }
}

/// I12: whoever decides about his standing, if the policy lets him.
fn set_password(caller: &Caller, user: &User, by_owner: OwnerSetsPasswords) -> Decision {
    match change_standing(caller, user) {
        Decision::Allow => allow_if(by_owner == OwnerSetsPasswords::Allowed),
        refused => refused,
    }
}

/// I25: an OWNER in his own company, or SUPPORT outside its own desk.
fn reset_second_factor(caller: &Caller, user: &User) -> Decision {
    match change_standing(caller, user) {
        Decision::Deny if is_support(caller) && caller.realm_id() == Some(user.realm_id()) => {
            allow_if(!matches!(caller, Caller::User(support) if support.company_id == user.company_id()))
        }
        decided => decided,
    }
}

/// I23, I24: SUPPORT outside its own desk, and those who run the platform, who can help the desk as well.
fn help_user(caller: &Caller, helped: &User) -> Decision {
    match caller {
        Caller::PlatformAdmin(_) => Decision::Allow,
        // No machine in his name: it would try what it likes, without end.
        Caller::User(user @ UserCaller { through: Through::Session(_), .. })
            if is_support(caller) && user.realm_id == helped.realm_id() =>
        {
            allow_if(user.company_id != helped.company_id())
        }
        _ if see_user(caller, helped) == Decision::Allow => Decision::Deny,
        Caller::Gateway(_) => Decision::Deny,
        _ => Decision::Hide,
    }
}

/// I23: an address is no company's.
fn lift_address_limits(caller: &Caller, realm_id: RealmId) -> Decision {
    match see_realm(caller, realm_id) {
        Decision::Allow => {
            let in_session = matches!(caller, Caller::User(UserCaller { through: Through::Session(_), .. }));
            allow_if(is_support(caller) && in_session || matches!(caller, Caller::PlatformAdmin(_)))
        }
        refused => refused,
    }
}

/// I13: an OWNER in his own company, or SUPPORT outside its own desk: an OWNER of it stands above.
fn delete_user(caller: &Caller, deleted: &User, by: UserDeleter) -> Decision {
    match caller {
        Caller::User(user) if is_support(caller) && user.realm_id == deleted.realm_id() => {
            allow_if(by == UserDeleter::Support && user.company_id != deleted.company_id())
        }
        Caller::User(user) if user.role == Role::Owner && user.company_id == deleted.company_id() => {
            allow_if(by == UserDeleter::Owner)
        }
        _ if see_user(caller, deleted) == Decision::Allow => Decision::Deny,
        Caller::Gateway(_) => Decision::Deny,
        _ => Decision::Hide,
    }
}

/// I27: he himself, in a session of his own, and the realm's own services, which answer for it. Nobody above him: where he signs in from
/// is none of their business.
fn export_user(caller: &Caller, exported: &User) -> Decision {
    match caller {
        Caller::User(UserCaller { user_id, .. }) if *user_id == exported.id() => in_own_session(caller),
        Caller::Service(service) if service.realm_id == exported.realm_id() => Decision::Allow,
        _ if see_user(caller, exported) == Decision::Allow => Decision::Deny,
        Caller::Gateway(_) => Decision::Deny,
        _ => Decision::Hide,
    }
}

fn see_deletion(caller: &Caller, deletion: &UserDeletion) -> Decision {
    let is_allowed = match caller {
        Caller::User(user) if user.realm_id == deletion.realm_id => {
            is_support(caller) || user.role == Role::Owner && user.company_id == deletion.deleted.company_id
        }
        Caller::Service(service) => service.realm_id == deletion.realm_id,
        _ => false,
    };
    if is_allowed { Decision::Allow } else { Decision::Hide }
}

fn see_user(caller: &Caller, seen: &User) -> Decision {
    let allowed = match caller {
        Caller::User(user) => {
            let administers = user.role >= Role::Admin && user.company_id == seen.company_id();
            user.realm_id == seen.realm_id() && (administers || is_support(caller) || user.user_id == seen.id())
        }
        Caller::Service(service) => service.realm_id == seen.realm_id(),
        Caller::Component(_) => true,
        Caller::PlatformAdmin(_) | Caller::Gateway(_) | Caller::Anonymous => false,
    };
    if allowed { Decision::Allow } else { Decision::Hide }
}
