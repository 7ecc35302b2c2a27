//! Identity's techniques.

pub(crate) mod argon2;
pub(crate) mod assertions;
pub(crate) mod clients;
pub(crate) mod erasures;
pub(crate) mod events;
pub(crate) mod grpc;
pub(crate) mod housekeeping;
pub(crate) mod one_time_codes;
pub(crate) mod openid;
pub(crate) mod policy;
pub(crate) mod postgres;
pub(crate) mod public_http;
pub(crate) mod radius_http;
pub(crate) mod revocation_feed;
pub(crate) mod secrets;
pub(crate) mod signing_keys;
