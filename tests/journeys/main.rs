//! Journeys over the real system: real processes, PostgreSQL, RabbitMQ and SMTP, through gRPC alone.

mod arrival_order;
mod cases;
mod contacts;
mod dead_letters;
mod deliveries;
mod foreign_clients;
mod import;
mod invitations;
mod languages;
mod letters;
mod origins;
mod outages;
mod profiles;
mod realms;
mod reflection;
mod refusals;
mod revocation;
mod sessions;
mod sms;
mod standing;
mod status_change;
mod tls;
mod tokens;
mod unsubscribing;
mod workflows;
