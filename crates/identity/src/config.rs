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
    /// Reads the service's own sections; how facts travel is said by the process it runs in.
    pub fn read(settings: &mut Settings, messaging: Option<MessagingConfig>) -> Option<Self> {
        let database = DatabaseConfig::read(settings, "identity.database");
        let realm_file = settings.value("realm_file");
        Some(Self { database: database?, messaging: messaging?, realm_file: realm_file? })
    }
}
