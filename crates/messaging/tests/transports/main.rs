//! The conformance suite: what every transport promises of a fact (design §5), over real PostgreSQL and RabbitMQ.
//!
//! Where a promise is every transport's, its test runs over each of them.

mod absence;
mod amqp;
mod death;
mod facts;
mod owners;
mod partitions;
mod path;
mod recorder;
mod requests;
mod security;
mod tls;
