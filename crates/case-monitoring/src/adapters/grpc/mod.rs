//! Case-monitoring's RPCs: translate in, call, translate out.

mod cases;
mod convert;
mod problem;

pub(crate) use cases::CaseGrpc;
