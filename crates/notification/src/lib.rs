//! Notification: who is told what, through which channel, once.

mod adapters;
mod application;
mod config;
mod domain;

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Component;
use messaging::{Consumer, ConsumerMetrics, DeadLetterGrpc, DeadLetters, MessagingConfig, Retention};
use runtime::grpc::Client;
use runtime::settings::Settings;
use runtime::{Database, Process, Service, StartError};
use tokio::sync::mpsc;

use crate::adapters::channels::mailer;
use crate::adapters::clients::IdentityClient;
use crate::adapters::events::PlannerHandler;
pub use crate::adapters::events::SUBSCRIPTION;
use crate::adapters::grpc::PreferenceGrpc;
use crate::adapters::letters::TemplateLetters;
use crate::adapters::metrics::LedgerMetrics;
use crate::adapters::postgres::{PgLedger, PgPeople, PgPreferences};
use crate::adapters::realm_file::RealmFile;
use crate::application::{Dispatcher, Planner, PreferenceUseCases, SEND_QUEUE};
pub use crate::config::Config;

const DATABASE: &str = "notification";
/// A season of letters, for whoever asks what he was told.
const LEDGER: Retention = Retention { table: "deliveries", id_column: "cause_id", days: 90 };

/// The service, as the command line runs it.
pub struct Notification;

#[async_trait]
impl Service for Notification {
    const NAME: &'static str = "notification";
    type Config = Config;

    fn defaults() -> Vec<&'static str> {
        vec![MessagingConfig::DEFAULTS, config::DEFAULTS]
    }

    fn read_config(settings: &mut Settings) -> Option<Config> {
        let messaging = MessagingConfig::read(settings);
        Config::read(settings, messaging)
    }

    fn databases(config: &Config) -> Vec<Database> {
        let migrators = vec![messaging::migrator(), sqlx::migrate!("../../migrations/notification")];
        vec![Database { name: DATABASE, config: config.database.clone(), direct_connections: 0, migrators }]
    }

    async fn start(config: Config, process: &mut Process) -> Result<(), StartError> {
        let pools = process.pools(DATABASE);
        messaging::start_partitions(process, &pools, &[LEDGER]).await?;
        let identity = Client::new(&config.identity, Component::Notification, process.signer.clone(), process.clock.clone())?;
        let users = Arc::new(IdentityClient::new(identity));
        let ledger = PgLedger::new(pools.workers.clone(), LedgerMetrics::register(&mut process.metrics));
        process.workers.spawn_endless("waiting deliveries", ledger.clone().watch_waiting());
        let ledger = Arc::new(ledger);
        process.routes.add_service(PreferenceGrpc::server(PreferenceUseCases {
            preferences: Arc::new(PgPreferences::new(pools.commands.clone())),
            people: Arc::new(PgPeople::new(pools.commands.clone())),
            users: users.clone(),
        }));

        let (to_dispatcher, handed_over) = mpsc::channel(SEND_QUEUE);
        let dispatcher = Dispatcher {
            ledger: ledger.clone(),
            people: Arc::new(PgPeople::new(pools.workers.clone())),
            users,
            realms: Arc::new(RealmFile::read(&config.realm_file)?),
            letters: Arc::new(TemplateLetters::new()?),
            connections: config.mail.concurrency(),
            mailer: mailer(config.mail),
            clock: process.clock.clone(),
        };
        let stop = process.workers.stop_token();
        process.workers.spawn("dispatcher", dispatcher.run(handed_over, stop));

        let planner = Planner { ledger, clock: process.clock.clone(), ids: process.ids.clone(), dispatcher: to_dispatcher };
        let dead_letters = DeadLetters::new(pools.workers.clone(), process.clock.clone(), process.ids.clone());
        let broker = config.messaging.broker;
        process.routes.add_service(DeadLetterGrpc::server(dead_letters.clone(), broker.clone()));
        let consumer = Consumer {
            broker,
            spec: SUBSCRIPTION,
            handler: Arc::new(PlannerHandler { planner, pool: pools.workers }),
            dead_letters,
            metrics: ConsumerMetrics::register(&mut process.metrics, &SUBSCRIPTION),
        };
        let stop = process.workers.stop_token();
        process.workers.spawn("planner", consumer.run(stop));
        Ok(())
    }
}
