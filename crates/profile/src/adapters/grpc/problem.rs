//! Profile's errors in the contract's words.

use std::time::Duration;

use api::cabinet::profile::v1::ErrorReason;
use kernel::{ErrorKind, Refusal};
use runtime::grpc::{ErrorTextFiles, Problem};

use super::convert::UnknownPath;
use crate::application::Error;
use crate::domain::{InvalidAttributeValue, InvalidField, PictureFlaw};

const DOMAIN: &str = "profile.cabinet";
/// When there may be room for a picture again.
const BUSY_DELAY: Duration = Duration::from_secs(2);
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
            Error::ProfileInvalid { ref fields, ref attributes } => {
                violations(refusal(ErrorKind::InvalidArgument, ErrorReason::ProfileInvalid, &error), fields, attributes)
            }
            Error::AttributeUnknown => UnknownPath.into(),
            Error::AttributeReadOnly => refusal(ErrorKind::PermissionDenied, ErrorReason::AttributeReadOnly, error),
            Error::CompanyNotFound => refusal(ErrorKind::NotFound, ErrorReason::CompanyNotFound, error),
            Error::AttributeNotFound => refusal(ErrorKind::NotFound, ErrorReason::AttributeNotFound, error),
            Error::AttributeInvalid(ref wrong) => {
                let problem = refusal(ErrorKind::InvalidArgument, ErrorReason::AttributeInvalid, &error);
                wrong
                    .iter()
                    .fold(problem, |problem, (field, flaw)| problem.violated(format!("attribute.{field}"), flaw.to_string()))
            }
            Error::AttributeExists => refusal(ErrorKind::AlreadyExists, ErrorReason::AttributeExists, error),
            Error::AttributesLimited => {
                refusal(ErrorKind::FailedPrecondition, ErrorReason::AttributesLimited, error).unless("LIMIT", "company_id")
            }
            Error::DepartmentNotFound => refusal(ErrorKind::NotFound, ErrorReason::DepartmentNotFound, error),
            Error::DepartmentInvalid(flaw) => {
                refusal(ErrorKind::InvalidArgument, ErrorReason::DepartmentInvalid, flaw).in_field("name")
            }
            Error::DepartmentExists => refusal(ErrorKind::AlreadyExists, ErrorReason::DepartmentExists, error),
            Error::DepartmentsLimited => {
                refusal(ErrorKind::FailedPrecondition, ErrorReason::DepartmentsLimited, error).unless("LIMIT", "company_id")
            }
            Error::EtagMismatch => refusal(ErrorKind::Aborted, ErrorReason::EtagMismatch, error),
            Error::ProfileChanged => refusal(ErrorKind::Aborted, ErrorReason::ProfileChanged, error),
            Error::AvatarNotFound => refusal(ErrorKind::NotFound, ErrorReason::AvatarNotFound, error),
            Error::AvatarRefused(flaw) => refusal(ErrorKind::InvalidArgument, avatar_reason(flaw), flaw).in_field("chunk"),
            Error::AvatarsBusy => refusal(ErrorKind::ResourceExhausted, ErrorReason::AvatarsBusy, error).after(BUSY_DELAY),
            Error::Repeat(error) => error.into(),
            Error::Refused(refusal) => refusal.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

/// A path of the mask is no part of an attribute that can be changed, or there is none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mask names parts: label, required, options, visible_to, editable_by, placed")]
pub(super) struct UnknownAttributePath;

impl From<UnknownAttributePath> for Problem {
    fn from(unknown: UnknownAttributePath) -> Self {
        refusal(ErrorKind::InvalidArgument, ErrorReason::UpdateMaskInvalid, unknown).in_field("update_mask")
    }
}

const fn avatar_reason(flaw: PictureFlaw) -> ErrorReason {
    match flaw {
        PictureFlaw::TooManyBytes | PictureFlaw::TooManyPixels => ErrorReason::AvatarTooLarge,
        PictureFlaw::UnknownFormat => ErrorReason::AvatarFormatUnknown,
        PictureFlaw::Broken => ErrorReason::AvatarBroken,
        PictureFlaw::Mixed => ErrorReason::AvatarMixed,
        PictureFlaw::Animated => ErrorReason::AvatarAnimated,
    }
}

impl From<UnknownPath> for Problem {
    fn from(unknown: UnknownPath) -> Self {
        refusal(ErrorKind::InvalidArgument, ErrorReason::UpdateMaskInvalid, unknown).in_field("update_mask")
    }
}

/// Names every field that is wrong, where it stands in the request.
fn violations(problem: Problem, fields: &[InvalidField], attributes: &[InvalidAttributeValue]) -> Problem {
    let problem = fields.iter().fold(problem, |problem, InvalidField { field, flaw }| {
        problem.violated(format!("profile.{}", field.as_str()), flaw.to_string())
    });
    attributes.iter().fold(problem, |problem, InvalidAttributeValue { key, flaw }| {
        problem.violated(format!("profile.attributes.{}", key.as_str()), flaw.to_string())
    })
}

fn refusal(kind: ErrorKind, reason: ErrorReason, message: impl std::fmt::Display) -> Problem {
    Problem::refusal(kind, DOMAIN, reason.as_str_name(), message.to_string())
}
