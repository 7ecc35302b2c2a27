//! Case-monitoring's facts as the contract writes them.

use api::cabinet::case_monitoring::events::v1 as pb;
use api::cabinet::case_monitoring::v1 as pb_cases;
use api::cabinet::r#type::v1 as pb_type;
use kernel::{Call, EventId, Timestamp};
use messaging::{Aggregate, Lane, NewEvent};
use prost::Message as _;
use runtime::grpc::timestamp;

use crate::domain::{
    AudienceMember, AudienceReason, Case, CaseCreated, CaseKind, CaseStatusChanged, Label, Status, StatusCategory, Telling,
};

const CASE: &str = "case";
const CASE_CREATED: &str = "case_monitoring.case.created.v1";
const CASE_STATUS_CHANGED: &str = "case_monitoring.case.status_changed.v1";

pub(crate) fn case_created(call: &Call, event_id: EventId, case: &Case, created: CaseCreated) -> NewEvent {
    let payload = pb::CaseCreated {
        case: Some(case_facts(case)),
        status: Some(status_facts(created.status)),
        create_time: Some(timestamp(created.source_time.unwrap_or(created.at))),
        audience: audience(&created.audience),
        silent: created.telling == Telling::Silent,
    };
    event(call, event_id, case, CASE_CREATED, payload.encode_to_vec(), created.at)
}

pub(crate) fn case_status_changed(call: &Call, event_id: EventId, case: &Case, changed: CaseStatusChanged) -> NewEvent {
    let payload = pb::CaseStatusChanged {
        case: Some(case_facts(case)),
        from: Some(status_facts(changed.from)),
        to: Some(status_facts(changed.to)),
        change_time: Some(timestamp(changed.source_time.unwrap_or(changed.at))),
        audience: audience(&changed.audience),
        silent: changed.telling == Telling::Silent,
    };
    event(call, event_id, case, CASE_STATUS_CHANGED, payload.encode_to_vec(), changed.at)
}

fn event(call: &Call, event_id: EventId, case: &Case, event_type: &'static str, payload: Vec<u8>, at: Timestamp) -> NewEvent {
    NewEvent {
        event_id,
        realm_id: case.realm_id(),
        aggregate: Aggregate { kind: CASE, id: case.id().as_uuid(), version: case.version() },
        lane: Lane::Normal,
        cause_id: call.command_id(),
        event_type,
        payload,
        traceparent: call.traceparent().map(str::to_owned),
        occurred_at: at,
        expires_at: None,
    }
}

/// The fact as it is kept when somebody is erased whom it concerns: what the case was about is gone. None if it said nothing of it.
pub(crate) fn without_contents(event_type: &str, payload: &[u8]) -> Option<Vec<u8>> {
    match event_type {
        CASE_CREATED => {
            let mut fact = pb::CaseCreated::decode(payload).ok()?;
            fact.case.as_mut()?.subject.clear();
            Some(fact.encode_to_vec())
        }
        CASE_STATUS_CHANGED => {
            let mut fact = pb::CaseStatusChanged::decode(payload).ok()?;
            fact.case.as_mut()?.subject.clear();
            Some(fact.encode_to_vec())
        }
        _ => None,
    }
}

fn case_facts(case: &Case) -> pb::CaseFacts {
    pb::CaseFacts {
        case_id: case.id().to_string(),
        company_id: case.company_id().to_string(),
        number: case.number(),
        kind: kind(case.kind()).into(),
        subject: case.subject().as_str().to_owned(),
        version: case.version(),
    }
}

fn status_facts(status: Status) -> pb::StatusFacts {
    pb::StatusFacts {
        code: status.code.to_string(),
        category: category(status.category).into(),
        requester_label: Some(text(status.requester_label)),
    }
}

pub(crate) fn audience(members: &[AudienceMember]) -> Vec<pb_type::AudienceMember> {
    let member = |member: &AudienceMember| {
        let reason = match member.reason {
            AudienceReason::Requester => pb_type::AudienceReason::Requester,
        };
        pb_type::AudienceMember { user_id: member.user_id.to_string(), reasons: vec![reason.into()] }
    };
    members.iter().map(member).collect()
}

pub(crate) const fn kind(kind: CaseKind) -> pb_cases::CaseKind {
    match kind {
        CaseKind::Request => pb_cases::CaseKind::Request,
        CaseKind::Order => pb_cases::CaseKind::Order,
    }
}

pub(crate) const fn category(category: StatusCategory) -> pb_cases::StatusCategory {
    match category {
        StatusCategory::New => pb_cases::StatusCategory::New,
        StatusCategory::Open => pb_cases::StatusCategory::Open,
        StatusCategory::Waiting => pb_cases::StatusCategory::Waiting,
        StatusCategory::OnHold => pb_cases::StatusCategory::OnHold,
        StatusCategory::Resolved => pb_cases::StatusCategory::Resolved,
        StatusCategory::Closed => pb_cases::StatusCategory::Closed,
        StatusCategory::Cancelled => pb_cases::StatusCategory::Cancelled,
    }
}

pub(crate) fn text(label: Label) -> pb_type::LocalizedText {
    pb_type::LocalizedText { by_language: label.into_texts() }
}
