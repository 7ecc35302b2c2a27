//! How profile's use cases end when they do not succeed.

use kernel::{Fault, Refusal, RepeatError};

use crate::domain::InvalidField;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such profile")]
    ProfileNotFound,
    #[error("values of the profile cannot be kept")]
    ProfileInvalid(Vec<InvalidField>),
    #[error("the profile has changed since it was read")]
    EtagMismatch,
    #[error("somebody else kept changing the profile")]
    ProfileChanged,
    #[error(transparent)]
    Repeat(#[from] RepeatError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Fault(#[from] Fault),
}
