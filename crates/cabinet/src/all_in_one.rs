//! The services together: one process, one gRPC address, without a broker unless one is wanted.

use async_trait::async_trait;
use case_monitoring::CaseMonitoring;
use identity::Identity;
use messaging::{Broker, MessagingConfig, SubscriptionSpec};
use notification::Notification;
use profile::Profile;
use runtime::settings::Settings;
use runtime::{Database, Process, Service, StartError};

const DEFAULTS: &str = include_str!("cabinet.toml");

pub(crate) struct AllInOne;

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) identity: identity::Config,
    profile: profile::Config,
    case_monitoring: case_monitoring::Config,
    notification: notification::Config,
}

#[async_trait]
impl Service for AllInOne {
    const NAME: &'static str = "cabinet";
    type Config = Config;

    fn defaults() -> Vec<&'static str> {
        let mut defaults = Identity::defaults();
        defaults.extend(Profile::defaults());
        defaults.extend(CaseMonitoring::defaults());
        defaults.extend(Notification::defaults());
        defaults.push(DEFAULTS);
        defaults
    }

    fn read_config(settings: &mut Settings) -> Option<Config> {
        let messaging = read_messaging(settings);
        let identity = identity::Config::read(settings, messaging.clone());
        let profile = profile::Config::read(settings, messaging.clone());
        let case_monitoring = case_monitoring::Config::read(settings, messaging.clone());
        let notification = notification::Config::read(settings, messaging);
        Some(Config { identity: identity?, profile: profile?, case_monitoring: case_monitoring?, notification: notification? })
    }

    fn databases(config: &Config) -> Vec<Database> {
        let mut databases = Identity::databases(&config.identity);
        databases.extend(Profile::databases(&config.profile));
        databases.extend(CaseMonitoring::databases(&config.case_monitoring));
        databases.extend(Notification::databases(&config.notification));
        databases
    }

    async fn start(config: Config, process: &mut Process) -> Result<(), StartError> {
        Identity::start(config.identity, process).await?;
        Profile::start(config.profile, process).await?;
        CaseMonitoring::start(config.case_monitoring, process).await?;
        Notification::start(config.notification, process).await
    }
}

fn read_messaging(settings: &mut Settings) -> Option<MessagingConfig> {
    let transport: String = settings.value("messaging.transport")?;
    match transport.as_str() {
        "amqp" => MessagingConfig::read(settings),
        "local" => MessagingConfig::read_without_broker(settings, Broker::local(&subscriptions())),
        _ => {
            settings.problem("messaging.transport", "must be local or amqp");
            None
        }
    }
}

/// What all services are told of.
fn subscriptions() -> Vec<SubscriptionSpec> {
    let all = [
        identity::SUBSCRIPTIONS.as_slice(),
        &profile::SUBSCRIPTIONS,
        &case_monitoring::SUBSCRIPTIONS,
        &notification::SUBSCRIPTIONS,
    ];
    all.concat()
}
