//! Notification's own settings.

use std::ops::RangeInclusive;
use std::time::Duration;

use kernel::Secret;
use messaging::MessagingConfig;
use runtime::access::IdentityConfig;
use runtime::grpc::PeerConfig;
use runtime::postgres::DatabaseConfig;
use runtime::sealing::OpeningKey;
use runtime::settings::Settings;

use crate::adapters::channels::{MailConfig, SmsConfig};

pub(crate) const DEFAULTS: &str = include_str!("config.toml");
const OPENING_KEY: &str = "sealing.opening_key";
const AUTOLOGIN_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(10);

#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) messaging: MessagingConfig,
    pub(crate) identity: IdentityConfig,
    pub(crate) profile: PeerConfig,
    pub(crate) case_monitoring: PeerConfig,
    pub(crate) mail: MailConfig,
    pub(crate) autologin_timeout: Duration,
    pub(crate) sms: SmsConfig,
    pub(crate) unsubscribe_keys: UnsubscribeKeys,
    /// Opens what identity seals for letters.
    pub(crate) opening_key: OpeningKey,
}

impl Config {
    /// Reads the service's own sections; how facts travel is said by the process it runs in.
    pub fn read(settings: &mut Settings, messaging: Option<MessagingConfig>) -> Option<Self> {
        let database = DatabaseConfig::read(settings, "notification.database");
        let identity = IdentityConfig::read(settings);
        let profile = PeerConfig::read(settings, "peers.profile");
        let case_monitoring = PeerConfig::read(settings, "peers.case_monitoring");
        let mail = MailConfig::read(settings);
        let autologin_timeout = settings.duration("mail.autologin_timeout", AUTOLOGIN_TIMEOUT);
        let sms = SmsConfig::read(settings);
        let unsubscribe_keys = UnsubscribeKeys::read(settings);
        let opening_key = read_opening_key(settings);
        Some(Self {
            database: database?,
            messaging: messaging?,
            identity: identity?,
            profile: profile?,
            case_monitoring: case_monitoring?,
            mail: mail?,
            autologin_timeout: autologin_timeout?,
            sms: sms?,
            unsubscribe_keys: unsubscribe_keys?,
            opening_key: opening_key?,
        })
    }
}

/// What signs the links by which letters are unsubscribed from.
#[derive(Debug, Clone)]
pub(crate) struct UnsubscribeKeys {
    pub(crate) current: Secret<Vec<u8>>,
    /// What signed before it: a letter may lie in a mailbox for months.
    pub(crate) former: Option<Secret<Vec<u8>>>,
}

impl UnsubscribeKeys {
    fn read(settings: &mut Settings) -> Option<Self> {
        let current = settings.signing_secret("unsubscribe.key");
        let former = settings.optional_signing_secret("unsubscribe.former_key");
        Some(Self { current: current?, former: former? })
    }
}

fn read_opening_key(settings: &mut Settings) -> Option<OpeningKey> {
    let text = settings.secret(OPENING_KEY)?;
    OpeningKey::from_base64(&text).map_err(|error| settings.problem(OPENING_KEY, error)).ok()
}

#[cfg(test)]
mod tests {
    use runtime::sealing::SealingPair;

    use super::*;

    /// What is wrong with the defaults, this opening key and more.
    fn problems(opening_key: &str, more: &[(&str, &str)]) -> String {
        let environment = [
            ("CABINET__NOTIFICATION__DATABASE__URL", "postgres://localhost/notification"),
            ("CABINET__MESSAGING__AMQP_URL", "amqp://localhost"),
            ("CABINET__SMTP__SERVER", "localhost:25"),
            ("CABINET__COMPONENTS__SECRET", "what the components share"),
            ("CABINET__UNSUBSCRIBE__KEY", "a2V5cyBhcmUgYXQgbGVhc3QgdGhpcnR5LXR3byBieXRlcw=="),
            ("CABINET__SEALING__OPENING_KEY", opening_key),
        ];
        let environment = environment.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = Settings::load(&[MessagingConfig::DEFAULTS, DEFAULTS], None, environment);
        let messaging = MessagingConfig::read(&mut settings);
        let config = Config::read(&mut settings, messaging);
        settings.finish(config).err().map(|invalid| invalid.to_string()).unwrap_or_default()
    }

    #[test]
    fn besides_addresses_keys_are_all_that_must_be_given() {
        let SealingPair { opening_key, .. } = SealingPair::generate();
        assert_eq!(problems(opening_key.expose(), &[]), "");
        assert_eq!(problems("", &[]), "configuration: sealing.opening_key: must be set");
        let invalid = problems("c2hvcnQ=", &[]);
        assert_eq!(invalid, "configuration: sealing.opening_key: not a key for sealing (X25519, 32 bytes in base64)");
        let short = problems(opening_key.expose(), &[("CABINET__UNSUBSCRIBE__FORMER_KEY", "c2hvcnQ=")]);
        assert_eq!(short, "configuration: unsubscribe.former_key: must be at least 32 bytes in base64");
    }

    #[test]
    fn an_address_has_tls_exactly_where_an_authority_is_named() {
        let SealingPair { opening_key, .. } = SealingPair::generate();
        let with = |more: &[(&str, &str)]| problems(opening_key.expose(), more);
        let addresses = [
            ("CABINET__PEERS__IDENTITY", "https://identity:50051"),
            ("CABINET__PEERS__PROFILE", "https://profile:50051"),
            ("CABINET__PEERS__CASE_MONITORING", "https://case-monitoring:50051"),
            ("CABINET__MESSAGING__AMQP_URL", "amqps://localhost"),
            ("CABINET__NOTIFICATION__DATABASE__URL", "postgres://localhost/n?sslmode=verify-full&sslrootcert=/nowhere"),
        ];
        let peer = "must be https:// with peers.tls.ca_file, and http:// without";
        assert_eq!(
            with(&addresses),
            format!(
                "configuration: messaging.amqp_url: must be amqps:// with messaging.tls.ca_file, and amqp:// without; \
                 notification.database.url: sslrootcert: entity not found; peers.identity: {peer}; peers.profile: {peer}; \
                 peers.case_monitoring: {peer}"
            )
        );
        let authority = tempfile::NamedTempFile::new().expect("the temporary folder is writable");
        std::fs::write(&authority, testkit::Authority::new("ours").pem()).expect("it is writable");
        let path = authority.path().to_str().expect("UTF-8");
        let named = [("CABINET__PEERS__TLS__CA_FILE", path), ("CABINET__MESSAGING__TLS__CA_FILE", path)];
        assert_eq!(with(&[&addresses[..4], &named].concat()), "");
        assert!(with(&named).contains(&format!("peers.identity: {peer}")), "http:// though an authority is named");
        // A file that several addresses need is told of once.
        let wrong = with(&[&addresses[..3], &[("CABINET__PEERS__TLS__CA_FILE", "/nowhere")]].concat());
        assert_eq!(wrong, "configuration: peers.tls.ca_file: entity not found");
    }

    #[test]
    fn an_smsc_must_be_described_and_only_where_there_is_one() {
        let SealingPair { opening_key, .. } = SealingPair::generate();
        let with = |more: &[(&str, &str)]| problems(opening_key.expose(), more);
        assert_eq!(with(&[("CABINET__SMPP__WINDOW", "0")]), "", "nobody asks");
        assert_eq!(with(&[("CABINET__SMS__TRANSPORT", "pigeon")]), "configuration: sms.transport: must be none, smpp or files");
        assert_eq!(with(&[("CABINET__SMS__TRANSPORT", "files")]), "configuration: sms.folder: must be set");
        let smpp = [("CABINET__SMS__TRANSPORT", "smpp"), ("CABINET__SMPP__PASSWORD", "nine char")];
        let wrong = "configuration: smpp.server: must be set; smpp.system_id: must be set; smpp.password: must be eight ASCII \
                     characters at the most; smpp.source: must be set";
        assert_eq!(with(&smpp), wrong);
    }
}
