//! Users who change their contacts, and show that they reach them (I16, I17).

use std::sync::Arc;

use kernel::{Authorized, Call, Caller, Clock, IdSource, Permit, Refusal, SessionId, Timestamp, UserCaller};

use super::guessing::Attempt;
use super::links::has_changed;
use super::sessions::{authenticated_session, signed_in};
use super::{
    ATTEMPTS, ContactSetter, ContactUpdate, EmailChanges, Error, Guessing, NewEmailChange, NewPhoneCode, PhoneCodes, Realms,
    ReplacementNotice, Secrets, Sessions, UpdateUserError, Users,
};
use crate::domain::access::Action;
use crate::domain::guessing::{Guessed, network, of_texts};
use crate::domain::{
    CodeNumber, Contact, ContactChanged, ContactChanger, Contacts, EmailAddress, EmailChange, PhoneCode, PhoneNumber, Policy,
    User,
};

pub(crate) struct ContactUseCases {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) codes: Arc<dyn PhoneCodes>,
    pub(crate) changes: Arc<dyn EmailChanges>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) guessing: Guessing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// What came of asking for another address.
#[derive(Debug)]
pub(crate) struct EmailChanged {
    pub(crate) user: User,
    /// Until when the link is good that was mailed to it; nothing if it holds already.
    pub(crate) confirm_until: Option<Timestamp>,
}

impl ContactUseCases {
    /// Sends a code to the caller's own number, or to the one he wants; answers when it ends.
    pub(crate) async fn request_phone_code(&self, call: &Call, wanted: &str) -> Result<Authorized<Timestamp>, Error> {
        for _ in 0..ATTEMPTS {
            let (permit, user, phone, number) = self.number_to_confirm(call, wanted).await?;
            let now = self.clock.now();
            let code = PhoneCode::new(user.realm_id(), self.ids.new_id(now), user.id(), phone, number, now);
            let (mac, sealed_code) = self.secrets.phone_code(code.id);
            let sealed_phone = (number == CodeNumber::Next).then(|| self.secrets.sealed_phone(code.id, &code.phone));
            let client_address = call.client_in(user.realm_id()).address.map(|address| network(address).to_string());
            let (user_version, event_id) = (user.version(), self.ids.new_id(now));
            let new = NewPhoneCode { code, user_version, mac, sealed_code, sealed_phone, client_address, event_id };
            let counted = self.count_text(&permit, call, &new.code).await?;
            if self.codes.insert(&permit, call, &new).await? {
                return Ok(permit.show(new.code.expires_at));
            }
            self.guessing.take_back(&permit, &counted).await?;
            if !has_changed(self.users.as_ref(), user.realm_id(), user.id(), user_version).await? {
                return Err(Error::CodeLimited);
            }
        }
        Err(Error::UserChanged)
    }

    async fn count_text(&self, permit: &Permit, call: &Call, code: &PhoneCode) -> Result<Attempt, Error> {
        let buckets = of_texts(&code.phone, call.client_in(code.realm_id).address);
        match self.guessing.begin(permit, code.realm_id, Guessed::Text, &buckets).await {
            Err(Error::AttemptsLimited { .. }) => Err(Error::CodeLimited),
            counted => counted,
        }
    }

    /// The number that a code is asked for. One that he has is confirmed by anybody who calls for him; another is his own to choose.
    async fn number_to_confirm(&self, call: &Call, wanted: &str) -> Result<(Permit, User, PhoneNumber, CodeNumber), Error> {
        if wanted.is_empty() {
            let permit = call.authorize(&Action::ConfirmOwnContacts)?;
            let user = self.own(call).await?;
            let phone = user.contacts().phone.clone().ok_or(Error::PhoneMissing)?;
            return if user.is_phone_verified() {
                Err(Error::PhoneConfirmed)
            } else {
                Ok((permit, user, phone, CodeNumber::Present))
            };
        }
        let (permit, policy, _) = self.may_change_own(call).await?;
        let phone = PhoneNumber::parse(wanted, policy.phones).map_err(|error| Error::UserInvalid(vec![error.into()]))?;
        let user = self.own(call).await?;
        let is_his = user.contacts().phone.as_ref() == Some(&phone);
        match (is_his, user.is_phone_verified(), policy.contact_changes) {
            (true, true, _) => Err(Error::PhoneConfirmed),
            (true, false, _) => Ok((permit, user, phone, CodeNumber::Present)),
            (false, true, ContactChanger::SupportOnceSet) => Err(Error::ContactFixed),
            (false, ..) => Ok((permit, user, phone, CodeNumber::Next)),
        }
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
            let before = user.contacts().clone();
            let now = self.clock.now();
            let is_his = before.phone.as_ref() == Some(&tried.phone);
            let changed = match tried.number {
                CodeNumber::Present | CodeNumber::Next if is_his => user.confirm_phone(now),
                CodeNumber::Next if self.may_replace_phone(&user).await? => Some(user.replace_phone(tried.phone.clone(), now)),
                CodeNumber::Present | CodeNumber::Next => return Err(Error::CodeOver),
            };
            let Some(changed) = changed else { return Ok(permit.show(user)) };
            let update = self.update(&user, changed, &before);
            match self.users.update_contact(&permit, call, &update).await {
                Ok(()) => return Ok(permit.show(user)),
                // Somebody else has the number by now.
                Err(UpdateUserError::Taken) => return Err(Error::CodeOver),
                Err(UpdateUserError::Stale) => {}
                Err(UpdateUserError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::UserChanged)
    }

    /// The policy may be another than when the code was sent.
    async fn may_replace_phone(&self, user: &User) -> Result<bool, Error> {
        let policy = self.realms.get(user.realm_id()).await?.ok_or(Error::RealmNotFound)?.policy;
        Ok(match policy.contact_changes {
            ContactChanger::User => true,
            ContactChanger::SupportOnceSet => !user.is_phone_verified(),
            ContactChanger::Owner | ContactChanger::Support | ContactChanger::Service => false,
        })
    }

    /// Mails a link to the address that the caller wants, or saves it where it is saved once.
    pub(crate) async fn change_email(&self, call: &Call, typed: &str) -> Result<Authorized<EmailChanged>, Error> {
        let (permit, policy, session_id) = self.may_change_own(call).await?;
        let email = EmailAddress::parse(typed).map_err(|error| Error::UserInvalid(vec![error.into()]))?;
        for _ in 0..ATTEMPTS {
            let user = self.own(call).await?;
            let is_his = user.contacts().email.as_ref() == Some(&email);
            if is_his && (user.is_email_verified() || policy.contact_changes == ContactChanger::SupportOnceSet) {
                return Ok(permit.show(EmailChanged { user, confirm_until: None }));
            }
            if policy.contact_changes == ContactChanger::SupportOnceSet {
                return self.save_email(permit, call, email).await;
            }
            let now = self.clock.now();
            let change = EmailChange::new(user.realm_id(), self.ids.new_id(now), user.id(), email.clone(), now);
            let new = self.to_be_confirmed(change, &user, session_id, now);
            if self.changes.insert(&permit, call, &new).await? {
                return Ok(permit.show(EmailChanged { user, confirm_until: Some(new.change.expires_at) }));
            }
            if !has_changed(self.users.as_ref(), user.realm_id(), user.id(), user.version()).await? {
                return Err(Error::CodeLimited);
            }
        }
        Err(Error::UserChanged)
    }

    fn to_be_confirmed(&self, change: EmailChange, user: &User, session_id: SessionId, now: Timestamp) -> NewEmailChange {
        let (token_hash, sealed_token) = self.secrets.link_token(change.realm_id, change.link_id);
        let sealed_address = self.secrets.sealed_address(change.link_id.as_uuid(), &change.email);
        let event_id = self.ids.new_id(now);
        NewEmailChange { change, user_version: user.version(), session_id, token_hash, sealed_token, sealed_address, event_id }
    }

    /// I16: saved without being confirmed, once. That somebody else has it is not told, but can be found out by trying: so tries count.
    async fn save_email(&self, permit: Permit, call: &Call, email: EmailAddress) -> Result<Authorized<EmailChanged>, Error> {
        for _ in 0..ATTEMPTS {
            let mut user = self.own(call).await?;
            let before = user.contacts().clone();
            let now = self.clock.now();
            if before.has(Contact::Email) {
                return Err(Error::ContactFixed);
            }
            let Some(changed) = user.change_email(email.clone(), now) else { return Err(Error::ContactFixed) };
            let buckets = self.guessing.limits.of_contacts(user.id());
            let attempt = self.guessing.begin(&permit, user.realm_id(), Guessed::Contact, &buckets).await?;
            let update = self.update(&user, changed, &before);
            match self.users.update_contact(&permit, call, &update).await {
                Ok(()) => {
                    self.guessing.take_back(&permit, &attempt).await?;
                    return Ok(permit.show(EmailChanged { user, confirm_until: None }));
                }
                Err(UpdateUserError::Taken) => return Err(Error::ContactRefused(Contact::Email)),
                Err(UpdateUserError::Stale) => self.guessing.take_back(&permit, &attempt).await?,
                Err(UpdateUserError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::UserChanged)
    }

    /// The address that a link was mailed to becomes its user's.
    pub(crate) async fn confirm_email(&self, call: &Call, token: &str) -> Result<Authorized<EmailAddress>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let token = self.secrets.read_link_token(token).ok_or(Error::LinkNotValid)?;
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let open = self.changes.get_open(token.realm_id, token.link_id, &token.hash, now).await?;
            let (change, mut user) = open.ok_or(Error::LinkNotValid)?;
            let policy = self.realms.get(token.realm_id).await?.ok_or(Error::LinkNotValid)?.policy;
            let is_done = user.is_email_verified() && user.contacts().email.as_ref() == Some(&change.email);
            if policy.contact_changes != ContactChanger::User || is_done {
                return Err(Error::LinkNotValid);
            }
            let before = user.contacts().clone();
            let changed = user.replace_email(change.email.clone(), now);
            let update = self.update(&user, changed, &before);
            match self.users.update_contact(&permit, call, &update).await {
                Ok(()) => return Ok(permit.show(change.email)),
                // Somebody else has the address by now.
                Err(UpdateUserError::Taken) => return Err(Error::LinkNotValid),
                Err(UpdateUserError::Stale) => {}
                Err(UpdateUserError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::LinkNotValid)
    }

    fn update<'a>(&self, user: &'a User, changed: ContactChanged, before: &Contacts) -> ContactUpdate<'a> {
        contact_update(self.secrets.as_ref(), self.ids.as_ref(), user, ContactSetter::Himself, changed, before)
    }

    /// Whether the caller changes contacts of his own: his realm lets him, and he has signed in a short while ago.
    async fn may_change_own(&self, call: &Call) -> Result<(Permit, Policy, SessionId), Error> {
        let caller = user_of(call)?;
        let policy = self.realms.get(caller.realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        let permit = call.authorize(&Action::ChangeOwnContacts { by: policy.contact_changes })?;
        let (_, session_id) = signed_in(call)?;
        authenticated_session(self.sessions.as_ref(), &caller, session_id, &policy, self.clock.now()).await?;
        Ok((permit, policy, session_id))
    }

    async fn own(&self, call: &Call) -> Result<User, Error> {
        let caller = user_of(call)?;
        self.users.get(caller.realm_id, caller.user_id).await?.ok_or(Error::UserNotFound)
    }
}

fn user_of(call: &Call) -> Result<UserCaller, Error> {
    match call.caller() {
        Caller::User(user) => Ok(*user),
        Caller::Anonymous => Err(Refusal::Unauthenticated.into()),
        _ => Err(Refusal::Denied.into()),
    }
}

/// Another contact, and whom to tell if it took another's place.
pub(super) fn contact_update<'a>(
    secrets: &dyn Secrets,
    ids: &(dyn IdSource + 'static),
    user: &'a User,
    set_by: ContactSetter,
    changed: ContactChanged,
    before: &Contacts,
) -> ContactUpdate<'a> {
    let is_replaced = match changed.contact {
        Contact::Email => before.email.is_some() && before.email != user.contacts().email,
        Contact::Phone | Contact::UserName => before.phone.is_some() && before.phone != user.contacts().phone,
    };
    // Whatever becomes of his address from here on: this is the one that he had.
    let address = before.email.as_ref();
    let sealed_address = address.map(|address| secrets.sealed_address(user.id().as_uuid(), address)).unwrap_or_default();
    let notice = is_replaced.then(|| ReplacementNotice { event_id: ids.new_id(changed.at), sealed_address });
    ContactUpdate { user, changed, set_by, event_id: ids.new_id(changed.at), notice }
}
