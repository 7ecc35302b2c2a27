//! Identity's own settings.

use std::path::PathBuf;

use messaging::MessagingConfig;
use runtime::postgres::DatabaseConfig;
use runtime::settings::Settings;

pub(crate) const DEFAULTS: &str = include_str!("config.toml");

#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) messaging: MessagingConfig,
    /// Realms and their companies.
    pub(crate) realm_file: PathBuf,
}

impl Config {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let database = DatabaseConfig::read(settings, "identity.database");
        let messaging = MessagingConfig::read(settings);
        let realm_file = settings.value("realm_file");
        Some(Self { database: database?, messaging: messaging?, realm_file: realm_file? })
    }
}
