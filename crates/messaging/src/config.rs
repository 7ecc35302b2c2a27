//! Settings of the event path that every service shares.

use std::time::Duration;

use kernel::Secret;
use runtime::settings::Settings;

/// How facts travel.
#[derive(Debug, Clone)]
pub struct MessagingConfig {
    /// Where the broker is: `amqp://user:password@host:port/vhost`.
    pub amqp_url: Secret<String>,
    /// The longest a fact waits when no signal reached the relay.
    pub poll_interval: Duration,
}

impl MessagingConfig {
    /// The defaults of the section `messaging`.
    pub const DEFAULTS: &str = include_str!("messaging.toml");

    pub fn read(settings: &mut Settings) -> Option<Self> {
        let amqp_url = settings.secret("messaging.amqp_url");
        let poll_interval = settings.duration("messaging.poll_interval", Duration::from_millis(10)..=Duration::from_secs(10));
        Some(Self { amqp_url: amqp_url?, poll_interval: poll_interval? })
    }
}
