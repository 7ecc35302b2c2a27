//! Accounts of other providers: signing in by them, linking and unlinking them (I18).

use std::sync::Arc;

use kernel::{
    Authorized, Call, Clock, IdSource, NameField, NameForm, Permit, RealmId, Role, Secret, SessionId, SocialAccountId, Timestamp,
    UserId,
};

use super::sessions::{open_session, recent_session, session_user, signed_in};
use super::users::checked;
use super::{
    ATTEMPTS, Account, Admission, Asking, CameIn, Entered, Error, Guessing, Invitation, Linked, NewIntroduction,
    NewSocialAccount, NewUser, ProviderError, Realms, Secrets, SessionUseCases, Sessions, SocialAccounts, SocialAdmission,
    SocialProviders, Unlinking, Users, VisitSecrets,
};
use crate::domain::access::Action;
use crate::domain::guessing::{Bucket, Guessed};
use crate::domain::{
    Company, EmailAddress, FirstFactor, Introduction, ProviderName, ProviderSays, Realm, SocialAccount, SocialProvider,
    SocialSignIn, SocialVisit, User, UserStatus, WaysIn, is_language,
};

/// Where people come back to from a provider, behind a realm's public address.
const RETURN: &str = "social";

pub(crate) struct SocialAccountUseCases {
    pub(crate) providers: Arc<dyn SocialProviders>,
    pub(crate) accounts: Arc<dyn SocialAccounts>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) guessing: Guessing,
    /// Signs in whoever a provider knows.
    pub(crate) signing_in: SessionUseCases,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// With what somebody comes back from a provider.
pub(crate) struct SocialReturn {
    pub(crate) provider: String,
    pub(crate) code: Secret<String>,
    pub(crate) state: String,
    pub(crate) binding: Secret<String>,
}

/// Where somebody is sent.
#[derive(Debug)]
pub(crate) struct SocialVisitBegun {
    pub(crate) authorization_url: Secret<String>,
    pub(crate) binding: Secret<String>,
    pub(crate) expires_at: Timestamp,
}

/// An account of one's own, as it is shown.
#[derive(Debug)]
pub(crate) struct SocialAccountView {
    pub(crate) account: SocialAccount,
    /// None if it does not serve the realm any more.
    pub(crate) provider: Option<SocialProvider>,
    pub(crate) is_last_way_in: bool,
}

/// A realm and a provider whose accounts sign people in there.
struct Door {
    realm: Realm,
    provider: SocialProvider,
    redirect_url: String,
}

/// A user with the accounts he has linked. He is read first: whatever changes later makes him another.
struct Own {
    account: Account,
    linked: Vec<SocialAccount>,
    providers: Vec<SocialProvider>,
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Away => Self::SocialProviderAway,
            ProviderError::Refused => Self::SocialSignInRefused,
        }
    }
}

impl SocialAccountUseCases {
    /// A realm that is made up has none.
    pub(crate) async fn list_providers(&self, call: &Call, realm_id: RealmId) -> Result<Authorized<Vec<SocialProvider>>, Error> {
        let permit = call.authorize(&Action::ReadPublished)?;
        let realm = self.realms.get(realm_id).await?;
        Ok(permit.show(realm.map(|realm| self.providers_of(&realm)).unwrap_or_default()))
    }

    fn providers_of(&self, realm: &Realm) -> Vec<SocialProvider> {
        match realm.policy.social_sign_in {
            SocialSignIn::Open => self.providers.of_realm(realm.id),
            SocialSignIn::Closed => Vec::new(),
        }
    }

    async fn door(&self, realm_id: RealmId, provider: &str) -> Result<Door, Error> {
        let realm = self.realms.get(realm_id).await?.ok_or(Error::SocialProviderNotFound)?;
        let named = self.providers_of(&realm).into_iter().find(|each| each.name == provider);
        let provider = named.ok_or(Error::SocialProviderNotFound)?;
        let redirect_url = format!("{}/{RETURN}/{}", realm.settings.public_url, provider.name);
        Ok(Door { realm, provider, redirect_url })
    }

    /// Keeps nothing: whoever begins has shown nothing yet.
    pub(crate) async fn begin_sign_in(
        &self,
        call: &Call,
        realm_id: RealmId,
        provider: &str,
    ) -> Result<Authorized<SocialVisitBegun>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let door = self.door(realm_id, provider).await?;
        Ok(permit.show(self.send(&door, None).await?))
    }

    pub(crate) async fn begin_link(&self, call: &Call, provider: &str) -> Result<Authorized<SocialVisitBegun>, Error> {
        let permit = call.authorize(&Action::ManageOwnSocialAccounts)?;
        let (caller, session_id) = signed_in(call)?;
        let door = self.door(caller.realm_id, provider).await?;
        // Whoever has stolen a session would come in by an account of his own for good.
        recent_session(self.sessions.as_ref(), &caller, session_id, &door.realm.policy, self.clock.now()).await?;
        Ok(permit.show(self.send(&door, Some(session_id)).await?))
    }

    async fn send(&self, door: &Door, session_id: Option<SessionId>) -> Result<SocialVisitBegun, Error> {
        let now = self.clock.now();
        let visit = SocialVisit::new(door.realm.id, &door.provider, self.ids.new_id(now), session_id, now);
        let binding = self.secrets.visit_binding();
        let secrets = self.secrets.visit_secrets(&visit, &binding);
        let authorization_url = self.providers.authorization_url(door.asking(&secrets, now)).await?;
        Ok(SocialVisitBegun { authorization_url, binding, expires_at: visit.expires_at })
    }

    /// Who it is that comes back. Each visit has one return, whatever comes of it.
    async fn come_back(
        &self,
        permit: &Permit,
        door: &Door,
        returned: &SocialReturn,
        session_id: Option<SessionId>,
        buckets: &[Bucket],
    ) -> Result<ProviderSays, Error> {
        let attempt = self.guessing.begin(permit, door.realm.id, Guessed::SocialSignIn, buckets).await?;
        let now = self.clock.now();
        let visit = self.secrets.read_visit(door.realm.id, &returned.provider, &returned.state, &returned.binding);
        let visit = visit.filter(|visit| visit.session_id == session_id && visit.is_open_at(now));
        let visit = visit.ok_or(Error::SocialSignInOver)?;
        if !self.accounts.use_up(permit, &visit).await? {
            return Err(Error::SocialSignInOver);
        }
        let secrets = self.secrets.visit_secrets(&visit, &returned.binding);
        let identified = self.providers.identify(door.asking(&secrets, now), &returned.code).await;
        // A provider that is away is nobody's wrong guess.
        if !matches!(identified, Err(ProviderError::Refused)) {
            self.guessing.take_back(permit, &attempt).await?;
        }
        Ok(identified?)
    }

    /// Signs in whoever has linked the account, or lets somebody new in by it. An address that it has finds nobody.
    pub(crate) async fn sign_in(
        &self,
        call: &Call,
        realm_id: RealmId,
        returned: SocialReturn,
        session_name: String,
    ) -> Result<Authorized<Entered>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let door = self.door(realm_id, &returned.provider).await?;
        let buckets = self.guessing.limits.of_social_sign_in(call.client_in(realm_id).address);
        let says = self.come_back(&permit, &door, &returned, None, &buckets).await?;
        for _ in 0..ATTEMPTS {
            let entered = if let Some(account) = self.accounts.owner(realm_id, &says.account).await? {
                self.enter(&permit, call, &door, &account, session_name.clone()).await?
            } else {
                // New users are counted whether or not it was right to let them in: one address brings so many.
                self.guessing.begin(&permit, realm_id, Guessed::SocialSignIn, &buckets).await?;
                self.come_in(&permit, call, &door, &says, session_name.clone()).await?
            };
            if let Some(entered) = entered {
                return Ok(permit.show(entered));
            }
        }
        Err(Error::UserChanged)
    }

    /// None if the user has become another meanwhile.
    async fn enter(
        &self,
        permit: &Permit,
        call: &Call,
        door: &Door,
        account: &Account,
        session_name: String,
    ) -> Result<Option<Entered>, Error> {
        let user = &account.user;
        if user.status() != UserStatus::Active {
            return Err(Error::SocialSignInRefused);
        }
        self.signing_in.enter(permit, call, account, &door.realm.policy, session_name, FirstFactor::Provider).await
    }

    /// Adds whoever comes by an account that nobody has linked, where people register themselves. None if somebody has linked it meanwhile.
    async fn come_in(
        &self,
        permit: &Permit,
        call: &Call,
        door: &Door,
        says: &ProviderSays,
        session_name: String,
    ) -> Result<Option<Entered>, Error> {
        let company_id = door.realm.policy.registration.open_company().ok_or(Error::SocialAccountUnknown)?;
        let company = self.realms.get_company(door.realm.id, company_id).await?.ok_or(Error::SocialAccountUnknown)?;
        let admission = self.admission(&door.realm, &company, says)?;
        let user = &admission.user;
        let entrance = self.signing_in.entrance(call, user, &door.realm.policy, session_name, FirstFactor::Provider).await?;
        let now = user.created_at();
        let (account, event_id) = (self.new_account(says, now), self.ids.new_id(now));
        let (session, provider_label) = (entrance.session(), door.provider.label.as_str());
        let new = SocialAdmission { admission: &admission, account: &account, provider_label, session, event_id };
        match self.accounts.admit(permit, call, &new).await? {
            CameIn::Added => {
                let account = Account { user: admission.user, password: None };
                let standing = session_user(&account.user);
                Ok(Some(self.signing_in.entered(call, entrance, &account, standing, now)?))
            }
            CameIn::EmailTaken => Err(Error::SocialEmailTaken),
            CameIn::AccountTaken => Ok(None),
        }
    }

    /// The user as he is going to be, by what the provider says of him. A name that does not fit he says himself later, if he may.
    fn admission(&self, realm: &Realm, company: &Company, says: &ProviderSays) -> Result<Admission, Error> {
        let said = |introduction| NewUser {
            role: Role::Customer,
            email: says.verified_email.as_ref().map(EmailAddress::as_str).unwrap_or_default().to_owned(),
            phone: String::new(),
            user_name: String::new(),
            status: UserStatus::Active,
            introduction,
            invitation: Invitation::None,
        };
        let introduction = introduction(&says.name, realm.policy.names.form);
        let nameless = NewIntroduction { name: Vec::new(), ..introduction.clone() };
        let (contacts, introduction): (_, Introduction) = checked(&realm.policy, company, &said(introduction))
            .or_else(|_| checked(&realm.policy, company, &said(nameless)))
            .map_err(|_| Error::SocialAccountUnknown)?;
        let now = self.clock.now();
        let (user, created) = User::create(realm.id, self.ids.new_id(now), company.id, Role::Customer, contacts, now);
        let user = if user.contacts().email.is_some() { user.verified() } else { user };
        Ok(Admission { user, created, introduction, event_id: self.ids.new_id(now), invitation: None })
    }

    fn new_account(&self, says: &ProviderSays, now: Timestamp) -> SocialAccount {
        SocialAccount { id: self.ids.new_id(now), account: says.account.clone(), email: says.email.clone(), linked_at: now }
    }

    pub(crate) async fn list(&self, call: &Call) -> Result<Authorized<Vec<SocialAccountView>>, Error> {
        let permit = call.authorize(&Action::ManageOwnSocialAccounts)?;
        let (caller, _) = signed_in(call)?;
        let realm = self.realms.get(caller.realm_id).await?.ok_or(Error::RealmNotFound)?;
        let own = self.own(&realm, caller.user_id).await?;
        Ok(permit.show(own.linked.iter().map(|account| own.view(account)).collect()))
    }

    async fn own(&self, realm: &Realm, user_id: UserId) -> Result<Own, Error> {
        let account = self.users.account_of(realm.id, user_id).await?.ok_or(Error::SessionOver)?;
        let linked = self.accounts.list(realm.id, user_id).await?;
        Ok(Own { account, linked, providers: self.providers_of(realm) })
    }

    /// Links the account with which the caller comes back. Who has signed in recently was asked when he began.
    pub(crate) async fn link(&self, call: &Call, returned: SocialReturn) -> Result<Authorized<SocialAccountView>, Error> {
        let permit = call.authorize(&Action::ManageOwnSocialAccounts)?;
        let (caller, session_id) = signed_in(call)?;
        open_session(self.sessions.as_ref(), &caller, session_id).await?;
        let door = self.door(caller.realm_id, &returned.provider).await?;
        let buckets = self.guessing.limits.of_session(session_id);
        let says = self.come_back(&permit, &door, &returned, Some(session_id), &buckets).await?;
        for _ in 0..ATTEMPTS {
            let own = self.own(&door.realm, caller.user_id).await?;
            if let Some(linked) = own.linked.iter().find(|linked| linked.account == says.account) {
                return Ok(permit.show(own.view(linked)));
            }
            let (user, now) = (&own.account.user, self.clock.now());
            let (account, provider_label) = (self.new_account(&says, now), door.provider.label.as_str());
            let new = NewSocialAccount { user, account: &account, provider_label, session_id, event_id: self.ids.new_id(now) };
            match self.accounts.link(&permit, call, &new).await? {
                // Found in the next round.
                Linked::Done => {}
                Linked::Taken => return Err(Error::SocialAccountTaken),
                Linked::HasAnother => return Err(Error::SocialProviderLinked),
                Linked::Stale => {
                    open_session(self.sessions.as_ref(), &caller, session_id).await?;
                }
            }
        }
        Err(Error::UserChanged)
    }

    /// Unlinks an account, unless its user could not come in any more.
    pub(crate) async fn unlink(&self, call: &Call, account_id: SocialAccountId) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::ManageOwnSocialAccounts)?;
        let (caller, session_id) = signed_in(call)?;
        let realm = self.realms.get(caller.realm_id).await?.ok_or(Error::RealmNotFound)?;
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            recent_session(self.sessions.as_ref(), &caller, session_id, &realm.policy, now).await?;
            let own = self.own(&realm, caller.user_id).await?;
            let account = own.linked.iter().find(|account| account.id == account_id).ok_or(Error::SocialAccountNotFound)?;
            let SocialAccountView { account, provider, is_last_way_in } = own.view(account);
            if is_last_way_in {
                return Err(Error::LastWayIn);
            }
            let provider_label = &provider.map_or(account.account.issuer, |provider| provider.label);
            let (user, event_id) = (&own.account.user, self.ids.new_id(now));
            let unlinking = Unlinking { user, account_id, provider_label, session_id, event_id, now };
            if self.accounts.unlink(&permit, call, &unlinking).await? {
                return Ok(permit.show(()));
            }
        }
        Err(Error::UserChanged)
    }
}

impl Door {
    const fn asking<'a>(&'a self, secrets: &'a VisitSecrets, now: Timestamp) -> Asking<'a> {
        let Self { provider, redirect_url, .. } = self;
        Asking { provider, redirect_url: redirect_url.as_str(), secrets, now }
    }
}

impl Own {
    fn view(&self, account: &SocialAccount) -> SocialAccountView {
        let provider = self.providers.iter().find(|provider| provider.issuer == account.account.issuer);
        let has_password = self.account.password.is_some();
        let ways_in = WaysIn { accounts: &self.linked, providers: &self.providers, has_password };
        let is_last_way_in = ways_in.is_last(account.id);
        SocialAccountView { account: account.clone(), provider: provider.cloned(), is_last_way_in }
    }
}

/// What a provider calls somebody, as if he had typed it.
fn introduction(name: &ProviderName, form: NameForm) -> NewIntroduction {
    let said = [(NameField::Full, &name.full), (NameField::Last, &name.last), (NameField::First, &name.first)];
    let taken = said.into_iter().filter(|(field, text)| form.fields().contains(field) && !text.expose().is_empty());
    let language = name.locale.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    NewIntroduction {
        name: taken.map(|(field, text)| (field, text.expose().clone())).collect(),
        language: if is_language(&language) { language } else { String::new() },
    }
}
