//! Identity: who exists, in which company, and with which role and contacts.

mod adapters;
mod application;
mod config;
mod domain;

use std::sync::Arc;

use async_trait::async_trait;
use messaging::{Broker, Lane, MessagingConfig, OutboxSignal, Relay};
use runtime::settings::Settings;
use runtime::{Database, Process, Service, StartError};

use crate::adapters::grpc::UserGrpc;
use crate::adapters::postgres::PgUsers;
use crate::adapters::realm_file::RealmFile;
use crate::application::UserUseCases;
use crate::config::Config;

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
        Config::read(settings)
    }

    fn databases(config: &Config) -> Vec<Database> {
        let migrators = vec![messaging::migrator(), sqlx::migrate!("../../migrations/identity")];
        vec![Database { name: DATABASE, config: config.database.clone(), migrators }]
    }

    async fn start(config: Config, process: &mut Process) -> Result<(), StartError> {
        let pools = process.pools(DATABASE);
        let signal = OutboxSignal::default();
        let users = UserUseCases {
            users: Arc::new(PgUsers::new(pools.commands, signal.clone())),
            companies: Arc::new(RealmFile::read(&config.realm_file)?),
            clock: process.clock.clone(),
            ids: process.ids.clone(),
        };
        process.routes.add_service(UserGrpc::server(users));

        let relay = Relay {
            service: Self::NAME,
            lane: Lane::Normal,
            database_url: config.database.url,
            broker: Broker::amqp(config.messaging.amqp_url),
            signal,
            poll_interval: config.messaging.poll_interval,
        };
        let stop = process.workers.stop_token();
        process.workers.spawn("identity relay", relay.run(stop));
        Ok(())
    }
}
