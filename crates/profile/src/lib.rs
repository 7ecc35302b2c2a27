//! Profile: who a person is, what he is shown as, and in which language and time zone he is spoken to.

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
use tokio::sync::Notify;

use crate::adapters::avatar_store::AvatarStore;
use crate::adapters::clients::IdentityClient;
use crate::adapters::grpc::{AttributeGrpc, AvatarGrpc, DepartmentGrpc, ERROR_TEXTS, ProfileGrpc};
use crate::adapters::housekeeping::Housekeeping;
use crate::adapters::personal_data::StoredPersonalData;
use crate::adapters::pictures::ImagePictures;
use crate::adapters::postgres::{PgAttributes, PgAvatars, PgDepartments, PgPersonalData, PgProfiles, PgUnusedAvatars};
use crate::application::{AttributeUseCases, AvatarUseCases, DepartmentUseCases, ProfileUseCases, Uploads};
pub use crate::config::Config;

const DATABASE: &str = "profile";
const ERASURE: ErasureSpec = ErasureSpec { consumer: "profile.erasure", event_type: "profile.user.erased.v1" };
/// What is told of those who administer.
const ACTS: &str = "profile.act.done.v1";
/// What the service is told of.
pub const SUBSCRIPTIONS: [SubscriptionSpec; 1] = [ERASURE.subscription()];

/// The service, as the command line runs it.
pub struct Profile;

#[async_trait]
impl Service for Profile {
    const NAME: &'static str = "profile";
    type Config = Config;

    fn defaults() -> Vec<&'static str> {
        vec![MessagingConfig::DEFAULTS, config::DEFAULTS]
    }

    fn read_config(settings: &mut Settings) -> Option<Config> {
        let messaging = MessagingConfig::read(settings);
        Config::read(settings, messaging)
    }

    fn databases(config: &Config) -> Vec<Database> {
        let migrators = vec![messaging::migrator(), sqlx::migrate!("../../migrations/profile")];
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
        let identity = follow_identity(process, &config.identity, Component::Profile)?;
        let identity = Arc::new(IdentityClient::new(identity));
        let attributes = Arc::new(PgAttributes::new(pools.commands.clone(), acts.clone()));
        let departments = Arc::new(PgDepartments::new(pools.commands.clone(), acts.clone()));
        let profiles = Arc::new(ProfileUseCases {
            profiles: Arc::new(PgProfiles::new(pools.commands.clone(), signal.clone(), acts.clone())),
            users: identity.clone(),
            names: identity,
            attributes: attributes.clone(),
            departments: departments.clone(),
            clock: process.clock.clone(),
            ids: process.ids.clone(),
        });
        let files = AvatarStore::open(&config.avatars)?;
        let unused = Arc::new(Notify::new());
        let housekeeping = Housekeeping {
            unused: PgUnusedAvatars::new(pools.workers.clone()),
            files: files.clone(),
            clock: process.clock.clone(),
            bell: unused.clone(),
        };
        process.workers.spawn_endless("housekeeping of avatars", housekeeping.run());
        let personal_data = StoredPersonalData { tables: PgPersonalData::new(pools.workers.clone()), files: files.clone() };
        let broker = &config.messaging.broker;
        let dead_letters = messaging::serve_dead_letters(process, &pools, broker, acts.clone());
        let personal_data = Arc::new(personal_data);
        messaging::start_erasures(process, &pools, broker, &dead_letters, signal.clone(), ERASURE, personal_data.clone());
        messaging::serve_exports(process, Holdings { component: Component::Profile, personal_data, dead_letters });
        let avatars = AvatarUseCases {
            profiles: profiles.clone(),
            avatars: Arc::new(PgAvatars::new(pools.commands, signal, acts, unused)),
            files: Arc::new(files),
            maker: Arc::new(ImagePictures::default()),
            uploads: Uploads::default(),
        };
        let attributes = AttributeUseCases { attributes, clock: process.clock.clone(), ids: process.ids.clone() };
        let departments = DepartmentUseCases { departments, clock: process.clock.clone(), ids: process.ids.clone() };
        let routes = &mut process.routes;
        routes.add_service(ProfileGrpc::server(profiles));
        routes.add_service(AvatarGrpc::server(avatars));
        routes.add_service(AttributeGrpc::server(attributes));
        routes.add_service(DepartmentGrpc::server(departments));
        Ok(())
    }
}
