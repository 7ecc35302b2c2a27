//! How profile's use cases end when they do not succeed.

use kernel::{Fault, Refusal, RepeatError};

use super::MakeAvatarError;
use crate::domain::{InvalidAttribute, InvalidAttributeValue, InvalidDepartmentName, InvalidField, PictureFlaw};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such profile")]
    ProfileNotFound,
    #[error("values of the profile cannot be kept")]
    ProfileInvalid { fields: Vec<InvalidField>, attributes: Vec<InvalidAttributeValue> },
    #[error("there is no such attribute of the profile")]
    AttributeUnknown,
    #[error("the caller may not write this attribute")]
    AttributeReadOnly,
    #[error("there is no such company")]
    CompanyNotFound,
    #[error("there is no such attribute")]
    AttributeNotFound,
    #[error("what is said of the attribute is not valid")]
    AttributeInvalid(Vec<InvalidAttribute>),
    #[error("the company has an attribute of this key")]
    AttributeExists,
    #[error("the company has as many attributes as it can have")]
    AttributesLimited,
    #[error("there is no such department")]
    DepartmentNotFound,
    #[error(transparent)]
    DepartmentInvalid(#[from] InvalidDepartmentName),
    #[error("the company has a department of this name")]
    DepartmentExists,
    #[error("the company has as many departments as it can have")]
    DepartmentsLimited,
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

/// A company that may not be seen is answered as one that does not exist.
pub(super) fn hidden_company(refusal: Refusal) -> Error {
    if refusal == Refusal::Hidden { Error::CompanyNotFound } else { Error::Refused(refusal) }
}
