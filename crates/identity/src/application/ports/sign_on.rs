//! Single sign-on: what is kept, and how a token is read.

use async_trait::async_trait;
use kernel::{Call, Fault, Permit, RealmId, SignOnKeyId, Timestamp, UserId};

use super::users::Admission;
use crate::domain::{Assertion, Contact, ExternalId, SignOnKey, User};

/// What became of somebody whom the realm's service sends for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SentFirst {
    Added,
    /// Others have these contacts.
    Taken(Vec<Contact>),
    /// Somebody else is called so since a moment ago.
    Overtaken,
}

/// What became of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserLinked {
    Done,
    /// Another user is called so.
    Taken,
    /// The user is gone, or another by now.
    Stale,
}

/// Where keys, links and used tokens are kept.
#[async_trait]
pub(crate) trait SignOns: Send + Sync {
    async fn insert_key(&self, permit: &Permit, call: &Call, key: &SignOnKey) -> Result<(), Fault>;

    /// Those of a realm, the newest first.
    async fn list_keys(&self, realm_id: RealmId) -> Result<Vec<SignOnKey>, Fault>;

    async fn get_key(&self, realm_id: RealmId, id: SignOnKeyId) -> Result<Option<SignOnKey>, Fault>;

    /// False if there is none.
    async fn delete_key(&self, permit: &Permit, call: &Call, realm_id: RealmId, id: SignOnKeyId) -> Result<bool, Fault>;

    /// Uses a token up. False if it was used before.
    async fn use_up(&self, permit: &Permit, realm_id: RealmId, token_hash: &[u8], expires_at: Timestamp) -> Result<bool, Fault>;

    async fn get_linked(&self, realm_id: RealmId, external_id: &ExternalId) -> Result<Option<UserId>, Fault>;

    /// What a user is called by the realm's service.
    async fn get_external_id(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<ExternalId>, Fault>;

    /// Links a user who has no link yet, if he is active and nobody has changed him since he was read.
    async fn link_first(
        &self,
        permit: &Permit,
        user: &User,
        external_id: &ExternalId,
        now: Timestamp,
    ) -> Result<UserLinked, Fault>;

    /// Links a user in place of the link he may have.
    async fn link(
        &self,
        permit: &Permit,
        call: &Call,
        user: &User,
        external_id: &ExternalId,
        now: Timestamp,
    ) -> Result<UserLinked, Fault>;

    async fn unlink(&self, permit: &Permit, call: &Call, user: &User) -> Result<(), Fault>;

    /// Adds a user with his link, his address verified if he has one.
    async fn admit(
        &self,
        permit: &Permit,
        call: &Call,
        admission: &Admission,
        external_id: &ExternalId,
        now: Timestamp,
    ) -> Result<SentFirst, Fault>;
}

/// What a token has to be, to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token proves nothing")]
pub(crate) struct NotAsserted;

/// Reads tokens and keys of the realm's own services.
pub(crate) trait Assertions: Send + Sync {
    /// Which key a token names.
    fn key_of(&self, token: &str) -> Option<SignOnKeyId>;

    /// What a token says that was signed with this key, for this realm, and is good now.
    fn read(&self, token: &str, key: &SignOnKey, now: Timestamp) -> Result<Assertion, NotAsserted>;

    /// The 32 bytes of a public key in PEM; none if it is no key of Ed25519, or a weak one.
    fn public_key(&self, pem: &str) -> Option<Vec<u8>>;
}
