//! Second factors: one-time codes and recovery codes, giving all factors up, taking somebody else's away (I25).

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, IdSource, Refusal, Role, SecondFactorId, Secret, UserId};

use super::factor_entrants::{Entrant, Entrants};
use super::factor_proofs::{FactorProofs, ShownFactor};
use super::sessions::signed_in;
use super::user_actions::may_reset_second_factor;
use super::{
    ATTEMPTS, Enrolment, Error, FactorConfirmation, FactorUpdate, Guessing, NewRecoveryCodes, OneTimeCodes, Realms,
    SecondFactors, SignedIn, UserUseCases, UserView, Users,
};
use crate::domain::access::Action;
use crate::domain::guessing::{Bucket, Guessed};
use crate::domain::{
    EmailAddress, HeldFactors, PhoneNumber, SecondFactor, SecondFactorChange, SecondFactorKind, TypedCode, User, UserName,
    UserStatus,
};

pub(crate) struct SecondFactorUseCases {
    pub(crate) factors: Arc<dyn SecondFactors>,
    pub(crate) codes: Arc<dyn OneTimeCodes>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) guessing: Guessing,
    pub(crate) entrants: Entrants,
    pub(crate) proofs: FactorProofs,
    /// Shows users with what may be done with them.
    pub(crate) views: UserUseCases,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// Somebody shows a code after his password.
pub(crate) struct SignInWithCode {
    pub(crate) token: String,
    pub(crate) code: Secret<String>,
    pub(crate) session_name: String,
}

/// Somebody lets a device have a secret.
pub(crate) struct BeginFactor {
    /// Empty for somebody in a session.
    pub(crate) token: String,
    /// Of a factor that he has already.
    pub(crate) shown: ShownFactor,
}

/// Somebody shows the first code of his device.
pub(crate) struct ConfirmFactor {
    /// Empty for somebody in a session.
    pub(crate) token: String,
    pub(crate) code: Secret<String>,
    pub(crate) session_name: String,
}

/// Shown once.
pub(crate) type RecoveryCodes = Vec<Secret<String>>;

/// One-time codes that are on from now on.
#[derive(Debug)]
pub(crate) struct FactorConfirmed {
    /// None if he has them already.
    pub(crate) recovery_codes: RecoveryCodes,
    /// Nothing for somebody who was before.
    pub(crate) signed_in: Option<SignedIn>,
}

/// How it stands with somebody's factors.
#[derive(Debug, Clone)]
pub(crate) struct FactorStanding {
    pub(crate) kinds: Vec<SecondFactorKind>,
    pub(crate) is_required: bool,
    pub(crate) recovery_codes_left: i64,
}

impl SecondFactorUseCases {
    /// The second half of a sign-in.
    pub(crate) async fn sign_in(&self, call: &Call, command: SignInWithCode) -> Result<Authorized<SignedIn>, Error> {
        let entrant = self.entrants.by_token(call, &command.token).await?;
        let held = self.proofs.held(&entrant).await?;
        let factor_id = held.any().ok_or(Error::SignInOver)?;
        let buckets = self.buckets(call, &entrant, &held);
        self.proofs.show_code(&entrant, &command.code, &buckets).await?;
        let factor = (SecondFactorKind::Code, factor_id);
        let signed_in = self.entrants.enter(call, &entrant, command.session_name, factor).await?;
        Ok(entrant.permit.show(signed_in))
    }

    /// What attempts at codes of somebody are counted by who is half signed in. A device is known if he has shown one of these very factors on
    /// it: any number of others are known by the password alone.
    fn buckets(&self, call: &Call, entrant: &Entrant, held: &HeldFactors) -> Vec<Bucket> {
        let account = &entrant.account;
        let known = self.entrants.signing_in.device(call, account);
        let known = known.filter(|known| known.factor.is_some_and(|factor_id| held.has(factor_id)));
        self.guessing.limits.of_codes(known.map(|known| known.device), account.user.id(), account.known_since())
    }

    /// Lets a device have a secret; nothing is asked for before it has shown a code.
    pub(crate) async fn begin(&self, call: &Call, command: BeginFactor) -> Result<Authorized<Enrolment>, Error> {
        let entrant = self.entrants.entrant(call, &command.token).await?;
        if self.proofs.held(&entrant).await?.codes.is_some() {
            return Err(Error::SecondFactorOn);
        }
        self.proofs.before_another(call, &entrant, &command.shown).await?;
        let (user, now) = (&entrant.account.user, self.clock.now());
        let factor = SecondFactor::new(entrant.realm.id, user.id(), self.ids.new_id(now), now);
        if !self.factors.begin(&entrant.permit, &factor, user).await? {
            let is_on = self.proofs.held(&entrant).await?.codes.is_some();
            return Err(if is_on { Error::SecondFactorOn } else { Error::UserChanged });
        }
        let enrolment = self.codes.enrolment(&factor, &entrant.realm.settings.name, account_name(user))?;
        Ok(entrant.permit.show(enrolment))
    }

    /// Turns the factor on by the first code of the device.
    pub(crate) async fn confirm(&self, call: &Call, command: ConfirmFactor) -> Result<Authorized<FactorConfirmed>, Error> {
        let entrant = self.entrants.entrant(call, &command.token).await?;
        let factor = self.begun(&entrant).await?;
        let step = self.first_step(call, &entrant, &factor, &command.code).await?;
        let recovery = self.proofs.new_recovery_codes();
        for _ in 0..ATTEMPTS {
            // Whoever has changed meanwhile is asked again who he is.
            let entrant = self.entrants.entrant(call, &command.token).await?;
            let held = self.proofs.held(&entrant).await?;
            if entrant.session_id().is_none() && !held.is_none() {
                return Err(Error::SecondFactorOn);
            }
            if self.begun(&entrant).await?.id != factor.id {
                return Err(Error::SecondFactorMissing);
            }
            let now = self.clock.now();
            let (user, session_id, event_id) = (&entrant.account.user, entrant.session_id(), self.ids.new_id(now));
            let first = held.is_none().then_some(&recovery);
            let confirmation = FactorConfirmation { user, factor: &factor, step, recovery: first, session_id, event_id, now };
            if self.factors.confirm(&entrant.permit, call, &confirmation).await? {
                let factor = (SecondFactorKind::Code, factor.id);
                let signed_in = self.entrants.entered(call, &entrant, command.session_name, factor).await?;
                let recovery_codes = first.map(|recovery| recovery.codes.clone()).unwrap_or_default();
                return Ok(entrant.permit.show(FactorConfirmed { recovery_codes, signed_in }));
            }
        }
        Err(Error::UserChanged)
    }

    /// What he has begun, and may still turn on.
    async fn begun(&self, entrant: &Entrant) -> Result<SecondFactor, Error> {
        let begun = self.factors.get(entrant.realm.id, entrant.account.user.id()).await?;
        begun.filter(|factor| factor.can_be_confirmed(self.clock.now())).ok_or(Error::SecondFactorMissing)
    }

    /// The step of the first code of his device.
    async fn first_step(
        &self,
        call: &Call,
        entrant: &Entrant,
        factor: &SecondFactor,
        code: &Secret<String>,
    ) -> Result<i64, Error> {
        let Entrant { permit, account, realm, .. } = entrant;
        let buckets = match entrant.session_id() {
            Some(_) => self.guessing.limits.of_codes_in_sessions(account.user.id()),
            None => self.buckets(call, entrant, &HeldFactors::default()),
        };
        let attempt = self.guessing.begin(permit, realm.id, Guessed::SecondFactor, &buckets).await?;
        let Some(TypedCode::OfDevice(code)) = TypedCode::read(code.expose()) else { return Err(Error::CodeWrong) };
        let step = self.proofs.step(factor, &code)?;
        self.guessing.take_back(permit, &attempt).await?;
        Ok(step)
    }

    pub(crate) async fn get(&self, call: &Call) -> Result<Authorized<FactorStanding>, Error> {
        let permit = call.authorize(&Action::ManageOwnSecondFactor)?;
        let (caller, _) = signed_in(call)?;
        let policy = self.realms.get(caller.realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        let user = self.users.get(caller.realm_id, caller.user_id).await?.ok_or(Error::UserNotFound)?;
        let kinds = self.factors.held(caller.realm_id, caller.user_id).await?.kinds();
        let recovery_codes_left = self.factors.recovery_codes(caller.realm_id, caller.user_id).await?.count;
        let is_required = policy.second_factor.required_of.contains(&user.role());
        Ok(permit.show(FactorStanding { kinds, is_required, recovery_codes_left }))
    }

    /// Other recovery codes in place of those there are, used or not.
    pub(crate) async fn replace_recovery_codes(
        &self,
        call: &Call,
        shown: ShownFactor,
    ) -> Result<Authorized<RecoveryCodes>, Error> {
        let entrant = self.entrants.in_session(call).await?;
        let factor_id = self.proofs.show(call, &entrant, &shown).await?;
        let recovery = self.proofs.new_recovery_codes();
        self.change_own(call, factor_id, SecondFactorChange::RecoveryCodes, Some(&recovery)).await?;
        Ok(entrant.permit.show(recovery.codes))
    }

    /// From then on the password alone signs in.
    pub(crate) async fn turn_off(&self, call: &Call, shown: ShownFactor) -> Result<Authorized<()>, Error> {
        let entrant = self.entrants.in_session(call).await?;
        if entrant.realm.policy.second_factor.required_of.contains(&entrant.account.user.role()) {
            return Err(Error::SecondFactorRequired);
        }
        let factor_id = self.proofs.show(call, &entrant, &shown).await?;
        self.change_own(call, factor_id, SecondFactorChange::Off, None).await?;
        Ok(entrant.permit.show(()))
    }

    /// `factor_id` is what he has shown: with that gone, he has shown nothing.
    async fn change_own(
        &self,
        call: &Call,
        factor_id: SecondFactorId,
        change: SecondFactorChange,
        recovery: Option<&NewRecoveryCodes>,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let entrant = self.entrants.in_session(call).await?;
            if !self.proofs.held(&entrant).await?.has(factor_id) {
                return Err(Error::SecondFactorMissing);
            }
            let now = self.clock.now();
            let (user, event_id) = (&entrant.account.user, self.ids.new_id(now));
            let update = FactorUpdate { user, change, recovery, decided_by: None, event_id, now };
            if self.factors.update(&entrant.permit, call, &update).await? {
                return Ok(());
            }
        }
        Err(Error::UserChanged)
    }

    /// Takes the factors of somebody else away who has lost them. Where there are none nothing changes.
    pub(crate) async fn reset(&self, call: &Call, user_id: UserId) -> Result<Authorized<UserView>, Error> {
        let realm_id = call.realm_id()?;
        let policy = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        for _ in 0..ATTEMPTS {
            let user = self.users.get(realm_id, user_id).await?.ok_or(Error::UserNotFound)?;
            let (permit, decider_id) = may_reset_second_factor(call, &user)?;
            if self.factors.held(realm_id, user_id).await?.is_none() {
                return Ok(permit.show(self.views.view(call, user, &policy)));
            }
            let now = self.clock.now();
            let (event_id, change, decided_by) = (self.ids.new_id(now), SecondFactorChange::Reset, Some(decider_id));
            let update = FactorUpdate { user: &user, change, recovery: None, decided_by, event_id, now };
            if self.factors.update(&permit, call, &update).await? {
                let user = self.users.get(realm_id, user_id).await?.ok_or(Error::UserNotFound)?;
                return Ok(permit.show(self.views.view(call, user, &policy)));
            }
            // His token may be older than the decision that took his office away.
            let decider = self.users.get(realm_id, decider_id).await?.filter(|decider| decider.status() == UserStatus::Active);
            if !decider.is_some_and(|decider| matches!(decider.role(), Role::Owner | Role::Support)) {
                return Err(Refusal::Denied.into());
            }
        }
        Err(Error::UserChanged)
    }
}

/// What his device, or his authenticator, calls the account.
pub(super) fn account_name(user: &User) -> &str {
    let contacts = user.contacts();
    let email = contacts.email.as_ref().map(EmailAddress::as_str);
    let name = contacts.user_name.as_ref().map(UserName::as_str);
    email.or(name).or_else(|| contacts.phone.as_ref().map(PhoneNumber::as_str)).unwrap_or("account")
}
