//! Showing a second factor: a code of a device, a recovery code, or a passkey (I25).

use std::sync::Arc;

use kernel::{Call, Clock, IdSource, SecondFactorId, Secret};

use super::factor_entrants::Entrant;
use super::{
    ATTEMPTS, Error, Guessing, NewRecoveryCodes, OneTimeCodes, PasskeyAssertionError, PasskeyUpdate, Passkeys, RelyingParty,
    SecondFactors, UsedCode, Users,
};
use crate::domain::guessing::{Bucket, Guessed};
use crate::domain::{
    AskedIn, HeldFactors, PasskeyChallenge, PasskeyPurpose, PasskeySite, RECOVERY_CODES, SecondFactor, SecondFactorChange,
    TypedCode, User,
};

/// What somebody in a session shows of a factor that he has.
pub(crate) enum ShownFactor {
    Nothing,
    Code(Secret<String>),
    /// What his browser has made of a passkey.
    Assertion(String),
}

#[derive(Clone)]
pub(crate) struct FactorProofs {
    pub(crate) factors: Arc<dyn SecondFactors>,
    pub(crate) codes: Arc<dyn OneTimeCodes>,
    pub(crate) passkeys: Arc<dyn Passkeys>,
    pub(crate) relying_party: Arc<dyn RelyingParty>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) guessing: Guessing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl FactorProofs {
    /// Who has a factor already shows it before he gets another: whoever has stolen his session, or his password, has none.
    pub(super) async fn before_another(&self, call: &Call, entrant: &Entrant, shown: &ShownFactor) -> Result<(), Error> {
        let held = self.held(entrant).await?;
        match entrant.asked_in {
            _ if held.is_none() => Ok(()),
            AskedIn::SignIn(_) => Err(Error::SecondFactorOn),
            AskedIn::Session(_) => self.show(call, entrant, shown).await.map(drop),
        }
    }

    pub(super) async fn held(&self, entrant: &Entrant) -> Result<HeldFactors, Error> {
        Ok(self.factors.held(entrant.realm.id, entrant.account.user.id()).await?)
    }

    /// Somebody in a session of his own shows a factor as well: whoever has stolen the session has none. Says which it was; of a recovery
    /// code, one of those that it is for.
    pub(super) async fn show(&self, call: &Call, entrant: &Entrant, shown: &ShownFactor) -> Result<SecondFactorId, Error> {
        let held = self.held(entrant).await?;
        let any = held.any().ok_or(Error::SecondFactorMissing)?;
        match shown {
            ShownFactor::Nothing => Err(Error::SecondFactorNotShown),
            ShownFactor::Code(code) => {
                let buckets = self.guessing.limits.of_codes_in_sessions(entrant.account.user.id());
                self.show_code(entrant, code, &buckets).await?;
                Ok(any)
            }
            ShownFactor::Assertion(assertion) => self.show_passkey(call, entrant, assertion).await,
        }
    }

    /// Shows a code, which is used up by that. Counted before it is looked at, and taken back if it was right.
    pub(super) async fn show_code(&self, entrant: &Entrant, code: &Secret<String>, buckets: &[Bucket]) -> Result<(), Error> {
        let Entrant { permit, account, realm, .. } = entrant;
        let attempt = self.guessing.begin(permit, realm.id, Guessed::SecondFactor, buckets).await?;
        let used = self.read_code(&account.user, code).await?;
        if !self.factors.use_up(permit, &account.user, &used).await? {
            return Err(Error::CodeWrong);
        }
        self.guessing.take_back(permit, &attempt).await?;
        Ok(())
    }

    /// What using this code would use up; whether a recovery code is there, using it shows.
    async fn read_code(&self, user: &User, typed: &Secret<String>) -> Result<UsedCode, Error> {
        let (realm_id, user_id) = (user.realm_id(), user.id());
        match TypedCode::read(typed.expose()).ok_or(Error::CodeWrong)? {
            TypedCode::OfDevice(code) => {
                let factor = self.factors.get(realm_id, user_id).await?.filter(SecondFactor::is_on).ok_or(Error::CodeWrong)?;
                Ok(UsedCode::OfDevice { factor_id: factor.id, step: self.step(&factor, &code)? })
            }
            TypedCode::Recovery(code) => {
                let set_id = self.factors.recovery_codes(realm_id, user_id).await?.set_id.ok_or(Error::CodeWrong)?;
                Ok(UsedCode::Recovery(self.codes.recovery_hash(set_id, code.expose())))
            }
        }
    }

    /// The step of six digits that are good now, and were never taken.
    pub(super) fn step(&self, factor: &SecondFactor, code: &Secret<String>) -> Result<i64, Error> {
        let step = self.codes.step(factor, code.expose(), self.clock.now())?;
        step.filter(|step| factor.is_new(*step)).ok_or(Error::CodeWrong)
    }

    /// Shows a passkey for what was asked here a moment ago, which is used up by that.
    pub(super) async fn show_passkey(&self, call: &Call, entrant: &Entrant, assertion: &str) -> Result<SecondFactorId, Error> {
        let Entrant { permit, account, realm, asked_in, .. } = entrant;
        let (user, site) = (&account.user, site(entrant)?);
        let buckets = self.guessing.limits.of_passkeys(user.id(), asked_in);
        let attempt = self.guessing.begin(permit, realm.id, Guessed::Passkey, &buckets).await?;
        let state = self.asked(entrant, PasskeyPurpose::Assertion).await?;
        let passkeys = self.passkeys.list(realm.id, user.id()).await?;
        let (passkey, used) = match self.relying_party.read_assertion(&site, state, assertion, &passkeys) {
            Ok(shown) => shown,
            Err(PasskeyAssertionError::Refused(problem)) => return Err(Error::PasskeyRefused { field: "assertion", problem }),
            Err(PasskeyAssertionError::Copied(passkey_id)) => return self.refuse_copy(call, entrant, passkey_id).await,
            Err(PasskeyAssertionError::Fault(fault)) => return Err(fault.into()),
        };
        // One that was copied once is nobody's proof any more, whichever of the two counts further.
        if passkey.copied_at.is_some() || !self.passkeys.count(permit, passkey, &used, self.clock.now()).await? {
            return self.refuse_copy(call, entrant, passkey.id).await;
        }
        self.guessing.take_back(permit, &attempt).await?;
        Ok(passkey.id)
    }

    /// What was asked here, and waits for its one answer.
    pub(super) async fn asked(&self, entrant: &Entrant, purpose: PasskeyPurpose) -> Result<serde_json::Value, Error> {
        let Entrant { permit, account, asked_in, .. } = entrant;
        let since = PasskeyChallenge::over_since(self.clock.now());
        let state = self.passkeys.take(permit, &account.user, purpose, asked_in, since).await?;
        state.ok_or(Error::PasskeyChallengeOver)
    }

    /// Two may have this passkey: neither is let in by it any more, and its user is told, the first time.
    async fn refuse_copy<T>(&self, call: &Call, entrant: &Entrant, passkey_id: SecondFactorId) -> Result<T, Error> {
        let (realm_id, user_id) = (entrant.realm.id, entrant.account.user.id());
        for _ in 0..ATTEMPTS {
            let user = self.users.get(realm_id, user_id).await?.ok_or(Error::SignInOver)?;
            let passkeys = self.passkeys.list(realm_id, user_id).await?;
            let untold = passkeys.iter().any(|passkey| passkey.id == passkey_id && passkey.copied_at.is_none());
            let now = self.clock.now();
            let (event_id, change) = (self.ids.new_id(now), SecondFactorChange::PasskeyCopied);
            let update = PasskeyUpdate { user: &user, passkey_id, change, event_id, now };
            if !untold || self.passkeys.suspect(&entrant.permit, call, &update).await? {
                break;
            }
        }
        Err(Error::PasskeyCopied)
    }

    pub(super) fn new_recovery_codes(&self) -> NewRecoveryCodes {
        let set_id = self.ids.new_id(self.clock.now());
        let (codes, hashes) = (0..RECOVERY_CODES).map(|_| self.codes.recovery_code(set_id)).unzip();
        NewRecoveryCodes { set_id, codes, hashes }
    }
}

/// Where passkeys of this realm are made and shown.
pub(super) fn site(entrant: &Entrant) -> Result<PasskeySite, Error> {
    PasskeySite::of(&entrant.realm.settings).ok_or(Error::PasskeysUnavailable)
}
