//! A notification service without its edges: facts are handed in, letters fall out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::cabinet::case_monitoring::events::v1 as pb_cases;
use api::cabinet::identity::events::v1 as pb;
use api::cabinet::r#type::v1::{AudienceMember, AudienceReason};
use async_trait::async_trait;
use jiff::tz::TimeZone;
use kernel::{CaseId, Clock, DeliveryId, Errand, Fault, Id, IdSource as _, RandomIds, RealmId, Secret, Timestamp, UserId};
use messaging::{Handler as _, HandlerError, Lane, Message};
use prost::Message as _;
use runtime::grpc::timestamp;
use runtime::sealing::{OpeningKey, SealingKey, SealingPair};
use runtime::trace::Tracer;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use testkit::{TestDatabase, shared_postgres};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::adapters::events::PlannerHandler;
use crate::adapters::letters::TemplateLetters;
use crate::adapters::metrics::{LedgerMetrics, SendMetrics};
use crate::adapters::postgres::{PgLedger, PgPeople};
use crate::adapters::unsubscribe_tokens::unsubscribe_tokens;
use crate::application::{
    Autologin, AutologinDesk, Autologins, AutologinsMade, CaseDelivery, Channels, Dispatcher, Dispatchers, Lanes, Letter, Mailer,
    PersonStanding, Planner, Realm, Realms, SEND_QUEUE, SendError, Speech, Speeches, UserContacts, Users,
};
use crate::domain::{Channel, Phone};

/// How long anything may take that happens in the background.
const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const TOKEN: &str = "a-token";
pub(super) const HOUR: Duration = Duration::from_hours(1);

/// A clock that stands still until it is moved.
pub(super) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(super) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).expect("hours at the most"), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::Relaxed)).expect("hours from now")
    }
}

/// Identity, as notification asks it.
#[derive(Default)]
pub(super) struct Identity {
    is_away: AtomicBool,
    has_no_realm: AtomicBool,
    blocks_everybody: AtomicBool,
    known: Mutex<HashMap<RealmId, Arc<Realm>>>,
    forgets_at_once: AtomicBool,
    keeps_autologins_waiting: AtomicBool,
    has_new_addresses: AtomicBool,
    /// Question by question.
    asked_for_autologins: Mutex<Vec<Vec<CaseDelivery>>>,
}

impl Identity {
    pub(super) fn go_away(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }

    pub(super) fn come_back(&self) {
        self.is_away.store(false, Ordering::SeqCst);
    }

    pub(super) fn forget_realms(&self) {
        self.has_no_realm.store(true, Ordering::SeqCst);
    }

    /// Knows this realm until it has been asked about once.
    pub(super) fn know_for_a_moment(&self, realm_id: RealmId) {
        self.known.lock().expect("nobody panics while holding the realms").insert(realm_id, helpline());
        self.forgets_at_once.store(true, Ordering::SeqCst);
    }

    pub(super) fn block_everybody(&self) {
        self.blocks_everybody.store(true, Ordering::SeqCst);
    }

    /// From now on it says nothing when it is asked for autologins.
    pub(super) fn keep_autologins_waiting(&self) {
        self.keeps_autologins_waiting.store(true, Ordering::SeqCst);
    }

    /// From now on everybody has an address that nobody else has heard of yet.
    pub(super) fn change_addresses(&self) {
        self.has_new_addresses.store(true, Ordering::SeqCst);
    }

    pub(super) fn asked_for_autologins(&self) -> Vec<Vec<CaseDelivery>> {
        self.asked_for_autologins.lock().expect("nobody panics while holding the questions").clone()
    }

    fn ask(&self) -> Result<(), Fault> {
        if self.is_away.load(Ordering::SeqCst) { Err(Fault::unavailable("told to be away")) } else { Ok(()) }
    }
}

fn helpline() -> Arc<Realm> {
    Arc::new(Realm {
        name: "Helpline".to_owned(),
        public_url: "https://cabinet.example".to_owned(),
        sender: "Helpline <noreply@example.com>".to_owned(),
        language: "en".to_owned(),
        time_zone: TimeZone::UTC,
    })
}

#[async_trait]
impl Users for Identity {
    async fn contacts(&self, _: RealmId, ids: &[UserId], _: Errand<'_>) -> Result<Vec<UserContacts>, Fault> {
        self.ask()?;
        let is_blocked = self.blocks_everybody.load(Ordering::SeqCst);
        let standing = if is_blocked { PersonStanding::Blocked } else { PersonStanding::Active };
        let contacts = |id: &UserId| UserContacts {
            user_id: *id,
            version: 5,
            email: Some("anna@example.com".to_owned()),
            phone: Phone::Missing,
            standing,
        };
        Ok(ids.iter().map(contacts).collect())
    }
}

/// What identity gives to a letter: the same to the same.
pub(super) fn autologin_of(letter: &CaseDelivery) -> String {
    let CaseDelivery { delivery_id, user_id, case_id, created_at } = letter;
    format!("{delivery_id}_{user_id}_{case_id}_{}", created_at.as_microsecond())
}

#[async_trait]
impl Autologins for Identity {
    async fn make(&self, _: RealmId, letters: &[CaseDelivery], _: Errand<'_>) -> Result<AutologinsMade, Fault> {
        self.asked_for_autologins.lock().expect("nobody panics while holding the questions").push(letters.to_vec());
        if self.keeps_autologins_waiting.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.ask()?;
        let is_new = self.has_new_addresses.load(Ordering::SeqCst);
        let email = if is_new { "anna.new@example.com" } else { "anna@example.com" };
        let made = |letter: &CaseDelivery| Autologin { token: Secret::new(autologin_of(letter)), email: email.to_owned() };
        Ok(letters.iter().map(|letter| (letter.delivery_id, made(letter))).collect())
    }
}

#[async_trait]
impl Realms for Identity {
    fn known(&self, realm_id: RealmId) -> Option<Arc<Realm>> {
        let mut known = self.known.lock().expect("nobody panics while holding the realms");
        if self.forgets_at_once.load(Ordering::SeqCst) { known.remove(&realm_id) } else { known.get(&realm_id).cloned() }
    }

    async fn get(&self, realm_id: RealmId, _: Errand<'_>) -> Result<Option<Arc<Realm>>, Fault> {
        self.ask()?;
        if self.has_no_realm.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let realm = helpline();
        self.known.lock().expect("nobody panics while holding the realms").insert(realm_id, realm.clone());
        Ok(Some(realm))
    }
}

#[async_trait]
impl Speeches for Identity {
    async fn known(&self, _: RealmId, ids: &[UserId]) -> Result<HashMap<UserId, Speech>, Fault> {
        Ok(ids.iter().map(|id| (*id, Speech::default())).collect())
    }

    async fn ask(&self, realm_id: RealmId, ids: &[UserId], _: Errand<'_>) -> Result<HashMap<UserId, Speech>, Fault> {
        Speeches::known(self, realm_id, ids).await
    }
}

/// A mail server that keeps what it takes, and may forget to answer.
#[derive(Default)]
pub(super) struct MailServer {
    taken: Mutex<Vec<Letter>>,
    is_silent: AtomicBool,
}

impl MailServer {
    /// From now on it takes letters and never says so.
    pub(super) fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }

    pub(super) fn answer_again(&self) {
        self.is_silent.store(false, Ordering::SeqCst);
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.taken.lock().expect("nobody panics while holding the letters").iter().map(|letter| letter.text.clone()).collect()
    }

    pub(super) fn ids(&self) -> Vec<DeliveryId> {
        self.taken.lock().expect("nobody panics while holding the letters").iter().map(|letter| letter.delivery_id).collect()
    }
}

#[async_trait]
impl Mailer for MailServer {
    async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        self.taken.lock().expect("nobody panics while holding the letters").push(letter.clone());
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

pub(super) struct Desk {
    pub(super) database: TestDatabase,
    pub(super) pool: PgPool,
    pub(super) clock: Arc<ManualClock>,
    pub(super) identity: Arc<Identity>,
    /// One a lane.
    pub(super) normal_mail: Arc<MailServer>,
    pub(super) security_mail: Arc<MailServer>,
    pub(super) realm_id: RealmId,
    ledger: Arc<PgLedger>,
    sealing_key: SealingKey,
    opening_key: OpeningKey,
    handler: PlannerHandler,
    dispatchers: [JoinHandle<()>; 2],
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.kill_dispatchers();
    }
}

impl Desk {
    pub(super) async fn open() -> Self {
        let database = shared_postgres().database();
        let pool = PgPoolOptions::new().max_connections(8).connect_lazy(database.url()).expect("a URL of the test kit");
        messaging::migrator().run(&pool).await.expect("an empty database can be migrated");
        sqlx::migrate!("../../migrations/notification").run(&pool).await.expect("an empty database can be migrated");
        let clock = Arc::new(ManualClock(AtomicI64::new(Timestamp::now().as_microsecond())));
        let ledger = Arc::new(PgLedger::new(pool.clone(), LedgerMetrics::default()));
        let pair = SealingPair::generate();
        let (dispatchers, idle) = ways();
        drop(idle);
        let planner = Planner { ledger: ledger.clone(), clock: clock.clone(), ids: Arc::new(RandomIds), dispatchers };
        let mut desk = Self {
            handler: PlannerHandler { planner, pool: pool.clone() },
            database,
            pool,
            realm_id: new_id(clock.now()),
            clock,
            identity: Arc::default(),
            normal_mail: Arc::default(),
            security_mail: Arc::default(),
            ledger,
            sealing_key: SealingKey::from_base64(&pair.sealing_key).expect("just made"),
            opening_key: OpeningKey::from_base64(&pair.opening_key).expect("just made"),
            dispatchers: [tokio::spawn(async {}), tokio::spawn(async {})],
        };
        desk.start_dispatchers();
        desk
    }

    /// Starts dispatchers as a process that comes after another one does.
    pub(super) fn start_dispatchers(&mut self) {
        let (dispatchers, [normal, security]) = ways();
        self.handler.planner.dispatchers = dispatchers;
        self.dispatchers =
            [self.start(Lane::Normal, &self.normal_mail, normal), self.start(Lane::Security, &self.security_mail, security)];
    }

    fn start(&self, lane: Lane, mail: &Arc<MailServer>, handed_over: mpsc::Receiver<crate::domain::Claimed>) -> JoinHandle<()> {
        let dispatcher = Dispatcher {
            channel: Channel::Email,
            lane,
            ledger: self.ledger.clone(),
            people: Arc::new(PgPeople::new(self.pool.clone())),
            users: self.identity.clone(),
            autologins: AutologinDesk::new(self.identity.clone(), Duration::from_secs(1)),
            realms: self.identity.clone(),
            speeches: self.identity.clone(),
            letters: Arc::new(
                TemplateLetters::new(self.opening_key.clone(), unsubscribe_tokens()).expect("the texts can be read"),
            ),
            channels: Channels { mailer: mail.clone(), texter: None },
            clock: self.clock.clone(),
            meter: Arc::new(SendMetrics::default().of(Channel::Email, lane)),
            tracer: Tracer::default(),
            connections: 2,
        };
        let run = dispatcher.run(handed_over, CancellationToken::new());
        tokio::spawn(async { run.await.expect("a dispatcher does not fail") })
    }

    /// As kill -9 does: in the middle of whatever they do.
    pub(super) fn kill_dispatchers(&mut self) {
        self.dispatchers.iter().for_each(JoinHandle::abort);
    }

    /// Hands facts to the planner, as a consumer does.
    pub(super) async fn tell(&self, batch: &[Message]) {
        self.try_to_tell(batch).await.expect("the facts are good");
    }

    pub(super) async fn try_to_tell(&self, batch: &[Message]) -> Result<(), HandlerError> {
        self.handler.consume(batch).await
    }

    pub(super) fn message(&self, event_type: &str, payload: Vec<u8>) -> Message {
        let now = self.clock.now();
        Message {
            event_id: new_id(now),
            realm_id: self.realm_id,
            cause_id: new_id(now),
            event_type: event_type.to_owned(),
            occurred_at: now,
            expires_at: None,
            payload,
            traceparent: None,
            attempt: 0,
        }
    }

    /// Somebody forgot his password; the link is good for an hour.
    pub(super) fn password_reset(&self) -> Message {
        let link_id = RandomIds.uuid_v7(self.clock.now());
        let token = Secret::new(TOKEN.to_owned());
        self.password_reset_with(link_id, self.sealing_key.seal(link_id.as_bytes(), &token))
    }

    pub(super) fn password_reset_with(&self, link_id: Uuid, sealed_token: Vec<u8>) -> Message {
        let end = self.clock.now() + HOUR;
        let fact = pb::UserPasswordResetRequested {
            user_id: new_user(),
            link_id: link_id.to_string(),
            sealed_token,
            expire_time: Some(timestamp(end)),
            version: 1,
        };
        let message = self.message("identity.user.password_reset_requested.v1", fact.encode_to_vec());
        Message { expires_at: Some(end), ..message }
    }

    /// Somebody forgot his password, and wants an SMS.
    pub(super) fn password_reset_by_sms(&self) -> Message {
        let (link_id, end) = (RandomIds.uuid_v7(self.clock.now()), self.clock.now() + HOUR);
        let fact = pb::UserPasswordResetBySmsRequested {
            user_id: new_user(),
            link_id: link_id.to_string(),
            sealed_token: self.sealing_key.seal(link_id.as_bytes(), &Secret::new(TOKEN.to_owned())),
            expire_time: Some(timestamp(end)),
            version: 1,
        };
        let message = self.message("identity.user.password_reset_by_sms_requested.v1", fact.encode_to_vec());
        Message { expires_at: Some(end), ..message }
    }

    /// Somebody has registered, and wants to be written to in this language.
    pub(super) fn registration(&self, email: &str, language: &str) -> Message {
        let link_id = RandomIds.uuid_v7(self.clock.now());
        let address = [b"address".as_slice(), link_id.as_bytes()].concat();
        let fact = pb::UserRegistrationRequested {
            user_id: new_user(),
            link_id: link_id.to_string(),
            sealed_token: self.sealing_key.seal(link_id.as_bytes(), &Secret::new(TOKEN.to_owned())),
            sealed_address: self.sealing_key.seal(&address, &Secret::new(email.to_owned())),
            expire_time: Some(timestamp(self.clock.now() + HOUR)),
            language: language.to_owned(),
        };
        self.message("identity.user.registration_requested.v1", fact.encode_to_vec())
    }

    pub(super) fn password_changed(&self) -> Message {
        let fact = pb::UserPasswordChanged { user_id: new_user(), change_time: Some(timestamp(self.clock.now())), version: 1 };
        self.message("identity.user.password_changed.v1", fact.encode_to_vec())
    }

    pub(super) fn realm_changed(&self, version: i64) -> Message {
        let fact = pb::RealmChanged { realm_id: self.realm_id.to_string(), version };
        self.message("identity.realm.changed.v1", fact.encode_to_vec())
    }

    pub(super) fn blocked(&self) -> Message {
        let block_time = Some(timestamp(self.clock.now()));
        let fact = pb::UserBlocked { user_id: new_user(), version: 2, block_time, ..Default::default() };
        self.message("identity.user.blocked.v1", fact.encode_to_vec())
    }

    /// Somebody who has ticked that he is told of his cases by e-mail.
    pub(super) fn customer_who_ticked(&self) -> UserId {
        let (realm_id, user_id) = (self.realm_id, new_id(self.clock.now()));
        self.database.execute(&format!(
            "INSERT INTO preferences (realm_id, user_id, status_change_email) VALUES ('{realm_id}', '{user_id}', true)"
        ));
        user_id
    }

    pub(super) fn case(&self) -> CaseId {
        new_id(self.clock.now())
    }

    /// The status of the case that he has asked for changed.
    pub(super) fn status_changed(&self, requester: UserId, case_id: CaseId) -> Message {
        let (case_id, subject) = (case_id.to_string(), "Printer on fire".to_owned());
        let requester = AudienceMember { user_id: requester.to_string(), reasons: vec![AudienceReason::Requester.into()] };
        let fact = pb_cases::CaseStatusChanged {
            case: Some(pb_cases::CaseFacts { case_id, number: 1, subject, version: 2, ..Default::default() }),
            change_time: Some(timestamp(self.clock.now())),
            audience: vec![requester],
            ..Default::default()
        };
        self.message("case_monitoring.case.status_changed.v1", fact.encode_to_vec())
    }

    /// The only row of the ledger: kind, lane, state, reason, attempt, and whether its content is still there.
    pub(super) fn row(&self) -> String {
        self.database.value(
            "SELECT concat_ws(' ', kind, lane, state, reason, attempt, CASE WHEN content = '' THEN 'emptied' ELSE 'kept' END)
             FROM deliveries",
        )
    }

    /// By which channel somebody is told, and when it is no longer worth it, row by row.
    pub(super) fn channels(&self) -> String {
        self.database.value(
            "SELECT string_agg(concat_ws(' ', kind, channel, extract(epoch FROM expires_at - created_at)::int), ', ' ORDER BY channel)
             FROM deliveries",
        )
    }

    pub(super) fn count(&self) -> String {
        self.database.value("SELECT count(*) FROM deliveries")
    }

    /// Waits until the only row of the ledger is this.
    pub(super) async fn becomes(&self, expected: &str) {
        let started = Instant::now();
        loop {
            let row = self.row();
            if row == expected {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for `{expected}`: it is `{row}`");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for something that happens in the background.
    pub(super) async fn eventually(&self, what: &str, look: impl Fn() -> bool) {
        let started = Instant::now();
        while !look() {
            assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The ways to the dispatchers of mail; of SMS there are none here.
fn ways() -> (Dispatchers, [mpsc::Receiver<crate::domain::Claimed>; 2]) {
    let ((normal, from_normal), (security, from_security)) = (mpsc::channel(SEND_QUEUE), mpsc::channel(SEND_QUEUE));
    let sms = Lanes { normal: mpsc::channel(1).0, security: mpsc::channel(1).0 };
    (Dispatchers { mail: Lanes { normal, security }, sms }, [from_normal, from_security])
}

fn new_id<Of>(now: Timestamp) -> Id<Of> {
    Id::from_uuid(RandomIds.uuid_v7(now))
}

fn new_user() -> String {
    RandomIds.uuid_v7(Timestamp::now()).to_string()
}
