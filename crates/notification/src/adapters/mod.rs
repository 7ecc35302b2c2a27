//! Notification's techniques.

pub(crate) mod channels;
pub(crate) mod clients;
pub(crate) mod events;
pub(crate) mod grpc;
pub(crate) mod letters;
pub(crate) mod metrics;
pub(crate) mod postgres;
pub(crate) mod public_http;
pub(crate) mod realms;
pub(crate) mod speeches;
pub(crate) mod unsubscribe_tokens;
