//! Identity: realms and companies, who exists in them with which role and contacts, how they sign in, and who still has access.

mod adapters;
mod application;
mod commands;
mod config;
mod domain;

use std::sync::Arc;

use async_trait::async_trait;
use messaging::{Lane, MessagingConfig};
use runtime::sealing::SealingKey;
use runtime::settings::Settings;
use runtime::{Database, Process, Service, StartError, postgres};

use crate::adapters::argon2::Argon2Hasher;
use crate::adapters::grpc::{
    AccessGrpc, AdministratorGrpc, ContactGrpc, CredentialGrpc, ERROR_TEXTS, LinkGrpc, PasswordGrpc, RealmGrpc, SessionGrpc,
    UserGrpc,
};
use crate::adapters::housekeeping::Housekeeping;
use crate::adapters::policy::PresetFiles;
use crate::adapters::postgres::{
    PgAdministrators, PgCredentials, PgHousekeeping, PgLinks, PgPasswords, PgPhoneCodes, PgRealms, PgRevocations, PgSessions,
    PgUsers,
};
use crate::adapters::public_http;
use crate::adapters::revocation_feed::{OwnAccess, RevocationFeed};
use crate::adapters::secrets::KeyedSecrets;
use crate::adapters::signing_keys::SigningKeys;
pub use crate::adapters::signing_keys::file_name as signing_key_file_name;
use crate::application::{
    AccessUseCases, AdministratorUseCases, ContactUseCases, CredentialUseCases, LinkUseCases, PasswordUseCases, RealmUseCases,
    SessionUseCases, UserUseCases,
};
pub use crate::commands::Command;
pub use crate::config::Config;

const DATABASE: &str = "identity";
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

        let (clock, ids) = (process.clock.clone(), process.ids.clone());
        let sealing_key = SealingKey::from_base64(&config.sealing_key)?;
        let secrets = Arc::new(KeyedSecrets::new(config.refresh_key, config.component_secret, sealing_key));
        let passwords = Arc::new(Argon2Hasher::new()?);
        let tokens = Arc::new(keys);
        let users = Arc::new(PgUsers::new(pools.commands.clone(), signal.clone()));
        let realms = Arc::new(PgRealms::new(pools.commands.clone(), signal.clone()));
        let links = Arc::new(PgLinks::new(pools.commands.clone(), signal.clone()));
        let own_sessions = Arc::new(PgSessions::new(pools.commands.clone(), signal.clone()));
        let sessions = SessionUseCases {
            users: users.clone(),
            realms: realms.clone(),
            sessions: own_sessions.clone(),
            passwords: passwords.clone(),
            secrets: secrets.clone(),
            tokens: tokens.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let user_use_cases = UserUseCases {
            users: users.clone(),
            realms: realms.clone(),
            links: links.clone(),
            secrets: secrets.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        process.routes.add_service(UserGrpc::server(user_use_cases.clone()));
        process.routes.add_service(PasswordGrpc::server(PasswordUseCases {
            users: users.clone(),
            realms: realms.clone(),
            sessions: own_sessions,
            passwords: Arc::new(PgPasswords::new(pools.commands.clone(), signal.clone())),
            hasher: passwords.clone(),
            views: user_use_cases.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        }));
        process.routes.add_service(ContactGrpc::server(ContactUseCases {
            users: users.clone(),
            codes: Arc::new(PgPhoneCodes::new(pools.commands.clone(), signal)),
            secrets: secrets.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        }));
        process.routes.add_service(SessionGrpc::server(sessions.clone()));
        process.routes.add_service(RealmGrpc::server(RealmUseCases {
            realms: realms.clone(),
            presets: Arc::new(PresetFiles::read()?),
            users: user_use_cases,
            clock: clock.clone(),
            ids: ids.clone(),
        }));
        process.routes.add_service(LinkGrpc::server(LinkUseCases {
            links,
            users: users.clone(),
            realms: realms.clone(),
            passwords: passwords.clone(),
            secrets: secrets.clone(),
            sessions,
            clock: clock.clone(),
            ids: ids.clone(),
        }));
        process.routes.add_service(CredentialGrpc::server(CredentialUseCases {
            credentials: Arc::new(PgCredentials::new(pools.commands.clone())),
            realms,
            users,
            secrets: secrets.clone(),
            tokens: tokens.clone(),
            clock: clock.clone(),
            ids,
        }));
        process.routes.add_service(AdministratorGrpc::server(AdministratorUseCases {
            administrators: Arc::new(PgAdministrators::new(pools.commands.clone())),
            passwords,
            tokens: tokens.clone(),
            clock: clock.clone(),
        }));
        let access = AccessUseCases { revocations: Arc::new(PgRevocations::new(pools.commands)), secrets, tokens, clock };
        process.routes.add_service(AccessGrpc::server(access, feed));
        Ok(())
    }
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
