//! A whole Cabinet for one test: four processes, their databases, a virtual host, a mail server that keeps what it is sent.
//!
//! Tests act through gRPC alone, as any client would; what they look at is what a person would see.

mod authenticator;
mod bucket;
mod canaries;
mod certificates;
mod chance;
mod clients;
mod collector;
mod encodings;
mod event_letters;
mod harvest;
mod held;
pub mod kills;
mod passkeys;
mod pictures;
mod realm;
mod service;
mod setup;
mod sign_in;
mod silence;
mod watch;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::{
    Caller, CompanyId, Id, PlatformAdminCaller, RandomIds, RealmId, Role, Secret, ServiceCaller, Through, UserCaller, UserId,
};
use runtime::token::Signer;
use testkit::{Smsc, SmtpSink, TestDatabase, TestVhost};

pub use crate::authenticator::Authenticator;
pub use crate::bucket::Bucket;
pub use crate::canaries::Kind;
pub use crate::certificates::{Certificates, channel_with};
pub use crate::chance::Chance;
pub use crate::clients::{Refused, case_request, is, reason, refused, user_id, user_request, violated, violations, with_token};
pub use crate::collector::{CollectedSpan, Collector};
pub use crate::event_letters::{Expected, Told, expected_letters, expected_letters_program, told};
pub use crate::held::Held;
pub use crate::passkeys::{Manner, SoftPasskey};
pub use crate::pictures::{QUARTERS, colour_at, picture};
pub use crate::realm::{TestRealm, realm_request};
pub use crate::service::{ServiceProcess, programs};
pub use crate::setup::Setup;
pub use crate::sign_in::{link_in, methods_shown};
pub use crate::silence::Silencer;
pub use crate::watch::Watch;

/// How long anything may take that happens in the background.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A running system. Everything of it goes when it is dropped, and all that its processes have said is searched.
pub struct Cabinet {
    pub identity: ServiceProcess,
    pub profile: ServiceProcess,
    pub case_monitoring: ServiceProcess,
    pub notification: ServiceProcess,
    pub mail: SmtpSink,
    /// Where SMS go, if the test wants any.
    pub smsc: Option<Smsc>,
    pub realm: TestRealm,
    /// A second realm of the same system, to look across the wall from.
    pub other_realm: TestRealm,
    pub databases: Databases,
    pub vhost: TestVhost,
    /// What identity signs with, so that tests can make tokens of their own.
    pub signing_key: Secret<String>,
    pub signer: Signer,
    /// What everybody shows to everybody, if the test wants TLS.
    pub certificates: Option<Certificates>,
    /// Where identity's keys are.
    pub keys_folder: tempfile::TempDir,
    /// Where profile's pictures are, unless they are in a bucket.
    pub avatars_folder: tempfile::TempDir,
    /// What must not be found in anything that was said.
    pub watch: Arc<Watch>,
}

impl Drop for Cabinet {
    fn drop(&mut self) {
        if !self.watch.is_off() && !std::thread::panicking() {
            self.harvest();
        }
    }
}

/// The databases of the four services.
pub struct Databases {
    pub identity: TestDatabase,
    pub profile: TestDatabase,
    pub case_monitoring: TestDatabase,
    pub notification: TestDatabase,
}

impl Cabinet {
    /// Starts everything on the servers that all tests share, and waits until every service is ready.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// A token that is good for five minutes.
    pub fn token(&self, caller: &Caller) -> String {
        self.token_of_generation(caller, 1)
    }

    /// A token of a user whose standing has changed: each change begins another generation, the first is 1.
    pub fn token_of_generation(&self, caller: &Caller, generation: i64) -> String {
        let token = self.signer.sign(caller, generation, jiff::Timestamp::now()).expect("not anonymous");
        self.watch.canary(Kind::Token, token.expose());
        token.expose().clone()
    }

    /// The token of the realm's own machine.
    pub fn service_token(&self) -> String {
        self.service_token_of(&self.realm)
    }

    pub fn service_token_of(&self, realm: &TestRealm) -> String {
        self.service_token_in(realm.id)
    }

    pub fn service_token_in(&self, realm_id: RealmId) -> String {
        // The same machine each time.
        let credential_id = Id::from_uuid(realm_id.as_uuid());
        self.token(&Caller::Service(ServiceCaller { realm_id, credential_id, name: "importer".to_owned() }))
    }

    /// The token of a user of the realm's company.
    pub fn user_token(&self, user_id: UserId, role: Role) -> String {
        self.user_token_of(&self.realm, self.realm.company_id, user_id, role)
    }

    pub fn user_token_of(&self, realm: &TestRealm, company_id: CompanyId, user_id: UserId, role: Role) -> String {
        let through = Through::Session(new_id());
        self.token(&Caller::User(UserCaller { realm_id: realm.id, company_id, user_id, role, through }))
    }

    /// Of a CUSTOMER, in a session that the link of a letter has opened; of which generation, see [`Self::token_of_generation`].
    pub fn letter_token(&self, user_id: UserId, generation: i64) -> String {
        let TestRealm { id: realm_id, company_id, .. } = self.realm;
        let through = Through::Autologin(new_id());
        let caller = UserCaller { realm_id, company_id, user_id, role: Role::Customer, through };
        self.token_of_generation(&Caller::User(caller), generation)
    }

    /// The token of an operator of the whole system.
    pub fn operator_token(&self, name: &str) -> String {
        self.token(&Caller::PlatformAdmin(PlatformAdminCaller { name: name.to_owned() }))
    }

    /// The letters that have arrived once there are `count` of them.
    pub async fn letters(&self, count: usize) -> Vec<testkit::Letter> {
        eventually(&format!("{count} letters"), || {
            let letters = self.mail.letters();
            (letters.len() >= count).then_some(letters)
        })
        .await
    }

    /// Waits until everything is settled.
    pub async fn settled(&self) {
        eventually("everything to be settled", || self.is_settled().then_some(())).await;
    }

    /// Whether every fact has left its outbox and reached notification, if it is for it, and the ledger has nothing that is still to be sent.
    pub fn is_settled(&self) -> bool {
        let Databases { identity, profile, case_monitoring, notification } = &self.databases;
        let count = |database: &TestDatabase, of: &str| {
            database.value(&format!("SELECT count(*) FROM {of}")).parse::<u64>().expect("a count")
        };
        // Of security mail no archive tells; whoever waits for it waits for its letter.
        let ids = |database: &TestDatabase, of: &str| -> HashSet<String> {
            let ids = database.value(&format!("SELECT string_agg(event_id::text, ',') FROM {of}"));
            ids.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect()
        };
        let emitting = [identity, profile, case_monitoring];
        let left: u64 = emitting.iter().map(|database| count(database, "messaging.outbox")).sum();
        let told = "messaging.outbox_archive WHERE type NOT LIKE '%.user.erased.v1' AND type NOT LIKE '%.act.done.v1'";
        let sent: HashSet<String> = emitting.iter().flat_map(|database| ids(database, told)).collect();
        let mut arrived = ids(notification, "messaging.inbox");
        arrived.extend(ids(notification, "messaging.dead_letter"));
        let waiting = count(notification, "deliveries WHERE settled_at IS NULL");
        left == 0 && sent.is_subset(&arrived) && waiting == 0
    }
}

/// A new id of any kind.
pub fn new_id<Of>() -> Id<Of> {
    let ids: Arc<dyn kernel::IdSource> = Arc::new(RandomIds);
    ids.new_id(jiff::Timestamp::now())
}

/// Waits for something that happens in the background.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    eventually_async(what, async || tokio::task::block_in_place(&mut look)).await
}

/// Waits for something that one has to ask for.
pub async fn eventually_async<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
