//! Signing in, refreshing, and a user's own sessions (I24).

use std::sync::Arc;
use std::time::Duration;

use kernel::{
    Authorized, Call, Caller, Clock, IdSource, Permit, RealmId, Refusal, Role, SecondFactorId, Secret, SessionId, Through,
    Timestamp, UserCaller, UserId,
};

use super::guessing::{Attempt, PLATFORM};
use super::{
    ATTEMPTS, AccessToken, AccessTokens, Account, DeviceToken, Error, Guessing, HashError, PasswordHasher, Passwords, Realms,
    RefreshToken, SecondFactors, Secrets, Sessions, Users, Waiting,
};
use crate::domain::access::Action;
use crate::domain::guessing::Guessed;
use crate::domain::{
    FirstFactor, HalfSignedIn, Login, Password, Policy, Proof, Refresh, SecondFactorWanted, Session, SessionUser, User,
    UserStatus,
};

/// How long ago somebody may have signed in where a password is changed however long ago that was.
const REAUTHENTICATION_AGE: Duration = Duration::from_mins(15);

#[derive(Clone)]
pub(crate) struct SessionUseCases {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) factors: Arc<dyn SecondFactors>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) kept_passwords: Arc<dyn Passwords>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) tokens: Arc<dyn AccessTokens>,
    pub(crate) guessing: Guessing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

pub(crate) struct SignIn {
    pub(crate) realm_id: RealmId,
    pub(crate) login: String,
    pub(crate) password: Password,
    pub(crate) session_name: String,
}

/// What a user who has signed in holds.
#[derive(Debug)]
pub(crate) struct SessionTokens {
    pub(crate) session_id: SessionId,
    pub(crate) access: AccessToken,
    pub(crate) refresh_token: Secret<String>,
    pub(crate) refresh_expires_at: Timestamp,
}

/// A user who has signed in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) user: User,
    pub(crate) tokens: SessionTokens,
    /// By what his device is known the next time.
    pub(crate) device_token: Secret<String>,
}

/// How somebody enters who has shown his password.
#[derive(Debug)]
pub(crate) enum Entrance {
    /// By a session that is to be kept.
    Session(Session),
    /// Not yet: he is asked for more than what he came with.
    Challenge { first: FirstFactor, wanted: SecondFactorWanted },
}

impl Entrance {
    pub(crate) const fn session(&self) -> Option<&Session> {
        match self {
            Self::Session(session) => Some(session),
            Self::Challenge { .. } => None,
        }
    }
}

/// Where he has come.
#[derive(Debug)]
pub(crate) enum Entered {
    SignedIn(Box<SignedIn>),
    /// Half way.
    Challenged(Challenge),
}

/// What somebody is asked for beside his password.
#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) token: Secret<String>,
    pub(crate) wanted: SecondFactorWanted,
    pub(crate) expires_at: Timestamp,
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::SignInBusy,
            HashError::Fault(fault) => fault.into(),
        }
    }
}

impl SessionUseCases {
    /// Whoever does not exist, is blocked or has no password is refused as a wrong password is, after the same work (I22).
    pub(crate) async fn sign_in(&self, call: &Call, command: SignIn) -> Result<Authorized<Entered>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let realm = self.realms.get(command.realm_id).await?;
        let login = realm.as_ref().and_then(|realm| Login::read(&command.login, &realm.policy));
        let account = self.users.account(command.realm_id, login.as_ref()).await?;
        // Realms that are made up count as one.
        let counted_in = realm.as_ref().map_or(PLATFORM, |realm| realm.id);
        let (waiting, attempt) = self.attempt(&permit, call, counted_in, &command, login.as_ref(), account.as_ref()).await?;
        let mut account = self.look_at(&permit, account, command.password, waiting, &attempt).await?;
        let realm = realm.ok_or(Error::SignInRefused)?;
        for _ in 0..ATTEMPTS {
            if account.user.status() != UserStatus::Active {
                break;
            }
            let name = command.session_name.clone();
            if let Some(entered) = self.enter(&permit, call, &account, &realm.policy, name, FirstFactor::Password).await? {
                self.guessing.take_back(&permit, &attempt).await?;
                return Ok(permit.show(entered));
            }
            // His standing changed while the password was looked at. Unless the password did too, he is still who he says.
            let again = self.users.account(command.realm_id, login.as_ref()).await?;
            account = again.filter(|again| again.password_set_at() == account.password_set_at()).ok_or(Error::SignInRefused)?;
        }
        Err(Error::SignInRefused)
    }

    /// Lets somebody in who has shown what he comes with. None if something about him has changed since he was read.
    pub(super) async fn enter(
        &self,
        permit: &Permit,
        call: &Call,
        account: &Account,
        policy: &Policy,
        session_name: String,
        first: FirstFactor,
    ) -> Result<Option<Entered>, Error> {
        let entrance = self.entrance(call, &account.user, policy, session_name, first).await?;
        if let Some(session) = entrance.session()
            && !self.sessions.insert(permit, session, account.user.version()).await?
        {
            return Ok(None);
        }
        self.entered(call, entrance, account, session_user(&account.user), self.clock.now()).map(Some)
    }

    /// How somebody enters who has shown what he comes with; his factors are read after himself: one that is turned on later makes him another.
    pub(crate) async fn entrance(
        &self,
        call: &Call,
        user: &User,
        policy: &Policy,
        name: String,
        first: FirstFactor,
    ) -> Result<Entrance, Error> {
        if !policy.sign_on.admits(user.role(), first) {
            return Err(Error::SignOnRequired);
        }
        let held = self.factors.held(user.realm_id(), user.id()).await?;
        Ok(match SecondFactorWanted::of(&policy.second_factor, user.role(), &held) {
            Some(wanted) => Entrance::Challenge { first, wanted },
            None => Entrance::Session(self.begin(call, user, policy, name, Proof::by(first))),
        })
    }

    /// What he holds then; `user` is how he stands by now.
    pub(crate) fn entered(
        &self,
        call: &Call,
        entrance: Entrance,
        account: &Account,
        user: SessionUser,
        now: Timestamp,
    ) -> Result<Entered, Error> {
        match entrance {
            Entrance::Session(session) => {
                let signed_in = self.signed_in(call, &session, account, user, None)?;
                Ok(Entered::SignedIn(Box::new(signed_in)))
            }
            Entrance::Challenge { first, wanted } => {
                let (realm_id, user_id) = (account.user.realm_id(), account.user.id());
                let (access_generation, known_since) = (user.access_generation, account.known_since());
                let half = HalfSignedIn { realm_id, user_id, access_generation, shown_at: now, first, known_since };
                let token = self.secrets.half_token(&half);
                Ok(Entered::Challenged(Challenge { token, wanted, expires_at: half.expires_at() }))
            }
        }
    }

    /// What somebody holds whose session is kept; `factor` is the one that he has shown.
    pub(crate) fn signed_in(
        &self,
        call: &Call,
        session: &Session,
        account: &Account,
        user: SessionUser,
        factor: Option<SecondFactorId>,
    ) -> Result<SignedIn, Error> {
        let tokens = self.tokens(session, user, self.clock.now())?;
        Ok(SignedIn { user: account.user.clone(), tokens, device_token: self.device_token(call, account, factor) })
    }

    /// Looks at a password, whether or not there is one to compare it with, and says whose it is.
    pub(super) async fn look_at(
        &self,
        permit: &Permit,
        account: Option<Account>,
        password: Password,
        waiting: Waiting,
        attempt: &Attempt,
    ) -> Result<Account, Error> {
        let stored = account.as_ref().and_then(|account| account.password.as_ref()).map(|password| password.hash.clone());
        let looked_at = self.passwords.verify(password.clone(), stored, waiting).await;
        let is_right = self.guessing.looked_at(permit, attempt, looked_at).await?;
        let account = account.filter(|_| is_right).ok_or(Error::SignInRefused)?;
        self.hash_again(permit, &account, password, waiting).await;
        Ok(account)
    }

    /// Hashes a password that was right in the way passwords are hashed by now. Whoever signs in does not depend on it.
    async fn hash_again(&self, permit: &Permit, account: &Account, password: Password, waiting: Waiting) {
        let Some(stored) = account.password.as_ref().filter(|stored| self.passwords.is_outdated(&stored.hash)) else { return };
        let user = &account.user;
        let replaced = match self.passwords.hash(password, waiting).await {
            Ok(hash) => self.kept_passwords.replace_hash(permit, user.realm_id(), user.id(), &stored.hash, &hash).await,
            // At the next sign-in.
            Err(HashError::Busy) => Ok(()),
            Err(HashError::Fault(fault)) => Err(fault),
        };
        if let Err(fault) = replaced {
            tracing::warn!(error = &fault as &dyn std::error::Error, "a password was not hashed again");
        }
    }

    /// Counts an attempt, and says in which queue it stands.
    async fn attempt(
        &self,
        permit: &Permit,
        call: &Call,
        counted_in: RealmId,
        command: &SignIn,
        login: Option<&Login>,
        account: Option<&Account>,
    ) -> Result<(Waiting, Attempt), Error> {
        let limits = &self.guessing.limits;
        let known = account.and_then(|account| Some((self.device(call, account)?.device, account.user.id())));
        let Some((device_id, user_id)) = known else {
            let buckets = limits.of_strange_device(call.client_in(command.realm_id).address, login, &command.login);
            let attempt = self.guessing.begin(permit, counted_in, Guessed::Password, &buckets).await?;
            return Ok((Waiting::Stranger, attempt));
        };
        self.guessing.begin_known(permit, counted_in, &limits.of_known_device(device_id, user_id), user_id).await
    }

    pub(crate) fn device(&self, call: &Call, account: &Account) -> Option<DeviceToken> {
        known_device(self.secrets.as_ref(), call, account)
    }

    /// By what the device of somebody who has just signed in is known the next time, and by the factor that he has shown, if he has.
    fn device_token(&self, call: &Call, account: &Account, factor: Option<SecondFactorId>) -> Secret<String> {
        let now = self.clock.now();
        let known = self.device(call, account);
        let device = known.map_or_else(|| self.ids.new_id(now), |known| known.device);
        let factor = factor.or_else(|| known.and_then(|known| known.factor));
        let user = &account.user;
        let token = DeviceToken { realm: user.realm_id(), user: user.id(), device, factor };
        self.secrets.device_token(token, account.known_since())
    }

    /// A session that begins now, not kept yet.
    pub(crate) fn begin(&self, call: &Call, user: &User, policy: &Policy, name: String, proof: Proof) -> Session {
        let now = self.clock.now();
        let client = call.client_in(user.realm_id());
        Session {
            realm_id: user.realm_id(),
            id: self.ids.new_id(now),
            user_id: user.id(),
            name,
            client_address: client.address.map(|address| address.to_string()),
            client_agent: client.agent.clone(),
            generation: 1,
            created_at: now,
            refreshed_at: now,
            expires_at: proof.lifetimes(policy).end(now, now),
            authenticated_at: now,
            proof,
        }
    }

    /// What somebody calls by in his session: as a CUSTOMER, whoever he is, where a letter has opened it.
    pub(super) fn tokens(&self, session: &Session, user: SessionUser, now: Timestamp) -> Result<SessionTokens, Error> {
        let (role, through) = match session.proof.first {
            FirstFactor::Autologin => (Role::Customer, Through::Autologin(session.id)),
            FirstFactor::Password | FirstFactor::Provider | FirstFactor::SignOn => (user.role, Through::Session(session.id)),
        };
        let caller = Caller::User(UserCaller {
            realm_id: session.realm_id,
            company_id: user.company_id,
            user_id: session.user_id,
            role,
            through,
        });
        let refresh = RefreshToken {
            realm_id: session.realm_id,
            session_id: session.id,
            generation: session.generation,
            is_autologin: session.proof.first == FirstFactor::Autologin,
        };
        Ok(SessionTokens {
            session_id: session.id,
            access: self.tokens.issue(&caller, user.access_generation, Some(session.proof), now)?,
            refresh_token: self.secrets.refresh_token(refresh),
            refresh_expires_at: session.expires_at,
        })
    }

    pub(crate) async fn refresh(&self, call: &Call, token: &str) -> Result<Authorized<SessionTokens>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let shown = self.secrets.read_refresh_token(token).ok_or(Error::SessionOver)?;
        for _ in 0..ATTEMPTS {
            let found = self.sessions.get(shown.realm_id, shown.session_id).await?;
            let (mut session, user) = found.filter(|(_, user)| user.is_active).ok_or(Error::SessionOver)?;
            let realm = self.realms.get(session.realm_id).await?.ok_or(Error::SessionOver)?;
            session.obey(&realm.policy);
            if !session.proof.is_enough(&realm.policy, user.role) {
                return Err(Error::SessionOver);
            }
            let now = self.clock.now();
            match session.refresh(shown.generation, now) {
                Refresh::Over => return Err(Error::SessionOver),
                Refresh::Reuse => return self.end_compromised(&permit, call, &session, user.version, now).await,
                Refresh::Repeat => return Ok(permit.show(self.tokens(&session, user, now)?)),
                Refresh::Rotate => {}
            }
            let expires_at = session.proof.lifetimes(&realm.policy).end(session.created_at, now);
            if self.sessions.rotate(&permit, &session, expires_at, now).await? {
                session.generation += 1;
                session.expires_at = expires_at;
                return Ok(permit.show(self.tokens(&session, user, now)?));
            }
            // Somebody was faster with the same token, or has ended the session.
        }
        Err(Error::SessionOver)
    }

    /// Two have the token: neither keeps the session, and the user is told.
    async fn end_compromised<T>(
        &self,
        permit: &Permit,
        call: &Call,
        session: &Session,
        user_version: i64,
        now: Timestamp,
    ) -> Result<T, Error> {
        self.sessions.end_compromised(permit, call, session, user_version, self.ids.new_id(now), now).await?;
        Err(Error::SessionOver)
    }

    /// Shows once more that the caller knows his password.
    pub(crate) async fn reauthenticate(&self, call: &Call, password: Password) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::ManageOwnSessions)?;
        let (user, session_id) = signed_in(call)?;
        let policy = self.realms.get(user.realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        let account = self.users.account_of(user.realm_id, user.user_id).await?.ok_or(Error::SessionOver)?;
        if !policy.sign_on.admits(account.user.role(), FirstFactor::Password) {
            return Err(Error::SignOnRequired);
        }
        let stored = account.password.ok_or(Error::PasswordMissing)?.hash;
        let buckets = self.guessing.limits.of_session(session_id);
        let (waiting, attempt) = self.guessing.begin_known(&permit, user.realm_id, &buckets, user.user_id).await?;
        let looked_at = self.passwords.verify(password, Some(stored), waiting).await;
        if !self.guessing.looked_at(&permit, &attempt, looked_at).await? {
            return Err(Error::CurrentPasswordWrong);
        }
        self.guessing.take_back(&permit, &attempt).await?;
        if !self.sessions.authenticate(&permit, user.realm_id, session_id, self.clock.now()).await? {
            return Err(Error::SessionOver);
        }
        Ok(permit.show(()))
    }

    pub(crate) async fn list(&self, call: &Call) -> Result<Authorized<Vec<Session>>, Error> {
        let permit = call.authorize(&Action::ManageOwnSessions)?;
        let (user, _) = signed_in(call)?;
        Ok(permit.show(self.going_on(user.realm_id, user.user_id).await?))
    }

    /// Those of a user that go on.
    pub(super) async fn going_on(&self, realm_id: RealmId, user_id: UserId) -> Result<Vec<Session>, Error> {
        let realm = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
        let now = self.clock.now();
        let mut sessions = self.sessions.list(realm_id, user_id, now).await?;
        for session in &mut sessions {
            session.obey(&realm.policy);
        }
        sessions.retain(|session| session.expires_at > now);
        Ok(sessions)
    }

    pub(crate) async fn rename(&self, call: &Call, session_id: SessionId, name: &str) -> Result<Authorized<Session>, Error> {
        let permit = call.authorize(&Action::ManageOwnSessions)?;
        let (user, _) = signed_in(call)?;
        if !self.sessions.rename(&permit, user.realm_id, user.user_id, session_id, name).await? {
            return Err(Error::SessionNotFound);
        }
        let renamed = self.own(user.realm_id, user.user_id, session_id).await?;
        Ok(permit.show(renamed))
    }

    async fn own(&self, realm_id: RealmId, user_id: UserId, session_id: SessionId) -> Result<Session, Error> {
        let found = self.sessions.get(realm_id, session_id).await?;
        let session = found.map(|(session, _)| session).filter(|session| session.user_id == user_id);
        session.ok_or(Error::SessionNotFound)
    }

    /// Ends the present session if none is named.
    pub(crate) async fn end(&self, call: &Call, session_id: Option<SessionId>) -> Result<Authorized<()>, Error> {
        let present = present_session(call);
        let is_present = session_id.is_none() || session_id == present;
        let permit = call.authorize(if is_present { &Action::LeaveSession } else { &Action::ManageOwnSessions })?;
        let (Caller::User(user), Some(session_id)) = (call.caller(), session_id.or(present)) else {
            return Err(Refusal::Denied.into());
        };
        if !self.sessions.end(&permit, user.realm_id, user.user_id, session_id, self.clock.now()).await? {
            return Err(Error::SessionNotFound);
        }
        Ok(permit.show(()))
    }
}

pub(crate) fn session_user(user: &User) -> SessionUser {
    SessionUser {
        company_id: user.company_id(),
        role: user.role(),
        access_generation: user.access_generation(),
        version: user.version(),
        is_active: user.status() == UserStatus::Active,
    }
}

/// The session that somebody calls in, whatever opened it.
fn present_session(call: &Call) -> Option<SessionId> {
    match call.caller() {
        Caller::User(UserCaller { through: Through::Session(id) | Through::Autologin(id), .. }) => Some(*id),
        _ => None,
    }
}

/// Who calls, and in which session of his own making.
pub(super) fn signed_in(call: &Call) -> Result<(UserCaller, SessionId), Error> {
    match call.caller() {
        Caller::User(user @ UserCaller { through: Through::Session(session_id), .. }) => Ok((*user, *session_id)),
        _ => Err(Refusal::Denied.into()),
    }
}

/// The device that calls, if this user has signed in on it before, with the password he has, or without one as now.
pub(crate) fn known_device(secrets: &dyn Secrets, call: &Call, account: &Account) -> Option<DeviceToken> {
    let user = &account.user;
    let shown = call.client_in(user.realm_id()).device.as_ref()?;
    let token = secrets.read_device_token(shown.expose(), account.known_since())?;
    (token.realm == user.realm_id() && token.user == user.id()).then_some(token)
}

/// A session of the caller's that goes on, and he with it.
pub(super) async fn open_session(sessions: &dyn Sessions, caller: &UserCaller, session_id: SessionId) -> Result<Session, Error> {
    let found = sessions.get(caller.realm_id, session_id).await?;
    let open = found.filter(|(session, user)| session.user_id == caller.user_id && user.is_active);
    open.map(|(session, _)| session).ok_or(Error::SessionOver)
}

/// The same, in which he has shown that he is who he says, as long ago at the most as his policy wants it of whoever changes his password.
pub(super) async fn authenticated_session(
    sessions: &dyn Sessions,
    caller: &UserCaller,
    session_id: SessionId,
    policy: &Policy,
    now: Timestamp,
) -> Result<Session, Error> {
    let session = open_session(sessions, caller, session_id).await?;
    let age = policy.password_change.reauthentication_age;
    if session.is_authenticated(age, now) { Ok(session) } else { Err(Error::ReauthenticationRequired) }
}

/// The same, and a short while ago also where his policy does not care.
pub(super) async fn recent_session(
    sessions: &dyn Sessions,
    caller: &UserCaller,
    session_id: SessionId,
    policy: &Policy,
    now: Timestamp,
) -> Result<Session, Error> {
    let session = open_session(sessions, caller, session_id).await?;
    let age = policy.password_change.reauthentication_age.unwrap_or(REAUTHENTICATION_AGE);
    if session.is_authenticated(Some(age), now) { Ok(session) } else { Err(Error::ReauthenticationRequired) }
}
