//! Second factors: getting one, using it to sign in, giving it up, taking somebody else's away (I25).

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, IdSource, Permit, Refusal, Role, SecondFactorId, Secret, SessionId, UserId};

use super::sessions::{recent_session, session_user, signed_in};
use super::user_actions::may_reset_second_factor;
use super::{
    Account, Enrolment, Error, FactorConfirmation, FactorUpdate, Guessing, OneTimeCodes, Realms, SecondFactors, Secrets,
    SessionUseCases, Sessions, SignedIn, UsedCode, UserUseCases, UserView, Users,
};
use crate::domain::access::Action;
use crate::domain::guessing::{Bucket, Guessed};
use crate::domain::{
    EmailAddress, FirstFactor, PhoneNumber, Proof, RECOVERY_CODES, Realm, SecondFactor, SecondFactorChange, SecondFactorKind,
    TypedCode, User, UserName, UserStatus,
};

/// How often something is tried that others keep overtaking.
const ATTEMPTS: usize = 5;

pub(crate) struct SecondFactorUseCases {
    pub(crate) factors: Arc<dyn SecondFactors>,
    pub(crate) codes: Arc<dyn OneTimeCodes>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) guessing: Guessing,
    /// Signs in whoever has shown a code.
    pub(crate) signing_in: SessionUseCases,
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

/// Somebody shows the first code of his device.
pub(crate) struct ConfirmFactor {
    /// Empty for somebody in a session.
    pub(crate) token: String,
    pub(crate) code: Secret<String>,
    pub(crate) session_name: String,
}

/// Somebody in a session shows a code.
pub(crate) struct ShowCode {
    pub(crate) code: Secret<String>,
}

/// Shown once.
pub(crate) type RecoveryCodes = Vec<Secret<String>>;

/// A factor that is on from now on.
#[derive(Debug)]
pub(crate) struct FactorConfirmed {
    pub(crate) recovery_codes: RecoveryCodes,
    /// Nothing for somebody who was before.
    pub(crate) signed_in: Option<SignedIn>,
}

/// How it stands with somebody's factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FactorStanding {
    pub(crate) is_on: bool,
    pub(crate) is_required: bool,
    pub(crate) recovery_codes_left: i64,
}

/// Who is about to get a factor: somebody in a session, or somebody who has shown what he came with and may do nothing else.
struct Entrant {
    permit: Permit,
    account: Account,
    realm: Realm,
    session_id: Option<SessionId>,
    /// What he came with.
    first: FirstFactor,
}

impl SecondFactorUseCases {
    /// The second half of a sign-in.
    pub(crate) async fn sign_in(&self, call: &Call, command: SignInWithCode) -> Result<Authorized<SignedIn>, Error> {
        let entrant = self.by_token(call, &command.token).await?;
        let Entrant { permit, account, realm, .. } = &entrant;
        let factor = self.factors.get(realm.id, account.user.id()).await?;
        let factor = factor.filter(SecondFactor::is_on).ok_or(Error::SignInOver)?;
        let buckets = self.buckets(call, account, &factor);
        // Counted before it is looked at, and taken back if it was right.
        let attempt = self.guessing.begin(permit, realm.id, Guessed::SecondFactor, &buckets).await?;
        let used = self.read_code(&factor, command.code.expose())?;
        if !self.factors.use_up(permit, &factor, &used).await? {
            return Err(Error::CodeWrong);
        }
        self.guessing.take_back(permit, std::slice::from_ref(&attempt)).await?;
        let signed_in = self.enter(call, &entrant, command.session_name, factor.id).await?;
        Ok(entrant.permit.show(signed_in))
    }

    /// What attempts of somebody are counted by who is half signed in. A device is known if he has shown a code of this very factor on it:
    /// any number of others are known by the password alone.
    fn buckets(&self, call: &Call, account: &Account, factor: &SecondFactor) -> Vec<Bucket> {
        let known = self.signing_in.device(call, account).filter(|known| known.factor == Some(factor.id));
        self.guessing.limits.of_codes(known.map(|known| known.device), account.user.id(), account.known_since())
    }

    /// A session of somebody who has shown both. Something else about him may have changed since; but neither his password nor his standing.
    async fn enter(
        &self,
        call: &Call,
        entrant: &Entrant,
        session_name: String,
        factor_id: SecondFactorId,
    ) -> Result<SignedIn, Error> {
        let Entrant { permit, account: shown, realm, first, .. } = entrant;
        let proof = Proof { first: *first, second: Some(SecondFactorKind::Code) };
        for _ in 0..ATTEMPTS {
            let account = self.users.account_of(realm.id, shown.user.id()).await?.ok_or(Error::SignInOver)?;
            let user = &account.user;
            let is_same = account.password_set_at() == shown.password_set_at()
                && user.access_generation() == shown.user.access_generation()
                && user.status() == UserStatus::Active;
            if !is_same {
                break;
            }
            let session = self.signing_in.begin(call, user, &realm.policy, session_name.clone(), proof);
            if self.sessions.insert(permit, &session, user.version()).await? {
                return self.signing_in.signed_in(call, &session, &account, session_user(user), Some(factor_id));
            }
        }
        Err(Error::SignInOver)
    }

    /// What using this code would use up; whether a recovery code is there, using it shows.
    fn read_code(&self, factor: &SecondFactor, typed: &str) -> Result<UsedCode, Error> {
        match TypedCode::read(typed).ok_or(Error::CodeWrong)? {
            TypedCode::OfDevice(code) => {
                let step = self.codes.step(factor, code.expose(), self.clock.now())?;
                step.filter(|step| factor.is_new(*step)).map(UsedCode::OfDevice).ok_or(Error::CodeWrong)
            }
            TypedCode::Recovery(code) => Ok(UsedCode::Recovery(self.codes.recovery_hash(factor.id, code.expose()))),
        }
    }

    /// Lets a device have a secret; nothing is asked for before it has shown a code.
    pub(crate) async fn begin(&self, call: &Call, token: &str) -> Result<Authorized<Enrolment>, Error> {
        let Entrant { permit, account, realm, .. } = self.entrant(call, token).await?;
        let now = self.clock.now();
        let factor = SecondFactor::new(realm.id, account.user.id(), self.ids.new_id(now), now);
        if !self.factors.begin(&permit, &factor).await? {
            return Err(Error::SecondFactorOn);
        }
        let enrolment = self.codes.enrolment(&factor, &realm.settings.name, account_name(&account.user))?;
        Ok(permit.show(enrolment))
    }

    /// Turns the factor on by the first code of the device.
    pub(crate) async fn confirm(&self, call: &Call, command: ConfirmFactor) -> Result<Authorized<FactorConfirmed>, Error> {
        let Entrant { permit, account, realm, session_id, .. } = self.entrant(call, &command.token).await?;
        let (realm_id, user_id) = (realm.id, account.user.id());
        let begun = self.factors.get(realm_id, user_id).await?;
        let factor = begun.filter(|factor| factor.can_be_confirmed(self.clock.now())).ok_or(Error::SecondFactorMissing)?;
        let buckets = match session_id {
            Some(_) => self.guessing.limits.of_codes_in_sessions(user_id),
            None => self.buckets(call, &account, &factor),
        };
        let attempt = self.guessing.begin(&permit, realm_id, Guessed::SecondFactor, &buckets).await?;
        let UsedCode::OfDevice(step) = self.read_code(&factor, command.code.expose())? else { return Err(Error::CodeWrong) };
        self.guessing.take_back(&permit, std::slice::from_ref(&attempt)).await?;
        let (recovery_codes, recovery_hashes) = self.recovery_codes(&factor);
        for _ in 0..ATTEMPTS {
            // Whoever has changed meanwhile is asked again who he is.
            let entrant = self.entrant(call, &command.token).await?;
            let now = self.clock.now();
            let (user, recovery_hashes, event_id) = (&entrant.account.user, recovery_hashes.as_slice(), self.ids.new_id(now));
            let confirmation = FactorConfirmation { user, factor: &factor, step, recovery_hashes, session_id, event_id, now };
            if self.factors.confirm(&permit, call, &confirmation).await? {
                let signed_in = match session_id {
                    Some(_) => None,
                    None => self.entered(call, &entrant, command.session_name, factor.id).await?,
                };
                return Ok(permit.show(FactorConfirmed { recovery_codes, signed_in }));
            }
            let still = self.factors.get(realm_id, user_id).await?;
            still.filter(|still| still.id == factor.id && !still.is_on()).ok_or(Error::SecondFactorMissing)?;
        }
        Err(Error::UserChanged)
    }

    /// Whoever has become another at the very last signs in again; his recovery codes are shown all the same, this once.
    async fn entered(
        &self,
        call: &Call,
        entrant: &Entrant,
        session_name: String,
        factor_id: SecondFactorId,
    ) -> Result<Option<SignedIn>, Error> {
        match self.enter(call, entrant, session_name, factor_id).await {
            Ok(signed_in) => Ok(Some(signed_in)),
            Err(Error::SignInOver) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// New ones, and what is kept of them.
    fn recovery_codes(&self, factor: &SecondFactor) -> (RecoveryCodes, Vec<Vec<u8>>) {
        (0..RECOVERY_CODES).map(|_| self.codes.recovery_code(factor.id)).unzip()
    }

    pub(crate) async fn get(&self, call: &Call) -> Result<Authorized<FactorStanding>, Error> {
        let permit = call.authorize(&Action::ManageOwnSecondFactor)?;
        let (caller, _) = signed_in(call)?;
        let policy = self.realms.get(caller.realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        let user = self.users.get(caller.realm_id, caller.user_id).await?.ok_or(Error::UserNotFound)?;
        let is_on = self.factors.get(caller.realm_id, caller.user_id).await?.is_some_and(|factor| factor.is_on());
        let recovery_codes_left = self.factors.count_recovery_codes(caller.realm_id, caller.user_id).await?;
        let is_required = policy.second_factor.required_of.contains(&user.role());
        Ok(permit.show(FactorStanding { is_on, is_required, recovery_codes_left }))
    }

    /// Other recovery codes in place of those there are, used or not.
    pub(crate) async fn replace_recovery_codes(
        &self,
        call: &Call,
        command: ShowCode,
    ) -> Result<Authorized<RecoveryCodes>, Error> {
        let entrant = self.in_session(call).await?;
        let factor = self.show_code(&entrant, &command).await?;
        let (codes, hashes) = self.recovery_codes(&factor);
        self.change_own(call, &factor, SecondFactorChange::RecoveryCodes, &hashes).await?;
        Ok(entrant.permit.show(codes))
    }

    /// From then on the password alone signs in.
    pub(crate) async fn turn_off(&self, call: &Call, command: ShowCode) -> Result<Authorized<()>, Error> {
        let entrant = self.in_session(call).await?;
        if entrant.realm.policy.second_factor.required_of.contains(&entrant.account.user.role()) {
            return Err(Error::SecondFactorRequired);
        }
        let factor = self.show_code(&entrant, &command).await?;
        self.change_own(call, &factor, SecondFactorChange::Off, &[]).await?;
        Ok(entrant.permit.show(()))
    }

    /// Somebody in a session of his own shows a code as well: whoever has stolen the session has none.
    async fn show_code(&self, entrant: &Entrant, command: &ShowCode) -> Result<SecondFactor, Error> {
        let Entrant { permit, account, realm, .. } = entrant;
        let on = self.factors.get(realm.id, account.user.id()).await?.filter(SecondFactor::is_on);
        let factor = on.ok_or(Error::SecondFactorMissing)?;
        let buckets = self.guessing.limits.of_codes_in_sessions(account.user.id());
        let attempt = self.guessing.begin(permit, realm.id, Guessed::SecondFactor, &buckets).await?;
        let used = self.read_code(&factor, command.code.expose())?;
        if !self.factors.use_up(permit, &factor, &used).await? {
            return Err(Error::CodeWrong);
        }
        self.guessing.take_back(permit, std::slice::from_ref(&attempt)).await?;
        Ok(factor)
    }

    async fn change_own(
        &self,
        call: &Call,
        factor: &SecondFactor,
        change: SecondFactorChange,
        recovery_hashes: &[Vec<u8>],
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let Entrant { permit, account, .. } = self.in_session(call).await?;
            let now = self.clock.now();
            let (user, event_id) = (&account.user, self.ids.new_id(now));
            let update = FactorUpdate { user, factor, change, recovery_hashes, decided_by: None, event_id, now };
            if self.factors.update(&permit, call, &update).await? {
                return Ok(());
            }
            let still = self.factors.get(factor.realm_id, factor.user_id).await?;
            still.filter(|still| still.id == factor.id && still.is_on()).ok_or(Error::SecondFactorMissing)?;
        }
        Err(Error::UserChanged)
    }

    /// Takes the factor of somebody else away who has lost it. Where there is none nothing changes.
    pub(crate) async fn reset(&self, call: &Call, user_id: UserId) -> Result<Authorized<UserView>, Error> {
        let realm_id = call.realm_id()?;
        let policy = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        for _ in 0..ATTEMPTS {
            let user = self.users.get(realm_id, user_id).await?.ok_or(Error::UserNotFound)?;
            let (permit, decider_id) = may_reset_second_factor(call, &user)?;
            let factor = self.factors.get(realm_id, user_id).await?.filter(SecondFactor::is_on);
            let Some(factor) = factor else { return Ok(permit.show(self.views.view(call, user, &policy))) };
            let now = self.clock.now();
            let (event_id, change, decided_by) = (self.ids.new_id(now), SecondFactorChange::Reset, Some(decider_id));
            let update = FactorUpdate { user: &user, factor: &factor, change, recovery_hashes: &[], decided_by, event_id, now };
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

    async fn entrant(&self, call: &Call, token: &str) -> Result<Entrant, Error> {
        if token.is_empty() { self.in_session(call).await } else { self.by_token(call, token).await }
    }

    /// Somebody in a session of his own, who has signed in a short while ago.
    async fn in_session(&self, call: &Call) -> Result<Entrant, Error> {
        let permit = call.authorize(&Action::ManageOwnSecondFactor)?;
        let (caller, session_id) = signed_in(call)?;
        let realm = self.realms.get(caller.realm_id).await?.ok_or(Error::RealmNotFound)?;
        // Whoever has stolen a session would keep its user out with a factor of his own.
        let session = recent_session(self.sessions.as_ref(), &caller, session_id, &realm.policy, self.clock.now()).await?;
        let account = self.users.account_of(caller.realm_id, caller.user_id).await?.ok_or(Error::SessionOver)?;
        Ok(Entrant { permit, account, realm, session_id: Some(session_id), first: session.proof.first })
    }

    /// Somebody who has shown his password a moment ago. What he holds is void once that, or his standing, is another.
    async fn by_token(&self, call: &Call, token: &str) -> Result<Entrant, Error> {
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
        Ok(Entrant { permit, account, realm, session_id: None, first: half.first })
    }
}

/// What his device calls the account.
fn account_name(user: &User) -> &str {
    let contacts = user.contacts();
    let email = contacts.email.as_ref().map(EmailAddress::as_str);
    let name = contacts.user_name.as_ref().map(UserName::as_str);
    email.or(name).or_else(|| contacts.phone.as_ref().map(PhoneNumber::as_str)).unwrap_or("account")
}
