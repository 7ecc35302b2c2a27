//! How case-monitoring's use cases end when they do not succeed.

use kernel::{CaseId, Fault, Refusal, RepeatError};

use crate::domain::{CaseError, InvalidWorkflow, StatusCode, StatusUnknown, SubjectInvalid};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such case")]
    CaseNotFound,
    #[error("the company has no such user")]
    RequesterNotFound,
    #[error(transparent)]
    SubjectInvalid(#[from] SubjectInvalid),
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error("the case came from that source before")]
    CaseExists(CaseId),
    #[error("somebody else kept changing the case")]
    CaseChanged,
    #[error("there is no such realm")]
    RealmNotFound,
    #[error(transparent)]
    WorkflowInvalid(#[from] InvalidWorkflow),
    #[error("cases have a status that is left out: {}", listed(.0))]
    StatusInUse(Vec<StatusCode>),
    #[error("the workflow was replaced meanwhile")]
    EtagMismatch,
    #[error(transparent)]
    Repeat(#[from] RepeatError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StatusUnknown> for Error {
    fn from(unknown: StatusUnknown) -> Self {
        Self::Case(unknown.into())
    }
}

fn listed(codes: &[StatusCode]) -> String {
    codes.iter().map(StatusCode::as_str).collect::<Vec<_>>().join(", ")
}
