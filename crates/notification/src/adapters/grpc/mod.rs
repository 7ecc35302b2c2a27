//! Notification's RPCs: translate in, call, translate out.

mod convert;
mod deliveries;
mod preferences;
mod problem;

pub(crate) use deliveries::DeliveryGrpc;
pub(crate) use preferences::PreferenceGrpc;
pub(crate) use problem::ERROR_TEXTS;
