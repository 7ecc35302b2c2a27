//! A whole Cabinet for one test: three processes, their databases, a virtual host, a mail server that keeps what it is sent.
//!
//! Tests act through gRPC alone, as any client would; what they look at is what a person would see.

mod clients;
mod realm;
mod service;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::{Caller, CompanyId, Id, RandomIds, Role, ServiceCaller, UserCaller, UserId};
use runtime::token::{KeyPair, Signer};
use testkit::{SharedPostgres, SinkOptions, SmtpSink, TestDatabase, TestVhost, shared_postgres, shared_rabbitmq};

pub use crate::clients::{Refused, case_request, reason, user_id};
pub use crate::realm::TestRealm;
pub use crate::service::ServiceProcess;

/// How long anything may take that happens in the background.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running system. Everything of it goes when it is dropped.
pub struct Cabinet {
    pub identity: ServiceProcess,
    pub case_monitoring: ServiceProcess,
    pub notification: ServiceProcess,
    pub mail: SmtpSink,
    pub realm: TestRealm,
    /// A second realm of the same system, to look across the wall from.
    pub other_realm: TestRealm,
    pub databases: Databases,
    pub vhost: TestVhost,
    pub keys: KeyPair,
    signer: Signer,
    _folder: tempfile::TempDir,
}

/// The databases of the three services.
pub struct Databases {
    pub identity: TestDatabase,
    pub case_monitoring: TestDatabase,
    pub notification: TestDatabase,
}

impl Databases {
    fn new(server: &SharedPostgres) -> Self {
        Self { identity: server.database(), case_monitoring: server.database(), notification: server.database() }
    }
}

impl Cabinet {
    /// Starts everything and waits until every service is ready.
    pub async fn start() -> Self {
        Self::start_with(SinkOptions::default(), &[]).await
    }

    /// Starts everything with a mail server that behaves in a certain way, and with settings of its own
    /// (`CABINET__SECTION__KEY`).
    pub async fn start_with(mail: SinkOptions, settings: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let databases = Databases::new(&shared_postgres());
        let vhost = shared_rabbitmq().vhost();
        let mail = SmtpSink::start(mail);
        let (realm, other_realm) = (TestRealm::new("Helpline"), TestRealm::new("Elsewhere"));
        let keys = KeyPair::generate();

        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("the temporary folder is writable");
            path.display().to_string()
        };
        let mut shared = vec![
            ("CABINET__TOKEN__PUBLIC_KEY_FILE", file("public.pem", &keys.public_key)),
            ("CABINET__TOKEN__SIGNING_KEY_FILE", file("signing.pem", keys.signing_key.expose())),
            ("CABINET__REALM_FILE", file("realms.toml", &format!("{}{}", realm.toml(), other_realm.toml()))),
            ("CABINET__MESSAGING__AMQP_URL", vhost.url().to_owned()),
            ("CABINET__LOG__FORMAT", "text".to_owned()),
        ];
        shared.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));

        let with = |own: &[(&'static str, String)]| shared.iter().cloned().chain(own.iter().cloned()).collect::<Vec<_>>();
        let identity = ServiceProcess::prepare(
            "cabinet-identity",
            with(&[("CABINET__IDENTITY__DATABASE__URL", databases.identity.url().to_owned())]),
        );
        let peer = ("CABINET__PEERS__IDENTITY", identity.grpc_url());
        let case_monitoring = ServiceProcess::prepare(
            "cabinet-case-monitoring",
            with(&[("CABINET__CASE_MONITORING__DATABASE__URL", databases.case_monitoring.url().to_owned()), peer.clone()]),
        );
        let notification = ServiceProcess::prepare(
            "cabinet-notification",
            with(&[
                ("CABINET__NOTIFICATION__DATABASE__URL", databases.notification.url().to_owned()),
                ("CABINET__SMTP__SERVER", format!("127.0.0.1:{}", mail.port())),
                peer,
            ]),
        );
        let signer = Signer::from_pem(&keys.signing_key).expect("a key pair that was just made");
        let mut cabinet = Self {
            identity,
            case_monitoring,
            notification,
            mail,
            realm,
            other_realm,
            databases,
            vhost,
            keys,
            signer,
            _folder: folder,
        };
        for service in cabinet.services() {
            service.migrate();
            service.start();
        }
        for service in cabinet.services() {
            service.wait_until_ready().await;
        }
        cabinet
    }

    fn services(&mut self) -> [&mut ServiceProcess; 3] {
        [&mut self.identity, &mut self.case_monitoring, &mut self.notification]
    }

    /// A token that is good for five minutes.
    pub fn token(&self, caller: &Caller) -> String {
        let token = self.signer.sign(caller, jiff::Timestamp::now()).expect("not anonymous");
        token.expose().clone()
    }

    /// The token of the realm's own machine.
    pub fn service_token(&self) -> String {
        self.service_token_of(&self.realm)
    }

    pub fn service_token_of(&self, realm: &TestRealm) -> String {
        self.token(&Caller::Service(ServiceCaller { realm_id: realm.id, name: "importer".to_owned() }))
    }

    /// The token of a user of the realm's company.
    pub fn user_token(&self, user_id: UserId, role: Role) -> String {
        self.user_token_of(&self.realm, self.realm.company_id, user_id, role)
    }

    pub fn user_token_of(&self, realm: &TestRealm, company_id: CompanyId, user_id: UserId, role: Role) -> String {
        self.token(&Caller::User(UserCaller { realm_id: realm.id, company_id, user_id, role }))
    }

    /// The letters that have arrived once there are `count` of them.
    pub async fn letters(&self, count: usize) -> Vec<testkit::Letter> {
        eventually(&format!("{count} letters"), || {
            let letters = self.mail.letters();
            (letters.len() >= count).then_some(letters)
        })
        .await
    }

    /// Waits until the outboxes and the ledger hold nothing that is still to be done.
    pub async fn settled(&self) {
        eventually("everything to be settled", || {
            let outbox = |database: &TestDatabase| database.value("SELECT count(*) FROM messaging.outbox") == "0";
            let queue_is_empty = self.vhost.queue_depth("notification.planner.normal") == 0;
            let ledger =
                self.databases.notification.value("SELECT count(*) FROM deliveries WHERE state IN ('PENDING', 'UNCERTAIN')");
            let is_settled =
                outbox(&self.databases.identity) && outbox(&self.databases.case_monitoring) && queue_is_empty && ledger == "0";
            is_settled.then_some(())
        })
        .await;
    }
}

/// A new id of any kind.
pub fn new_id<Of>() -> Id<Of> {
    let ids: Arc<dyn kernel::IdSource> = Arc::new(RandomIds);
    ids.new_id(jiff::Timestamp::now())
}

/// Waits for something that happens in the background.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = tokio::task::block_in_place(&mut look) {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
