//! Case-monitoring: cases, their workflow, their history, and who is concerned by a change.

mod adapters;
mod application;
mod config;
mod domain;

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Component;
use messaging::{Broker, Lane, MessagingConfig, OutboxSignal, Relay};
use runtime::grpc::Client;
use runtime::settings::Settings;
use runtime::{Database, Process, Service, StartError};

use crate::adapters::clients::IdentityClient;
use crate::adapters::grpc::CaseGrpc;
use crate::adapters::postgres::PgCases;
use crate::adapters::realm_file::RealmFile;
use crate::application::CaseUseCases;
use crate::config::Config;

const DATABASE: &str = "case_monitoring";

/// The service, as the command line runs it.
pub struct CaseMonitoring;

#[async_trait]
impl Service for CaseMonitoring {
    const NAME: &'static str = "case-monitoring";
    type Config = Config;

    fn defaults() -> Vec<&'static str> {
        vec![MessagingConfig::DEFAULTS, config::DEFAULTS]
    }

    fn read_config(settings: &mut Settings) -> Option<Config> {
        Config::read(settings)
    }

    fn databases(config: &Config) -> Vec<Database> {
        let migrators = vec![messaging::migrator(), sqlx::migrate!("../../migrations/case_monitoring")];
        vec![Database { name: DATABASE, config: config.database.clone(), migrators }]
    }

    async fn start(config: Config, process: &mut Process) -> Result<(), StartError> {
        let pools = process.pools(DATABASE);
        let signal = OutboxSignal::default();
        let identity = Client::new(&config.identity, Component::CaseMonitoring, process.signer.clone(), process.clock.clone())?;
        let cases = CaseUseCases {
            cases: Arc::new(PgCases::new(pools.commands, signal.clone())),
            workflows: Arc::new(RealmFile::read(&config.realm_file)?),
            users: Arc::new(IdentityClient::new(identity)),
            clock: process.clock.clone(),
            ids: process.ids.clone(),
        };
        process.routes.add_service(CaseGrpc::server(cases));

        let relay = Relay {
            service: Self::NAME,
            lane: Lane::Normal,
            database_url: config.database.url,
            broker: Broker::amqp(config.messaging.amqp_url),
            signal,
            poll_interval: config.messaging.poll_interval,
        };
        let stop = process.workers.stop_token();
        process.workers.spawn("case-monitoring relay", relay.run(stop));
        Ok(())
    }
}
