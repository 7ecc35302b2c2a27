//! What case-monitoring does, as stories. Knows ports, not techniques.

mod cases;
mod error;
mod ports;
mod workflows;

pub(crate) use cases::{
    Account, CaseUseCases, CaseView, ChangeCaseStatus, ChangeOutcome, ChangedCase, CreateCase, GetCaseChange, Move,
};
pub(crate) use error::Error;
pub(crate) use ports::{Cases, Presets, Realms, ReplaceWorkflowError, StoredCase, Users, Workflows, WriteCaseError};
pub(crate) use workflows::{RealmWorkflows, ReplaceWorkflow, WorkflowUseCases};
