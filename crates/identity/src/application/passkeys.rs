//! Passkeys: getting them, signing in with them, naming them, giving them up (I25).

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, IdSource, SecondFactorId, Secret, Timestamp};

use super::factor_entrants::{Entrant, Entrants};
use super::factor_proofs::{FactorProofs, ShownFactor, site};
use super::second_factors::{RecoveryCodes, account_name};
use super::sessions::signed_in;
use super::{
    ATTEMPTS, Ceremony, Error, Guessing, NewPasskey, PasskeyInserted, PasskeyRegistrationError, PasskeyUpdate, Passkeys,
    Registrant, RelyingParty, SignedIn,
};
use crate::domain::access::Action;
use crate::domain::guessing::Guessed;
use crate::domain::{
    MOST_PASSKEYS, Passkey, PasskeyChallenge, PasskeyPurpose, PasskeyRecord, SecondFactorChange, SecondFactorKind,
};

pub(crate) struct PasskeyUseCases {
    pub(crate) passkeys: Arc<dyn Passkeys>,
    pub(crate) relying_party: Arc<dyn RelyingParty>,
    pub(crate) guessing: Guessing,
    pub(crate) entrants: Entrants,
    pub(crate) proofs: FactorProofs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// Somebody is about to make a passkey.
pub(crate) struct BeginPasskey {
    /// Empty for somebody in a session.
    pub(crate) token: String,
    /// Of a factor that he has already.
    pub(crate) shown: ShownFactor,
}

/// His browser has made it.
pub(crate) struct FinishPasskey {
    /// Empty for somebody in a session.
    pub(crate) token: String,
    pub(crate) credential: String,
    pub(crate) name: String,
    pub(crate) session_name: String,
}

/// Somebody shows a passkey after his password.
pub(crate) struct SignInWithPasskey {
    pub(crate) token: String,
    pub(crate) assertion: String,
    pub(crate) session_name: String,
}

/// What a browser is asked, and until when it may answer.
#[derive(Debug)]
pub(crate) struct PasskeyAsked {
    pub(crate) options: Secret<String>,
    pub(crate) expires_at: Timestamp,
}

/// A passkey that there is from now on.
#[derive(Debug)]
pub(crate) struct PasskeyRegistered {
    pub(crate) passkey: Passkey,
    /// None if he has them already.
    pub(crate) recovery_codes: RecoveryCodes,
    /// Nothing for somebody who was before.
    pub(crate) signed_in: Option<SignedIn>,
}

impl PasskeyUseCases {
    /// Asks for a passkey; there is none before it is made.
    pub(crate) async fn begin_registration(&self, call: &Call, command: BeginPasskey) -> Result<Authorized<PasskeyAsked>, Error> {
        let entrant = self.entrants.entrant(call, &command.token).await?;
        let site = site(&entrant)?;
        let user = &entrant.account.user;
        let passkeys = self.passkeys.list(entrant.realm.id, user.id()).await?;
        if passkeys.len() >= MOST_PASSKEYS {
            return Err(Error::PasskeyLimit);
        }
        self.proofs.before_another(call, &entrant, &command.shown).await?;
        let registrant = Registrant { user_id: user.id(), name: account_name(user) };
        let ceremony = self.relying_party.ask_to_register(&site, registrant, &passkeys)?;
        let asked = self.ask(&entrant, PasskeyPurpose::Registration, ceremony).await?;
        Ok(entrant.permit.show(asked))
    }

    /// Keeps what is asked, for one answer from where it is asked.
    async fn ask(&self, entrant: &Entrant, purpose: PasskeyPurpose, ceremony: Ceremony) -> Result<PasskeyAsked, Error> {
        let Entrant { permit, account, realm, asked_in, .. } = entrant;
        let Ceremony { options, state } = ceremony;
        let (realm_id, user_id, asked_in, created_at) = (realm.id, account.user.id(), *asked_in, self.clock.now());
        let challenge = PasskeyChallenge { realm_id, user_id, purpose, asked_in, state, created_at };
        if !self.passkeys.ask(permit, &challenge, &account.user).await? {
            return Err(Error::UserChanged);
        }
        Ok(PasskeyAsked { options, expires_at: challenge.expires_at() })
    }

    /// Keeps the passkey that was made.
    pub(crate) async fn finish_registration(
        &self,
        call: &Call,
        command: FinishPasskey,
    ) -> Result<Authorized<PasskeyRegistered>, Error> {
        let entrant = self.entrants.entrant(call, &command.token).await?;
        // Before what was asked is used up: whoever gets a first factor makes it void.
        let is_first = self.proofs.held(&entrant).await?.is_none();
        let key = self.read_registration(&entrant, &command.credential).await?;
        let (now, recovery) = (self.clock.now(), self.proofs.new_recovery_codes());
        let passkey = Passkey {
            realm_id: entrant.realm.id,
            user_id: entrant.account.user.id(),
            id: self.ids.new_id(now),
            name: command.name,
            key,
            created_at: now,
            used_at: None,
            copied_at: None,
        };
        for _ in 0..ATTEMPTS {
            // Whoever has changed meanwhile is asked again who he is.
            let entrant = self.entrants.entrant(call, &command.token).await?;
            let held = self.proofs.held(&entrant).await?;
            if entrant.session_id().is_none() && !held.is_none() {
                return Err(Error::SecondFactorOn);
            }
            if is_first && !held.is_none() {
                return Err(Error::PasskeyChallengeOver);
            }
            if held.passkeys.len() >= MOST_PASSKEYS {
                return Err(Error::PasskeyLimit);
            }
            let (user, session_id, event_id) = (&entrant.account.user, entrant.session_id(), self.ids.new_id(now));
            let first = held.is_none().then_some(&recovery);
            let new = NewPasskey { user, passkey: &passkey, recovery: first, session_id, event_id, now };
            match self.passkeys.insert(&entrant.permit, call, &new).await? {
                PasskeyInserted::Changed => {}
                PasskeyInserted::Taken => return Err(Error::PasskeyTaken),
                PasskeyInserted::Yes => {
                    let factor = (SecondFactorKind::Passkey, passkey.id);
                    let signed_in = self.entrants.entered(call, &entrant, command.session_name, factor).await?;
                    let recovery_codes = first.map(|recovery| recovery.codes.clone()).unwrap_or_default();
                    return Ok(entrant.permit.show(PasskeyRegistered { passkey, recovery_codes, signed_in }));
                }
            }
        }
        Err(Error::UserChanged)
    }

    /// What is kept of a passkey that was made for what was asked here.
    async fn read_registration(&self, entrant: &Entrant, credential: &str) -> Result<PasskeyRecord, Error> {
        let Entrant { permit, account, realm, asked_in, .. } = entrant;
        let site = site(entrant)?;
        let buckets = self.guessing.limits.of_passkeys(account.user.id(), asked_in);
        let attempt = self.guessing.begin(permit, realm.id, Guessed::Passkey, &buckets).await?;
        let state = self.proofs.asked(entrant, PasskeyPurpose::Registration).await?;
        let registered = self.passkeys.list(realm.id, account.user.id()).await?;
        let read = self.relying_party.read_registration(&site, state, credential, &registered).map_err(|error| match error {
            PasskeyRegistrationError::Refused(problem) => Error::PasskeyRefused { field: "credential", problem },
            PasskeyRegistrationError::Registered => Error::PasskeyTaken,
            PasskeyRegistrationError::Fault(fault) => fault.into(),
        })?;
        self.guessing.take_back(permit, &attempt).await?;
        Ok(read)
    }

    /// Asks to show one of those he has.
    pub(crate) async fn begin_assertion(&self, call: &Call, token: &str) -> Result<Authorized<PasskeyAsked>, Error> {
        let entrant = self.entrants.entrant(call, token).await?;
        let site = site(&entrant)?;
        let passkeys = self.passkeys.list(entrant.realm.id, entrant.account.user.id()).await?;
        if passkeys.is_empty() {
            return Err(Error::SecondFactorMissing);
        }
        let ceremony = self.relying_party.ask_to_show(&site, &passkeys)?;
        let asked = self.ask(&entrant, PasskeyPurpose::Assertion, ceremony).await?;
        Ok(entrant.permit.show(asked))
    }

    /// The second half of a sign-in.
    pub(crate) async fn sign_in(&self, call: &Call, command: SignInWithPasskey) -> Result<Authorized<SignedIn>, Error> {
        let entrant = self.entrants.by_token(call, &command.token).await?;
        let passkey_id = self.proofs.show_passkey(call, &entrant, &command.assertion).await?;
        let factor = (SecondFactorKind::Passkey, passkey_id);
        let signed_in = self.entrants.enter(call, &entrant, command.session_name, factor).await?;
        Ok(entrant.permit.show(signed_in))
    }

    pub(crate) async fn list(&self, call: &Call) -> Result<Authorized<Vec<Passkey>>, Error> {
        let permit = call.authorize(&Action::ManageOwnSecondFactor)?;
        let (caller, _) = signed_in(call)?;
        Ok(permit.show(self.passkeys.list(caller.realm_id, caller.user_id).await?))
    }

    pub(crate) async fn rename(
        &self,
        call: &Call,
        passkey_id: SecondFactorId,
        name: String,
    ) -> Result<Authorized<Passkey>, Error> {
        let permit = call.authorize(&Action::ManageOwnSecondFactor)?;
        let (caller, _) = signed_in(call)?;
        let passkeys = self.passkeys.list(caller.realm_id, caller.user_id).await?;
        let passkey = passkeys.into_iter().find(|passkey| passkey.id == passkey_id).ok_or(Error::PasskeyNotFound)?;
        if !self.passkeys.rename(&permit, &passkey, &name).await? {
            return Err(Error::PasskeyNotFound);
        }
        Ok(permit.show(Passkey { name, ..passkey }))
    }

    /// The last factor stays where one is required.
    pub(crate) async fn delete(
        &self,
        call: &Call,
        passkey_id: SecondFactorId,
        shown: ShownFactor,
    ) -> Result<Authorized<()>, Error> {
        let entrant = self.entrants.in_session(call).await?;
        // Nothing is used up for a call that comes to nothing.
        self.change_of_deleting(&entrant, passkey_id).await?;
        let shown_id = self.proofs.show(call, &entrant, &shown).await?;
        for _ in 0..ATTEMPTS {
            let entrant = self.entrants.in_session(call).await?;
            let change = self.change_of_deleting(&entrant, passkey_id).await?;
            if !self.proofs.held(&entrant).await?.has(shown_id) {
                return Err(Error::SecondFactorMissing);
            }
            let now = self.clock.now();
            let (user, event_id) = (&entrant.account.user, self.ids.new_id(now));
            let update = PasskeyUpdate { user, passkey_id, change, event_id, now };
            if self.passkeys.delete(&entrant.permit, call, &update).await? {
                return Ok(entrant.permit.show(()));
            }
        }
        Err(Error::UserChanged)
    }

    /// What becomes of his factors by that.
    async fn change_of_deleting(&self, entrant: &Entrant, passkey_id: SecondFactorId) -> Result<SecondFactorChange, Error> {
        let held = self.proofs.held(entrant).await?;
        if !held.passkeys.contains(&passkey_id) {
            return Err(Error::PasskeyNotFound);
        }
        if !held.is_only(passkey_id) {
            return Ok(SecondFactorChange::PasskeyDeleted);
        }
        let is_required = entrant.realm.policy.second_factor.required_of.contains(&entrant.account.user.role());
        if is_required { Err(Error::SecondFactorRequired) } else { Ok(SecondFactorChange::Off) }
    }
}
