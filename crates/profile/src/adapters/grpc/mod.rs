//! Profile's RPCs: translate in, call, translate out.

mod attributes;
mod avatars;
mod convert;
mod departments;
mod problem;
mod profiles;

pub(crate) use attributes::AttributeGrpc;
pub(crate) use avatars::AvatarGrpc;
pub(crate) use departments::DepartmentGrpc;
pub(crate) use problem::ERROR_TEXTS;
pub(crate) use profiles::ProfileGrpc;
