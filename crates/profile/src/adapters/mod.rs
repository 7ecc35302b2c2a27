//! Profile's techniques.

pub(crate) mod avatar_store;
pub(crate) mod clients;
pub(crate) mod events;
pub(crate) mod grpc;
pub(crate) mod housekeeping;
pub(crate) mod personal_data;
pub(crate) mod pictures;
pub(crate) mod postgres;
