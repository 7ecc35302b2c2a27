//! Links that users are mailed: looking at them, redeeming them, asking for one (I6, I7).

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, IdSource, RealmId};

use super::{Error, Links, NewLink, PasswordHasher, Realms, Redemption, Secrets, SessionUseCases, SignedIn, Users};
use crate::domain::access::Action;
use crate::domain::{EmailAddress, Link, Password, SessionUser, User, UserStatus};

pub(crate) struct LinkUseCases {
    pub(crate) links: Arc<dyn Links>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) secrets: Arc<dyn Secrets>,
    /// Signs in whoever has redeemed a link.
    pub(crate) sessions: SessionUseCases,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Debug)]
pub(crate) struct RedeemLink {
    pub(crate) token: String,
    pub(crate) password: Password,
    pub(crate) session_name: String,
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

    /// Sets the password, verifies the address, ends every other session and signs in; once.
    pub(crate) async fn redeem(&self, call: &Call, command: RedeemLink) -> Result<Authorized<SignedIn>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let (link, user) = self.open(&command.token).await?;
        let realm = self.realms.get(link.realm_id).await?.ok_or(Error::LinkNotValid)?;
        realm
            .policy
            .password
            .check(&command.password, &user.own_data())
            .map_err(|reasons| Error::PasswordRefused { field: "password", reasons })?;
        let password_hash = self.passwords.hash(command.password).await?;
        let session = self.sessions.begin(call, &user, &realm.policy, command.session_name);
        let now = self.clock.now();
        let event_id = self.ids.new_id(now);
        let redemption = Redemption { link: &link, user: &user, password_hash, session: &session, event_id, now };
        let access_generation = self.links.redeem(&permit, call, &redemption).await?.ok_or(Error::LinkNotValid)?;
        let session_user = SessionUser { company_id: user.company_id(), role: user.role(), access_generation, is_active: true };
        let tokens = self.sessions.tokens(&session, session_user, now)?;
        let user = self.users.get(user.realm_id(), user.id()).await?.ok_or(Error::LinkNotValid)?;
        Ok(permit.show(SignedIn { user, tokens }))
    }

    /// Answers the same whether or not there is somebody to write to (I22).
    pub(crate) async fn request_password_reset(
        &self,
        call: &Call,
        realm_id: RealmId,
        email: &str,
    ) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let account = match EmailAddress::parse(email) {
            Ok(email) => self.users.account(realm_id, &email).await?,
            Err(_) => None,
        };
        if let Some(user) = account.map(|account| account.user).filter(|user| user.status() == UserStatus::Active) {
            let now = self.clock.now();
            let link = Link::password_reset(realm_id, self.ids.new_id(now), user.id(), now);
            let (token_hash, sealed_token) = self.secrets.link_token(realm_id, link.id);
            let new = NewLink { link, token_hash, sealed_token, event_id: self.ids.new_id(now) };
            self.links.insert(&permit, call, &new).await?;
        }
        Ok(permit.show(()))
    }
}
