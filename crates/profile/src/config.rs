//! Profile's own settings.

use messaging::MessagingConfig;
use runtime::access::IdentityConfig;
use runtime::postgres::DatabaseConfig;
use runtime::settings::Settings;

use crate::adapters::avatar_store::AvatarStoreConfig;

pub(crate) const DEFAULTS: &str = include_str!("config.toml");

#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) messaging: MessagingConfig,
    pub(crate) identity: IdentityConfig,
    pub(crate) avatars: AvatarStoreConfig,
}

impl Config {
    /// Reads the service's own sections; how facts travel is said by the process it runs in.
    pub fn read(settings: &mut Settings, messaging: Option<MessagingConfig>) -> Option<Self> {
        let database = DatabaseConfig::read(settings, "profile.database");
        let identity = IdentityConfig::read(settings);
        let avatars = AvatarStoreConfig::read(settings);
        Some(Self { database: database?, messaging: messaging?, identity: identity?, avatars: avatars? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with the defaults and more.
    fn problems(more: &[(&str, &str)]) -> String {
        let environment = [
            ("CABINET__PROFILE__DATABASE__URL", "postgres://localhost/profile"),
            ("CABINET__MESSAGING__AMQP_URL", "amqp://localhost"),
            ("CABINET__COMPONENTS__SECRET", "what the components share"),
        ];
        let environment = environment.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = Settings::load(&[MessagingConfig::DEFAULTS, DEFAULTS], None, environment);
        let messaging = MessagingConfig::read(&mut settings);
        let config = Config::read(&mut settings, messaging);
        settings.finish(config).err().map(|invalid| invalid.to_string()).unwrap_or_default()
    }

    #[test]
    fn avatars_are_somewhere() {
        assert_eq!(problems(&[]), "configuration: avatars.folder: must be set");
        assert_eq!(problems(&[("CABINET__AVATARS__FOLDER", "/var/lib/cabinet")]), "");
        assert_eq!(problems(&[("CABINET__AVATARS__STORE", "ftp")]), "configuration: avatars.store: must be folder or s3");
        let bucket = ("CABINET__AVATARS__STORE", "s3");
        assert_eq!(
            problems(&[bucket]),
            "configuration: avatars.s3.endpoint: must be set; avatars.s3.access_key_id: must be set; \
             avatars.s3.secret_access_key: must be set"
        );
        let known = [
            bucket,
            ("CABINET__AVATARS__S3__ENDPOINT", "https://s3.example"),
            ("CABINET__AVATARS__S3__ACCESS_KEY_ID", "cabinet"),
            ("CABINET__AVATARS__S3__SECRET_ACCESS_KEY", "secret"),
        ];
        assert_eq!(problems(&known), "");
    }

    #[test]
    fn who_signs_the_buckets_certificate_is_read_at_the_start() {
        let with = |path: &str| {
            problems(&[
                ("CABINET__AVATARS__STORE", "s3"),
                ("CABINET__AVATARS__S3__ENDPOINT", "https://s3.example"),
                ("CABINET__AVATARS__S3__ACCESS_KEY_ID", "cabinet"),
                ("CABINET__AVATARS__S3__SECRET_ACCESS_KEY", "secret"),
                ("CABINET__AVATARS__S3__CA_FILE", path),
            ])
        };
        assert_eq!(with("/nowhere"), "configuration: avatars.s3.ca_file: entity not found");
        let file = tempfile::NamedTempFile::new().expect("the temporary folder is writable");
        let path = file.path().to_str().expect("UTF-8");
        assert_eq!(with(path), "configuration: avatars.s3.ca_file: holds no certificate in PEM");
        std::fs::write(&file, testkit::Authority::new("ours").pem()).expect("it is writable");
        assert_eq!(with(path), "");
    }
}
