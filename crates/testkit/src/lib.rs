//! Real servers for tests and measurements: PostgreSQL, RabbitMQ, an SMTP sink, an SMSC, a provider of OpenID Connect and FreeRADIUS, each
//! private to whoever started it.
//!
//! A server owns its processes and its temporary folder and gives both back on drop, on a panic, and also when the program
//! that started it is killed (see `lifeline.rs`). Everything listens on the loopback interface only.
//!
//! All calls block: within an async runtime give `start`, `stop` and `start_again` a thread of their own
//! (`spawn_blocking`) where other tasks must go on meanwhile. A machine that cannot run a server is a failure, so setup panics
//! with what to do about it instead of returning errors nobody could handle.
//!
//! Nothing of Cabinet itself belongs here: no schema, no topology, no services.

mod certificates;
mod guarded;
mod installed;
mod letter;
mod lifeline;
mod management;
mod node_script;
mod openid;
mod ports;
mod postgres;
mod processes;
mod programs;
mod psql;
mod rabbitmq;
mod radius;
mod shared;
mod smsc;
mod smtp_sink;
mod wait;

pub use certificates::{Authority, IssuedCertificate};
pub use guarded::{GuardedProcess, ProcessGroup};
pub use installed::{node, node_modules, python};
pub use letter::Letter;
pub use management::{QueueFacts, QueuedMessage};
pub use openid::{OpenIdProvider, ProviderFailure, ProviderLie};
pub use ports::free_port;
pub use postgres::{PostgresOptions, PostgresServer, postgres_program};
pub use rabbitmq::RabbitMqServer;
pub use radius::{RadiusAnswer, RadiusServer, RadiusSite};
pub use shared::{AMQP_MANAGEMENT_URL, AMQP_URL, POSTGRES_URL};
pub use shared::{SharedPostgres, TestDatabase, shared_postgres};
pub use shared::{SharedRabbitMq, TestVhost, shared_rabbitmq};
pub use smsc::{ReceivedSms, SmsSegment, Smsc, SmscAnswer};
pub use smtp_sink::{SinkOptions, SmtpMoment, SmtpSink};
