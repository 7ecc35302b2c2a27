//! What every process of Cabinet needs and no service may do its own way: configuration, telemetry, lifecycle, database
//! pools, the gRPC stack with the one map to `tonic::Status`, the operators' HTTP endpoint, the command line.
//!
//! Nothing here knows a business word of any service.

pub mod access;
pub mod command_line;
pub mod grpc;
pub mod lifecycle;
pub mod postgres;
pub mod sealing;
pub mod settings;
pub mod tls;
pub mod token;
pub mod trace;

mod admin;
mod clock;
mod http_server;
mod panics;
mod process;
mod telemetry;

pub use clock::DatabaseClock;
pub use panics::TaskLost;
pub use process::{Database, Process, Service, StartError};
