//! Who may do what with cases: one pure function.

use kernel::{Caller, CompanyId, Decision, Role, UserCaller};

use super::{Case, CaseKind, StatusCategory};

pub(crate) enum Action<'a> {
    CreateCase { company_id: CompanyId, kind: CaseKind },
    SeeCase(&'a Case),
    ChangeStatus { case: &'a Case, to: StatusCategory },
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
    }
}

fn create_case(caller: &Caller, company_id: CompanyId, kind: CaseKind) -> Decision {
    match caller {
        Caller::User(user) if user.company_id == company_id && works_on(user, kind) => Decision::Allow,
        Caller::Service(_) => Decision::Allow,
        Caller::User(_) | Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => Decision::Deny,
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
        Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => false,
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
        Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => Decision::Deny,
    }
}

/// C2: an AGENT works on the company's requests; OWNER and ADMIN on everything of the company.
fn works_on(user: &UserCaller, kind: CaseKind) -> bool {
    match user.role {
        Role::Customer => false,
        Role::Agent => kind == CaseKind::Request,
        Role::Admin | Role::Owner => true,
    }
}
