//! Users who show that their contacts reach them (I17).

use std::sync::Arc;

use kernel::{Authorized, Call, Caller, Clock, IdSource, Refusal, Timestamp, UserCaller};

use super::{Error, NewPhoneCode, PhoneCodes, Secrets, UpdateUserError, Users};
use crate::domain::access::Action;
use crate::domain::{PhoneCode, User};

/// How often something is tried that others keep overtaking.
const ATTEMPTS: usize = 5;

pub(crate) struct ContactUseCases {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) codes: Arc<dyn PhoneCodes>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl ContactUseCases {
    /// Sends a code to the caller's own number; answers when it ends.
    pub(crate) async fn request_phone_code(&self, call: &Call) -> Result<Authorized<Timestamp>, Error> {
        let permit = call.authorize(&Action::ConfirmOwnContacts)?;
        let user = self.own(call).await?;
        let phone = user.contacts().phone.clone().ok_or(Error::PhoneMissing)?;
        if user.is_phone_verified() {
            return Err(Error::PhoneConfirmed);
        }
        let now = self.clock.now();
        let code = PhoneCode::new(user.realm_id(), self.ids.new_id(now), user.id(), phone, now);
        let (mac, sealed_code) = self.secrets.phone_code(code.id);
        let client_address = call.client_in(user.realm_id()).address.map(|address| address.to_string());
        let event_id = self.ids.new_id(now);
        let new = NewPhoneCode { code, user_version: user.version(), mac, sealed_code, client_address, event_id };
        if !self.codes.insert(&permit, call, &new).await? {
            return Err(Error::CodeLimited);
        }
        Ok(permit.show(new.code.expires_at))
    }

    /// Every try counts before it is looked at: a kill gives nobody another one.
    pub(crate) async fn confirm_phone(&self, call: &Call, code: &str) -> Result<Authorized<User>, Error> {
        let permit = call.authorize(&Action::ConfirmOwnContacts)?;
        let caller = user_of(call)?;
        let tried = self.codes.try_last(&permit, caller.realm_id, caller.user_id, self.clock.now()).await?;
        let tried = tried.ok_or(Error::CodeOver)?;
        if !self.secrets.is_phone_code(tried.id, code, &tried.mac) {
            return Err(Error::CodeWrong);
        }
        for _ in 0..ATTEMPTS {
            let mut user = self.own(call).await?;
            if user.contacts().phone.as_ref() != Some(&tried.phone) {
                return Err(Error::CodeOver);
            }
            let now = self.clock.now();
            let Some(changed) = user.confirm_phone(now) else { return Ok(permit.show(user)) };
            match self.users.update_contact(&permit, call, &user, self.ids.new_id(now), changed).await {
                Ok(()) => {
                    self.codes.end_all(&permit, user.realm_id(), user.id(), now).await?;
                    return Ok(permit.show(user));
                }
                Err(UpdateUserError::Stale | UpdateUserError::Taken) => {}
                Err(UpdateUserError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::UserChanged)
    }

    async fn own(&self, call: &Call) -> Result<User, Error> {
        let caller = user_of(call)?;
        self.users.get(caller.realm_id, caller.user_id).await?.ok_or(Error::UserNotFound)
    }
}

fn user_of(call: &Call) -> Result<UserCaller, Error> {
    match call.caller() {
        Caller::User(user) => Ok(*user),
        _ => Err(Refusal::Denied.into()),
    }
}
