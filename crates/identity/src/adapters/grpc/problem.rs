//! Identity's errors in the contract's words.

use api::cabinet::identity::v1::ErrorReason;
use kernel::{ErrorKind, Refusal};
use runtime::grpc::Problem;

use crate::application::Error;

const DOMAIN: &str = "identity.cabinet";

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::EmailInvalid(invalid) => {
                refusal(ErrorKind::InvalidArgument, ErrorReason::EmailInvalid, invalid).in_field("email")
            }
            Error::EmailTaken => refusal(ErrorKind::AlreadyExists, ErrorReason::EmailTaken, error),
            Error::UserNotFound => refusal(ErrorKind::NotFound, ErrorReason::UserNotFound, error),
            Error::ActingOnOneself => {
                refusal(ErrorKind::FailedPrecondition, ErrorReason::ActingOnOneself, error).unless("CALLER", "user_id")
            }
            Error::UserChanged => refusal(ErrorKind::Aborted, ErrorReason::UserChanged, error),
            Error::CompanyNotFound | Error::Refused(Refusal::Hidden) => {
                refusal(ErrorKind::NotFound, ErrorReason::CompanyNotFound, Error::CompanyNotFound)
            }
            Error::Refused(refusal) => refusal.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

fn refusal(kind: ErrorKind, reason: ErrorReason, message: impl std::fmt::Display) -> Problem {
    Problem::refusal(kind, DOMAIN, reason.as_str_name(), message.to_string())
}
