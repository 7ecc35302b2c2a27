//! Notification: who is told what, through which channel, once.

mod adapters;
mod application;
mod config;
mod domain;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Component;
use messaging::{ActLog, ErasureSpec, Holdings, Lane, MessagingConfig, Retention, SubscriptionSpec};
use runtime::access::follow_identity;
use runtime::grpc::Client;
use runtime::postgres::Pools;
use runtime::settings::Settings;
use runtime::{Database, Process, Service, StartError};
use tokio::sync::mpsc;

use crate::adapters::channels::{FileTexter, SmsConfig, smpp};
use crate::adapters::clients::{CaseMonitoringClient, IdentityClient, ProfileClient};
use crate::adapters::events::{PLANNER, PlannerHandler};
use crate::adapters::grpc::{DeliveryGrpc, ERROR_TEXTS, PreferenceGrpc};
use crate::adapters::letters::{TemplateLetters, UnsubscribePages};
use crate::adapters::metrics::{LedgerMetrics, SendMetrics};
use crate::adapters::postgres::{PgDeliveryRecords, PgLedger, PgPeople, PgPersonalData, PgPreferences, PgRealms, PgSpeech};
use crate::adapters::public_http::{self, UnsubscribeHttp};
use crate::adapters::realms::RealmDirectory;
use crate::adapters::speeches::SpeechDirectory;
use crate::adapters::unsubscribe_tokens::SignedTokens;
use crate::application::{
    AutologinDesk, Channels, Dispatcher, Dispatchers, Lanes, Planner, PreferenceUseCases, ReceiptDesk, RecordUseCases,
    SEND_QUEUE, Texter, UnsubscribeUseCases,
};
pub use crate::config::Config;
use crate::domain::{Channel, LEDGER_DAYS};

const DATABASE: &str = "notification";
const ERASURE: ErasureSpec = ErasureSpec { consumer: "notification.erasure", event_type: "notification.user.erased.v1" };
/// What is told of those who administer.
const ACTS: &str = "notification.act.done.v1";
/// What the service is told of, lane by lane.
pub const SUBSCRIPTIONS: [SubscriptionSpec; 3] = [PLANNER[0], PLANNER[1], ERASURE.subscription()];
const LEDGER: Retention = Retention { table: "deliveries", id_column: "cause_id", days: LEDGER_DAYS };
/// Longer than any SMSC tries to deliver.
const SEGMENTS: Retention = Retention { table: "sms_segments", id_column: "cause_id", days: 10 };

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
        messaging::start_partitions(process, &pools, &[LEDGER, SEGMENTS]).await?;
        let signal = messaging::start_relays(process, Self::NAME, &config.database, &pools, &config.messaging, &[Lane::Normal]);
        let identity = follow_identity(process, &config.identity, Component::Notification)?;
        let profile = Client::new(&config.profile, identity.tokens(), process.tracer.clone())?;
        let case_monitoring = Client::new(&config.case_monitoring, identity.tokens(), process.tracer.clone())?;
        let speeches = Arc::new(SpeechDirectory::new(PgSpeech::new(pools.workers.clone()), ProfileClient::new(profile)));
        let identity = Arc::new(IdentityClient::new(identity));
        let ledger = PgLedger::new(pools.workers.clone(), LedgerMetrics::register(&mut process.metrics));
        process.workers.spawn_endless("waiting deliveries", ledger.clone().watch_waiting());
        let preferences = Arc::new(PgPreferences::new(pools.commands.clone()));
        process.routes.add_service(PreferenceGrpc::server(PreferenceUseCases {
            preferences: preferences.clone(),
            people: Arc::new(PgPeople::new(pools.commands.clone())),
            users: identity.clone(),
            clock: process.clock.clone(),
            channels: config.sms.open_channels(),
        }));
        let realms = Arc::new(RealmDirectory::new(PgRealms::new(pools.workers.clone()), identity.clone()));
        let unsubscribe_tokens = Arc::new(SignedTokens::new(config.unsubscribe_keys.clone()));
        let public = public_http::routes(UnsubscribeHttp {
            unsubscribing: UnsubscribeUseCases {
                tokens: unsubscribe_tokens.clone(),
                preferences: preferences.clone(),
                realms: realms.clone(),
                speeches: speeches.clone(),
                clock: process.clock.clone(),
            },
            pages: UnsubscribePages::new()?,
            clock: process.clock.clone(),
            ids: process.ids.clone(),
        });
        process.public = Some(process.public.take().unwrap_or_default().merge(public));
        process.routes.add_service(DeliveryGrpc::server(RecordUseCases {
            records: Arc::new(PgDeliveryRecords::new(pools.commands.clone())),
            preferences,
            changes: Arc::new(CaseMonitoringClient::new(case_monitoring)),
            clock: process.clock.clone(),
        }));
        let ledger = Arc::new(ledger);
        let letters = Arc::new(TemplateLetters::new(config.opening_key.clone(), unsubscribe_tokens)?);
        let known = Known { identity, realms, speeches };
        let dispatchers = start_dispatchers(&config, process, &pools, &ledger, &letters, &known);
        let planner = Planner { ledger, clock: process.clock.clone(), ids: process.ids.clone(), dispatchers };
        let handler = Arc::new(PlannerHandler { planner, pool: pools.workers.clone() });
        let broker = &config.messaging.broker;
        let acts = ActLog::new(ACTS, signal.clone(), process.ids.clone(), process.clock.clone());
        let dead_letters = messaging::serve_dead_letters(process, &pools, broker, acts);
        for spec in PLANNER {
            messaging::start_consumer(process, broker, &dead_letters, spec, handler.clone());
        }
        let personal_data = Arc::new(PgPersonalData::new(pools.workers.clone()));
        messaging::start_erasures(process, &pools, broker, &dead_letters, signal, ERASURE, personal_data.clone());
        messaging::serve_exports(process, Holdings { component: Component::Notification, personal_data, dead_letters });
        Ok(())
    }
}

/// What this process knows of people and realms, and whom it asks.
struct Known {
    identity: Arc<IdentityClient>,
    realms: Arc<RealmDirectory>,
    speeches: Arc<SpeechDirectory>,
}

/// What sends SMS, if anything does.
fn start_texter(config: &Config, process: &mut Process, ledger: &Arc<PgLedger>) -> Option<Arc<dyn Texter>> {
    match &config.sms {
        SmsConfig::None => None,
        SmsConfig::Files(folder) => Some(Arc::new(FileTexter::new(folder.clone()))),
        SmsConfig::Smpp(smpp) => {
            let (texter, link) = smpp::open(smpp.clone(), ReceiptDesk { ledger: ledger.clone() });
            let stop = process.workers.stop_token();
            process.workers.spawn("smsc link", link.run(stop));
            Some(Arc::new(texter))
        }
    }
}

/// One a channel and lane, each with senders of its own; they share what they know.
fn start_dispatchers(
    config: &Config,
    process: &mut Process,
    pools: &Pools,
    ledger: &Arc<PgLedger>,
    letters: &Arc<TemplateLetters>,
    known: &Known,
) -> Dispatchers {
    let people = Arc::new(PgPeople::new(pools.workers.clone()));
    let texter = start_texter(config, process, ledger);
    let metrics = SendMetrics::register(&mut process.metrics);
    let mut start = |channel, lane| {
        let dispatcher = Dispatcher {
            channel,
            lane,
            ledger: ledger.clone(),
            people: people.clone(),
            users: known.identity.clone(),
            autologins: AutologinDesk::new(known.identity.clone(), config.autologin_timeout),
            realms: known.realms.clone(),
            speeches: known.speeches.clone(),
            letters: letters.clone(),
            channels: Channels { mailer: config.mail.mailer(), texter: texter.clone() },
            clock: process.clock.clone(),
            meter: Arc::new(metrics.of(channel, lane)),
            tracer: process.tracer.clone(),
            connections: match channel {
                Channel::Email => config.mail.concurrency(lane),
                Channel::Sms => config.sms.concurrency(lane),
            },
        };
        let (to_dispatcher, handed_over) = mpsc::channel(SEND_QUEUE);
        let stop = process.workers.stop_token();
        process.workers.spawn("dispatcher", dispatcher.run(handed_over, stop));
        to_dispatcher
    };
    let mut lanes = |channel| Lanes { normal: start(channel, Lane::Normal), security: start(channel, Lane::Security) };
    Dispatchers { mail: lanes(Channel::Email), sms: lanes(Channel::Sms) }
}
