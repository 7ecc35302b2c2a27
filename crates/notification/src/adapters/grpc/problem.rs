//! Notification's errors in the contract's words.

use api::cabinet::notification::v1::ErrorReason;
use kernel::{ErrorKind, Refusal};
use runtime::grpc::{ErrorTextFiles, Problem};

use super::convert::UnknownPath;
use crate::application::Error;

const DOMAIN: &str = "notification.cabinet";
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
            Error::UserNotFound | Error::Refused(Refusal::Hidden) => {
                refusal(ErrorKind::NotFound, ErrorReason::UserNotFound, Error::UserNotFound)
            }
            Error::ChannelUnavailable(ref channels) => {
                let problem = refusal(ErrorKind::FailedPrecondition, ErrorReason::ChannelUnavailable, &error);
                channels.iter().fold(problem, |problem, (channel, why)| problem.unless(why.as_str(), channel.as_str()))
            }
            Error::DeliveryNotFound => refusal(ErrorKind::NotFound, ErrorReason::DeliveryNotFound, error),
            Error::CaseChangeNotFound => refusal(ErrorKind::NotFound, ErrorReason::CaseChangeNotFound, error),
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

fn refusal(kind: ErrorKind, reason: ErrorReason, message: impl std::fmt::Display) -> Problem {
    Problem::refusal(kind, DOMAIN, reason.as_str_name(), message.to_string())
}
