//! How identity's use cases end when they do not succeed.

use kernel::{Fault, Refusal};

use crate::domain::InvalidEmail;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    EmailInvalid(#[from] InvalidEmail),
    #[error("another user has this e-mail address")]
    EmailTaken,
    #[error("there is no such user")]
    UserNotFound,
    #[error("somebody else kept changing the user")]
    UserChanged,
    #[error("nobody does this to himself")]
    ActingOnOneself,
    #[error("there is no such company")]
    CompanyNotFound,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Fault(#[from] Fault),
}
