//! Those who run the platform.

use std::sync::Arc;

use kernel::{Authorized, Call, Caller, Clock, PlatformAdminCaller};

use super::guessing::PLATFORM;
use super::{AccessToken, AccessTokens, Administrator, Administrators, Error, Guessing, PasswordHasher, Waiting};
use crate::domain::access::Action;
use crate::domain::guessing::Guessed;
use crate::domain::{Characters, Guessable, Password, PasswordRule, Proof};

/// Realms have policies; the platform has this.
const PASSWORD_RULE: PasswordRule =
    PasswordRule { min_length: 15, max_length: 128, characters: Characters::Any, guessable: Guessable::Refused };

/// How long a one-time password waits to be used.
const ONE_TIME_LIFETIME: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

pub(crate) struct AdministratorUseCases {
    pub(crate) administrators: Arc<dyn Administrators>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) tokens: Arc<dyn AccessTokens>,
    pub(crate) guessing: Guessing,
    pub(crate) clock: Arc<dyn Clock>,
}

pub(crate) struct SignInAdministrator {
    pub(crate) name: String,
    pub(crate) password: Password,
    pub(crate) new_password: Option<Password>,
}

impl AdministratorUseCases {
    pub(crate) async fn sign_in(&self, call: &Call, command: SignInAdministrator) -> Result<Authorized<AccessToken>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let found = self.administrators.get(&command.name).await?;
        let stored = found.as_ref().map(|administrator| administrator.password_hash.clone());
        let buckets = self.guessing.limits.of_administrator(call.client_in(PLATFORM).address, &command.name);
        let attempt = self.guessing.begin(&permit, PLATFORM, Guessed::AdministratorPassword, &buckets).await?;
        let looked_at = self.passwords.verify(command.password, stored, Waiting::Stranger).await;
        let is_right = self.guessing.looked_at(&permit, &attempt, looked_at).await?;
        let is_over = |administrator: &Administrator| {
            let age = self.clock.now().duration_since(administrator.changed_at);
            administrator.is_one_time && age > ONE_TIME_LIFETIME
        };
        let administrator = found.filter(|administrator| is_right && !is_over(administrator)).ok_or(Error::SignInRefused)?;
        self.guessing.take_back(&permit, &attempt).await?;
        match command.new_password {
            Some(new) => self.set_password(&permit, &administrator, new).await?,
            None if administrator.is_one_time => return Err(Error::NewPasswordNeeded),
            None => {}
        }
        let caller = Caller::PlatformAdmin(PlatformAdminCaller { name: administrator.name });
        Ok(permit.show(self.tokens.issue(&caller, 0, Some(Proof::PASSWORD), self.clock.now())?))
    }

    async fn set_password(&self, permit: &kernel::Permit, was: &Administrator, new: Password) -> Result<(), Error> {
        let checked = PASSWORD_RULE.check(&new, &[&was.name]);
        checked.map_err(|reasons| Error::PasswordRefused { field: "new_password", reasons })?;
        let hash = self.passwords.hash(new, Waiting::Known).await?;
        let is_set = self.administrators.set_password(permit, was, &hash, self.clock.now()).await?;
        if is_set { Ok(()) } else { Err(Error::SignInRefused) }
    }
}
