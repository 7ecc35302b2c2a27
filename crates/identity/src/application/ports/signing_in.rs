//! Passwords, links and sessions: how users prove themselves, and for how long.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{Call, CompanyId, EventId, Fault, LinkId, Permit, RealmId, SessionId, Timestamp, UserId};

use super::Account;
use crate::domain::audit::Done;
use crate::domain::guessing::Guessed;
use crate::domain::{Link, Session, SessionUser, User};

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
    /// Counts so many attempts by all of these, or by none of them: then says until when there are no more.
    async fn begin(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        guessed: Guessed,
        counted_by: &[CountedBy],
        times: i32,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Fault>;

    /// Takes so many back that were right.
    async fn take_back(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        guessed: Guessed,
        subjects: &[Vec<u8>],
        times: i32,
        now: Timestamp,
    ) -> Result<(), Fault>;

    /// Forgets what is counted, and writes down that it was, unless nothing was. Answers with how many counts there were.
    async fn forget(&self, permit: &Permit, call: &Call, lifted: &Lifted, now: Timestamp) -> Result<u64, Fault>;
}

/// What is to count no longer.
#[derive(Debug)]
pub(crate) struct Lifted {
    pub(crate) realm_id: RealmId,
    /// What is counted by these, as they are kept.
    pub(crate) subjects: Vec<Vec<u8>>,
    /// And whatever is kept behind this, which stands for a user.
    pub(crate) whose: Option<Vec<u8>>,
    /// The company of that user.
    pub(crate) company_id: Option<CompanyId>,
    pub(crate) done: Done,
}

/// A password to be set in place of another, with what follows.
#[derive(Debug)]
pub(crate) struct NewPassword<'a> {
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) hash: &'a str,
    pub(crate) ending: SessionsEnding,
    pub(crate) set_by: PasswordSetter,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// Who sets a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordSetter {
    /// The user, in a session of his.
    Himself(SessionId),
    /// An OWNER of his company.
    Owner(UserId),
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
    /// Sets a password only if nobody has changed the user since he was read, and if whoever sets it is active at that very moment: the
    /// user himself in a session that has not ended, or an OWNER of his company. Links that were mailed to him end, and he is told.
    async fn set(&self, permit: &Permit, call: &Call, new: &NewPassword<'_>) -> Result<bool, Fault>;

    /// Keeps the same password by another hash, unless it is another password by now.
    async fn replace_hash(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        user_id: UserId,
        former: &str,
        hash: &str,
    ) -> Result<(), Fault>;
}

/// Where it is kept which stations users have entered a VPN from; each as a keyed hash.
#[async_trait]
pub(crate) trait Stations: Send + Sync {
    /// True if he has entered from there with the password that he has.
    async fn is_known(&self, realm_id: RealmId, user_id: UserId, station: &[u8]) -> Result<bool, Fault>;

    /// Remembers that he has entered from there, with the password that he has there.
    async fn remember(&self, permit: &Permit, account: &Account, station: &[u8], now: Timestamp) -> Result<(), Fault>;
}

/// A link to be sent.
#[derive(Debug)]
pub(crate) struct NewLink {
    pub(crate) link: Link,
    /// The version of the user at which he has the address or the phone it is for.
    pub(crate) user_version: i64,
    /// The company of the user, if there is one.
    pub(crate) company_id: Option<CompanyId>,
    /// What is kept of its token.
    pub(crate) token_hash: Vec<u8>,
    /// The token for the letter or the SMS, which only notification can read.
    pub(crate) sealed_token: Vec<u8>,
    /// From where an SMS was asked for.
    pub(crate) client_address: Option<String>,
    pub(crate) event_id: EventId,
}

/// A link that is redeemed: everything that follows, all or nothing.
#[derive(Debug)]
pub(crate) struct Redemption<'a> {
    pub(crate) link: &'a Link,
    /// The user as he was read.
    pub(crate) user: &'a User,
    pub(crate) password_hash: String,
    /// The session that begins, unless its user is asked for more than his password first; every other one ends.
    pub(crate) session: Option<&'a Session>,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

/// Where links are kept.
#[async_trait]
pub(crate) trait Links: Send + Sync {
    /// Keeps a link and has it sent, if the user is active, has not changed since he was read, and was not sent too many of
    /// late. False if nothing was sent.
    async fn insert(&self, permit: &Permit, call: &Call, new: &NewLink) -> Result<bool, Fault>;

    /// A link that can be redeemed now, and its user: not used, not over, the user active and still of the same address, or the same
    /// phone, which he has confirmed.
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

/// Which sessions of a user somebody else ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedByOthers {
    All,
    One(SessionId),
}

/// Where sessions are kept.
#[async_trait]
pub(crate) trait Sessions: Send + Sync {
    /// Keeps a session if the user is active and nobody has changed him, or his password, since he was read.
    async fn insert(&self, permit: &Permit, session: &Session, user_version: i64) -> Result<bool, Fault>;

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

    /// Ends sessions of a user, their access tokens included, and writes down that somebody else did. Answers with how many would have gone
    /// on; nothing if he has no such session.
    async fn end_for(
        &self,
        permit: &Permit,
        call: &Call,
        user: &User,
        ended: EndedByOthers,
        now: Timestamp,
    ) -> Result<Option<usize>, Fault>;

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
