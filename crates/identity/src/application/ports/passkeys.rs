//! Passkeys: what is kept of them, and what a relying party computes (WebAuthn).

use async_trait::async_trait;
use kernel::{Call, EventId, Fault, Permit, RealmId, SecondFactorId, Secret, SessionId, Timestamp, UserId};

use super::NewRecoveryCodes;
use crate::domain::{
    AskedIn, Passkey, PasskeyChallenge, PasskeyProblem, PasskeyPurpose, PasskeyRecord, PasskeySite, SecondFactorChange, User,
};

/// A passkey that is registered, with what follows: all or nothing.
#[derive(Debug)]
pub(crate) struct NewPasskey<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) passkey: &'a Passkey,
    /// Of a first factor.
    pub(crate) recovery: Option<&'a NewRecoveryCodes>,
    /// In which he has made it, if he had one.
    pub(crate) session_id: Option<SessionId>,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// What becomes of registering one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasskeyInserted {
    Yes,
    /// Something else about the user has changed since he was read, or his session is over.
    Changed,
    /// Somebody in the realm has this very one.
    Taken,
}

/// Something that becomes of a passkey, with what follows.
#[derive(Debug)]
pub(crate) struct PasskeyUpdate<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) passkey_id: SecondFactorId,
    /// What the user is told.
    pub(crate) change: SecondFactorChange,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// Where passkeys are kept: public keys, never a secret.
#[async_trait]
pub(crate) trait Passkeys: Send + Sync {
    /// The oldest first.
    async fn list(&self, realm_id: RealmId, user_id: UserId) -> Result<Vec<Passkey>, Fault>;

    /// Keeps what was asked of a user, in place of what was asked there before; false if somebody has changed him since he was read.
    async fn ask(&self, permit: &Permit, challenge: &PasskeyChallenge, user: &User) -> Result<bool, Fault>;

    /// Uses up what was asked there since this moment, and says what that was.
    async fn take(
        &self,
        permit: &Permit,
        user: &User,
        purpose: PasskeyPurpose,
        asked_in: &AskedIn,
        since: Timestamp,
    ) -> Result<Option<serde_json::Value>, Fault>;

    /// Keeps a passkey of an active user whom nobody has changed since he was read, if his session goes on; he is told.
    async fn insert(&self, permit: &Permit, call: &Call, new: &NewPasskey<'_>) -> Result<PasskeyInserted, Fault>;

    /// Keeps how often it has signed by now. False if it has signed as often before, by itself or by a copy of it, or is gone.
    async fn count(&self, permit: &Permit, passkey: &Passkey, used: &PasskeyRecord, now: Timestamp) -> Result<bool, Fault>;

    /// Keeps that there may be a copy, if that was not known, and nobody has changed the user since he was read; he is told.
    async fn suspect(&self, permit: &Permit, call: &Call, update: &PasskeyUpdate<'_>) -> Result<bool, Fault>;

    /// False if he has no such passkey.
    async fn rename(&self, permit: &Permit, passkey: &Passkey, name: &str) -> Result<bool, Fault>;

    /// Takes it away if nobody has changed the user since he was read; he is told.
    async fn delete(&self, permit: &Permit, call: &Call, update: &PasskeyUpdate<'_>) -> Result<bool, Fault>;
}

/// For whom a passkey is made, as his authenticator shows him.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registrant<'a> {
    pub(crate) user_id: UserId,
    pub(crate) name: &'a str,
}

/// What a browser is asked, and what is kept to understand its answer.
#[derive(Debug)]
pub(crate) struct Ceremony {
    /// JSON, as WebAuthn defines it: it tells who is asked.
    pub(crate) options: Secret<String>,
    pub(crate) state: serde_json::Value,
}

/// Why a new passkey is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasskeyRegistrationError {
    #[error(transparent)]
    Refused(#[from] PasskeyProblem),
    /// A browser was asked not to make another where there is one.
    #[error("it is registered already")]
    Registered,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a passkey that is shown is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasskeyAssertionError {
    #[error(transparent)]
    Refused(#[from] PasskeyProblem),
    /// Everything is right but its counter.
    #[error("its counter does not go on")]
    Copied(SecondFactorId),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Computes what a relying party does (WebAuthn §7).
pub(crate) trait RelyingParty: Send + Sync {
    /// Asks for a passkey on an authenticator that has none of these.
    fn ask_to_register(&self, site: &PasskeySite, registrant: Registrant<'_>, registered: &[Passkey]) -> Result<Ceremony, Fault>;

    /// What is kept of a passkey that is none of these.
    fn read_registration(
        &self,
        site: &PasskeySite,
        state: serde_json::Value,
        credential: &str,
        registered: &[Passkey],
    ) -> Result<PasskeyRecord, PasskeyRegistrationError>;

    /// Asks to show one of these.
    fn ask_to_show(&self, site: &PasskeySite, passkeys: &[Passkey]) -> Result<Ceremony, Fault>;

    /// Which of these was shown, and what is kept of it from now on.
    fn read_assertion<'a>(
        &self,
        site: &PasskeySite,
        state: serde_json::Value,
        assertion: &str,
        passkeys: &'a [Passkey],
    ) -> Result<(&'a Passkey, PasskeyRecord), PasskeyAssertionError>;
}
