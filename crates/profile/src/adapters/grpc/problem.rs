//! Profile's errors in the contract's words.

use std::time::Duration;

use api::cabinet::profile::v1::ErrorReason;
use kernel::{ErrorKind, Refusal};
use runtime::grpc::{ErrorTextFiles, Problem};

use super::convert::UnknownPath;
use crate::application::Error;
use crate::domain::{InvalidField, PictureFlaw};

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
            Error::ProfileInvalid(ref fields) => {
                violations(refusal(ErrorKind::InvalidArgument, ErrorReason::ProfileInvalid, &error), fields)
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
fn violations(problem: Problem, fields: &[InvalidField]) -> Problem {
    fields.iter().fold(problem, |problem, InvalidField { field, flaw }| {
        problem.violated(format!("profile.{}", field.as_str()), flaw.to_string())
    })
}

fn refusal(kind: ErrorKind, reason: ErrorReason, message: impl std::fmt::Display) -> Problem {
    Problem::refusal(kind, DOMAIN, reason.as_str_name(), message.to_string())
}
