//! How profile's use cases end when they do not succeed.

use kernel::{Fault, Refusal, RepeatError};

use super::MakeAvatarError;
use crate::domain::{InvalidField, PictureFlaw};

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
    #[error("the person has no avatar")]
    AvatarNotFound,
    #[error(transparent)]
    AvatarRefused(#[from] PictureFlaw),
    #[error("too many pictures are being sent; try again later")]
    AvatarsBusy,
    #[error(transparent)]
    Repeat(#[from] RepeatError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<MakeAvatarError> for Error {
    fn from(error: MakeAvatarError) -> Self {
        match error {
            MakeAvatarError::Flaw(flaw) => flaw.into(),
            MakeAvatarError::Fault(fault) => fault.into(),
        }
    }
}
