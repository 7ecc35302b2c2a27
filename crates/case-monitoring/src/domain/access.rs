//! Who may do what with cases and their workflow: one pure function.

use kernel::{Caller, CompanyId, Decision, RealmId, Role, UserCaller};

use super::{Case, CaseKind, StatusCategory};

pub(crate) enum Action<'a> {
    CreateCase {
        company_id: CompanyId,
        kind: CaseKind,
    },
    SeeCase(&'a Case),
    ChangeStatus {
        case: &'a Case,
        to: StatusCategory,
    },
    /// Saying where a case or a change comes from, when it happened there, or that nobody is told.
    SpeakForSource,
    /// Whom a change concerned: what only Cabinet's own components ask.
    SeeAudience,
    SeeWorkflow {
        realm_id: RealmId,
    },
    ReplaceWorkflow {
        realm_id: RealmId,
    },
}

impl kernel::Action for Action<'_> {
    fn decide(&self, caller: &Caller) -> Decision {
        decide(caller, self)
    }
}

fn decide(caller: &Caller, action: &Action<'_>) -> Decision {
    match action {
        Action::CreateCase { company_id, kind } => create_case(caller, *company_id, *kind),
        Action::SeeCase(case) => see_case(caller, case),
        Action::ChangeStatus { case, to } => change_status(caller, case, *to),
        Action::SpeakForSource => speak_for_source(caller),
        Action::SeeAudience if matches!(caller, Caller::Component(_)) => Decision::Allow,
        Action::SeeAudience => Decision::Deny,
        Action::SeeWorkflow { realm_id } => see_workflow(caller, *realm_id),
        Action::ReplaceWorkflow { realm_id } => replace_workflow(caller, *realm_id),
    }
}

fn create_case(caller: &Caller, company_id: CompanyId, kind: CaseKind) -> Decision {
    match caller {
        Caller::User(user) if user.company_id == company_id && works_on(user, kind) => Decision::Allow,
        Caller::Service(_) => Decision::Allow,
        Caller::User(_) | Caller::Gateway(_) | Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => {
            Decision::Deny
        }
    }
}

/// C2: each sees his own; for everybody else the case does not exist.
fn see_case(caller: &Caller, case: &Case) -> Decision {
    let seen = match caller {
        Caller::User(user) => {
            let is_requester = user.user_id == case.requester_id();
            let is_staff = user.company_id == case.company_id() && works_on(user, case.kind());
            user.realm_id == case.realm_id() && (is_requester || is_staff)
        }
        Caller::Service(service) => service.realm_id == case.realm_id(),
        Caller::Gateway(_) | Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => false,
    };
    if seen { Decision::Allow } else { Decision::Hide }
}

fn change_status(caller: &Caller, case: &Case, to: StatusCategory) -> Decision {
    if see_case(caller, case) != Decision::Allow {
        return Decision::Hide;
    }
    let cancels_order = case.kind() == CaseKind::Order && to == StatusCategory::Cancelled;
    match caller {
        // C5: cancelling an order needs an OWNER.
        Caller::User(user) if cancels_order && user.role != Role::Owner => Decision::Deny,
        // C4: who merely asked for the case sees it and changes no status.
        Caller::User(user) if !works_on(user, case.kind()) => Decision::Deny,
        Caller::Service(_) if cancels_order => Decision::Deny,
        Caller::User(_) | Caller::Service(_) => Decision::Allow,
        Caller::Gateway(_) | Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => Decision::Deny,
    }
}

/// C12: people change cases here and now; only a machine of the realm says what happened elsewhere.
const fn speak_for_source(caller: &Caller) -> Decision {
    match caller {
        Caller::Service(_) => Decision::Allow,
        Caller::User(_) | Caller::Gateway(_) | Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => {
            Decision::Deny
        }
    }
}

/// Everybody of the realm sees its statuses; for those of another realm it does not exist (I1).
fn see_workflow(caller: &Caller, realm_id: RealmId) -> Decision {
    match caller {
        Caller::User(_) | Caller::Service(_) if caller.realm_id() == Some(realm_id) => Decision::Allow,
        Caller::User(_) | Caller::Service(_) => Decision::Hide,
        Caller::Component(_) | Caller::PlatformAdmin(_) => Decision::Allow,
        Caller::Gateway(_) | Caller::Anonymous => Decision::Deny,
    }
}

fn replace_workflow(caller: &Caller, realm_id: RealmId) -> Decision {
    match caller {
        Caller::Service(service) if service.realm_id == realm_id => Decision::Allow,
        Caller::PlatformAdmin(_) => Decision::Allow,
        _ if see_workflow(caller, realm_id) == Decision::Hide => Decision::Hide,
        _ => Decision::Deny,
    }
}

/// C2: an AGENT works on the company's requests; OWNER and ADMIN on everything of the company. SUPPORT helps with accounts, and works on
/// no cases.
fn works_on(user: &UserCaller, kind: CaseKind) -> bool {
    match user.role {
        Role::Support | Role::Customer => false,
        Role::Agent => kind == CaseKind::Request,
        Role::Admin | Role::Owner => true,
    }
}
