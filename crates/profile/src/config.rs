//! Profile's own settings.

use messaging::MessagingConfig;
use runtime::access::IdentityConfig;
use runtime::postgres::DatabaseConfig;
use runtime::settings::Settings;

pub(crate) const DEFAULTS: &str = include_str!("config.toml");

#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) messaging: MessagingConfig,
    pub(crate) identity: IdentityConfig,
}

impl Config {
    /// Reads the service's own sections; how facts travel is said by the process it runs in.
    pub fn read(settings: &mut Settings, messaging: Option<MessagingConfig>) -> Option<Self> {
        let database = DatabaseConfig::read(settings, "profile.database");
        let identity = IdentityConfig::read(settings);
        Some(Self { database: database?, messaging: messaging?, identity: identity? })
    }
}
