//! Case-monitoring: cases, their workflow, their history, and who is concerned by a change.

mod adapters;
mod application;
mod config;
mod domain;

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Component;
use messaging::{ActLog, ErasureSpec, Holdings, Lane, MessagingConfig, SubscriptionSpec};
use runtime::access::follow_identity;
use runtime::settings::Settings;
use runtime::{Database, Process, Service, StartError};

use crate::adapters::clients::IdentityClient;
use crate::adapters::grpc::{CaseGrpc, ERROR_TEXTS, WorkflowGrpc};
use crate::adapters::postgres::{PgCases, PgPersonalData, PgWorkflows};
use crate::adapters::presets::EmbeddedPresets;
use crate::application::{CaseUseCases, RealmWorkflows, WorkflowUseCases};
pub use crate::config::Config;

const DATABASE: &str = "case_monitoring";
const ERASURE: ErasureSpec = ErasureSpec { consumer: "case_monitoring.erasure", event_type: "case_monitoring.user.erased.v1" };
/// What is told of those who administer.
const ACTS: &str = "case_monitoring.act.done.v1";
/// What the service is told of.
pub const SUBSCRIPTIONS: [SubscriptionSpec; 1] = [ERASURE.subscription()];

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
        let messaging = MessagingConfig::read(settings);
        Config::read(settings, messaging)
    }

    fn databases(config: &Config) -> Vec<Database> {
        let migrators = vec![messaging::migrator(), sqlx::migrate!("../../migrations/case_monitoring")];
        vec![Database {
            name: DATABASE,
            config: config.database.clone(),
            direct_connections: messaging::RELAY_CONNECTIONS,
            migrators,
        }]
    }

    async fn start(config: Config, process: &mut Process) -> Result<(), StartError> {
        let pools = process.pools(DATABASE);
        process.error_texts.add(&ERROR_TEXTS)?;
        messaging::start_partitions(process, &pools, &[]).await?;
        let signal = messaging::start_relays(process, Self::NAME, &config.database, &pools, &config.messaging, &[Lane::Normal]);
        let acts = ActLog::new(ACTS, signal.clone(), process.ids.clone(), process.clock.clone());
        let identity = follow_identity(process, &config.identity, Component::CaseMonitoring)?;
        let identity = Arc::new(IdentityClient::new(identity));
        let stored_workflows = Arc::new(PgWorkflows::new(pools.commands.clone(), acts.clone()));
        let workflows = RealmWorkflows::new(stored_workflows, Arc::new(EmbeddedPresets::read()?), identity.clone());
        let workflows = Arc::new(workflows);
        let broker = &config.messaging.broker;
        let dead_letters = messaging::serve_dead_letters(process, &pools, broker, acts);
        let personal_data = Arc::new(PgPersonalData::new(pools.workers.clone()));
        messaging::start_erasures(process, &pools, broker, &dead_letters, signal.clone(), ERASURE, personal_data.clone());
        messaging::serve_exports(process, Holdings { component: Component::CaseMonitoring, personal_data, dead_letters });
        let cases = CaseUseCases {
            cases: Arc::new(PgCases::new(pools.commands, signal)),
            workflows: workflows.clone(),
            users: identity,
            clock: process.clock.clone(),
            ids: process.ids.clone(),
        };
        process.routes.add_service(CaseGrpc::server(cases));
        process.routes.add_service(WorkflowGrpc::server(WorkflowUseCases { workflows }));
        Ok(())
    }
}
