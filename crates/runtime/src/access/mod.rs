//! Whether an access token proves anything: the keys identity publishes, and from whom access was taken back (I4, I24).
//!
//! Identity tells of every revocation as it happens, and says at least every 200 ms that there is none. Whoever has heard nothing
//! for [`SILENCE`] asks identity for every token; while identity cannot be reached, reads go on to the token's end and changes
//! are answered UNAVAILABLE. So a blocked user is refused everywhere within a second.

mod remote;
mod seen;

use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use api::MethodEffect;
use async_trait::async_trait;
use kernel::{Fault, Timestamp};
use uuid::Uuid;

pub use self::remote::{ComponentTokenSource, ComponentTokens, IdentityConfig, follow_identity, read_component_secret};
use self::seen::SeenTokens;
use crate::token::{InvalidToken, KeySet, Subject, Verified};

/// How old the last word of identity may be.
const SILENCE: Duration = Duration::from_millis(600);
/// How long identity may take to answer about one token. What it answers then is true now: waiting breaks no promise.
const QUESTION_LIMIT: Duration = Duration::from_secs(2);
/// Keys that somebody misses are asked for at most this often: a token can name any key.
const MISSING_KEY_INTERVAL: Duration = Duration::from_secs(1);
/// How long a revocation matters: longer than any token that it could be about.
pub const REVOCATION_MEMORY: Duration = Duration::from_mins(6);

/// Access was taken back from a subject: tokens of lower generations are void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    pub subject: Subject,
    pub at: Timestamp,
}

/// Why a call cannot go on as whom its token says.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error(transparent)]
    Invalid(#[from] InvalidToken),
    #[error("whether access was taken back cannot be said")]
    Unknown(#[source] Fault),
}

/// What identity knows for certain.
#[async_trait]
pub trait AccessSource: Send + Sync {
    async fn signing_keys(&self) -> Result<KeySet, Fault>;

    /// True if access was taken back from one of these.
    async fn is_revoked(&self, subjects: &[Subject]) -> Result<bool, Fault>;
}

/// What this process knows, kept up to date by one worker ([`follow_identity`], or identity's own).
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    known: RwLock<Known>,
    source: RwLock<Option<Arc<dyn AccessSource>>>,
    seen: SeenTokens,
}

#[derive(Default)]
struct Known {
    keys: Arc<KeySet>,
    /// Counts the sets of keys there were.
    keys_version: u64,
    keys_asked_at: Option<Instant>,
    revoked: HashMap<Uuid, Revocation>,
    /// When identity last said that it has told everything; none before the first time.
    heard_at: Option<Instant>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

impl Default for Access {
    fn default() -> Self {
        Self(Arc::new(Inner { known: RwLock::default(), source: RwLock::default(), seen: SeenTokens::default() }))
    }
}

impl Access {
    /// Says whom to ask. The first one counts: identity, where it is in the same process, knows best.
    pub fn ask(&self, source: Arc<dyn AccessSource>) -> bool {
        let mut slot = self.0.source.write().expect("nobody panics while holding it");
        let is_first = slot.is_none();
        slot.get_or_insert(source);
        is_first
    }

    /// Keeps the keys that identity publishes now.
    pub fn learn_keys(&self, keys: KeySet) {
        let mut known = self.known_mut();
        if *known.keys != keys {
            known.keys = Arc::new(keys);
            known.keys_version += 1;
        }
    }

    /// Keeps what identity said. `is_current` if it has told everything up to the moment `since`, by this process's own clock.
    pub fn hear(&self, revocations: &[Revocation], is_current: bool, since: Instant) {
        let mut known = self.known_mut();
        for revocation in revocations {
            let kept = known.revoked.entry(revocation.subject.id).or_insert(*revocation);
            if kept.subject.generation <= revocation.subject.generation {
                *kept = *revocation;
            }
        }
        if is_current {
            known.heard_at = known.heard_at.max(Some(since));
        }
    }

    /// Forgets what no token can be about any more.
    pub fn forget_before(&self, oldest: Timestamp) {
        self.known_mut().revoked.retain(|_, revocation| revocation.at >= oldest);
    }

    /// True once keys and the revocations of the last minutes are known: before that nobody can be let in.
    pub fn is_ready(&self) -> bool {
        let known = self.known();
        !known.keys.is_empty() && known.heard_at.is_some()
    }

    /// Tells who shows this token, and that he still has access.
    pub async fn verify(&self, token: &str, effect: MethodEffect, now: Timestamp) -> Result<Verified, AccessError> {
        let verified = self.look_at(token, now).await?;
        match self.look_up(&verified.subjects) {
            Some(true) => Err(InvalidToken.into()),
            Some(false) => Ok(verified),
            None => self.ask_about(verified, effect).await,
        }
    }

    /// What the token says by itself, looked at once.
    async fn look_at(&self, token: &str, now: Timestamp) -> Result<Verified, InvalidToken> {
        let version = self.known().keys_version;
        if let Some(verified) = self.0.seen.get(token, version, now) {
            return Ok(verified);
        }
        let (keys, version) = self.keys_for(token).await;
        let verified = keys.verify(token, now)?;
        self.0.seen.keep(token, &verified, version);
        Ok(verified)
    }

    /// What is known by heart: none if identity has been silent for too long.
    fn look_up(&self, subjects: &[Subject]) -> Option<bool> {
        let known = self.known();
        let is_revoked = subjects.iter().any(|subject| {
            known.revoked.get(&subject.id).is_some_and(|revocation| subject.generation < revocation.subject.generation)
        });
        let is_fresh = known.heard_at.is_some_and(|heard_at| heard_at.elapsed() < SILENCE);
        if is_revoked || is_fresh || subjects.is_empty() { Some(is_revoked) } else { None }
    }

    async fn ask_about(&self, verified: Verified, effect: MethodEffect) -> Result<Verified, AccessError> {
        let Some(source) = self.source() else { return Err(AccessError::Unknown(Fault::unavailable(NobodyToAsk))) };
        let answer = tokio::time::timeout(QUESTION_LIMIT, source.is_revoked(&verified.subjects)).await;
        match answer.unwrap_or_else(|elapsed| Err(Fault::unavailable(elapsed))) {
            Ok(true) => Err(InvalidToken.into()),
            Ok(false) => Ok(verified),
            // Identity cannot be reached: who is signed in may go on reading until his token ends.
            Err(Fault::Unavailable(_)) if effect == MethodEffect::Reads && self.is_ready() => Ok(verified),
            Err(fault) => Err(AccessError::Unknown(fault)),
        }
    }

    /// The keys and which set they are, asked for again if the token names one that is missing.
    async fn keys_for(&self, token: &str) -> (Arc<KeySet>, u64) {
        let (keys, version) = self.keys();
        if !keys.lacks_key_of(token) || !self.may_ask_for_keys() {
            return (keys, version);
        }
        let Some(source) = self.source() else { return (keys, version) };
        if let Ok(Ok(keys)) = tokio::time::timeout(QUESTION_LIMIT, source.signing_keys()).await {
            self.learn_keys(keys);
        }
        self.keys()
    }

    fn keys(&self) -> (Arc<KeySet>, u64) {
        let known = self.known();
        (known.keys.clone(), known.keys_version)
    }

    fn may_ask_for_keys(&self) -> bool {
        let mut known = self.known_mut();
        let may = known.keys_asked_at.is_none_or(|asked_at| asked_at.elapsed() >= MISSING_KEY_INTERVAL);
        if may {
            known.keys_asked_at = Some(Instant::now());
        }
        may
    }

    fn source(&self) -> Option<Arc<dyn AccessSource>> {
        self.0.source.read().expect("nobody panics while holding it").clone()
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.known.read().expect("nobody panics while holding it")
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.known.write().expect("nobody panics while holding it")
    }
}

#[derive(Debug, thiserror::Error)]
#[error("nobody to ask")]
struct NobodyToAsk;

#[cfg(test)]
mod tests {
    use kernel::{Caller, CompanyId, RealmId, Role, SessionId, Through, UserCaller, UserId};

    use super::*;
    use crate::token::{Signer, generate_signing_key};

    struct Answers(Result<bool, ()>);

    #[async_trait]
    impl AccessSource for Answers {
        async fn signing_keys(&self) -> Result<KeySet, Fault> {
            Err(Fault::unavailable("away"))
        }

        async fn is_revoked(&self, _: &[Subject]) -> Result<bool, Fault> {
            self.0.map_err(|()| Fault::unavailable("away"))
        }
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const SESSION: Uuid = Uuid::from_u128(4);

    fn user() -> UserCaller {
        let id = Uuid::from_u128;
        UserCaller {
            realm_id: RealmId::from_uuid(id(1)),
            company_id: CompanyId::from_uuid(id(2)),
            user_id: UserId::from_uuid(id(3)),
            role: Role::Agent,
            through: Through::Session(SessionId::from_uuid(SESSION)),
        }
    }

    fn access_and_token(answer: Result<bool, ()>) -> (Access, String) {
        let signer = Signer::from_pem("one", &generate_signing_key()).expect("a good key");
        let access = Access::default();
        access.learn_keys(KeySet::new([("one".to_owned(), signer.public_key().as_slice())]));
        access.ask(Arc::new(Answers(answer)));
        let token = signer.sign(&Caller::User(user()), 7, NOW).expect("not anonymous").expose().clone();
        (access, token)
    }

    fn taken_back(id: Uuid, generation: i64) -> Revocation {
        Revocation { subject: Subject { id, generation }, at: NOW }
    }

    #[tokio::test]
    async fn a_token_is_void_once_its_generation_is() {
        let (access, token) = access_and_token(Ok(false));
        access.hear(&[taken_back(user().user_id.as_uuid(), 7)], true, Instant::now());
        assert!(access.verify(&token, MethodEffect::Changes, NOW).await.is_ok());
        access.hear(&[taken_back(user().user_id.as_uuid(), 8)], true, Instant::now());
        assert!(matches!(access.verify(&token, MethodEffect::Reads, NOW).await, Err(AccessError::Invalid(_))));
    }

    /// Rule I24.a: that a token was good a moment ago spares the look at its signature, and nothing else: not its end, not a key that is no
    /// longer published, not access that was taken back.
    #[tokio::test]
    async fn a_token_that_was_seen_is_asked_all_other_questions_again() {
        let minutes = |minutes| NOW + jiff::SignedDuration::from_mins(minutes);
        let (access, token) = access_and_token(Ok(false));
        access.hear(&[], true, Instant::now());
        let seen = access.verify(&token, MethodEffect::Reads, NOW).await.expect("a good token");
        assert_eq!(access.verify(&token, MethodEffect::Reads, minutes(4)).await.expect("still good"), seen);
        assert!(access.verify(&token, MethodEffect::Reads, minutes(5)).await.is_err(), "its five minutes are over");
        access.hear(&[taken_back(SESSION, i64::MAX)], true, Instant::now());
        assert!(access.verify(&token, MethodEffect::Reads, NOW).await.is_err(), "access was taken back");

        let (access, token) = access_and_token(Ok(false));
        access.hear(&[], true, Instant::now());
        access.verify(&token, MethodEffect::Reads, NOW).await.expect("a good token");
        let other = Signer::from_pem("one", &generate_signing_key()).expect("a good key");
        access.learn_keys(KeySet::new([("one".to_owned(), other.public_key().as_slice())]));
        assert!(access.verify(&token, MethodEffect::Reads, NOW).await.is_err(), "its key is another's");
    }

    #[tokio::test]
    async fn a_token_is_void_once_its_session_is() {
        let (access, token) = access_and_token(Ok(false));
        access.hear(&[taken_back(SESSION, i64::MAX)], true, Instant::now());
        assert!(matches!(access.verify(&token, MethodEffect::Reads, NOW).await, Err(AccessError::Invalid(_))));
    }

    #[tokio::test]
    async fn who_has_heard_nothing_asks() {
        let (access, token) = access_and_token(Ok(true));
        access.hear(&[], true, Instant::now());
        assert!(access.verify(&token, MethodEffect::Changes, NOW).await.is_ok());
        let (access, token) = access_and_token(Ok(true));
        assert!(matches!(access.verify(&token, MethodEffect::Reads, NOW).await, Err(AccessError::Invalid(_))));
    }

    #[tokio::test]
    async fn while_identity_is_away_reads_go_on_and_changes_wait() {
        let (access, token) = access_and_token(Err(()));
        let long_ago = Instant::now().checked_sub(SILENCE * 2).expect("the machine runs longer");
        assert!(matches!(access.verify(&token, MethodEffect::Reads, NOW).await, Err(AccessError::Unknown(_))), "not ready yet");
        access.hear(&[], true, long_ago);
        assert!(access.verify(&token, MethodEffect::Reads, NOW).await.is_ok());
        assert!(matches!(access.verify(&token, MethodEffect::Changes, NOW).await, Err(AccessError::Unknown(_))));
    }

    #[tokio::test]
    async fn what_no_token_can_be_about_is_forgotten() {
        let (access, token) = access_and_token(Ok(false));
        access.hear(&[taken_back(user().user_id.as_uuid(), 8)], true, Instant::now());
        access.forget_before(NOW + jiff::SignedDuration::from_secs(1));
        assert!(access.verify(&token, MethodEffect::Reads, NOW).await.is_ok());
    }
}
