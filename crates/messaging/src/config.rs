//! Settings of the event path that every service shares.

use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri};
use runtime::settings::Settings;
use runtime::tls::ClientTls;

use crate::{Broker, Lane};

const AMQP_URL: &str = "messaging.amqp_url";
const TLS_SECTION: &str = "messaging.tls";

/// How facts travel.
#[derive(Debug, Clone)]
pub struct MessagingConfig {
    pub broker: Broker,
    /// The longest a fact waits when no signal reached the relay.
    pub poll_interval: Duration,
    /// The same in the lane security.
    pub security_poll_interval: Duration,
}

impl MessagingConfig {
    /// The defaults of the section `messaging`.
    pub const DEFAULTS: &str = include_str!("messaging.toml");

    /// Reads the section for a process with RabbitMQ.
    pub fn read(settings: &mut Settings) -> Option<Self> {
        let amqp_url = settings.secret(AMQP_URL);
        let tls = ClientTls::read(settings, TLS_SECTION);
        match amqp_url.as_ref().map(|url| url.expose().parse::<AMQPUri>()) {
            Some(Ok(url)) if (url.scheme == AMQPScheme::AMQPS) != tls.is_some() => {
                settings.problem(AMQP_URL, format_args!("must be amqps:// with {TLS_SECTION}.ca_file, and amqp:// without"));
            }
            Some(Err(error)) => settings.problem(AMQP_URL, error),
            Some(Ok(_)) | None => {}
        }
        Self::read_with(settings, amqp_url.map(|url| Broker::amqp(url, tls)))
    }

    /// Reads the section for a process that brings its own way to carry facts.
    pub fn read_without_broker(settings: &mut Settings, broker: Broker) -> Option<Self> {
        settings.leave_out(AMQP_URL);
        settings.leave_out(TLS_SECTION);
        Self::read_with(settings, Some(broker))
    }

    fn read_with(settings: &mut Settings, broker: Option<Broker>) -> Option<Self> {
        let poll_interval = settings.duration("messaging.poll_interval", Duration::from_millis(10)..=Duration::from_secs(10));
        let security_poll_interval =
            settings.duration("messaging.security_poll_interval", Duration::from_millis(1)..=Duration::from_secs(1));
        Some(Self { broker: broker?, poll_interval: poll_interval?, security_poll_interval: security_poll_interval? })
    }

    /// The longest a fact of a lane waits when no signal reached the relay.
    pub(crate) const fn poll_interval_of(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Normal => self.poll_interval,
            Lane::Security => self.security_poll_interval,
        }
    }
}
