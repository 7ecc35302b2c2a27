//! Identity's own settings.

use std::net::SocketAddr;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use kernel::Secret;
use messaging::MessagingConfig;
use runtime::access::read_component_secret;
use runtime::grpc::PeerConfig;
use runtime::postgres::DatabaseConfig;
use runtime::sealing::SealingKey;
use runtime::settings::Settings;

use crate::adapters::argon2::{HashingConfig, LEAST_MEMORY_KIB, LEAST_PASSES, MOST_LANES, MOST_MEMORY_KIB, MOST_PASSES};
use crate::adapters::openid::ProviderConfig;
use crate::domain::guessing::GuessingLimits;

/// How long attempts may be counted together.
const WINDOWS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

pub(crate) const DEFAULTS: &str = include_str!("config.toml");

#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) messaging: MessagingConfig,
    pub(crate) keys_folder: PathBuf,
    pub(crate) refresh_key: Secret<Vec<u8>>,
    pub(crate) second_factor_key: Secret<Vec<u8>>,
    pub(crate) sealing_key: String,
    pub(crate) component_secret: Secret<String>,
    pub(crate) guessing: GuessingLimits,
    pub(crate) hashing: HashingConfig,
    /// Whom it asks for what they keep of users.
    pub(crate) peers: Peers,
    /// Whose accounts sign people in.
    pub(crate) providers: Vec<ProviderConfig>,
    /// None where no VPN server asks.
    pub(crate) radius_address: Option<SocketAddr>,
}

/// Where the other services are.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    pub(crate) profile: PeerConfig,
    pub(crate) case_monitoring: PeerConfig,
    pub(crate) notification: PeerConfig,
}

impl Peers {
    fn read(settings: &mut Settings) -> Option<Self> {
        let profile = PeerConfig::read(settings, "peers.profile");
        let case_monitoring = PeerConfig::read(settings, "peers.case_monitoring");
        let notification = PeerConfig::read(settings, "peers.notification");
        Some(Self { profile: profile?, case_monitoring: case_monitoring?, notification: notification? })
    }
}

impl Config {
    /// Reads the service's own sections; how facts travel is said by the process it runs in.
    pub fn read(settings: &mut Settings, messaging: Option<MessagingConfig>) -> Option<Self> {
        let database = DatabaseConfig::read(settings, "identity.database");
        let keys_folder = settings.value("keys.folder");
        let refresh_key = settings.signing_secret("keys.refresh_key");
        let second_factor_key = settings.signing_secret("keys.second_factor_key");
        let sealing_key = settings.secret("sealing.sealing_key").map(|key| key.expose().clone());
        if let Some(Err(error)) = sealing_key.as_deref().map(SealingKey::from_base64) {
            settings.problem("sealing.sealing_key", error);
        }
        let component_secret = read_component_secret(settings);
        let guessing = read_guessing(settings);
        let hashing = read_hashing(settings);
        let peers = Peers::read(settings);
        let providers = ProviderConfig::read_all(settings);
        let radius_address = read_optional_address(settings, "radius.address");
        Some(Self {
            database: database?,
            messaging: messaging?,
            keys_folder: keys_folder?,
            refresh_key: refresh_key?,
            second_factor_key: second_factor_key?,
            sealing_key: sealing_key?,
            component_secret: component_secret?,
            guessing: guessing?,
            hashing: hashing?,
            peers: peers?,
            providers: providers?,
            radius_address,
        })
    }
}

fn read_guessing(settings: &mut Settings) -> Option<GuessingLimits> {
    let passwords_from_address = read_attempts(settings, "guessing.passwords_from_address");
    let passwords_at_account = read_attempts(settings, "guessing.passwords_at_account");
    let passwords_on_device = read_attempts(settings, "guessing.passwords_on_device");
    let password_window = settings.duration("guessing.password_window", WINDOWS);
    let resets_from_address = read_attempts(settings, "guessing.resets_from_address");
    let reset_window = settings.duration("guessing.reset_window", WINDOWS);
    let conflicts_of_user = read_attempts(settings, "guessing.conflicts_of_user");
    let taken_contacts_of_user = read_attempts(settings, "guessing.taken_contacts_of_user");
    let conflict_window = settings.duration("guessing.conflict_window", WINDOWS);
    let exports_of_user = read_attempts(settings, "guessing.exports_of_user");
    let export_window = settings.duration("guessing.export_window", WINDOWS);
    Some(GuessingLimits {
        passwords_from_address: passwords_from_address?,
        passwords_at_account: passwords_at_account?,
        passwords_on_device: passwords_on_device?,
        password_window: password_window?,
        resets_from_address: resets_from_address?,
        reset_window: reset_window?,
        conflicts_of_user: conflicts_of_user?,
        conflict_window: conflict_window?,
        taken_contacts_of_user: taken_contacts_of_user?,
        exports_of_user: exports_of_user?,
        export_window: export_window?,
    })
}

fn read_hashing(settings: &mut Settings) -> Option<HashingConfig> {
    let memory_kib = read_within(settings, "passwords.memory_kib", LEAST_MEMORY_KIB..=MOST_MEMORY_KIB);
    let passes = read_within(settings, "passwords.passes", LEAST_PASSES..=MOST_PASSES);
    let lanes = read_within(settings, "passwords.lanes", 1..=MOST_LANES);
    let peppers_folder = settings.optional("keys.peppers_folder").map(PathBuf::from);
    Some(HashingConfig { memory_kib: memory_kib?, passes: passes?, lanes: lanes?, peppers_folder })
}

fn read_within(settings: &mut Settings, key: &str, bounds: RangeInclusive<u32>) -> Option<u32> {
    let number = settings.value::<u32>(key)?;
    if !bounds.contains(&number) {
        settings.problem(key, format_args!("must be from {} to {}", bounds.start(), bounds.end()));
    }
    Some(number)
}

fn read_optional_address(settings: &mut Settings, key: &str) -> Option<SocketAddr> {
    let read = settings.optional(key)?.parse();
    read.map_err(|error| settings.problem(key, error)).ok()
}

/// At least one: nobody could do anything else.
fn read_attempts(settings: &mut Settings, key: &str) -> Option<i32> {
    settings.value::<NonZero<u16>>(key).map(|most| most.get().into())
}
