//! Channels: how letters leave.

mod message;
mod smtp;

pub(crate) use smtp::{SmtpConfig, SmtpMailer};
