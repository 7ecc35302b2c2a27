//! Second factors: what is kept of them, and what is computed.

use async_trait::async_trait;
use kernel::{Call, EventId, Fault, Permit, RealmId, RecoverySetId, SecondFactorId, Secret, SessionId, Timestamp, UserId};

use crate::domain::{HeldFactors, SecondFactor, SecondFactorChange, User};

/// One-time codes that are turned on, with what follows: all or nothing.
#[derive(Debug)]
pub(crate) struct FactorConfirmation<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) factor: &'a SecondFactor,
    /// Of the code that was shown.
    pub(crate) step: i64,
    /// Of a first factor.
    pub(crate) recovery: Option<&'a NewRecoveryCodes>,
    /// In which he has shown it, if he had one.
    pub(crate) session_id: Option<SessionId>,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// What else becomes of somebody's factors, with what follows.
#[derive(Debug)]
pub(crate) struct FactorUpdate<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) change: SecondFactorChange,
    /// His recovery codes from now on; none of factors that are gone.
    pub(crate) recovery: Option<&'a NewRecoveryCodes>,
    /// Who decides, if he does not himself.
    pub(crate) decided_by: Option<UserId>,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// Recovery codes that are made together: shown once, and kept as hashes.
#[derive(Debug)]
pub(crate) struct NewRecoveryCodes {
    pub(crate) set_id: RecoverySetId,
    pub(crate) codes: Vec<Secret<String>>,
    pub(crate) hashes: Vec<Vec<u8>>,
}

/// Those that were not used yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecoveryCodesLeft {
    pub(crate) count: i64,
    /// None if there are none.
    pub(crate) set_id: Option<RecoverySetId>,
}

/// What is used up by signing in.
#[derive(Debug, Clone)]
pub(crate) enum UsedCode {
    /// The code of this step.
    OfDevice { factor_id: SecondFactorId, step: i64 },
    /// The recovery code that is kept so.
    Recovery(Vec<u8>),
}

/// Where second factors are kept: ids and steps, never a secret.
#[async_trait]
pub(crate) trait SecondFactors: Send + Sync {
    /// His one-time codes, whether or not they are on.
    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<SecondFactor>, Fault>;

    /// Whatever he has that is on, passkeys included.
    async fn held(&self, realm_id: RealmId, user_id: UserId) -> Result<HeldFactors, Fault>;

    async fn recovery_codes(&self, realm_id: RealmId, user_id: UserId) -> Result<RecoveryCodesLeft, Fault>;

    /// Keeps a factor of an active user that is begun, in place of another that was; false if one is on, or somebody has changed him since he
    /// was read.
    async fn begin(&self, permit: &Permit, factor: &SecondFactor, user: &User) -> Result<bool, Fault>;

    /// Turns this very factor on if it still can be, nobody has changed the user since he was read, and his session goes on, if he has one;
    /// he is told.
    async fn confirm(&self, permit: &Permit, call: &Call, confirmation: &FactorConfirmation<'_>) -> Result<bool, Fault>;

    /// Uses a code of this user up. False if that was done before.
    async fn use_up(&self, permit: &Permit, user: &User, used: &UsedCode) -> Result<bool, Fault>;

    /// Takes all factors of a user away, or gives him other recovery codes, if nobody has changed him since he was read, and whoever decides
    /// may; he is told. Sessions that they have proven go on as those of what he came with alone.
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
    fn recovery_code(&self, set_id: RecoverySetId) -> (Secret<String>, Vec<u8>);

    /// What is kept of a recovery code, as it is compared.
    fn recovery_hash(&self, set_id: RecoverySetId, code: &str) -> Vec<u8>;
}
