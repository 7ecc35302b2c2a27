//! What is hashed, signed and sealed, and whose access was taken back.

use async_trait::async_trait;
use kernel::{Caller, DeviceId, Fault, LinkId, PhoneCodeId, RealmId, SecondFactorId, Secret, SessionId, Timestamp, UserId};
use runtime::token::Subject;
use uuid::Uuid;

use super::VisitSecrets;
use crate::domain::{
    Autologin, AutologinReader, EmailAddress, HalfSignedIn, IntendedDeletion, Password, PhoneNumber, Proof, SocialVisit,
};

/// Why a password could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    #[error("too many passwords are being looked at")]
    Busy,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Who waits for a password to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Anybody.
    Stranger,
    /// Somebody with a link that he was mailed: places are kept for him (I23).
    Known,
    /// A user where he is known: on a device that he has signed in on, or in a session. Some of these places are for him, then as many of
    /// those for anybody, and no more: whoever has his password may have any number of devices.
    KnownUser(UserId),
}

/// Hashes passwords, slowly on purpose.
#[async_trait]
pub(crate) trait PasswordHasher: Send + Sync {
    async fn hash(&self, password: Password, waiting: Waiting) -> Result<String, HashError>;

    /// True if this is the password. Where there is none to compare with, the same work is done for nothing (I22).
    async fn verify(&self, password: Password, stored: Option<String>, waiting: Waiting) -> Result<bool, HashError>;

    /// True if passwords are hashed in another way by now: with more work, or another pepper.
    fn is_outdated(&self, stored: &str) -> bool;
}

/// A secret to be handed out, and what is kept of it.
#[derive(Debug)]
pub(crate) struct NewSecret {
    pub(crate) secret: Secret<String>,
    pub(crate) hash: Vec<u8>,
}

/// What a refresh token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) realm_id: RealmId,
    pub(crate) session_id: SessionId,
    pub(crate) generation: i64,
    /// Of a session that a letter has opened: the release before there were any reads no such token.
    pub(crate) is_autologin: bool,
}

/// What the token of a device names: who has signed in on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceToken {
    pub(crate) realm: RealmId,
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    /// The second factor that he has shown on it, if he has.
    pub(crate) factor: Option<SecondFactorId>,
}

/// What the token of a link names, and the hash of its secret part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkToken {
    pub(crate) realm_id: RealmId,
    pub(crate) link_id: LinkId,
    pub(crate) hash: Vec<u8>,
}

/// Makes the secrets that identity hands out, and reads those it is shown.
pub(crate) trait Secrets: Send + Sync {
    /// The token of a new link: what is kept of it, and the token itself as only notification can read it.
    fn link_token(&self, realm_id: RealmId, link_id: LinkId) -> (Vec<u8>, Vec<u8>);

    /// An address to which a letter goes that is about this object, as only notification can read it.
    fn sealed_address(&self, object: Uuid, address: &EmailAddress) -> Vec<u8>;

    fn read_link_token(&self, token: &str) -> Option<LinkToken>;

    fn refresh_token(&self, token: RefreshToken) -> Secret<String>;

    /// None unless it is one that we made.
    fn read_refresh_token(&self, token: &str) -> Option<RefreshToken>;

    /// `known_since` is when its user's password was set: with another one he is not known by it any more.
    fn device_token(&self, token: DeviceToken, known_since: Timestamp) -> Secret<String>;

    /// None unless it is one that we made.
    fn read_device_token(&self, token: &str, known_since: Timestamp) -> Option<DeviceToken>;

    /// What proves that somebody has shown his password, and nothing else.
    fn half_token(&self, half: &HalfSignedIn) -> Secret<String>;

    /// None unless it is one that we made.
    fn read_half_token(&self, token: &str) -> Option<HalfSignedIn>;

    /// What the link of a letter carries. Of the same letter it is the same, as long as its reader is.
    fn autologin_token(&self, autologin: &Autologin, reader: &AutologinReader) -> Secret<String>;

    /// What a token names, whoever made it.
    fn autologin_named(&self, token: &str) -> Option<Autologin>;

    /// True if it is one that we made, for this reader as he is.
    fn is_autologin_token(&self, token: &str, autologin: &Autologin, reader: &AutologinReader) -> bool;

    /// What only the browser knows from which somebody is sent to a provider.
    fn visit_binding(&self) -> Secret<String>;

    /// What goes with him. With another binding it is another.
    fn visit_secrets(&self, visit: &SocialVisit, binding: &Secret<String>) -> VisitSecrets;

    /// Who was sent to this provider from this browser; none unless it is a state that we made for both.
    fn read_visit(&self, realm_id: RealmId, provider: &str, state: &str, binding: &Secret<String>) -> Option<SocialVisit>;

    /// What is kept of whatever attempts are counted by.
    fn guess_subject(&self, subject: &str) -> Vec<u8>;

    /// A new code: what is kept of it, and the code itself as only notification can read it.
    fn phone_code(&self, id: PhoneCodeId) -> (Vec<u8>, Vec<u8>);

    /// The number that a code goes to, as only notification can read it.
    fn sealed_phone(&self, id: PhoneCodeId, phone: &PhoneNumber) -> Vec<u8>;

    fn is_phone_code(&self, id: PhoneCodeId, code: &str, mac: &[u8]) -> bool;

    /// What confirms a deletion, until then.
    fn deletion_confirmation(&self, intended: IntendedDeletion, expires_at: Timestamp) -> Secret<String>;

    /// Until when this confirms the deletion; none if it is another's, or nothing that we made.
    fn deletion_confirmed_until(&self, intended: IntendedDeletion, confirmation: &str) -> Option<Timestamp>;

    fn credential_secret(&self) -> NewSecret;

    fn credential_hash(&self, secret: &str) -> Vec<u8>;

    /// True if this is the secret that all components share.
    fn is_component_secret(&self, secret: &str) -> bool;
}

/// An access token and its end.
#[derive(Debug)]
pub(crate) struct AccessToken {
    pub(crate) token: Secret<String>,
    pub(crate) expires_at: Timestamp,
}

/// A key whose signatures count.
#[derive(Debug, Clone)]
pub(crate) struct PublishedKey {
    pub(crate) kid: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) signs_from: Timestamp,
}

/// Makes access tokens, and says which keys they are made with.
pub(crate) trait AccessTokens: Send + Sync {
    /// `generation` is the one of a user's tokens; it means nothing for others. `proof` is how a person has shown who he is who calls
    /// himself.
    fn issue(&self, caller: &Caller, generation: i64, proof: Option<Proof>, now: Timestamp) -> Result<AccessToken, Fault>;

    /// The oldest first; those are among them that are about to sign.
    fn published(&self) -> Vec<PublishedKey>;
}

/// What is kept of access taken back.
#[async_trait]
pub(crate) trait Revocations: Send + Sync {
    /// True if access was taken back from one of these.
    async fn is_revoked(&self, subjects: &[Subject]) -> Result<bool, Fault>;
}
