//! Notification's own settings.

use std::path::PathBuf;

use messaging::MessagingConfig;
use runtime::grpc::PeerConfig;
use runtime::postgres::DatabaseConfig;
use runtime::settings::Settings;

use crate::adapters::channels::SmtpConfig;

pub(crate) const DEFAULTS: &str = include_str!("config.toml");

#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) messaging: MessagingConfig,
    pub(crate) identity: PeerConfig,
    pub(crate) smtp: SmtpConfig,
    /// Realms as their letters show them.
    pub(crate) realm_file: PathBuf,
}

impl Config {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let database = DatabaseConfig::read(settings, "notification.database");
        let messaging = MessagingConfig::read(settings);
        let identity = PeerConfig::read(settings, "peers.identity");
        let smtp = SmtpConfig::read(settings);
        let realm_file = settings.value("realm_file");
        Some(Self { database: database?, messaging: messaging?, identity: identity?, smtp: smtp?, realm_file: realm_file? })
    }
}
