//! Profile's techniques.

pub(crate) mod clients;
pub(crate) mod events;
pub(crate) mod grpc;
pub(crate) mod postgres;
