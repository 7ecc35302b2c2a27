//! What identity's use cases want of the world.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use kernel::{
    Call, Caller, CompanyId, CredentialId, DeviceId, EventId, Fault, LinkId, Permit, PhoneCodeId, RealmId, RepeatError, Secret,
    SessionId, Timestamp, UserId,
};
use runtime::token::Subject;

use crate::domain::guessing::Guessed;
use crate::domain::{
    Company, Contact, ContactChanged, Credential, Introduction, Link, Login, NameStem, Password, PhoneCode, PhoneNumber, Policy,
    Realm, Session, SessionUser, StandingChanged, User, UserCreated,
};

/// A user to be added, with the facts that follow.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) user: User,
    pub(crate) created: UserCreated,
    pub(crate) introduction: Introduction,
    pub(crate) event_id: EventId,
    pub(crate) invitation: Option<NewLink>,
}

/// What became of one of several users who were to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admitted {
    Added(UserId),
    /// Others have these contacts; none if they have let go of them since.
    Taken(Vec<Contact>),
    /// He could not be made from what was said of him.
    Invalid,
}

/// Another standing of a user, as an OWNER decides it, with what follows.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    /// The user as he is then.
    pub(crate) user: &'a User,
    pub(crate) decided_by: UserId,
    pub(crate) event_id: EventId,
    pub(crate) changed: StandingChanged,
    /// Of one who has access for the first time.
    pub(crate) invitation: Option<NewLink>,
}

/// A link to be mailed.
#[derive(Debug)]
pub(crate) struct NewLink {
    pub(crate) link: Link,
    /// The version of the user at which he has the address it is for.
    pub(crate) user_version: i64,
    /// What is kept of its token.
    pub(crate) token_hash: Vec<u8>,
    /// The token for the letter, which only notification can read.
    pub(crate) sealed_token: Vec<u8>,
    pub(crate) event_id: EventId,
}

/// A user together with what proves him.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) user: User,
    /// None until a password was set.
    pub(crate) password_hash: Option<String>,
}

/// Where users are kept. A write is one statement: the users and the facts, all or nothing.
#[async_trait]
pub(crate) trait Users: Send + Sync {
    /// Those of the ids that exist in the realm, in no particular order.
    async fn list(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<User>, Fault>;

    async fn get(&self, realm_id: RealmId, id: UserId) -> Result<Option<User>, Fault>;

    /// Users of a company behind one of them, the oldest first.
    async fn page(&self, realm_id: RealmId, company_id: CompanyId, after: Option<UserId>, limit: i64)
    -> Result<Vec<User>, Fault>;

    /// The user names of a realm that are this stem, perhaps with a number behind it.
    async fn names_of_stem(&self, realm_id: RealmId, stem: &NameStem) -> Result<HashSet<String>, Fault>;

    /// Whoever has this contact; asked as well where there is none to ask about, so that the work is the same (I22).
    async fn account(&self, realm_id: RealmId, login: Option<&Login>) -> Result<Option<Account>, Fault>;

    /// What was said of these users when they were added, if anything was.
    async fn introductions(&self, realm_id: RealmId, ids: &[UserId]) -> Result<HashMap<UserId, Introduction>, Fault>;

    /// A user with what proves him.
    async fn account_of(&self, realm_id: RealmId, id: UserId) -> Result<Option<Account>, Fault>;

    /// What this very request led to when it came before.
    async fn admitted(&self, call: &Call, now: Timestamp) -> Result<Option<Vec<Admitted>>, RepeatError>;

    /// Adds those whose contacts nobody has. Says of each, in their order, what became of him: all contacts that others have
    /// (I8). None stands for one who could not be made.
    async fn insert(
        &self,
        permit: &Permit,
        call: &Call,
        admissions: &[Option<&Admission>],
        now: Timestamp,
    ) -> Result<Vec<Admitted>, InsertError>;

    /// Writes the user only if nobody has changed him since he was read.
    async fn update_contact(
        &self,
        permit: &Permit,
        call: &Call,
        user: &User,
        event_id: EventId,
        changed: ContactChanged,
    ) -> Result<(), UpdateUserError>;

    /// Writes the user only if nobody has changed him since he was read, and if `decided_by` is an active OWNER of the company
    /// at that very moment: so two owners cannot block each other, and a company keeps its last one (I3). Access tokens that
    /// tell of his former standing are void from then on, and a blocked user's sessions have ended.
    async fn update_standing(&self, permit: &Permit, call: &Call, decision: &Decision<'_>) -> Result<(), ChangeStandingError>;

    /// True if somebody is an active OWNER of his company.
    async fn is_active_owner(&self, realm_id: RealmId, id: UserId) -> Result<bool, Fault>;
}

/// Why nothing could be added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InsertError {
    #[error("the request was done meanwhile")]
    DoneBefore,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a user's standing could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeStandingError {
    #[error("the user was changed meanwhile, or whoever decided is no active OWNER any more")]
    Stale,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a user could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateUserError {
    #[error("another user has this contact")]
    Taken,
    #[error("the user was changed meanwhile")]
    Stale,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Where realms and companies are kept.
#[async_trait]
pub(crate) trait Realms: Send + Sync {
    /// The realm that this very request made when it came before.
    async fn made(&self, call: &Call, now: Timestamp) -> Result<Option<RealmId>, RepeatError>;

    async fn insert(&self, permit: &Permit, call: &Call, realm: &Realm) -> Result<(), InsertError>;

    async fn get(&self, realm_id: RealmId) -> Result<Option<Realm>, Fault>;

    /// Writes the realm's policy only if nobody has changed the realm since it was read.
    async fn update_policy(&self, permit: &Permit, realm: &Realm) -> Result<bool, Fault>;

    /// Realms behind one of them, the oldest first.
    async fn page(&self, after: Option<RealmId>, limit: i64) -> Result<Vec<Realm>, Fault>;

    /// The company that this very request made when it came before.
    async fn made_company(&self, call: &Call, now: Timestamp) -> Result<Option<CompanyId>, RepeatError>;

    /// Adds a company and, if there is one, its first OWNER: both or neither.
    async fn insert_company(
        &self,
        permit: &Permit,
        call: &Call,
        company: &Company,
        owner: Option<&Admission>,
    ) -> Result<CompanyInserted, InsertError>;

    async fn get_company(&self, realm_id: RealmId, company_id: CompanyId) -> Result<Option<Company>, Fault>;

    /// Companies behind one of them, the oldest first.
    async fn page_companies(&self, realm_id: RealmId, after: Option<CompanyId>, limit: i64) -> Result<Vec<Company>, Fault>;
}

/// What became of a company that was to be added.
#[derive(Debug)]
pub(crate) enum CompanyInserted {
    Added,
    /// Others have these contacts of its first OWNER; none if they have let go of them since.
    Taken(Vec<Contact>),
}

/// What presets there are.
pub(crate) trait Presets: Send + Sync {
    /// The policy of a preset and its version.
    fn get(&self, name: &str) -> Option<(Policy, i32)>;
}

/// Attempts that are counted together, as they are kept.
#[derive(Debug)]
pub(crate) struct CountedBy {
    pub(crate) subject: Vec<u8>,
    pub(crate) most: i32,
    pub(crate) window: Duration,
}

/// Where attempts at secrets are counted.
#[async_trait]
pub(crate) trait Attempts: Send + Sync {
    /// Counts an attempt by all of these, or by none of them: then says until when there are no more.
    async fn begin(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        guessed: Guessed,
        counted_by: &[CountedBy],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Fault>;

    /// Takes one back that was right.
    async fn take_back(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        guessed: Guessed,
        subjects: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<(), Fault>;
}

/// A password to be set in place of another, with what follows.
#[derive(Debug)]
pub(crate) struct NewPassword<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) hash: &'a str,
    pub(crate) ending: SessionsEnding,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// Which sessions of a user end with his password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionsEnding {
    None,
    AllBut(SessionId),
    All,
}

/// Where passwords are kept.
#[async_trait]
pub(crate) trait Passwords: Send + Sync {
    /// Sets a password only if nobody has changed the user since he was read. Links that were mailed to him end, and he is told.
    async fn set(&self, permit: &Permit, call: &Call, new: &NewPassword<'_>) -> Result<bool, Fault>;
}

/// A link that is redeemed: everything that follows, all or nothing.
#[derive(Debug)]
pub(crate) struct Redemption<'a> {
    pub(crate) link: &'a Link,
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) password_hash: String,
    /// The session that begins; every other one ends.
    pub(crate) session: &'a Session,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// Where links are kept.
#[async_trait]
pub(crate) trait Links: Send + Sync {
    /// Keeps a link and has it mailed, if the user is active, has not changed since he was read, and was not mailed too many of
    /// late. False if nothing was mailed.
    async fn insert(&self, permit: &Permit, call: &Call, new: &NewLink) -> Result<bool, Fault>;

    /// A link that can be redeemed now, and its user: not used, not over, the user active and still of the same address.
    async fn get_open(
        &self,
        realm_id: RealmId,
        link_id: LinkId,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<(Link, User)>, Fault>;

    /// Redeems a link if it can still be; answers with the generation of the user's access tokens from now on.
    async fn redeem(&self, permit: &Permit, call: &Call, redemption: &Redemption<'_>) -> Result<Option<i64>, Fault>;
}

/// Where sessions are kept.
#[async_trait]
pub(crate) trait Sessions: Send + Sync {
    /// Keeps a session if the user is active and has not lost access since he was read.
    async fn insert(&self, permit: &Permit, session: &Session, access_generation: i64) -> Result<bool, Fault>;

    /// A session that has not ended, and its user.
    async fn get(&self, realm_id: RealmId, session_id: SessionId) -> Result<Option<(Session, SessionUser)>, Fault>;

    /// Those of a user that have not ended, the newest first.
    async fn list(&self, realm_id: RealmId, user_id: UserId, now: Timestamp) -> Result<Vec<Session>, Fault>;

    /// Makes the next token the present one, unless somebody did so meanwhile.
    async fn rotate(&self, permit: &Permit, session: &Session, expires_at: Timestamp, now: Timestamp) -> Result<bool, Fault>;

    /// Keeps that the user of a session has shown once more that he is who he says. False if it has ended.
    async fn authenticate(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        session_id: SessionId,
        now: Timestamp,
    ) -> Result<bool, Fault>;

    async fn rename(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        user_id: UserId,
        session_id: SessionId,
        name: &str,
    ) -> Result<bool, Fault>;

    /// Ends a session of a user, its access tokens included. False if he has no such session.
    async fn end(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        user_id: UserId,
        session_id: SessionId,
        now: Timestamp,
    ) -> Result<bool, Fault>;

    /// Ends a session two have the token of, and tells its user; nothing if it has ended meanwhile.
    async fn end_compromised(
        &self,
        permit: &Permit,
        call: &Call,
        session: &Session,
        user_version: i64,
        event_id: EventId,
        now: Timestamp,
    ) -> Result<(), Fault>;
}

/// A code to be sent.
#[derive(Debug)]
pub(crate) struct NewPhoneCode {
    pub(crate) code: PhoneCode,
    /// The version of the user at which he has the number it is for.
    pub(crate) user_version: i64,
    /// What is kept of it.
    pub(crate) mac: Vec<u8>,
    /// The code for the message, which only notification can read.
    pub(crate) sealed_code: Vec<u8>,
    pub(crate) client_address: Option<String>,
    pub(crate) event_id: EventId,
}

/// A code that may be tried once more; that it was is counted already.
#[derive(Debug)]
pub(crate) struct TriedCode {
    pub(crate) id: PhoneCodeId,
    pub(crate) phone: PhoneNumber,
    pub(crate) mac: Vec<u8>,
}

/// Where codes are kept that were sent to phones.
#[async_trait]
pub(crate) trait PhoneCodes: Send + Sync {
    /// Keeps a code and has it sent, unless another was a moment ago, or enough of them today, or the user is another by now.
    async fn insert(&self, permit: &Permit, call: &Call, new: &NewPhoneCode) -> Result<bool, Fault>;

    /// Counts a try of the code that was sent last; none if there is nothing to be tried.
    async fn try_last(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Option<TriedCode>, Fault>;

    async fn end_all(&self, permit: &Permit, realm_id: RealmId, user_id: UserId, now: Timestamp) -> Result<(), Fault>;
}

/// Where the credentials of machines are kept.
#[async_trait]
pub(crate) trait Credentials: Send + Sync {
    async fn insert(&self, permit: &Permit, credential: &Credential, secret_hash: &[u8]) -> Result<(), Fault>;

    async fn list(&self, realm_id: RealmId) -> Result<Vec<Credential>, Fault>;

    async fn get(&self, realm_id: RealmId, id: CredentialId) -> Result<Option<Credential>, Fault>;

    /// The credential, if this is the hash of its secret.
    async fn find(&self, id: CredentialId, secret_hash: &[u8]) -> Result<Option<Credential>, Fault>;

    /// Deletes a credential and takes its access back. False if there is none.
    async fn delete(&self, permit: &Permit, id: CredentialId, now: Timestamp) -> Result<bool, Fault>;
}

/// Somebody who runs the platform.
#[derive(Debug)]
pub(crate) struct Administrator {
    pub(crate) name: String,
    pub(crate) password_hash: String,
    pub(crate) is_one_time: bool,
    pub(crate) changed_at: Timestamp,
}

/// Where those are kept who run the platform.
#[async_trait]
pub(crate) trait Administrators: Send + Sync {
    async fn get(&self, name: &str) -> Result<Option<Administrator>, Fault>;

    /// Sets a password that lasts, unless the present one is another than `was` by now.
    async fn set_password(
        &self,
        permit: &Permit,
        was: &Administrator,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}

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
    /// Somebody on a device that he has signed in on, or with a link that he was mailed: places are kept for him (I23).
    Known,
}

/// Hashes passwords, slowly on purpose.
#[async_trait]
pub(crate) trait PasswordHasher: Send + Sync {
    async fn hash(&self, password: Password) -> Result<String, HashError>;

    /// True if this is the password. Where there is none to compare with, the same work is done for nothing (I22).
    async fn verify(&self, password: Password, stored: Option<String>, waiting: Waiting) -> Result<bool, HashError>;
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
}

/// What the token of a device names: who has signed in on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceToken {
    pub(crate) realm: RealmId,
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
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

    fn read_link_token(&self, token: &str) -> Option<LinkToken>;

    fn refresh_token(&self, token: RefreshToken) -> Secret<String>;

    /// None unless it is one that we made.
    fn read_refresh_token(&self, token: &str) -> Option<RefreshToken>;

    fn device_token(&self, token: DeviceToken) -> Secret<String>;

    /// None unless it is one that we made.
    fn read_device_token(&self, token: &str) -> Option<DeviceToken>;

    /// What is kept of whatever attempts are counted by.
    fn guess_subject(&self, subject: &str) -> Vec<u8>;

    /// A new code: what is kept of it, and the code itself as only notification can read it.
    fn phone_code(&self, id: PhoneCodeId) -> (Vec<u8>, Vec<u8>);

    fn is_phone_code(&self, id: PhoneCodeId, code: &str, mac: &[u8]) -> bool;

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
    /// `generation` is the one of a user's tokens; it means nothing for others.
    fn issue(&self, caller: &Caller, generation: i64, now: Timestamp) -> Result<AccessToken, Fault>;

    /// The oldest first; those are among them that are about to sign.
    fn published(&self) -> Vec<PublishedKey>;
}

/// What is kept of access taken back.
#[async_trait]
pub(crate) trait Revocations: Send + Sync {
    /// True if access was taken back from one of these.
    async fn is_revoked(&self, subjects: &[Subject]) -> Result<bool, Fault>;
}
