//! Typed identifiers: a `CaseId` cannot be handed in where a `UserId` is wanted.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use uuid::Uuid;

use crate::Timestamp;

/// A UUID that says what it identifies. New ones are UUIDv7 (RFC 9562 §5.7), so that keys grow with time.
pub struct Id<Of> {
    uuid: Uuid,
    of: PhantomData<fn() -> Of>,
}

/// What an [`Id`] can identify; never constructed.
pub mod of {
    #[derive(Debug)]
    pub enum Realm {}
    #[derive(Debug)]
    pub enum Company {}
    #[derive(Debug)]
    pub enum User {}
    #[derive(Debug)]
    pub enum Case {}
    #[derive(Debug)]
    pub enum Event {}
    #[derive(Debug)]
    pub enum Command {}
    #[derive(Debug)]
    pub enum Delivery {}
    #[derive(Debug)]
    pub enum DeadLetter {}
    #[derive(Debug)]
    pub enum Session {}
    #[derive(Debug)]
    pub enum Link {}
    #[derive(Debug)]
    pub enum Credential {}
    #[derive(Debug)]
    pub enum PhoneCode {}
    #[derive(Debug)]
    pub enum Device {}
    #[derive(Debug)]
    pub enum SecondFactor {}
    #[derive(Debug)]
    pub enum SignOnKey {}
    #[derive(Debug)]
    pub enum SocialAccount {}
    #[derive(Debug)]
    pub enum SocialVisit {}
    #[derive(Debug)]
    pub enum RecoverySet {}
    #[derive(Debug)]
    pub enum Group {}
    #[derive(Debug)]
    pub enum AuditEntry {}
    /// Who administers, of whichever kind.
    #[derive(Debug)]
    pub enum Actor {}
    /// Whom or what something is done to, of whichever kind.
    #[derive(Debug)]
    pub enum Object {}
    #[derive(Debug)]
    pub enum Avatar {}
    #[derive(Debug)]
    pub enum Attribute {}
    #[derive(Debug)]
    pub enum Department {}
}

pub type RealmId = Id<of::Realm>;
pub type CompanyId = Id<of::Company>;
pub type UserId = Id<of::User>;
pub type CaseId = Id<of::Case>;
/// Identifies one fact; also its `message_id` on the broker.
pub type EventId = Id<of::Event>;
/// Identifies the command that caused facts: the cause id of every event it emits.
pub type CommandId = Id<of::Command>;
/// Identifies one delivery: one person told one thing through one channel.
pub type DeliveryId = Id<of::Delivery>;
/// Identifies one fact that one consumer gave up.
pub type DeadLetterId = Id<of::DeadLetter>;
/// Identifies one session of a user: a family of refresh tokens.
pub type SessionId = Id<of::Session>;
/// Identifies one link that somebody was mailed.
pub type LinkId = Id<of::Link>;
/// Identifies one credential of a machine.
pub type CredentialId = Id<of::Credential>;
/// Identifies one code that was sent to a phone.
pub type PhoneCodeId = Id<of::PhoneCode>;
/// Identifies one device, or browser, that a user has signed in on.
pub type DeviceId = Id<of::Device>;
/// Identifies one second factor of a user: another one has another secret.
pub type SecondFactorId = Id<of::SecondFactor>;
/// Identifies one key by which a realm's own service signs people in.
pub type SignOnKeyId = Id<of::SignOnKey>;
/// Identifies one account of a provider that a user has linked.
pub type SocialAccountId = Id<of::SocialAccount>;
/// Identifies one time that somebody was sent to a provider.
pub type SocialVisitId = Id<of::SocialVisit>;
/// Identifies one set of recovery codes of a user, which are made together, and void together.
pub type RecoverySetId = Id<of::RecoverySet>;
/// Identifies one group of a company's users.
pub type GroupId = Id<of::Group>;
/// Identifies one entry of the audit log.
pub type AuditEntryId = Id<of::AuditEntry>;
/// Identifies whoever administers: a user, or a credential.
pub type ActorId = Id<of::Actor>;
/// Identifies whom or what something is done to by those who administer.
pub type ObjectId = Id<of::Object>;
/// Identifies one picture of a person.
pub type AvatarId = Id<of::Avatar>;
/// Identifies one further field of a company's profiles.
pub type AttributeId = Id<of::Attribute>;
/// Identifies one department or branch of a company.
pub type DepartmentId = Id<of::Department>;

impl<Of> Id<Of> {
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, of: PhantomData }
    }

    pub const fn as_uuid(&self) -> Uuid {
        self.uuid
    }

    /// When it was made, to the millisecond; none if it is no UUIDv7, as an id that others gave need not be.
    pub fn made_at(&self) -> Option<Timestamp> {
        let milliseconds = i64::try_from(self.uuid.as_u128() >> 80).ok()?;
        Timestamp::from_millisecond(milliseconds).ok().filter(|_| self.uuid.get_version_num() == 7)
    }
}

impl<Of> Clone for Id<Of> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Of> Copy for Id<Of> {}

impl<Of> PartialEq for Id<Of> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<Of> Eq for Id<Of> {}

impl<Of> PartialOrd for Id<Of> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<Of> Ord for Id<Of> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<Of> Hash for Id<Of> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<Of> fmt::Display for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}

impl<Of> fmt::Debug for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}

/// The text is not a UUID in its canonical form of 36 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct InvalidId;

/// Accepts the hyphenated form only, so that one id has one spelling in URLs, logs and page tokens.
impl<Of> FromStr for Id<Of> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(InvalidId);
        }
        Uuid::try_parse(text).map(Self::from_uuid).map_err(|_| InvalidId)
    }
}

/// Where new ids come from. Handed in, so that a test can foretell them.
pub trait IdSource: Send + Sync {
    fn uuid_v7(&self, now: Timestamp) -> Uuid;
}

impl dyn IdSource {
    /// A new id of the kind the caller asks for.
    pub fn new_id<Of>(&self, now: Timestamp) -> Id<Of> {
        Id::from_uuid(self.uuid_v7(now))
    }
}

/// Ids from the operating system's randomness: UUIDv7 with 12 bits of sub-millisecond time, as RFC 9562 §6.2 method 3 allows.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn uuid_v7(&self, now: Timestamp) -> Uuid {
        let mut random = [0; 10];
        getrandom::fill(&mut random).expect("the operating system gives random bytes once it has booted");
        let nanoseconds = now.as_nanosecond();
        let milliseconds = u64::try_from(nanoseconds.div_euclid(1_000_000)).unwrap_or(0);
        let fraction = u16::try_from(nanoseconds.rem_euclid(1_000_000) * 4096 / 1_000_000).unwrap_or(0);
        let [high, low] = fraction.to_be_bytes();
        random[0] = high;
        random[1] = low;
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_made_later_sort_later_within_one_millisecond() {
        let early = RandomIds.uuid_v7(Timestamp::from_nanosecond(1_700_000_000_000_100_000).expect("in range"));
        let late = RandomIds.uuid_v7(Timestamp::from_nanosecond(1_700_000_000_000_900_000).expect("in range"));
        assert!(early < late);
        assert_eq!(early.get_version_num(), 7);
    }

    #[test]
    fn an_id_knows_when_it_was_made() {
        let now = Timestamp::from_nanosecond(1_700_000_000_123_900_000).expect("in range");
        let made_at = CaseId::from_uuid(RandomIds.uuid_v7(now)).made_at();
        assert_eq!(made_at.map(Timestamp::as_millisecond), Some(1_700_000_000_123));
        assert_eq!(CaseId::from_uuid(Uuid::nil()).made_at(), None);
        assert_eq!(CaseId::from_uuid(Uuid::max()).made_at(), None);
    }

    #[test]
    fn an_id_has_one_spelling() {
        let canonical = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert!(canonical.parse::<CaseId>().is_ok());
        for other in ["{01890a5d-ac96-774b-bcce-b302099a8057}", "01890a5dac96774bbcceb302099a8057", "", "case"] {
            assert_eq!(other.parse::<CaseId>(), Err(InvalidId), "{other}");
        }
    }
}
