//! Passwords of those who can sign in already: changing one's own, setting somebody's (I11, I12).

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, IdSource, RealmId, Refusal, Secret, UserId};

use super::sessions::{authenticated_session, known_device, open_session, signed_in};
use super::user_actions::may_set_password;
use super::users::own_data;
use super::{
    ATTEMPTS, Account, Error, Guessing, NewPassword, PasswordHasher, PasswordSetter, Passwords, Realms, Sessions, SessionsEnding,
    UserUseCases, UserView, Users,
};
use crate::domain::access::Action;
use crate::domain::{FirstFactor, Password, PasswordChangeProblem, PasswordProof, TypedPassword};

pub(crate) struct PasswordUseCases {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) passwords: Arc<dyn Passwords>,
    pub(crate) hasher: Arc<dyn PasswordHasher>,
    pub(crate) guessing: Guessing,
    /// Shows users with what may be done with them.
    pub(crate) views: UserUseCases,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

pub(crate) struct ChangePassword {
    pub(crate) current: Password,
    pub(crate) typed: TypedPassword,
    pub(crate) other_sessions: OtherSessions,
}

/// What becomes of one's other sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherSessions {
    Keep,
    End,
}

pub(crate) struct SetUserPassword {
    pub(crate) user_id: UserId,
    pub(crate) typed: TypedPassword,
}

impl PasswordUseCases {
    /// Changes the caller's own password if everything that the policy asks for is right. Answers by what his device is known from now on, if
    /// it was known before.
    pub(crate) async fn change(&self, call: &Call, command: ChangePassword) -> Result<Authorized<Option<Secret<String>>>, Error> {
        let permit = call.authorize(&Action::ChangeOwnPassword)?;
        let (caller, session_id) = signed_in(call)?;
        let (realm_id, user_id) = (caller.realm_id, caller.user_id);
        let policy = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        authenticated_session(self.sessions.as_ref(), &caller, session_id, &policy, self.clock.now()).await?;
        let asks = &policy.password_change.asks;
        let account = self.account(realm_id, user_id).await?;
        if !policy.sign_on.admits(account.user.role(), FirstFactor::Password) {
            return Err(Error::SignOnRequired);
        }
        let own_data = own_data(self.users.as_ref(), &account.user).await?;
        let mut problems = command.typed.problems(&policy.password, asks, &own_data);
        // Whatever is asked for: hashing is work that one session gets its share of.
        let buckets = self.guessing.limits.of_session(session_id);
        let (waiting, attempt) = self.guessing.begin_known(&permit, realm_id, &buckets, user_id).await?;
        if asks.contains(&PasswordProof::Current) {
            let Some(stored) = account.password.as_ref().map(|password| password.hash.clone()) else {
                self.guessing.take_back(&permit, &attempt).await?;
                return Err(Error::PasswordMissing);
            };
            let looked_at = self.hasher.verify(command.current, Some(stored), waiting).await;
            if !self.guessing.looked_at(&permit, &attempt, looked_at).await? {
                problems.insert(0, PasswordChangeProblem::CurrentWrong);
            }
        }
        if !problems.is_empty() {
            // Only a wrong guess at the present one counts.
            if !problems.contains(&PasswordChangeProblem::CurrentWrong) {
                self.guessing.take_back(&permit, &attempt).await?;
            }
            return Err(Error::PasswordNotChanged(problems));
        }
        let hashed = self.hasher.hash(command.typed.new, waiting).await;
        let hash = self.guessing.looked_at(&permit, &attempt, hashed).await?;
        self.guessing.take_back(&permit, &attempt).await?;
        let ending = match command.other_sessions {
            OtherSessions::Keep => SessionsEnding::None,
            OtherSessions::End => SessionsEnding::AllBut(session_id),
        };
        let set_by = PasswordSetter::Himself(session_id);
        for _ in 0..ATTEMPTS {
            // Something else about him may have changed since; but not the password that he has shown.
            let again = self.account(realm_id, user_id).await?;
            if again.password_set_at() != account.password_set_at() {
                return Err(Error::UserChanged);
            }
            let now = self.clock.now();
            let new = NewPassword { user: &again.user, hash: &hash, ending, set_by, event_id: self.ids.new_id(now), now };
            if self.passwords.set(&permit, call, &new).await? {
                let device = known_device(self.guessing.secrets.as_ref(), call, &account);
                return Ok(permit.show(device.map(|device| self.guessing.secrets.device_token(device, now))));
            }
            open_session(self.sessions.as_ref(), &caller, session_id).await?;
        }
        Err(Error::UserChanged)
    }

    async fn account(&self, realm_id: RealmId, user_id: UserId) -> Result<Account, Error> {
        self.users.account_of(realm_id, user_id).await?.ok_or(Error::SessionOver)
    }

    /// Sets the password of somebody else, typed twice.
    pub(crate) async fn set(&self, call: &Call, command: SetUserPassword) -> Result<Authorized<UserView>, Error> {
        let realm_id = call.realm_id()?;
        let policy = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        let user = self.users.get(realm_id, command.user_id).await?.ok_or(Error::UserNotFound)?;
        let (permit, owner_id) = may_set_password(call, &user, &policy)?;
        let own_data = own_data(self.users.as_ref(), &user).await?;
        let problems = command.typed.problems(&policy.password, &[PasswordProof::Confirmation], &own_data);
        if !problems.is_empty() {
            return Err(Error::PasswordNotChanged(problems));
        }
        let buckets = self.guessing.limits.of_passwords_set_by(owner_id);
        let (waiting, attempt) = self.guessing.begin_known(&permit, realm_id, &buckets, owner_id).await?;
        let hashed = self.hasher.hash(command.typed.new, waiting).await;
        let hash = self.guessing.looked_at(&permit, &attempt, hashed).await?;
        self.guessing.take_back(&permit, &attempt).await?;
        for _ in 0..ATTEMPTS {
            let user = self.users.get(realm_id, command.user_id).await?.ok_or(Error::UserNotFound)?;
            let (permit, owner_id) = may_set_password(call, &user, &policy)?;
            let now = self.clock.now();
            let (event_id, ending, set_by) = (self.ids.new_id(now), SessionsEnding::All, PasswordSetter::Owner(owner_id));
            let new = NewPassword { user: &user, hash: &hash, ending, set_by, event_id, now };
            if self.passwords.set(&permit, call, &new).await? {
                let user = self.users.get(realm_id, command.user_id).await?.ok_or(Error::UserNotFound)?;
                return Ok(permit.show(self.views.view(call, user, &policy)));
            }
            // His token may be older than the decision that took his office away.
            if !self.users.is_active_owner(realm_id, owner_id).await? {
                return Err(Refusal::Denied.into());
            }
        }
        Err(Error::UserChanged)
    }
}
