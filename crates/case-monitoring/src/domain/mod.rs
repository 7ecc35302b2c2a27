//! What case-monitoring knows, without I/O: cases, workflows, and who may do what with them.

pub(crate) mod access;
mod audience;
mod case;
mod label;
mod origin;
mod workflow;

pub(crate) use audience::{AudienceMember, AudienceReason};
pub(crate) use case::{
    Case, CaseCreated, CaseError, CaseKind, CaseStatusChanged, ChangeKind, Happening, NewCase, RecordedChange, Subject,
    SubjectInvalid, audience_of,
};
pub(crate) use label::{InvalidLabel, Label, Texts};
pub(crate) use origin::{Origin, SourceName, SourcePosition, Telling};
pub(crate) use workflow::{
    InvalidStatusCode, InvalidWorkflow, Preset, ProposedStatus, RealmWorkflow, Status, StatusCategory, StatusCode, StatusPart,
    StatusUnknown, Workflow,
};
