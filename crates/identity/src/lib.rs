//! Identity: who exists, in which company, and with which role and contacts.

mod adapters;
mod application;
mod config;
mod domain;

use std::sync::Arc;

use async_trait::async_trait;
use messaging::MessagingConfig;
use runtime::settings::Settings;
use runtime::{Database, Process, Service, StartError};

use crate::adapters::grpc::UserGrpc;
use crate::adapters::postgres::PgUsers;
use crate::adapters::realm_file::RealmFile;
use crate::application::UserUseCases;
pub use crate::config::Config;

const DATABASE: &str = "identity";

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
        vec![Database {
            name: DATABASE,
            config: config.database.clone(),
            direct_connections: messaging::RELAY_CONNECTIONS,
            migrators,
        }]
    }

    async fn start(config: Config, process: &mut Process) -> Result<(), StartError> {
        let pools = process.pools(DATABASE);
        messaging::start_partitions(process, &pools, &[]).await?;
        let signal = messaging::start_relays(process, Self::NAME, &config.database, &pools, &config.messaging);
        let users = UserUseCases {
            users: Arc::new(PgUsers::new(pools.commands, signal)),
            companies: Arc::new(RealmFile::read(&config.realm_file)?),
            clock: process.clock.clone(),
            ids: process.ids.clone(),
        };
        process.routes.add_service(UserGrpc::server(users));
        Ok(())
    }
}
