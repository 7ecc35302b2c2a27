//! Second factors: what is kept of them, and what is computed.

use async_trait::async_trait;
use kernel::{Call, EventId, Fault, Permit, RealmId, SecondFactorId, Secret, SessionId, Timestamp, UserId};

use crate::domain::{SecondFactor, SecondFactorChange, User};

/// A factor that is turned on, with what follows: all or nothing.
#[derive(Debug)]
pub(crate) struct FactorConfirmation<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) factor: &'a SecondFactor,
    /// Of the code that was shown.
    pub(crate) step: i64,
    /// What is kept of his recovery codes.
    pub(crate) recovery_hashes: &'a [Vec<u8>],
    /// In which he has shown it, if he had one.
    pub(crate) session_id: Option<SessionId>,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// What else becomes of a factor, with what follows.
#[derive(Debug)]
pub(crate) struct FactorUpdate<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) factor: &'a SecondFactor,
    pub(crate) change: SecondFactorChange,
    /// What is kept of his recovery codes from now on; none of a factor that is gone.
    pub(crate) recovery_hashes: &'a [Vec<u8>],
    /// Who decides, if he does not himself.
    pub(crate) decided_by: Option<UserId>,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// What is used up by signing in.
#[derive(Debug, Clone)]
pub(crate) enum UsedCode {
    /// The code of this step.
    OfDevice(i64),
    /// The recovery code that is kept so.
    Recovery(Vec<u8>),
}

/// Where second factors are kept: ids and steps, never a secret.
#[async_trait]
pub(crate) trait SecondFactors: Send + Sync {
    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<SecondFactor>, Fault>;

    /// How many recovery codes he has left.
    async fn count_recovery_codes(&self, realm_id: RealmId, user_id: UserId) -> Result<i64, Fault>;

    /// Keeps a factor of an active user that is begun, in place of another that was; false if one is on.
    async fn begin(&self, permit: &Permit, factor: &SecondFactor) -> Result<bool, Fault>;

    /// Turns this very factor on if it still can be, nobody has changed the user since he was read, and his session goes on, if he has one;
    /// he is told.
    async fn confirm(&self, permit: &Permit, call: &Call, confirmation: &FactorConfirmation<'_>) -> Result<bool, Fault>;

    /// Uses a code up. False if that was done before.
    async fn use_up(&self, permit: &Permit, factor: &SecondFactor, used: &UsedCode) -> Result<bool, Fault>;

    /// Takes this very factor away, or gives it other recovery codes, if it is on, nobody has changed the user since he was read, and whoever
    /// decides may; he is told. Sessions that it has proven go on as those of a password alone.
    async fn update(&self, permit: &Permit, call: &Call, update: &FactorUpdate<'_>) -> Result<bool, Fault>;
}

/// What a device is given so that it computes codes.
#[derive(Debug, Clone)]
pub(crate) struct Enrolment {
    /// As a QR code shows it (`otpauth://totp/…`).
    pub(crate) uri: Secret<String>,
    /// As it is typed (base32).
    pub(crate) key: Secret<String>,
}

/// Computes secrets of devices and their codes.
pub(crate) trait OneTimeCodes: Send + Sync {
    /// For the account of this name at whoever issues it.
    fn enrolment(&self, factor: &SecondFactor, issuer: &str, account: &str) -> Result<Enrolment, Fault>;

    /// The step of a code of six digits, if it is one of the present moment, or of the one before or after.
    fn step(&self, factor: &SecondFactor, code: &str, now: Timestamp) -> Result<Option<i64>, Fault>;

    /// A new recovery code: the code, and what is kept of it.
    fn recovery_code(&self, factor_id: SecondFactorId) -> (Secret<String>, Vec<u8>);

    /// What is kept of a recovery code, as it is compared.
    fn recovery_hash(&self, factor_id: SecondFactorId, code: &str) -> Vec<u8>;
}
