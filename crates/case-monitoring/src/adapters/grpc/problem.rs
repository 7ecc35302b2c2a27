//! Case-monitoring's errors in the contract's words.

use api::cabinet::case_monitoring::v1::ErrorReason;
use kernel::{ErrorKind, Refusal};
use runtime::grpc::Problem;

use crate::application::Error;
use crate::domain::CaseError;

const DOMAIN: &str = "case-monitoring.cabinet";

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
            Error::CaseChanged => refusal(ErrorKind::Aborted, ErrorReason::CaseChanged, error),
            Error::Refused(refusal) => refusal.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

fn refusal(kind: ErrorKind, reason: ErrorReason, message: impl std::fmt::Display) -> Problem {
    Problem::refusal(kind, DOMAIN, reason.as_str_name(), message.to_string())
}
