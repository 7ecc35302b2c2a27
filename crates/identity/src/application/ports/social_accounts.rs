//! Accounts of other providers: who these are, and what is kept of their accounts.

use async_trait::async_trait;
use kernel::{Call, EventId, Fault, Permit, RealmId, Secret, SessionId, SocialAccountId, Timestamp, UserId};

use super::{Account, Admission};
use crate::domain::{ProviderAccount, ProviderSays, Session, SocialAccount, SocialProvider, SocialVisit, User};

/// What goes to a provider with somebody, and proves that he came back from there. Computed, and known to nobody else.
#[derive(Debug)]
pub(crate) struct VisitSecrets {
    /// What he brings back.
    pub(crate) state: Secret<String>,
    /// What the provider's word of him names (OpenID Connect Core 1.0 §3.1.2.1).
    pub(crate) nonce: Secret<String>,
    /// What the code is exchanged with (RFC 7636).
    pub(crate) code_verifier: Secret<String>,
}

/// Why a provider has said nothing of somebody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("the provider does not answer as one")]
    Away,
    #[error("the provider does not stand by it")]
    Refused,
}

/// Who asks a provider, and where somebody comes back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) provider: &'a SocialProvider,
    pub(crate) redirect_url: &'a str,
    pub(crate) secrets: &'a VisitSecrets,
    pub(crate) now: Timestamp,
}

/// Providers whose accounts sign people in.
#[async_trait]
pub(crate) trait SocialProviders: Send + Sync {
    /// Those that serve a realm, by name.
    fn of_realm(&self, realm_id: RealmId) -> Vec<SocialProvider>;

    /// Where to send somebody.
    async fn authorization_url(&self, asking: Asking<'_>) -> Result<Secret<String>, ProviderError>;

    /// Who it is that came back with this code.
    async fn identify(&self, asking: Asking<'_>, code: &Secret<String>) -> Result<ProviderSays, ProviderError>;
}

/// An account that is linked, with the letter that follows.
#[derive(Debug)]
pub(crate) struct NewSocialAccount<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) account: &'a SocialAccount,
    pub(crate) provider_label: &'a str,
    /// In which he links it.
    pub(crate) session_id: SessionId,
    pub(crate) event_id: EventId,
}

/// What became of an account that was to be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linked {
    Done,
    /// The user is another by now, or his session is over.
    Stale,
    /// Another user has linked it.
    Taken,
    /// He has linked another one of the same provider.
    HasAnother,
}

/// An account that is unlinked, with the letter that follows.
#[derive(Debug)]
pub(crate) struct Unlinking<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) account_id: SocialAccountId,
    pub(crate) provider_label: &'a str,
    pub(crate) session_id: SessionId,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// Somebody who comes by an account that nobody has linked: everything that follows, all or nothing.
#[derive(Debug)]
pub(crate) struct SocialAdmission<'a> {
    /// The user, who is not invited: he is there.
    pub(crate) admission: &'a Admission,
    pub(crate) account: &'a SocialAccount,
    pub(crate) provider_label: &'a str,
    /// None of somebody who is asked for more first.
    pub(crate) session: Option<&'a Session>,
    pub(crate) event_id: EventId,
}

/// What became of somebody who was to come by an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CameIn {
    Added,
    /// Somebody has his address.
    EmailTaken,
    /// Somebody has linked the account meanwhile.
    AccountTaken,
}

/// Where accounts of providers are kept that users have linked.
#[async_trait]
pub(crate) trait SocialAccounts: Send + Sync {
    /// Remembers that somebody has come back. False if he had before.
    async fn use_up(&self, permit: &Permit, visit: &SocialVisit) -> Result<bool, Fault>;

    /// Whoever has linked this account, as he is at that very moment.
    async fn owner(&self, realm_id: RealmId, account: &ProviderAccount) -> Result<Option<Account>, Fault>;

    /// Those that a user has linked, the oldest first.
    async fn list(&self, realm_id: RealmId, user_id: UserId) -> Result<Vec<SocialAccount>, Fault>;

    /// Links an account if nobody has changed the user since he was read, and his session goes on; he is told.
    async fn link(&self, permit: &Permit, call: &Call, new: &NewSocialAccount<'_>) -> Result<Linked, Fault>;

    /// Unlinks an account on the same conditions; he is told.
    async fn unlink(&self, permit: &Permit, call: &Call, unlinking: &Unlinking<'_>) -> Result<bool, Fault>;

    /// Adds a user together with the account he comes by; he is told.
    async fn admit(&self, permit: &Permit, call: &Call, admission: &SocialAdmission<'_>) -> Result<CameIn, Fault>;
}
