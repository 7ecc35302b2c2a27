//! Journeys over the real system: real processes, PostgreSQL, RabbitMQ and SMTP, through gRPC alone.

mod cases;
mod letters;
mod refusals;
mod standing;
mod status_change;
mod tokens;
