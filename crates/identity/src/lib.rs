//! Identity: realms and companies, who exists in them with which role and contacts, how they sign in, and who still has access.

mod adapters;
mod application;
mod commands;
mod config;
mod domain;

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{Clock, Component, Fault, IdSource};
use messaging::{ActLog, DeadLetters, ErasureSpec, Holdings, Lane, MessagingConfig, OutboxSignal, SubscriptionSpec};
use runtime::access::ComponentTokens;
use runtime::grpc::Client;
use runtime::postgres::Pools;
use runtime::sealing::SealingKey;
use runtime::settings::Settings;
use runtime::{Database, Process, Service, StartError, postgres};
use sqlx::PgPool;

use crate::adapters::acts::{self, ActHandler};
pub use crate::adapters::argon2::pepper_file_name;
use crate::adapters::argon2::{Argon2Hasher, Hashing};
use crate::adapters::assertions::JwtAssertions;
use crate::adapters::clients::{OwnTokens, PeerKeeper};
use crate::adapters::erasures::{self, ErasureHandler, Reminder};
use crate::adapters::grpc::{
    AccessGrpc, AdministratorGrpc, AuditGrpc, AutologinGrpc, ContactGrpc, CredentialGrpc, DeletionGrpc, ERROR_TEXTS, ExportGrpc,
    GroupGrpc, LimitGrpc, LinkGrpc, PasskeyGrpc, PasswordGrpc, RealmGrpc, RegistrationGrpc, SecondFactorGrpc, SessionGrpc,
    SignOnGrpc, SocialAccountGrpc, UserGrpc,
};
use crate::adapters::housekeeping::Housekeeping;
use crate::adapters::one_time_codes::TotpCodes;
use crate::adapters::openid::OpenIdProviders;
use crate::adapters::policy::PresetFiles;
use crate::adapters::postgres::{
    AuditLog, PgAdministrators, PgAttempts, PgAuditEntries, PgAutologins, PgCredentials, PgDeletions, PgEmailChanges, PgExports,
    PgGroups, PgHousekeeping, PgLinks, PgPasskeys, PgPasswords, PgPersonalData, PgPhoneCodes, PgRealms, PgRegistrations,
    PgRevocations, PgSecondFactors, PgSessions, PgSignOns, PgSocialAccounts, PgStations, PgUsers,
};
use crate::adapters::public_http;
use crate::adapters::radius_http::{self, RadiusHttp};
use crate::adapters::relying_party::WebauthnRelyingParty;
use crate::adapters::revocation_feed::{OwnAccess, RevocationFeed};
use crate::adapters::secrets::KeyedSecrets;
use crate::adapters::signing_keys::SigningKeys;
pub use crate::adapters::signing_keys::{
    SigningKeyRotation, SigningKeysError, file_name as signing_key_file_name, signing_key_rotation,
};
use crate::application::{
    AccessUseCases, AdministratorUseCases, AuditUseCases, AutologinUseCases, ContactUseCases, CredentialUseCases,
    DeletionUseCases, Entrants, ExportUseCases, FactorProofs, GroupUseCases, Guessing, Keeper, LimitUseCases, LinkUseCases,
    PasskeyUseCases, PasswordUseCases, RealmUseCases, RegistrationUseCases, SecondFactorUseCases, SessionUseCases,
    SignOnUseCases, SocialAccountUseCases, UserUseCases, VpnUseCases,
};
pub use crate::commands::Command;
pub use crate::config::Config;

const DATABASE: &str = "identity";
const ERASURE: ErasureSpec = ErasureSpec { consumer: "identity.erasure", event_type: "identity.user.erased.v1" };
/// What the service is told of.
pub const SUBSCRIPTIONS: [SubscriptionSpec; 3] = [ERASURE.subscription(), erasures::SUBSCRIPTION, acts::SUBSCRIPTION];
/// What is told of those who administer elsewhere than in identity's own tables.
const ACTS: &str = "identity.act.done.v1";
const LANES: [Lane; 2] = [Lane::Normal, Lane::Security];

/// The service, as the command line runs it.
pub struct Identity;

#[async_trait]
impl Service for Identity {
    const NAME: &'static str = "identity";
    type Config = Config;

    fn defaults() -> Vec<&'static str> {
        vec![MessagingConfig::DEFAULTS, config::DEFAULTS]
    }

    fn read_config(settings: &mut Settings) -> Option<Config> {
        let messaging = MessagingConfig::read(settings);
        Config::read(settings, messaging)
    }

    fn databases(config: &Config) -> Vec<Database> {
        let migrators = vec![messaging::migrator(), sqlx::migrate!("../../migrations/identity")];
        let relays = u32::try_from(LANES.len()).expect("two fits");
        vec![Database {
            name: DATABASE,
            config: config.database.clone(),
            // Beside the relays', the one that looks at revocations.
            direct_connections: messaging::RELAY_CONNECTIONS * relays + 1,
            migrators,
        }]
    }

    async fn start(config: Config, process: &mut Process) -> Result<(), StartError> {
        let pools = process.pools(DATABASE);
        process.error_texts.add(&ERROR_TEXTS)?;
        messaging::start_partitions(process, &pools, &[]).await?;
        let signal = messaging::start_relays(process, Self::NAME, &config.database, &pools, &config.messaging, &LANES);
        let keys = SigningKeys::read(&config.keys_folder, process.clock.now())?;
        let apart = postgres::open_apart(&config.database, "revocations")?;
        let own = OwnAccess { keys: keys.clone(), revocations: PgRevocations::new(pools.commands.clone()) };
        let feed = start_access(process, own, PgRevocations::new(apart));
        let housekeeping = Housekeeping {
            tables: PgHousekeeping::new(pools.workers.clone()),
            access: process.access.clone(),
            clock: process.clock.clone(),
        };
        process.workers.spawn_endless("housekeeping", housekeeping.run());
        process.public = Some(process.public.take().unwrap_or_default().merge(public_http::routes(Arc::new(keys.clone()))));

        let parts = Parts::open(&config, process, pools.commands.clone(), signal.clone(), keys.clone())?;
        let dead_letters = start_consumers(&config, process, &pools, signal, parts.log());
        let keepers = keepers(&config, process, &pools, keys, dead_letters)?;
        if let Some(address) = config.radius_address {
            process.for_machines = Some((address, radius_http::routes(parts.radius(), &mut process.metrics)));
        }
        let routes = &mut process.routes;
        routes.add_service(UserGrpc::server(parts.users()));
        routes.add_service(ContactGrpc::server(parts.contacts()));
        routes.add_service(SessionGrpc::server(parts.sessions()));
        routes.add_service(PasswordGrpc::server(parts.passwords()));
        routes.add_service(DeletionGrpc::server(parts.deletions()));
        routes.add_service(ExportGrpc::server(parts.exports(keepers)));
        routes.add_service(GroupGrpc::server(parts.groups()));
        routes.add_service(RealmGrpc::server(parts.realms()?));
        routes.add_service(LinkGrpc::server(parts.links()));
        routes.add_service(AutologinGrpc::server(parts.autologins()));
        routes.add_service(LimitGrpc::server(parts.limits()));
        routes.add_service(RegistrationGrpc::server(parts.registrations()));
        routes.add_service(SecondFactorGrpc::server(parts.second_factors()));
        routes.add_service(SignOnGrpc::server(parts.sign_ons()));
        routes.add_service(SocialAccountGrpc::server(parts.social_accounts()));
        routes.add_service(PasskeyGrpc::server(parts.passkeys()));
        routes.add_service(CredentialGrpc::server(parts.credentials()));
        routes.add_service(AdministratorGrpc::server(parts.administrators()));
        routes.add_service(AuditGrpc::server(parts.audit()));
        routes.add_service(AccessGrpc::server(parts.access(), feed));
        Ok(())
    }
}

/// What all use cases are made of.
struct Parts {
    pool: PgPool,
    signal: OutboxSignal,
    hasher: Arc<Argon2Hasher>,
    secrets: Arc<KeyedSecrets>,
    codes: Arc<TotpCodes>,
    tokens: Arc<SigningKeys>,
    providers: Arc<OpenIdProviders>,
    guessing: Guessing,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

impl Parts {
    fn open(
        config: &Config,
        process: &mut Process,
        pool: PgPool,
        signal: OutboxSignal,
        keys: SigningKeys,
    ) -> Result<Self, StartError> {
        let (clock, ids) = (process.clock.clone(), process.ids.clone());
        let sealing_key = SealingKey::from_base64(&config.sealing_key)?;
        let secrets = KeyedSecrets::new(config.refresh_key.clone(), config.component_secret.clone(), sealing_key);
        let secrets = Arc::new(secrets);
        let attempts = Arc::new(PgAttempts::new(pool.clone(), AuditLog::new(ids.clone(), clock.clone())));
        let guessing = Guessing { attempts, secrets: secrets.clone(), limits: config.guessing, clock: clock.clone() };
        let hashing = Hashing::read(&config.hashing, clock.clone())?;
        let hasher = Arc::new(Argon2Hasher::new(&mut process.metrics, hashing)?);
        let codes = Arc::new(TotpCodes::new(config.second_factor_key.clone()));
        let (tokens, providers) = (Arc::new(keys), Arc::new(OpenIdProviders::open(&config.providers)?));
        Ok(Self { pool, signal, hasher, secrets, codes, tokens, providers, guessing, clock, ids })
    }

    fn kept_users(&self) -> Arc<PgUsers> {
        Arc::new(PgUsers::new(self.pool.clone(), self.signal.clone(), self.log()))
    }

    fn kept_realms(&self) -> Arc<PgRealms> {
        Arc::new(PgRealms::new(self.pool.clone(), self.signal.clone(), self.log()))
    }

    fn kept_links(&self) -> Arc<PgLinks> {
        Arc::new(PgLinks::new(self.pool.clone(), self.signal.clone(), self.log()))
    }

    fn kept_sessions(&self) -> Arc<PgSessions> {
        Arc::new(PgSessions::new(self.pool.clone(), self.signal.clone(), self.log()))
    }

    fn kept_factors(&self) -> Arc<PgSecondFactors> {
        Arc::new(PgSecondFactors::new(self.pool.clone(), self.signal.clone(), self.log()))
    }

    fn kept_passkeys(&self) -> Arc<PgPasskeys> {
        Arc::new(PgPasskeys::new(self.pool.clone(), self.signal.clone()))
    }

    fn kept_passwords(&self) -> Arc<PgPasswords> {
        Arc::new(PgPasswords::new(self.pool.clone(), self.signal.clone(), self.log()))
    }

    fn users(&self) -> UserUseCases {
        UserUseCases {
            users: self.kept_users(),
            realms: self.kept_realms(),
            links: self.kept_links(),
            sessions: self.kept_sessions(),
            secrets: self.secrets.clone(),
            guessing: self.guessing.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn contacts(&self) -> ContactUseCases {
        ContactUseCases {
            users: self.kept_users(),
            realms: self.kept_realms(),
            sessions: self.kept_sessions(),
            codes: Arc::new(PgPhoneCodes::new(self.pool.clone(), self.signal.clone())),
            changes: Arc::new(PgEmailChanges::new(self.pool.clone(), self.signal.clone())),
            secrets: self.secrets.clone(),
            guessing: self.guessing.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn sessions(&self) -> SessionUseCases {
        SessionUseCases {
            users: self.kept_users(),
            realms: self.kept_realms(),
            sessions: self.kept_sessions(),
            factors: self.kept_factors(),
            passwords: self.hasher.clone(),
            kept_passwords: self.kept_passwords(),
            secrets: self.secrets.clone(),
            tokens: self.tokens.clone(),
            guessing: self.guessing.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn radius(&self) -> RadiusHttp {
        let stations = Arc::new(PgStations::new(self.pool.clone()));
        RadiusHttp {
            credentials: self.credentials(),
            vpn: VpnUseCases { stations, sessions: self.sessions() },
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn passwords(&self) -> PasswordUseCases {
        PasswordUseCases {
            users: self.kept_users(),
            realms: self.kept_realms(),
            sessions: self.kept_sessions(),
            passwords: self.kept_passwords(),
            hasher: self.hasher.clone(),
            guessing: self.guessing.clone(),
            views: self.users(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn deletions(&self) -> DeletionUseCases {
        DeletionUseCases {
            deletions: Arc::new(PgDeletions::new(self.pool.clone(), self.signal.clone(), self.log())),
            users: self.kept_users(),
            realms: self.kept_realms(),
            secrets: self.secrets.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn exports(&self, keepers: Vec<Arc<dyn Keeper>>) -> ExportUseCases {
        ExportUseCases {
            users: self.kept_users(),
            realms: self.kept_realms(),
            sessions: self.kept_sessions(),
            exports: Arc::new(PgExports::new(self.pool.clone(), self.log())),
            keepers,
            guessing: self.guessing.clone(),
            clock: self.clock.clone(),
        }
    }

    fn groups(&self) -> GroupUseCases {
        GroupUseCases {
            groups: Arc::new(PgGroups::new(self.pool.clone(), self.log())),
            realms: self.kept_realms(),
            views: self.users(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn realms(&self) -> Result<RealmUseCases, StartError> {
        Ok(RealmUseCases {
            realms: self.kept_realms(),
            presets: Arc::new(PresetFiles::read()?),
            users: self.users(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        })
    }

    fn links(&self) -> LinkUseCases {
        LinkUseCases {
            links: self.kept_links(),
            users: self.kept_users(),
            realms: self.kept_realms(),
            passwords: self.hasher.clone(),
            secrets: self.secrets.clone(),
            guessing: self.guessing.clone(),
            sessions: self.sessions(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn autologins(&self) -> AutologinUseCases {
        AutologinUseCases {
            autologins: Arc::new(PgAutologins::new(self.pool.clone())),
            users: self.kept_users(),
            realms: self.kept_realms(),
            secrets: self.secrets.clone(),
            sessions: self.sessions(),
            clock: self.clock.clone(),
        }
    }

    fn limits(&self) -> LimitUseCases {
        LimitUseCases {
            users: self.kept_users(),
            realms: self.kept_realms(),
            sessions: self.kept_sessions(),
            guessing: self.guessing.clone(),
        }
    }

    fn registrations(&self) -> RegistrationUseCases {
        RegistrationUseCases {
            registrations: Arc::new(PgRegistrations::new(self.pool.clone(), self.signal.clone())),
            users: self.kept_users(),
            realms: self.kept_realms(),
            passwords: self.hasher.clone(),
            secrets: self.secrets.clone(),
            guessing: self.guessing.clone(),
            sessions: self.sessions(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn entrants(&self) -> Entrants {
        Entrants {
            users: self.kept_users(),
            realms: self.kept_realms(),
            sessions: self.kept_sessions(),
            secrets: self.secrets.clone(),
            signing_in: self.sessions(),
            clock: self.clock.clone(),
        }
    }

    fn factor_proofs(&self) -> FactorProofs {
        FactorProofs {
            factors: self.kept_factors(),
            codes: self.codes.clone(),
            passkeys: self.kept_passkeys(),
            relying_party: Arc::new(WebauthnRelyingParty),
            users: self.kept_users(),
            guessing: self.guessing.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn second_factors(&self) -> SecondFactorUseCases {
        SecondFactorUseCases {
            factors: self.kept_factors(),
            codes: self.codes.clone(),
            users: self.kept_users(),
            realms: self.kept_realms(),
            guessing: self.guessing.clone(),
            entrants: self.entrants(),
            proofs: self.factor_proofs(),
            views: self.users(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn sign_ons(&self) -> SignOnUseCases {
        SignOnUseCases {
            sign_ons: Arc::new(PgSignOns::new(self.pool.clone(), self.signal.clone(), self.log())),
            assertions: Arc::new(JwtAssertions),
            accounts: Arc::new(PgSocialAccounts::new(self.pool.clone(), self.signal.clone())),
            sessions: self.sessions(),
        }
    }

    fn social_accounts(&self) -> SocialAccountUseCases {
        SocialAccountUseCases {
            providers: self.providers.clone(),
            accounts: Arc::new(PgSocialAccounts::new(self.pool.clone(), self.signal.clone())),
            users: self.kept_users(),
            realms: self.kept_realms(),
            sessions: self.kept_sessions(),
            secrets: self.secrets.clone(),
            guessing: self.guessing.clone(),
            signing_in: self.sessions(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn passkeys(&self) -> PasskeyUseCases {
        PasskeyUseCases {
            passkeys: self.kept_passkeys(),
            relying_party: Arc::new(WebauthnRelyingParty),
            guessing: self.guessing.clone(),
            entrants: self.entrants(),
            proofs: self.factor_proofs(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn credentials(&self) -> CredentialUseCases {
        CredentialUseCases {
            credentials: Arc::new(PgCredentials::new(self.pool.clone(), self.log())),
            realms: self.kept_realms(),
            users: self.kept_users(),
            secrets: self.secrets.clone(),
            tokens: self.tokens.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        }
    }

    fn administrators(&self) -> AdministratorUseCases {
        AdministratorUseCases {
            administrators: Arc::new(PgAdministrators::new(self.pool.clone(), self.log())),
            passwords: self.hasher.clone(),
            tokens: self.tokens.clone(),
            guessing: self.guessing.clone(),
            clock: self.clock.clone(),
        }
    }

    fn audit(&self) -> AuditUseCases {
        AuditUseCases { entries: Arc::new(PgAuditEntries::new(self.pool.clone())), realms: self.kept_realms() }
    }

    /// Writes down what those do who administer.
    fn log(&self) -> AuditLog {
        AuditLog::new(self.ids.clone(), self.clock.clone())
    }

    fn access(&self) -> AccessUseCases {
        AccessUseCases {
            revocations: Arc::new(PgRevocations::new(self.pool.clone())),
            secrets: self.secrets.clone(),
            tokens: self.tokens.clone(),
            clock: self.clock.clone(),
        }
    }
}

/// Every service that keeps something of users: this one, and those that it asks.
fn keepers(
    config: &Config,
    process: &Process,
    pools: &Pools,
    keys: SigningKeys,
    dead_letters: DeadLetters,
) -> Result<Vec<Arc<dyn Keeper>>, Fault> {
    let personal_data = Arc::new(PgPersonalData::new(pools.workers.clone()));
    let own = Holdings { component: Component::Identity, personal_data, dead_letters };
    let source = OwnTokens { keys, clock: process.clock.clone() };
    let tokens = ComponentTokens::made_by(Box::new(source), Component::Identity, process.clock.clone());
    let peers = [
        (Component::Profile, &config.peers.profile),
        (Component::CaseMonitoring, &config.peers.case_monitoring),
        (Component::Notification, &config.peers.notification),
    ];
    let mut keepers: Vec<Arc<dyn Keeper>> = vec![Arc::new(own)];
    for (component, peer) in peers {
        let client = Client::new(peer, tokens.clone(), process.tracer.clone())?;
        keepers.push(Arc::new(PeerKeeper { component, client }));
    }
    Ok(keepers)
}

/// Erases deleted users here, follows who else has, and writes down what is done elsewhere.
fn start_consumers(config: &Config, process: &mut Process, pools: &Pools, signal: OutboxSignal, log: AuditLog) -> DeadLetters {
    let broker = &config.messaging.broker;
    let acts = ActLog::new(ACTS, signal.clone(), process.ids.clone(), process.clock.clone());
    let dead_letters = messaging::serve_dead_letters(process, pools, broker, acts);
    let handler = ActHandler { entries: PgAuditEntries::new(pools.workers.clone()), pool: pools.workers.clone() };
    messaging::start_consumer(process, broker, &dead_letters, acts::SUBSCRIPTION, Arc::new(handler));
    let personal_data = Arc::new(PgPersonalData::new(pools.workers.clone()));
    messaging::start_erasures(process, pools, broker, &dead_letters, signal.clone(), ERASURE, personal_data);
    let deletions = PgDeletions::new(pools.workers.clone(), signal, log);
    let handler = ErasureHandler { deletions: deletions.clone(), pool: pools.workers.clone() };
    messaging::start_consumer(process, broker, &dead_letters, erasures::SUBSCRIPTION, Arc::new(handler));
    let reminder = Reminder { deletions, clock: process.clock.clone(), ids: process.ids.clone() };
    process.workers.spawn_endless("reminder of deletions", reminder.run());
    dead_letters
}

/// Keeps this process's own knowledge of keys and revocations up to date, and everybody's who watches.
fn start_access(process: &mut Process, own: OwnAccess, revocations: PgRevocations) -> RevocationFeed {
    let (access, keys) = (process.access.clone(), own.keys.clone());
    access.learn_keys(keys.key_set());
    access.ask(Arc::new(own));
    let feed = RevocationFeed::new(revocations, process.clock.clone(), process.draining.clone());
    process.workers.spawn_endless("revocations", feed.clone().run(access.clone()));
    let reading = keys.keep_reading(process.clock.clone(), move |keys| access.learn_keys(keys));
    process.workers.spawn_endless("signing keys", reading);
    feed
}
