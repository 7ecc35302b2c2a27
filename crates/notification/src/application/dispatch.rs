//! Sends what the planner made: addresses, writes, sends concurrently, and writes results in batches. One a channel and lane,
//! so that security mail waits for nothing else, and mail for no SMSC.
//!
//! Three parts joined by bounded channels: one prepares, `connections` send, one writes results. A kill loses nothing, and
//! repeats at most what was being sent or was sent and not yet written: `connections` + [`RESULTS`] letters or SMS, each
//! letter under the Message-ID it had before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::{Clock, Errand, Fault, RealmId, UserId};
use messaging::Lane;
use runtime::lifecycle::{Backoff, WorkerResult};
use runtime::trace::{Span, SpanKind, Tracer};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    Addressed, AutologinDesk, AutologinsMade, Ledger, Letter, Letters, Mailer, People, Person, PersonStanding, Realm, Realms,
    SendError, SendMeter, Sms, Speech, Speeches, Texter, UserContacts, Users,
};
use crate::domain::{Channel, Claimed, LEASE, Outcome, Phone, Settled, Unavailable, contact};

/// Deliveries handed over by the planner that wait to be prepared.
pub(crate) const SEND_QUEUE: usize = 1024;
/// Deliveries prepared at once: as many as identity takes in one question.
const BATCH: usize = 256;
/// Results that are not written yet: half of them wait while the other half is being written. And the longest one waits for
/// company.
const RESULTS: usize = 256;
const RESULT_DELAY: Duration = Duration::from_millis(5);
/// How often deliveries are claimed that nobody handed over: retries, leftovers, those of a dead process.
const CLAIM_INTERVAL: Duration = Duration::from_secs(1);
/// The longest a send may take, connecting included; well within the lease.
const SEND_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the ledger may take for one batch.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait for identity's answer about people.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long somebody may be unknown even to identity before that is recorded.
const PERSON_WAIT: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

pub(crate) struct Dispatcher {
    pub(crate) channel: Channel,
    pub(crate) lane: Lane,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) people: Arc<dyn People>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) autologins: AutologinDesk,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) speeches: Arc<dyn Speeches>,
    pub(crate) letters: Arc<dyn Letters>,
    pub(crate) channels: Channels,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meter: Arc<dyn SendMeter>,
    pub(crate) tracer: Tracer,
    /// Letters or SMS sent at the same time.
    pub(crate) connections: usize,
}

/// How what is written leaves.
#[derive(Clone)]
pub(crate) struct Channels {
    pub(crate) mailer: Arc<dyn Mailer>,
    /// None in a system that sends no SMS.
    pub(crate) texter: Option<Arc<dyn Texter>>,
}

impl Channels {
    /// Answers with the names the provider has given it.
    async fn send(&self, message: &Written) -> Result<Vec<String>, SendError> {
        match message {
            Written::Letter(letter) => self.mailer.send(letter).await.map(|()| Vec::new()),
            Written::Sms(sms, texter) => texter.send(sms).await,
        }
    }
}

/// A database that is silent is as good as away, whatever its connection says.
async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(LEDGER_TIMEOUT, work).await.unwrap_or_else(|elapsed| Err(Fault::unavailable(elapsed)))
}

/// What identity said of people, by their ids, or what becomes of their deliveries because it said nothing.
type AskedPeople = HashMap<UserId, Result<Option<UserContacts>, Outcome>>;

/// What identity said when it was asked.
#[derive(Default)]
struct Answers {
    people: AskedPeople,
    /// The realms of the batch, however long writing it takes.
    realms: KnownRealms,
    /// What becomes of the deliveries of realms of which it said nothing.
    missing_realms: HashMap<RealmId, Outcome>,
    speech: KnownSpeech,
    autologins: AutologinsMade,
}

impl Answers {
    /// True if nobody has to be asked about it.
    fn know(&self, addressed: &Addressed) -> bool {
        let knows_person = addressed.person != Person::Stale && self.speech.contains_key(&person_of(addressed));
        (knows_person || addressed.delivery.kind.precedes_its_user()) && self.realms.contains_key(&addressed.delivery.realm_id)
    }

    fn realm(&self, realm_id: RealmId) -> Result<&Realm, Outcome> {
        let missing = || self.missing_realms.get(&realm_id).cloned().unwrap_or(Outcome::Retry { reason: "IDENTITY_AWAY" });
        self.realms.get(&realm_id).map(Arc::as_ref).ok_or_else(missing)
    }
}

type KnownRealms = HashMap<RealmId, Arc<Realm>>;

/// How people want to be spoken to, as far as anybody could say.
type KnownSpeech = HashMap<(RealmId, UserId), Speech>;

/// What leaves by one channel or the other.
enum Written {
    Letter(Letter),
    Sms(Sms, Arc<dyn Texter>),
}

impl Written {
    fn to(&self) -> &str {
        match self {
            Self::Letter(letter) => &letter.to,
            Self::Sms(sms, _) => &sms.to,
        }
    }
}

/// Something written, with the delivery it belongs to.
struct Outgoing {
    delivery: Claimed,
    message: Written,
}

const fn person_of(addressed: &Addressed) -> (RealmId, UserId) {
    (addressed.delivery.realm_id, addressed.delivery.user_id)
}

/// Each of the people once, realm by realm.
fn by_realm(people: impl Iterator<Item = (RealmId, UserId)>) -> HashMap<RealmId, Vec<UserId>> {
    let mut realms: HashMap<RealmId, Vec<UserId>> = HashMap::new();
    for (realm_id, user_id) in people.collect::<HashSet<_>>() {
        realms.entry(realm_id).or_default().push(user_id);
    }
    realms
}

impl Dispatcher {
    /// Runs until `stop` is cancelled, then finishes what is being sent and writes how it ended.
    pub(crate) async fn run(self, handed_over: mpsc::Receiver<Claimed>, stop: CancellationToken) -> WorkerResult {
        let (outgoing, to_send) = mpsc::channel(self.connections);
        let (settled, results) = mpsc::channel(RESULTS / 2);
        let to_send = Mutex::new(to_send);
        let senders = (0..self.connections).map(|_| self.send_all(&to_send, settled.clone()));
        tokio::join!(
            self.prepare_all(handed_over, outgoing, settled.clone(), &stop),
            futures::future::join_all(senders.collect::<Vec<_>>()),
            async {
                drop(settled);
                self.write_results(results).await;
            },
        );
        Ok(())
    }

    async fn prepare_all(
        &self,
        mut handed_over: mpsc::Receiver<Claimed>,
        outgoing: mpsc::Sender<Outgoing>,
        settled: mpsc::Sender<Settled>,
        stop: &CancellationToken,
    ) {
        let mut claim_tick = tokio::time::interval(CLAIM_INTERVAL);
        claim_tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            let mut batch = Vec::new();
            tokio::select! {
                _ = handed_over.recv_many(&mut batch, BATCH) => {}
                _ = claim_tick.tick() => batch = self.claim(&mut claim_tick).await,
                () = stop.cancelled() => {}
            }
            if !batch.is_empty() {
                self.prepare(batch, &outgoing, &settled, stop).await;
            }
        }
        self.give_back(handed_over).await;
    }

    /// What was handed over and not begun is free for others at once, instead of when its lease is over.
    async fn give_back(&self, mut handed_over: mpsc::Receiver<Claimed>) {
        handed_over.close();
        let mut left = Vec::new();
        while let Ok(delivery) = handed_over.try_recv() {
            left.push(delivery);
        }
        self.release(&left).await;
    }

    async fn release(&self, left: &[Claimed]) {
        if left.is_empty() {
            return;
        }
        if let Err(fault) = in_time(self.ledger.release(left, self.clock.now())).await {
            tracing::warn!(
                left = left.len(),
                error = &fault as &dyn std::error::Error,
                "deliveries wait for the end of their lease"
            );
        }
    }

    async fn claim(&self, claim_tick: &mut tokio::time::Interval) -> Vec<Claimed> {
        let limit = i64::try_from(BATCH).expect("256 fits");
        let leased_since = Instant::now();
        match in_time(self.ledger.claim(self.channel, self.lane, limit, self.clock.now(), leased_since)).await {
            Ok(batch) => {
                if batch.len() == BATCH {
                    claim_tick.reset_immediately();
                }
                batch
            }
            Err(fault) => {
                tracing::warn!(error = &fault as &dyn std::error::Error, "deliveries not claimed");
                Vec::new()
            }
        }
    }

    /// Finds out where each goes and writes its letter or SMS. Whatever cannot be sent is settled at once.
    async fn prepare(
        &self,
        batch: Vec<Claimed>,
        outgoing: &mpsc::Sender<Outgoing>,
        settled: &mpsc::Sender<Settled>,
        stop: &CancellationToken,
    ) {
        let Some(addressed) = self.address(batch, stop).await else { return };
        let (speech, autologins) =
            tokio::join!(self.known_speech(&addressed), self.autologins.tokens(&addressed, self.clock.now(), &self.tracer));
        let realms: HashSet<RealmId> = addressed.iter().map(|addressed| addressed.delivery.realm_id).collect();
        let realms = realms.into_iter().filter_map(|realm_id| Some((realm_id, self.realms.known(realm_id)?))).collect();
        let mut answers = Answers { realms, speech, autologins, ..Answers::default() };
        let (known, strangers): (Vec<_>, Vec<_>) = addressed.into_iter().partition(|addressed| answers.know(addressed));
        // Whoever is known does not wait until others have been asked about.
        self.hand_on(known, &answers, outgoing, settled, stop).await;
        let (people, asked, speech) = tokio::join!(
            self.ask_about_people(&strangers),
            self.ask_about_realms(&strangers, &answers.realms),
            self.ask_about_speech(&strangers, &answers.speech)
        );
        answers.people = people;
        answers.speech.extend(speech);
        for (realm_id, answer) in asked {
            match answer {
                Ok(realm) => drop(answers.realms.insert(realm_id, realm)),
                Err(outcome) => drop(answers.missing_realms.insert(realm_id, outcome)),
            }
        }
        self.hand_on(strangers, &answers, outgoing, settled, stop).await;
    }

    /// What stands in our own table. Without it, profile is asked.
    async fn known_speech(&self, addressed: &[Addressed]) -> KnownSpeech {
        let mut known = HashMap::new();
        for (realm_id, ids) in by_realm(addressed.iter().map(person_of)) {
            match in_time(self.speeches.known(realm_id, &ids)).await {
                Ok(speech) => known.extend(speech.into_iter().map(|(id, speech)| ((realm_id, id), speech))),
                Err(fault) => tracing::warn!(error = &fault as &dyn std::error::Error, "languages not looked up"),
            }
        }
        known
    }

    async fn ask_about_speech(&self, strangers: &[Addressed], known: &KnownSpeech) -> KnownSpeech {
        let mut answers = HashMap::new();
        for (realm_id, ids) in by_realm(strangers.iter().map(person_of).filter(|person| !known.contains_key(person))) {
            match in_time(self.speeches.ask(realm_id, &ids, self.errand(strangers, realm_id))).await {
                Ok(speech) => answers.extend(speech.into_iter().map(|(id, speech)| ((realm_id, id), speech))),
                Err(fault) => tracing::warn!(error = &fault as &dyn std::error::Error, "languages not asked for"),
            }
        }
        answers
    }

    async fn hand_on(
        &self,
        batch: Vec<Addressed>,
        asked: &Answers,
        outgoing: &mpsc::Sender<Outgoing>,
        settled: &mpsc::Sender<Settled>,
        stop: &CancellationToken,
    ) {
        let mut left = Vec::new();
        for addressed in batch {
            if stop.is_cancelled() {
                left.push(addressed.delivery);
                continue;
            }
            match self.write(&addressed, asked) {
                Ok(message) => {
                    // Fails only when the senders are gone, and they end after this part.
                    let _ = outgoing.send(Outgoing { delivery: addressed.delivery, message }).await;
                }
                Err(outcome) => {
                    let _ = settled.send(Settled { delivery: addressed.delivery, outcome }).await;
                }
            }
        }
        self.release(&left).await;
    }

    /// While the database is away there is nothing else to do: the leases decide who goes on afterwards.
    async fn address(&self, batch: Vec<Claimed>, stop: &CancellationToken) -> Option<Vec<Addressed>> {
        let mut backoff = Backoff::new();
        loop {
            match in_time(self.ledger.address(batch.clone())).await {
                Ok(addressed) => return Some(addressed),
                Err(fault) => tracing::warn!(error = &fault as &dyn std::error::Error, "deliveries not addressed"),
            }
            tokio::select! {
                () = backoff.wait() => {}
                () = stop.cancelled() => return None,
            }
        }
    }

    /// Asks identity about everybody whose contacts are missing or out of date: one question a realm, all at once.
    async fn ask_about_people(&self, strangers: &[Addressed]) -> AskedPeople {
        let mut realms: HashMap<RealmId, HashSet<UserId>> = HashMap::new();
        for stranger in strangers.iter().filter(|stranger| stranger.person == Person::Stale) {
            realms.entry(stranger.delivery.realm_id).or_default().insert(stranger.delivery.user_id);
        }
        let questions = realms.into_iter().map(|(realm_id, ids)| async move {
            let ids: Vec<UserId> = ids.into_iter().collect();
            (self.ask(realm_id, &ids, self.errand(strangers, realm_id)).await, ids)
        });
        let mut answers = HashMap::new();
        for (answer, ids) in futures::future::join_all(questions).await {
            match answer {
                Ok(mut contacts) => answers.extend(ids.iter().map(|id| (*id, Ok(contacts.remove(id))))),
                Err(fault) => {
                    tracing::warn!(error = &fault as &dyn std::error::Error, "people not asked for");
                    answers.extend(ids.iter().map(|id| (*id, Err(Outcome::Retry { reason: "IDENTITY_AWAY" }))));
                }
            }
        }
        answers
    }

    /// Finds out about the realms nobody here has heard of, or what becomes of their deliveries.
    async fn ask_about_realms(
        &self,
        strangers: &[Addressed],
        known: &KnownRealms,
    ) -> Vec<(RealmId, Result<Arc<Realm>, Outcome>)> {
        let realms: HashSet<RealmId> = strangers.iter().map(|stranger| stranger.delivery.realm_id).collect();
        let realms = realms.into_iter().filter(|realm_id| !known.contains_key(realm_id));
        let questions = realms.map(|realm_id| async move {
            let answer = in_time(self.realms.get(realm_id, self.errand(strangers, realm_id))).await;
            let answer = match answer {
                Ok(Some(realm)) => Ok(realm),
                Ok(None) => Err(Outcome::Suppressed { reason: "REALM_UNKNOWN" }),
                Err(fault) => {
                    tracing::warn!(realm.id = %realm_id, error = &fault as &dyn std::error::Error, "realm not asked for");
                    Err(Outcome::Retry { reason: "IDENTITY_AWAY" })
                }
            };
            (realm_id, answer)
        });
        futures::future::join_all(questions).await
    }

    async fn ask(&self, realm_id: RealmId, ids: &[UserId], errand: Errand<'_>) -> Result<HashMap<UserId, UserContacts>, Fault> {
        let contacts = self.users.contacts(realm_id, ids, errand).await?;
        self.people.learn(realm_id, &contacts).await?;
        Ok(contacts.into_iter().map(|contacts| (contacts.user_id, contacts)).collect())
    }

    /// A question about many of a realm is asked in the trace of the first of them that is recorded.
    fn errand<'a>(&self, strangers: &'a [Addressed], realm_id: RealmId) -> Errand<'a> {
        let of_realm = strangers.iter().filter(|stranger| stranger.delivery.realm_id == realm_id);
        let traces = of_realm.map(|stranger| stranger.delivery.traceparent.as_deref());
        Errand { deadline: Instant::now() + ASK_TIMEOUT, traceparent: self.tracer.first_wanted(traces) }
    }

    fn write(&self, addressed: &Addressed, asked: &Answers) -> Result<Written, Outcome> {
        let delivery = &addressed.delivery;
        if delivery.is_expired(self.clock.now()) {
            return Err(Outcome::Expired);
        }
        if delivery.kind.preference(delivery.channel).is_some() && !addressed.is_ticked {
            return Err(Outcome::Suppressed { reason: "UNTICKED" });
        }
        let (email, phone, standing) = self.person(addressed, asked)?;
        if standing == PersonStanding::Blocked && !delivery.kind.reaches_blocked() {
            return Err(Outcome::Suppressed { reason: "PERSON_BLOCKED" });
        }
        let own_recipient = self.letters.own_recipient(delivery).map_err(|fault| not_written(delivery, &fault))?;
        let to = match (&own_recipient, phone) {
            (Some(recipient), _) => recipient,
            (None, Phone::Unconfirmed(number)) if delivery.kind.confirms_phone() => number,
            (None, _) => contact(delivery.channel, email, phone).map_err(unreachable)?,
        };
        let realm = asked.realm(delivery.realm_id)?.spoken(&self.speech(addressed, asked)?);
        let written = match delivery.channel {
            Channel::Email => {
                // One that is known by another address than identity knows him by is written to there, and let in by his password.
                let autologin = asked.autologins.get(&delivery.delivery_id).filter(|autologin| autologin.email == to);
                self.letters.write(addressed, &realm, to, autologin.map(|autologin| &autologin.token)).map(Written::Letter)
            }
            Channel::Sms => {
                let texter = self.channels.texter.clone().ok_or(unreachable(Unavailable::ChannelNotConfigured))?;
                self.letters.write_sms(addressed, &realm, to).map(|sms| Written::Sms(sms, texter))
            }
        };
        written.map_err(|fault| not_written(delivery, &fault))
    }

    /// Contacts and standing of whom a delivery is for.
    fn person<'a>(
        &self,
        addressed: &'a Addressed,
        asked: &'a Answers,
    ) -> Result<(Option<&'a str>, &'a Phone, PersonStanding), Outcome> {
        match &addressed.person {
            Person::Known { email, phone, standing } => Ok((email.as_deref(), phone, *standing)),
            Person::Stale if addressed.delivery.kind.precedes_its_user() => Ok((None, &Phone::Missing, PersonStanding::Active)),
            Person::Stale => match asked.people.get(&addressed.delivery.user_id) {
                Some(Ok(Some(contacts))) => Ok((contacts.email.as_deref(), &contacts.phone, contacts.standing)),
                Some(Err(outcome)) => Err(outcome.clone()),
                Some(Ok(None)) | None => Err(self.unknown_person(addressed)),
            },
        }
    }

    /// A letter waits for the language of its reader; security mail does not.
    fn speech(&self, addressed: &Addressed, asked: &Answers) -> Result<Speech, Outcome> {
        let delivery = &addressed.delivery;
        if let Some(language) = self.letters.own_language(delivery).map_err(|fault| not_written(delivery, &fault))? {
            return Ok(Speech { language: Some(language), time_zone: None });
        }
        match (asked.speech.get(&person_of(addressed)), self.lane) {
            (Some(speech), _) => Ok(speech.clone()),
            (None, Lane::Security) => Ok(Speech::default()),
            (None, Lane::Normal) => Err(Outcome::Retry { reason: "PROFILE_AWAY" }),
        }
    }

    /// Facts may come before identity knows of their people only by a fault; it is given a bounded time to mend itself.
    fn unknown_person(&self, addressed: &Addressed) -> Outcome {
        if self.clock.now().duration_since(addressed.delivery.created_at) < PERSON_WAIT {
            Outcome::Retry { reason: "PERSON_UNKNOWN" }
        } else {
            Outcome::Suppressed { reason: "PERSON_UNKNOWN" }
        }
    }

    async fn send_all(&self, to_send: &Mutex<mpsc::Receiver<Outgoing>>, settled: mpsc::Sender<Settled>) {
        loop {
            let next = to_send.lock().await.recv().await;
            let Some(Outgoing { delivery, message }) = next else { return };
            if delivery.leased_since.elapsed() + SEND_TIMEOUT > LEASE {
                // Too late to be sure that it is still ours: whoever claims it next sends it.
                continue;
            }
            let is_late = delivery.is_expired(self.clock.now());
            let outcome = if is_late { Outcome::Expired } else { self.attempt(&delivery, &message).await };
            // Fails only when the writer is gone, and it ends after this part.
            let _ = settled.send(Settled { delivery, outcome }).await;
        }
    }

    /// Sends, and tells operators how that went.
    async fn attempt(&self, delivery: &Claimed, message: &Written) -> Outcome {
        let mut span = self.begin_span(delivery);
        let started = Instant::now();
        let outcome = self.send(delivery, message).await;
        self.meter.attempted(started.elapsed());
        match outcome.reason() {
            Some(reason) => span.fail(reason),
            None => self.tell_latency(delivery),
        }
        outcome
    }

    fn begin_span(&self, delivery: &Claimed) -> Span {
        let name = match delivery.channel {
            Channel::Email => "send e-mail",
            Channel::Sms => "send SMS",
        };
        let mut span = self.tracer.part(delivery.traceparent.as_deref(), SpanKind::Client, format_args!("{name}"));
        span.set_text("cabinet.delivery.id", delivery.delivery_id);
        span.set("cabinet.delivery.kind", delivery.kind.as_str());
        span.set("cabinet.delivery.channel", delivery.channel.as_str());
        span.set("cabinet.delivery.lane", self.lane.as_str());
        span.set("cabinet.delivery.attempt", i64::from(delivery.attempt));
        span
    }

    /// From the command, whose id says when it was given, to the provider's acceptance. Clocks may differ by a little.
    fn tell_latency(&self, delivery: &Claimed) {
        if let Some(given_at) = delivery.cause_id.made_at() {
            self.meter.taken(self.clock.now().duration_since(given_at).try_into().unwrap_or_default());
        }
    }

    async fn send(&self, delivery: &Claimed, message: &Written) -> Outcome {
        let sent = tokio::time::timeout(SEND_TIMEOUT, self.channels.send(message)).await;
        match sent.unwrap_or(Err(SendError::Uncertain)) {
            Ok(message_ids) => {
                // Of somebody who is no user nothing is kept by which he could be known, since nobody could have it erased.
                let is_kept = !delivery.kind.precedes_its_user();
                let address_hash = if is_kept { Sha256::digest(message.to().as_bytes()).to_vec() } else { Vec::new() };
                Outcome::Sent { address_hash, message_ids }
            }
            Err(SendError::Permanent { reason }) => Outcome::Failed { reason },
            Err(SendError::Transient { reason }) => Outcome::Retry { reason },
            Err(SendError::Uncertain) => Outcome::Uncertain { reason: "NO_ANSWER" },
        }
    }

    async fn write_results(&self, mut results: mpsc::Receiver<Settled>) {
        while let Some(first) = results.recv().await {
            let mut batch = vec![first];
            let full = async {
                while batch.len() < RESULTS / 2 {
                    match results.recv().await {
                        Some(settled) => batch.push(settled),
                        None => break,
                    }
                }
            };
            let _ = tokio::time::timeout(self.result_delay(), full).await;
            self.settle(&batch).await;
        }
    }

    /// The longest a result waits for company: of security mail not at all, beside what is there already.
    const fn result_delay(&self) -> Duration {
        match self.lane {
            Lane::Normal => RESULT_DELAY,
            Lane::Security => Duration::ZERO,
        }
    }

    /// Results are kept until they are written: forgetting one would send its letter again.
    async fn settle(&self, batch: &[Settled]) {
        let mut backoff = Backoff::new();
        while let Err(fault) = in_time(self.ledger.settle(batch, self.clock.now())).await {
            tracing::warn!(results = batch.len(), error = &fault as &dyn std::error::Error, "results not written");
            backoff.wait().await;
        }
    }
}

fn not_written(delivery: &Claimed, fault: &Fault) -> Outcome {
    tracing::error!(delivery.id = %delivery.delivery_id, error = fault as &dyn std::error::Error, "not written");
    Outcome::Failed { reason: "NOT_RENDERABLE" }
}

/// N1: a tick sleeps while its contact is gone.
const fn unreachable(why: Unavailable) -> Outcome {
    Outcome::Suppressed { reason: why.as_str() }
}
