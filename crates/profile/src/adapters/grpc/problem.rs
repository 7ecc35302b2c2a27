//! Profile's errors in the contract's words.

use api::cabinet::profile::v1::ErrorReason;
use kernel::{ErrorKind, Refusal};
use runtime::grpc::{ErrorTextFiles, Problem};

use super::convert::UnknownPath;
use crate::application::Error;
use crate::domain::InvalidField;

const DOMAIN: &str = "profile.cabinet";
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

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::ProfileNotFound | Error::Refused(Refusal::Hidden) => {
                refusal(ErrorKind::NotFound, ErrorReason::ProfileNotFound, Error::ProfileNotFound)
            }
            Error::ProfileInvalid(ref fields) => {
                violations(refusal(ErrorKind::InvalidArgument, ErrorReason::ProfileInvalid, &error), fields)
            }
            Error::EtagMismatch => refusal(ErrorKind::Aborted, ErrorReason::EtagMismatch, error),
            Error::ProfileChanged => refusal(ErrorKind::Aborted, ErrorReason::ProfileChanged, error),
            Error::Repeat(error) => error.into(),
            Error::Refused(refusal) => refusal.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

impl From<UnknownPath> for Problem {
    fn from(unknown: UnknownPath) -> Self {
        refusal(ErrorKind::InvalidArgument, ErrorReason::UpdateMaskInvalid, unknown).in_field("update_mask")
    }
}

/// Names every field that is wrong, where it stands in the request.
fn violations(problem: Problem, fields: &[InvalidField]) -> Problem {
    fields.iter().fold(problem, |problem, InvalidField { field, flaw }| {
        problem.violated(format!("profile.{}", field.as_str()), flaw.to_string())
    })
}

fn refusal(kind: ErrorKind, reason: ErrorReason, message: impl std::fmt::Display) -> Problem {
    Problem::refusal(kind, DOMAIN, reason.as_str_name(), message.to_string())
}
