//! Identity's own settings.

use std::path::PathBuf;

use kernel::Secret;
use messaging::MessagingConfig;
use runtime::access::read_component_secret;
use runtime::postgres::DatabaseConfig;
use runtime::sealing::SealingKey;
use runtime::settings::Settings;

pub(crate) const DEFAULTS: &str = include_str!("config.toml");

#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) messaging: MessagingConfig,
    pub(crate) keys_folder: PathBuf,
    pub(crate) refresh_key: Secret<Vec<u8>>,
    pub(crate) sealing_key: String,
    pub(crate) component_secret: Secret<String>,
}

impl Config {
    /// Reads the service's own sections; how facts travel is said by the process it runs in.
    pub fn read(settings: &mut Settings, messaging: Option<MessagingConfig>) -> Option<Self> {
        let database = DatabaseConfig::read(settings, "identity.database");
        let keys_folder = settings.value("keys.folder");
        let refresh_key = settings.signing_secret("keys.refresh_key");
        let sealing_key = settings.secret("sealing.sealing_key").map(|key| key.expose().clone());
        if let Some(Err(error)) = sealing_key.as_deref().map(SealingKey::from_base64) {
            settings.problem("sealing.sealing_key", error);
        }
        let component_secret = read_component_secret(settings);
        Some(Self {
            database: database?,
            messaging: messaging?,
            keys_folder: keys_folder?,
            refresh_key: refresh_key?,
            sealing_key: sealing_key?,
            component_secret: component_secret?,
        })
    }
}
