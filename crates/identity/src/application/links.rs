//! Links that users are sent: looking at them, redeeming them, asking for one (I6, I7, I17).

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, CompanyId, EventId, Fault, IdSource, RealmId, UserId};

use super::guessing::PLATFORM;
use super::sessions::session_user;
use super::users::own_data;
use super::{
    ATTEMPTS, Account, Entered, Error, Guessing, Links, NewLink, PasswordHasher, Realms, Redemption, Secrets, SessionUseCases,
    StoredPassword, Users, Waiting,
};
use crate::domain::access::Action;
use crate::domain::guessing::{Guessed, network};
use crate::domain::{Contact, FirstFactor, Link, LinkChannel, Login, Password, PhoneRule, SessionUser, User, UserStatus};

pub(crate) struct LinkUseCases {
    pub(crate) links: Arc<dyn Links>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) guessing: Guessing,
    /// Signs in whoever has redeemed a link.
    pub(crate) sessions: SessionUseCases,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

pub(crate) struct RedeemLink {
    pub(crate) token: String,
    pub(crate) password: Password,
    pub(crate) session_name: String,
}

/// By what somebody says he is reached who wants to set another password, as it was typed.
pub(crate) enum ResetContact {
    Email(String),
    Phone(String),
}

impl ResetContact {
    /// Nothing if it is no contact at all.
    fn login(&self, phones: PhoneRule) -> Option<Login> {
        match self {
            Self::Email(typed) => Login::read_as(Contact::Email, typed, phones),
            Self::Phone(typed) => Login::read_as(Contact::Phone, typed, phones),
        }
    }
}

impl LinkUseCases {
    /// Uses nothing up: mail scanners open links (I7).
    pub(crate) async fn inspect(&self, call: &Call, token: &str) -> Result<Authorized<Link>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let (link, _) = self.open(token).await?;
        Ok(permit.show(link))
    }

    async fn open(&self, token: &str) -> Result<(Link, User), Error> {
        let token = self.secrets.read_link_token(token).ok_or(Error::LinkNotValid)?;
        let open = self.links.get_open(token.realm_id, token.link_id, &token.hash, self.clock.now()).await?;
        open.ok_or(Error::LinkNotValid)
    }

    /// Sets the password, verifies the address it was mailed to, ends every other session and signs in, or asks for the second factor; once.
    pub(crate) async fn redeem(&self, call: &Call, command: RedeemLink) -> Result<Authorized<Entered>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let (link, user) = self.open(&command.token).await?;
        let realm = self.realms.get(link.realm_id).await?.ok_or(Error::LinkNotValid)?;
        let checked = realm.policy.password.check(&command.password, &own_data(self.users.as_ref(), &user).await?);
        checked.map_err(|reasons| Error::PasswordRefused { field: "password", reasons })?;
        let buckets = self.guessing.limits.of_link(link.id);
        let attempt = self.guessing.begin(&permit, link.realm_id, Guessed::Password, &buckets).await?;
        let hashed = self.passwords.hash(command.password, Waiting::Known).await;
        let password_hash = self.guessing.looked_at(&permit, &attempt, hashed).await?;
        for _ in 0..ATTEMPTS {
            let (link, user) = self.open(&command.token).await?;
            let entrance =
                self.sessions.entrance(call, &user, &realm.policy, command.session_name.clone(), FirstFactor::Password).await?;
            let now = self.clock.now();
            let event_id = self.ids.new_id(now);
            let hash = password_hash.clone();
            let session = entrance.session();
            let redemption = Redemption { link: &link, user: &user, password_hash: hash, session, event_id, now };
            if let Some(access_generation) = self.links.redeem(&permit, call, &redemption).await? {
                let user = self.users.get(user.realm_id(), user.id()).await?.ok_or(Error::LinkNotValid)?;
                let account = Account { user, password: Some(StoredPassword { hash: password_hash, set_at: now }) };
                let standing = SessionUser { access_generation, ..session_user(&account.user) };
                return Ok(permit.show(self.sessions.entered(call, entrance, &account, standing, now)?));
            }
            // Something else about the user changed meanwhile, or somebody was faster with the same link.
        }
        Err(Error::LinkNotValid)
    }

    /// Answers the same whether or not there is somebody to write to (I22).
    pub(crate) async fn request_password_reset(
        &self,
        call: &Call,
        realm_id: RealmId,
        contact: &ResetContact,
    ) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        // Realms that are made up count as one.
        let realm = self.realms.get(realm_id).await?;
        let (counted_in, phones) = realm.map_or((PLATFORM, PhoneRule::International), |realm| (realm.id, realm.policy.phones));
        let (login, address) = (contact.login(phones), call.client_in(realm_id).address);
        let buckets = match contact {
            ResetContact::Email(_) => self.guessing.limits.of_reset(address),
            ResetContact::Phone(_) => self.guessing.limits.of_reset_by_sms(address),
        };
        self.guessing.begin(&permit, counted_in, Guessed::Reset, &buckets).await?;
        let channel = match &login {
            Some(Login::Phone(phone)) => LinkChannel::Sms(phone.clone()),
            _ => LinkChannel::Email,
        };
        let client_address = address.map(|address| network(address).to_string());
        for _ in 0..ATTEMPTS {
            let account = self.users.account(realm_id, login.as_ref()).await?;
            let is_reached = |user: &User| user.status() == UserStatus::Active && channel.reaches(user);
            let user = account.map(|account| account.user).filter(is_reached);
            let now = self.clock.now();
            // Somebody who does not exist is written to as well, but for the letter or the SMS.
            let (user_id, version) = user.map_or_else(|| (self.ids.new_id(now), 0), |user| (user.id(), user.version()));
            let link = Link::password_reset(realm_id, self.ids.new_id(now), user_id, channel.clone(), now);
            let new = new_link(self.secrets.as_ref(), link, None, version, self.ids.new_id(now));
            let new = NewLink { client_address: client_address.clone(), ..new };
            let is_sent = self.links.insert(&permit, call, &new).await?;
            // Looked at whether or not it matters: the work is the same.
            let has_changed = has_changed(self.users.as_ref(), realm_id, user_id, version).await?;
            if is_sent || !has_changed {
                break;
            }
        }
        Ok(permit.show(()))
    }
}

/// A link that was not sent to a user who is still the same was one too many.
pub(crate) async fn has_changed(users: &dyn Users, realm_id: RealmId, user_id: UserId, version: i64) -> Result<bool, Fault> {
    let now = users.get(realm_id, user_id).await?;
    Ok(now.is_some_and(|now| now.version() != version))
}

/// A link with its token, to be sent.
pub(crate) fn new_link(
    secrets: &dyn Secrets,
    link: Link,
    company_id: Option<CompanyId>,
    user_version: i64,
    event_id: EventId,
) -> NewLink {
    let (token_hash, sealed_token) = secrets.link_token(link.realm_id, link.id);
    NewLink { link, user_version, company_id, token_hash, sealed_token, client_address: None, event_id }
}
