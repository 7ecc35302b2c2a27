//! Case-monitoring's errors in the contract's words.

use api::cabinet::case_monitoring::v1::ErrorReason;
use kernel::{ErrorKind, Refusal};
use runtime::grpc::{ErrorTextFiles, Problem};

use crate::application::Error;
use crate::domain::{CaseError, InvalidWorkflow, StatusPart};

const DOMAIN: &str = "case-monitoring.cabinet";
/// What people read of each reason.
pub(crate) const ERROR_TEXTS: ErrorTextFiles = ErrorTextFiles {
    domain: DOMAIN,
    files: [
        ("en", include_str!("../../../texts/errors/en.toml")),
        ("pl", include_str!("../../../texts/errors/pl.toml")),
        ("ru", include_str!("../../../texts/errors/ru.toml")),
        ("uk", include_str!("../../../texts/errors/uk.toml")),
    ],
};
/// How `google.rpc.ResourceInfo` calls a case.
const CASE_TYPE: &str = "cabinet.case_monitoring.v1.Case";

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::CaseNotFound | Error::Refused(Refusal::Hidden) => {
                refusal(ErrorKind::NotFound, ErrorReason::CaseNotFound, Error::CaseNotFound)
            }
            Error::RequesterNotFound => refusal(ErrorKind::NotFound, ErrorReason::RequesterNotFound, error),
            Error::SubjectInvalid(invalid) => Self::field_invalid("subject", invalid.to_string()),
            Error::Case(CaseError::StatusUnknown(unknown)) => {
                refusal(ErrorKind::InvalidArgument, ErrorReason::StatusUnknown, unknown).in_field("status")
            }
            Error::Case(CaseError::TransitionNotAllowed { .. }) => {
                refusal(ErrorKind::FailedPrecondition, ErrorReason::TransitionNotAllowed, error).unless("WORKFLOW", "status")
            }
            Error::Case(CaseError::SourceMismatch) => {
                refusal(ErrorKind::FailedPrecondition, ErrorReason::SourceMismatch, error).unless("SOURCE", "origin.source")
            }
            Error::Case(CaseError::SourceTimeInFuture) => {
                refusal(ErrorKind::InvalidArgument, ErrorReason::SourceTimeInFuture, error).in_field("source_time")
            }
            Error::CaseExists(case_id) => {
                refusal(ErrorKind::AlreadyExists, ErrorReason::CaseExists, error).about(CASE_TYPE, case_id.to_string())
            }
            Error::CaseChanged => refusal(ErrorKind::Aborted, ErrorReason::CaseChanged, error),
            Error::RealmNotFound => refusal(ErrorKind::NotFound, ErrorReason::RealmNotFound, error),
            Error::WorkflowInvalid(invalid) => {
                let field = field_of(&invalid);
                refusal(ErrorKind::InvalidArgument, ErrorReason::WorkflowInvalid, invalid).in_field(field)
            }
            Error::EtagMismatch => refusal(ErrorKind::Aborted, ErrorReason::EtagMismatch, error),
            Error::StatusInUse(_) => {
                refusal(ErrorKind::FailedPrecondition, ErrorReason::StatusInUse, error).unless("WORKFLOW", "statuses")
            }
            Error::Repeat(error) => error.into(),
            Error::Refused(refusal) => refusal.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

fn refusal(kind: ErrorKind, reason: ErrorReason, message: impl std::fmt::Display) -> Problem {
    Problem::refusal(kind, DOMAIN, reason.as_str_name(), message.to_string())
}

/// Where it stands in the request: `statuses[2].moves_to`.
fn field_of(invalid: &InvalidWorkflow) -> String {
    let InvalidWorkflow::Status { index, part, .. } = invalid else { return "statuses".to_owned() };
    let part = match part {
        StatusPart::Code => "code",
        StatusPart::StaffLabel => "staff_label",
        StatusPart::RequesterLabel => "requester_label",
        StatusPart::Moves => "moves_to",
    };
    format!("statuses[{index}].{part}")
}
