//! Notification's RPCs: translate in, call, translate out.

mod convert;
mod preferences;
mod problem;

pub(crate) use preferences::PreferenceGrpc;
