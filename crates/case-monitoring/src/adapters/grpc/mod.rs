//! Case-monitoring's RPCs: translate in, call, translate out.

mod cases;
mod convert;
mod problem;
mod workflows;

pub(crate) use cases::CaseGrpc;
pub(crate) use problem::ERROR_TEXTS;
pub(crate) use workflows::WorkflowGrpc;
