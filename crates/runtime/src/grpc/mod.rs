//! The gRPC stack: what happens to a request before a handler sees it, and to an error before a client sees it.

mod authentication;
mod client;
mod deadline;
mod language;
mod long_answer;
mod page;
mod problem;
mod request_log;
mod secured;
mod server;
mod server_metrics;
mod server_span;
mod traced;
mod wire;

pub use client::{Client, PeerConfig, peer_fault};
pub use language::{ErrorTextFiles, ErrorTexts, language_of};
pub use long_answer::LongAnswer;
pub use page::Page;
pub use problem::{FieldViolation, Problem};
pub use server::{GrpcConfig, Messages, open, open_long, open_stream};
pub use traced::PeerChannel;
pub use wire::{id, moment, optional_id, timestamp};

pub(crate) use server::{Stack, serve};
pub(crate) use server_metrics::ServerMetrics;
