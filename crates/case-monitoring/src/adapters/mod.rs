//! Case-monitoring's techniques.

pub(crate) mod clients;
pub(crate) mod events;
pub(crate) mod grpc;
pub(crate) mod postgres;
pub(crate) mod presets;
mod status_entry;
