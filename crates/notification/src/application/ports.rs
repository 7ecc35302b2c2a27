//! What notification's use cases want of the world.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kernel::{CaseId, DeliveryId, Errand, Fault, Permit, RealmId, Secret, Timestamp, UserId};
use messaging::Lane;

use super::{ExplainDelivery, ListDeliveries, Plan, PlanError};
use crate::domain::{
    CaseChange, Channel, Claimed, DeliveryRecord, Phone, Preference, Preferences, Receipt, Settled, TicksSince, Unsubscription,
};

/// Where preferences are kept.
#[async_trait]
pub(crate) trait PreferenceStore: Send + Sync {
    /// All of somebody's ticks; whoever has never set one has all of them off.
    /// Nothing if nobody has ever set any of them.
    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<Preferences>, Fault>;

    /// His ticks as they stood from one moment to the next, the oldest first, as far back as the ledger goes.
    async fn history(&self, realm_id: RealmId, user_id: UserId) -> Result<Vec<TicksSince>, Fault>;

    /// Sets the named ticks and leaves the others; answers with all of them as they stand then.
    async fn update(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        wanted: Preferences,
        named: &[Preference],
        now: Timestamp,
    ) -> Result<Preferences, Fault>;
}

/// The tokens in links by which letters are unsubscribed from. They are signed, not kept, and do not end.
pub(crate) trait UnsubscribeTokens: Send + Sync {
    fn write(&self, unsubscription: Unsubscription) -> String;

    /// None if it is not one of ours.
    fn read(&self, token: &str) -> Option<Unsubscription>;
}

/// What is known of somebody, as an attempt to tell him needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Person {
    /// Nobody has told us, or there is news: identity must be asked.
    Stale,
    Known {
        email: Option<String>,
        phone: Phone,
        standing: PersonStanding,
    },
}

/// Whether anything may be sent to a person (I4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PersonStanding {
    Active,
    Blocked,
}

/// Somebody's contacts as identity knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserContacts {
    pub(crate) user_id: UserId,
    pub(crate) version: i64,
    pub(crate) email: Option<String>,
    pub(crate) phone: Phone,
    pub(crate) standing: PersonStanding,
}

/// What notification remembers of people.
#[async_trait]
pub(crate) trait People: Send + Sync {
    /// Remembers contacts, unless newer ones are known.
    async fn learn(&self, realm_id: RealmId, contacts: &[UserContacts]) -> Result<(), Fault>;
}

/// Who exists: asked of identity.
#[async_trait]
pub(crate) trait Users: Send + Sync {
    /// Contacts of those of the people who exist.
    async fn contacts(&self, realm_id: RealmId, ids: &[UserId], errand: Errand<'_>) -> Result<Vec<UserContacts>, Fault>;
}

/// A letter about a case, as it is said to whoever makes its autologin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CaseDelivery {
    pub(crate) delivery_id: DeliveryId,
    pub(crate) user_id: UserId,
    pub(crate) case_id: CaseId,
    pub(crate) created_at: Timestamp,
}

/// What opens the account of whom a letter goes to.
#[derive(Debug, Clone)]
pub(crate) struct Autologin {
    pub(crate) token: Secret<String>,
    /// The address he has by now: whoever reads a letter to another one is perhaps not he.
    pub(crate) email: String,
}

/// Those of letters, by their deliveries.
pub(crate) type AutologinsMade = HashMap<DeliveryId, Autologin>;

/// What makes the links in letters that open their readers' accounts (I19): asked of identity.
#[async_trait]
pub(crate) trait Autologins: Send + Sync {
    /// Those of the letters that may carry one. The same delivery has the same token again.
    async fn make(&self, realm_id: RealmId, letters: &[CaseDelivery], errand: Errand<'_>) -> Result<AutologinsMade, Fault>;
}

/// A claimed delivery with what is needed to send it.
#[derive(Debug, Clone)]
pub(crate) struct Addressed {
    pub(crate) delivery: Claimed,
    pub(crate) person: Person,
    /// Whether he has ticked it still, where it wants a tick.
    pub(crate) is_ticked: bool,
    /// The newest version of the case that anybody has told of.
    pub(crate) newest_version: Option<i64>,
}

/// Where deliveries are kept. `leased_since` is `now` by the process's own monotonic clock.
#[async_trait]
pub(crate) trait Ledger: Send + Sync {
    /// Writes what follows from facts that this consumer has not seen, in one transaction with its inbox. Answers with the
    /// deliveries made, claimed for this process.
    async fn plan(
        &self,
        consumer: &'static str,
        plan: Plan,
        now: Timestamp,
        leased_since: Instant,
    ) -> Result<Vec<Claimed>, PlanError>;

    /// Claims deliveries of a channel and lane that wait, or whose owner is gone.
    async fn claim(
        &self,
        channel: Channel,
        lane: Lane,
        limit: i64,
        now: Timestamp,
        leased_since: Instant,
    ) -> Result<Vec<Claimed>, Fault>;

    /// Gives claimed deliveries back unsent.
    async fn release(&self, deliveries: &[Claimed], now: Timestamp) -> Result<(), Fault>;

    async fn address(&self, deliveries: Vec<Claimed>) -> Result<Vec<Addressed>, Fault>;

    /// Writes how attempts ended. An outcome that somebody else has overtaken is dropped, except that what was sent was sent. Of
    /// security mail that has come to its end the content is forgotten.
    async fn settle(&self, settled: &[Settled], now: Timestamp) -> Result<(), Fault>;

    /// Writes what a receipt says; false if it is about nothing that was written as sent.
    async fn receive(&self, receipt: &Receipt) -> Result<bool, Fault>;
}

/// The ledger as it is read.
#[async_trait]
pub(crate) trait DeliveryRecords: Send + Sync {
    /// The newest first.
    async fn page(&self, realm_id: RealmId, query: &ListDeliveries) -> Result<Vec<DeliveryRecord>, Fault>;

    async fn get(&self, realm_id: RealmId, user_id: UserId, delivery_id: DeliveryId) -> Result<Option<DeliveryRecord>, Fault>;

    /// What somebody was told through a channel of the change that made this version of a case.
    async fn of_change(
        &self,
        realm_id: RealmId,
        asked: &ExplainDelivery,
        changed_at: Timestamp,
    ) -> Result<Option<DeliveryRecord>, Fault>;
}

/// What happened to cases: asked of case-monitoring.
#[async_trait]
pub(crate) trait CaseChanges: Send + Sync {
    /// The change that made this version of a case; none if there is none.
    async fn get(
        &self,
        realm_id: RealmId,
        case_id: CaseId,
        case_version: i64,
        errand: Errand<'_>,
    ) -> Result<Option<CaseChange>, Fault>;
}

/// One realm, as its letters show it.
#[derive(Debug, Clone)]
pub(crate) struct Realm {
    pub(crate) name: String,
    /// Where people reach it: `https://cabinet.example`, without a slash at the end.
    pub(crate) public_url: String,
    /// Who letters are from: `Support <support@example.com>`.
    pub(crate) sender: String,
    pub(crate) language: String,
    pub(crate) time_zone: jiff::tz::TimeZone,
}

/// Which realms there are: known, or asked of identity.
#[async_trait]
pub(crate) trait Realms: Send + Sync {
    /// A realm that this process has asked for before.
    fn known(&self, realm_id: RealmId) -> Option<Arc<Realm>>;

    /// Finds out about a realm, and knows it from then on; none if there is no such realm. Fails while identity is away.
    async fn get(&self, realm_id: RealmId, errand: Errand<'_>) -> Result<Option<Arc<Realm>>, Fault>;
}

/// How somebody wants to be spoken to; as the realm does where he has chosen nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Speech {
    pub(crate) language: Option<String>,
    pub(crate) time_zone: Option<jiff::tz::TimeZone>,
}

impl Realm {
    /// The realm as this person is shown it (P4).
    pub(crate) fn spoken(&self, speech: &Speech) -> Self {
        let language = speech.language.clone().unwrap_or_else(|| self.language.clone());
        let time_zone = speech.time_zone.clone().unwrap_or_else(|| self.time_zone.clone());
        Self { language, time_zone, ..self.clone() }
    }
}

/// How people want to be spoken to: known, or asked of profile.
#[async_trait]
pub(crate) trait Speeches: Send + Sync {
    /// Those of the people of whom nothing newer has been heard.
    async fn known(&self, realm_id: RealmId, ids: &[UserId]) -> Result<HashMap<UserId, Speech>, Fault>;

    /// Finds out about each of them, and knows it from then on. Fails while profile is away.
    async fn ask(&self, realm_id: RealmId, ids: &[UserId], errand: Errand<'_>) -> Result<HashMap<UserId, Speech>, Fault>;
}

/// A letter, ready to be sent. What stands in it is nobody else's business: it has no `Debug`.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) delivery_id: DeliveryId,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// Where one unsubscribes from letters like this one, if one can (N10).
    pub(crate) unsubscribe_url: Option<String>,
}

/// An SMS, ready to be sent. No more `Debug` than a letter.
#[derive(Clone)]
pub(crate) struct Sms {
    pub(crate) delivery_id: DeliveryId,
    /// E.164.
    pub(crate) to: String,
    pub(crate) text: String,
}

/// Writes letters and SMS.
pub(crate) trait Letters: Send + Sync {
    /// Where it goes, if the fact says so itself.
    fn own_recipient(&self, delivery: &Claimed) -> Result<Option<String>, Fault>;

    /// In which language it is written, if the fact says so itself.
    fn own_language(&self, delivery: &Claimed) -> Result<Option<String>, Fault>;

    /// With an autologin, its link opens the account of whom it goes to.
    fn write(&self, addressed: &Addressed, realm: &Realm, to: &str, autologin: Option<&Secret<String>>) -> Result<Letter, Fault>;

    fn write_sms(&self, addressed: &Addressed, realm: &Realm, to: &str) -> Result<Sms, Fault>;
}

/// Why a letter or an SMS was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    #[error("refused for good")]
    Permanent { reason: &'static str },
    #[error("certainly not sent, this time")]
    Transient { reason: &'static str },
    #[error("perhaps sent: the connection broke before the answer")]
    Uncertain,
}

/// What operators are told of what leaves by one channel and lane.
pub(crate) trait SendMeter: Send + Sync {
    /// An attempt has ended, however it did, and took that long.
    fn attempted(&self, took: Duration);

    /// The provider has taken what a command of that long ago led to.
    fn taken(&self, after: Duration);
}

/// Sends letters.
#[async_trait]
pub(crate) trait Mailer: Send + Sync {
    async fn send(&self, letter: &Letter) -> Result<(), SendError>;
}

/// Sends SMS.
#[async_trait]
pub(crate) trait Texter: Send + Sync {
    /// Answers, once all of it was taken, with the names that receipts will call it by; none if there are no receipts.
    async fn send(&self, sms: &Sms) -> Result<Vec<String>, SendError>;
}
