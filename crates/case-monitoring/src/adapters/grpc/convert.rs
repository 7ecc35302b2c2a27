//! Between the contract's messages and case-monitoring's own types.

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::r#type::v1::AllowedAction;
use kernel::{Authorized, Call, Caller, UserId};
use runtime::grpc::{Problem, id, moment, optional_id, timestamp};

use crate::adapters::events;
use crate::application::{
    Account, CaseView, ChangeCaseStatus, ChangeOutcome, ChangedCase, CreateCase, GetCaseChange, Move, ReplaceWorkflow,
};
use crate::domain::{
    CaseKind, ChangeKind, InvalidStatusCode, Origin, ProposedStatus, RealmWorkflow, RecordedChange, SourceName, SourcePosition,
    Status, StatusCategory, StatusCode, Telling,
};

pub(super) fn create_case(request: pb::CreateCaseRequest) -> Result<CreateCase, Problem> {
    Ok(CreateCase {
        company_id: id("company_id", &request.company_id)?,
        requester_id: id("requester_id", &request.requester_id)?,
        kind: kind(request.kind())?,
        status: if request.status.is_empty() { None } else { Some(status_code(&request.status)?) },
        account: account(request.source_time, request.silent)?,
        origin: request.origin.map(origin),
        subject: request.subject,
    })
}

pub(super) fn change_case_status(request: pb::ChangeCaseStatusRequest) -> Result<ChangeCaseStatus, Problem> {
    Ok(ChangeCaseStatus {
        case_id: id("case_id", &request.case_id)?,
        status: status_code(&request.status)?,
        account: account(request.source_time, request.silent)?,
        origin: request.origin.map(position),
    })
}

fn origin(origin: pb::CaseOrigin) -> Origin {
    let pb::CaseOrigin { source, external_id, position } = origin;
    Origin { source: SourceName::new(source), external_id, position }
}

fn position(origin: pb::ChangeOrigin) -> SourcePosition {
    let pb::ChangeOrigin { source, position } = origin;
    SourcePosition { source: SourceName::new(source), position }
}

fn account(source_time: Option<prost_types::Timestamp>, silent: bool) -> Result<Account, Problem> {
    let telling = if silent { Telling::Silent } else { Telling::AsTicked };
    let source_time = source_time.map(|at| moment("source_time", at)).transpose()?;
    Ok(Account { source_time, telling })
}

pub(super) fn get_case_change(request: &pb::GetCaseChangeRequest) -> Result<GetCaseChange, Problem> {
    Ok(GetCaseChange {
        realm_id: id("realm_id", &request.realm_id)?,
        case_id: id("case_id", &request.case_id)?,
        case_version: request.case_version,
    })
}

pub(super) fn case_change(change: Authorized<RecordedChange>) -> pb::CaseChange {
    let RecordedChange { kind, at, source_time, telling, audience } = change.into_inner();
    let kind = match kind {
        ChangeKind::Created => pb::CaseChangeKind::Created,
        ChangeKind::StatusChanged => pb::CaseChangeKind::StatusChanged,
    };
    pb::CaseChange {
        kind: kind.into(),
        change_time: Some(timestamp(at)),
        audience: events::audience(&audience),
        silent: telling == Telling::Silent,
        source_time: source_time.map(timestamp),
    }
}

pub(super) fn case(call: &Call, view: Authorized<CaseView>) -> pb::Case {
    pb_case(call, view.into_inner())
}

pub(super) fn changed_case(call: &Call, changed: Authorized<ChangedCase>) -> pb::ChangeCaseStatusResponse {
    let ChangedCase { view, outcome } = changed.into_inner();
    let already_taken = outcome == ChangeOutcome::AlreadyTaken;
    pb::ChangeCaseStatusResponse { case: Some(pb_case(call, view)), already_taken }
}

fn pb_case(call: &Call, view: CaseView) -> pb::Case {
    let CaseView { case, status, moves } = view;
    pb::Case {
        case_id: case.id().to_string(),
        company_id: case.company_id().to_string(),
        number: case.number(),
        kind: events::kind(case.kind()).into(),
        subject: case.subject().as_str().to_owned(),
        status: Some(pb_status(call, case.requester_id(), status)),
        requester_id: case.requester_id().to_string(),
        version: case.version(),
        create_time: Some(timestamp(case.created_at())),
        update_time: Some(timestamp(case.updated_at())),
        allowed_actions: moves.into_iter().map(allowed_move).collect(),
    }
}

fn allowed_move(Move { to, refusal }: Move) -> AllowedAction {
    AllowedAction {
        method: "ChangeCaseStatus".to_owned(),
        argument: to.to_string(),
        allowed: refusal.is_none(),
        reason: refusal.map(|refusal| Problem::from(refusal).reason().to_owned()).unwrap_or_default(),
    }
}

pub(super) fn replace_workflow(request: pb::ReplaceWorkflowRequest) -> Result<ReplaceWorkflow, Problem> {
    let statuses: Result<_, _> =
        request.statuses.into_iter().enumerate().map(|(index, status)| proposed(index, status)).collect();
    let realm_id = optional_id("realm_id", &request.realm_id)?;
    // An etag that is none of ours stands for no version there is.
    let only_version = (!request.etag.is_empty()).then(|| request.etag.parse().unwrap_or(0));
    Ok(ReplaceWorkflow { realm_id, statuses: statuses?, only_version })
}

/// The statuses of a workflow, and its etag.
pub(super) fn workflow(workflow: Authorized<RealmWorkflow>) -> (Vec<pb::WorkflowStatus>, String) {
    let RealmWorkflow { workflow, version } = workflow.into_inner();
    (workflow.statuses().iter().map(workflow_status).collect(), version.to_string())
}

fn proposed(index: usize, status: pb::WorkflowStatus) -> Result<ProposedStatus, Problem> {
    Ok(ProposedStatus {
        category: category(&format!("statuses[{index}].category"), status.category())?,
        code: status.code,
        staff_label: status.staff_label.unwrap_or_default().by_language,
        requester_label: status.requester_label.map(|label| label.by_language),
        moves_to: status.moves_to,
    })
}

fn workflow_status(status: &Status) -> pb::WorkflowStatus {
    pb::WorkflowStatus {
        code: status.code.to_string(),
        category: events::category(status.category).into(),
        staff_label: Some(events::text(status.staff_label.clone())),
        requester_label: Some(events::text(status.requester_label.clone())),
        moves_to: status.moves.to_texts(),
    }
}

fn pb_status(call: &Call, requester_id: UserId, status: Status) -> pb::Status {
    let is_requester = matches!(call.caller(), Caller::User(user) if user.user_id == requester_id);
    let label = if is_requester { status.requester_label } else { status.staff_label };
    pb::Status {
        code: status.code.to_string(),
        category: events::category(status.category).into(),
        label: Some(events::text(label)),
    }
}

fn kind(kind: pb::CaseKind) -> Result<CaseKind, Problem> {
    match kind {
        pb::CaseKind::Request => Ok(CaseKind::Request),
        pb::CaseKind::Order => Ok(CaseKind::Order),
        pb::CaseKind::Unspecified => Err(Problem::field_invalid("kind", "must be one of the values the contract defines")),
    }
}

fn status_code(text: &str) -> Result<StatusCode, Problem> {
    text.parse().map_err(|error: InvalidStatusCode| Problem::field_invalid("status", error.to_string()))
}

fn category(field: &str, category: pb::StatusCategory) -> Result<StatusCategory, Problem> {
    match category {
        pb::StatusCategory::New => Ok(StatusCategory::New),
        pb::StatusCategory::Open => Ok(StatusCategory::Open),
        pb::StatusCategory::Waiting => Ok(StatusCategory::Waiting),
        pb::StatusCategory::OnHold => Ok(StatusCategory::OnHold),
        pb::StatusCategory::Resolved => Ok(StatusCategory::Resolved),
        pb::StatusCategory::Closed => Ok(StatusCategory::Closed),
        pb::StatusCategory::Cancelled => Ok(StatusCategory::Cancelled),
        pb::StatusCategory::Unspecified => Err(Problem::field_invalid(field, "must be one of the values the contract defines")),
    }
}
