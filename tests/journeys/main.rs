//! Journeys over the real system: real processes, PostgreSQL, RabbitMQ and SMTP, through gRPC alone.

mod arrival_order;
mod cases;
mod dead_letters;
mod letters;
mod outages;
mod refusals;
mod standing;
mod status_change;
mod tokens;
