//! Whose second factors something is about: somebody in a session of his own, or somebody who is half signed in (I25).

use std::sync::Arc;

use kernel::{Call, Clock, Permit, SecondFactorId, SessionId};

use super::sessions::{recent_session, session_user, signed_in};
use super::{ATTEMPTS, Account, Error, Realms, Secrets, SessionUseCases, Sessions, SignedIn, Users};
use crate::domain::access::Action;
use crate::domain::{AskedIn, FirstFactor, Proof, Realm, SecondFactorKind, SocialSignIn, UserStatus};

/// Somebody in a session, or somebody who has shown what he came with and may do nothing else.
pub(super) struct Entrant {
    pub(super) permit: Permit,
    pub(super) account: Account,
    pub(super) realm: Realm,
    pub(super) asked_in: AskedIn,
    /// What he came with.
    pub(super) first: FirstFactor,
}

impl Entrant {
    pub(super) const fn session_id(&self) -> Option<SessionId> {
        match self.asked_in {
            AskedIn::Session(session_id) => Some(session_id),
            AskedIn::SignIn(_) => None,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Entrants {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) secrets: Arc<dyn Secrets>,
    /// Signs in whoever has shown a factor.
    pub(crate) signing_in: SessionUseCases,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Entrants {
    /// By his token; in his session if he has none.
    pub(super) async fn entrant(&self, call: &Call, token: &str) -> Result<Entrant, Error> {
        if token.is_empty() { self.in_session(call).await } else { self.by_token(call, token).await }
    }

    /// Somebody in a session of his own, who has signed in a short while ago.
    pub(super) async fn in_session(&self, call: &Call) -> Result<Entrant, Error> {
        let permit = call.authorize(&Action::ManageOwnSecondFactor)?;
        let (caller, session_id) = signed_in(call)?;
        let realm = self.realms.get(caller.realm_id).await?.ok_or(Error::RealmNotFound)?;
        // Whoever has stolen a session would keep its user out with a factor of his own.
        let session = recent_session(self.sessions.as_ref(), &caller, session_id, &realm.policy, self.clock.now()).await?;
        let account = self.users.account_of(caller.realm_id, caller.user_id).await?.ok_or(Error::SessionOver)?;
        Ok(Entrant { permit, account, realm, asked_in: AskedIn::Session(session_id), first: session.proof.first })
    }

    /// Somebody who has shown his password a moment ago. What he holds is void once that, or his standing, is another.
    pub(super) async fn by_token(&self, call: &Call, token: &str) -> Result<Entrant, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let half = self.secrets.read_half_token(token).ok_or(Error::SignInOver)?;
        let realm = self.realms.get(half.realm_id).await?.ok_or(Error::SignInOver)?;
        let account = self.users.account_of(half.realm_id, half.user_id).await?.ok_or(Error::SignInOver)?;
        let is_good = half.is_open_at(self.clock.now())
            && account.user.status() == UserStatus::Active
            && account.user.access_generation() == half.access_generation
            && account.known_since() == half.known_since;
        if !is_good {
            return Err(Error::SignInOver);
        }
        if !realm.policy.sign_on.admits(account.user.role(), half.first) {
            return Err(Error::SignOnRequired);
        }
        if half.first == FirstFactor::Provider && realm.policy.social_sign_in == SocialSignIn::Closed {
            return Err(Error::SignInOver);
        }
        Ok(Entrant { permit, account, realm, asked_in: AskedIn::SignIn(half), first: half.first })
    }

    /// A session of somebody who has shown both. Something else about him may have changed since; but neither his password nor his standing.
    pub(super) async fn enter(
        &self,
        call: &Call,
        entrant: &Entrant,
        session_name: String,
        (second, factor_id): (SecondFactorKind, SecondFactorId),
    ) -> Result<SignedIn, Error> {
        let Entrant { permit, account: shown, realm, first, .. } = entrant;
        let proof = Proof { first: *first, second: Some(second) };
        for _ in 0..ATTEMPTS {
            let account = self.users.account_of(realm.id, shown.user.id()).await?.ok_or(Error::SignInOver)?;
            let user = &account.user;
            let is_same = account.password_set_at() == shown.password_set_at()
                && user.access_generation() == shown.user.access_generation()
                && user.status() == UserStatus::Active;
            // Read after himself: whoever takes the factor away makes him another.
            if !is_same || !self.signing_in.factors.held(realm.id, user.id()).await?.has(factor_id) {
                break;
            }
            let session = self.signing_in.begin(call, user, &realm.policy, session_name.clone(), proof);
            if self.sessions.insert(permit, &session, user.version()).await? {
                return self.signing_in.signed_in(call, &session, &account, session_user(user), Some(factor_id));
            }
        }
        Err(Error::SignInOver)
    }

    /// Signs in whoever came without a session. Whoever has become another at the very last signs in again, and so does everybody whose
    /// session cannot be kept now: his factor is on, and his recovery codes are shown all the same, this once.
    pub(super) async fn entered(
        &self,
        call: &Call,
        entrant: &Entrant,
        session_name: String,
        factor: (SecondFactorKind, SecondFactorId),
    ) -> Result<Option<SignedIn>, Error> {
        if entrant.session_id().is_some() {
            return Ok(None);
        }
        match self.enter(call, entrant, session_name, factor).await {
            Ok(signed_in) => Ok(Some(signed_in)),
            Err(Error::SignInOver) => Ok(None),
            Err(Error::Fault(fault)) => {
                tracing::warn!(error = &fault as &dyn std::error::Error, "a second factor is on, and its user was not signed in");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
