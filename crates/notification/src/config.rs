//! Notification's own settings.

use std::path::PathBuf;

use messaging::MessagingConfig;
use runtime::grpc::PeerConfig;
use runtime::postgres::DatabaseConfig;
use runtime::settings::Settings;

use crate::adapters::channels::MailConfig;

pub(crate) const DEFAULTS: &str = include_str!("config.toml");

#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) messaging: MessagingConfig,
    pub(crate) identity: PeerConfig,
    pub(crate) mail: MailConfig,
    /// Realms as their letters show them.
    pub(crate) realm_file: PathBuf,
}

impl Config {
    /// Reads the service's own sections; how facts travel is said by the process it runs in.
    pub fn read(settings: &mut Settings, messaging: Option<MessagingConfig>) -> Option<Self> {
        let database = DatabaseConfig::read(settings, "notification.database");
        let identity = PeerConfig::read(settings, "peers.identity");
        let mail = MailConfig::read(settings);
        let realm_file = settings.value("realm_file");
        Some(Self { database: database?, messaging: messaging?, identity: identity?, mail: mail?, realm_file: realm_file? })
    }
}
