//! What case-monitoring knows, without I/O: cases, workflows, and who may do what with them.

pub(crate) mod access;
mod audience;
mod case;
mod workflow;

pub(crate) use audience::{AudienceMember, AudienceReason};
pub(crate) use case::{Case, CaseCreated, CaseError, CaseKind, CaseStatusChanged, NewCase, Subject, SubjectInvalid};
pub(crate) use workflow::{InvalidStatusCode, LocalizedText, Moves, Status, StatusCategory, StatusCode, StatusUnknown, Workflow};
