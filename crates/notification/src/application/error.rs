//! How notification's use cases end when they do not succeed.

use kernel::{Fault, Refusal};

use crate::domain::{Channel, Unavailable};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such user")]
    UserNotFound,
    #[error("a channel cannot reach the user")]
    ChannelUnavailable(Vec<(Channel, Unavailable)>),
    #[error("there is no such delivery")]
    DeliveryNotFound,
    #[error("there is no such change of a case")]
    CaseChangeNotFound,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Fault(#[from] Fault),
}
