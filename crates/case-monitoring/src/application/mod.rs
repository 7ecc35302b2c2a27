//! What case-monitoring does, as stories. Knows ports, not techniques.

mod cases;
mod error;
mod ports;

pub(crate) use cases::{CaseUseCases, CaseView, ChangeCaseStatus, CreateCase};
pub(crate) use error::Error;
pub(crate) use ports::{Cases, UpdateCaseError, Users, Workflows};
