//! Facts that a consumer gave up, kept in its own database, listed and replayed by an operator.

mod access;
mod grpc;
mod store;

pub use grpc::DeadLetterGrpc;
pub use store::DeadLetters;
