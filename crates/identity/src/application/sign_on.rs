//! Single sign-on: the realm's own service says who somebody is (I20).

use std::sync::Arc;

use kernel::{Authorized, Call, NameField, Permit, RealmId, SignOnKeyId, UserId};

use super::users::checked;
use super::{
    ATTEMPTS, Account, Admission, Assertions, Entered, Error, Invitation, NewIntroduction, NewUser, SentFirst, SessionUseCases,
    SignOns, SocialAccounts, UserLinked,
};
use crate::domain::access::Action;
use crate::domain::{
    AssertedName, Assertion, Contact, ExternalId, FirstFactor, Login, Policy, Realm, SignOnKey, User, UserStatus,
};

/// Those that people are written to in.
const LANGUAGES: [&str; 4] = ["ru", "uk", "pl", "en"];

pub(crate) struct SignOnUseCases {
    pub(crate) sign_ons: Arc<dyn SignOns>,
    pub(crate) assertions: Arc<dyn Assertions>,
    pub(crate) accounts: Arc<dyn SocialAccounts>,
    /// Signs in whom the realm's service has named.
    pub(crate) sessions: SessionUseCases,
}

pub(crate) struct SignOn {
    pub(crate) realm_id: RealmId,
    pub(crate) token: String,
    pub(crate) session_name: String,
}

pub(crate) struct CreateSignOnKey {
    pub(crate) realm_id: RealmId,
    pub(crate) name: String,
    /// In PEM.
    pub(crate) public_key: String,
}

impl SignOnUseCases {
    pub(crate) async fn sign_on(&self, call: &Call, command: SignOn) -> Result<Authorized<Entered>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let realm = self.sessions.realms.get(command.realm_id).await?.ok_or(Error::SignOnRefused)?;
        let said = self.said(&realm, &command.token).await?;
        // Whoever has overheard it comes too late, or before its owner, who then knows.
        if !self.sign_ons.use_up(&permit, realm.id, &said.token_hash, said.expires_at).await? {
            return Err(Error::SignOnRefused);
        }
        for _ in 0..ATTEMPTS {
            let Some(account) = self.meant(&permit, call, &realm, &said).await? else { continue };
            if account.user.status() != UserStatus::Active {
                return Err(Error::SignOnRefused);
            }
            let name = command.session_name.clone();
            let entered = self.sessions.enter(&permit, call, &account, &realm.policy, name, FirstFactor::SignOn).await?;
            if let Some(entered) = entered {
                return Ok(permit.show(entered));
            }
        }
        Err(Error::UserChanged)
    }

    async fn said(&self, realm: &Realm, token: &str) -> Result<Assertion, Error> {
        let key_id = self.assertions.key_of(token).ok_or(Error::SignOnRefused)?;
        let key = self.sign_ons.get_key(realm.id, key_id).await?.ok_or(Error::SignOnRefused)?;
        self.assertions.read(token, &key, self.sessions.clock.now()).map_err(|_| Error::SignOnRefused)
    }

    /// The user who is meant; none if others were faster, and it is to be looked again.
    async fn meant(&self, permit: &Permit, call: &Call, realm: &Realm, said: &Assertion) -> Result<Option<Account>, Error> {
        if let Some(user_id) = self.sign_ons.get_linked(realm.id, &said.external_id).await? {
            return Ok(self.sessions.users.account_of(realm.id, user_id).await?);
        }
        let login = Login::read_as(Contact::Email, &said.email, realm.policy.phones);
        let account = match &login {
            Some(login) => self.sessions.users.account(realm.id, Some(login)).await?,
            None => None,
        };
        match account {
            Some(account) => self.linked(permit, account, said).await,
            None => self.added(permit, call, realm, said).await,
        }
    }

    /// Somebody who was there before the realm's service spoke of him, by his address.
    async fn linked(&self, permit: &Permit, account: Account, said: &Assertion) -> Result<Option<Account>, Error> {
        let user = &account.user;
        if user.status() != UserStatus::Active {
            return Err(Error::SignOnRefused);
        }
        // Somebody else may have taken the address before its owner came, with a password or an account of his: he would keep what is hers
        // then.
        if !user.is_email_verified() && self.has_way_in(&account).await? {
            return Err(Error::SignOnConflict);
        }
        let linked = self.sign_ons.link_first(permit, user, &said.external_id, self.sessions.clock.now()).await?;
        let is_another = self.sign_ons.get_external_id(user.realm_id(), user.id()).await?;
        match linked {
            UserLinked::Done => Ok(Some(account)),
            _ if is_another.is_some_and(|another| another != said.external_id) => Err(Error::SignOnConflict),
            UserLinked::Taken | UserLinked::Stale => Ok(None),
        }
    }

    async fn has_way_in(&self, account: &Account) -> Result<bool, Error> {
        let user = &account.user;
        Ok(account.password.is_some() || !self.accounts.list(user.realm_id(), user.id()).await?.is_empty())
    }

    /// Somebody new, where new accounts are open.
    async fn added(&self, permit: &Permit, call: &Call, realm: &Realm, said: &Assertion) -> Result<Option<Account>, Error> {
        let company_id = realm.policy.registration.open_company().ok_or(Error::RegistrationClosed)?;
        let company = self.sessions.realms.get_company(realm.id, company_id).await?.ok_or(Error::RegistrationClosed)?;
        let new = newcomer(said, &realm.policy);
        let (contacts, introduction) = checked(&realm.policy, &company, &new)?;
        let now = self.sessions.clock.now();
        let (user, created) = User::create(realm.id, self.sessions.ids.new_id(now), company.id, new.role, contacts, now);
        let user_id = user.id();
        let admission = Admission { user, created, introduction, event_id: self.sessions.ids.new_id(now), invitation: None };
        match self.sign_ons.admit(permit, call, &admission, &said.external_id, now).await? {
            SentFirst::Added => Ok(self.sessions.users.account_of(realm.id, user_id).await?),
            // Whoever has the address by now is looked at as such.
            SentFirst::Taken(contacts) if contacts.iter().all(|contact| *contact == Contact::Email) => Ok(None),
            SentFirst::Taken(_) => Err(Error::SignOnConflict),
            SentFirst::Overtaken => Ok(None),
        }
    }

    pub(crate) async fn create_key(&self, call: &Call, command: CreateSignOnKey) -> Result<Authorized<SignOnKey>, Error> {
        let permit = call.authorize(&Action::ManageSignOnKeys)?;
        self.sessions.realms.get(command.realm_id).await?.ok_or(Error::RealmNotFound)?;
        let public_key = self.assertions.public_key(&command.public_key).ok_or(Error::SignOnKeyInvalid)?;
        let now = self.sessions.clock.now();
        let id = self.sessions.ids.new_id(now);
        let key = SignOnKey { id, realm_id: command.realm_id, name: command.name, public_key, created_at: now };
        self.sign_ons.insert_key(&permit, call, &key).await?;
        Ok(permit.show(key))
    }

    pub(crate) async fn list_keys(&self, call: &Call, realm_id: RealmId) -> Result<Authorized<Vec<SignOnKey>>, Error> {
        let permit = call.authorize(&Action::ManageSignOnKeys)?;
        self.sessions.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
        Ok(permit.show(self.sign_ons.list_keys(realm_id).await?))
    }

    pub(crate) async fn delete_key(&self, call: &Call, realm_id: RealmId, id: SignOnKeyId) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::ManageSignOnKeys)?;
        if !self.sign_ons.delete_key(&permit, call, realm_id, id).await? {
            return Err(Error::SignOnKeyNotFound);
        }
        Ok(permit.show(()))
    }

    pub(crate) async fn link(&self, call: &Call, user_id: UserId, external_id: &str) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::LinkUsers)?;
        let external_id = ExternalId::parse(external_id).ok_or(Error::ExternalIdInvalid)?;
        let user = self.sessions.users.get(call.realm_id()?, user_id).await?.ok_or(Error::UserNotFound)?;
        match self.sign_ons.link(&permit, call, &user, &external_id, self.sessions.clock.now()).await? {
            UserLinked::Done => Ok(permit.show(())),
            UserLinked::Taken => Err(Error::ExternalIdTaken),
            UserLinked::Stale => Err(Error::UserNotFound),
        }
    }

    pub(crate) async fn unlink(&self, call: &Call, user_id: UserId) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::LinkUsers)?;
        let user = self.sessions.users.get(call.realm_id()?, user_id).await?.ok_or(Error::UserNotFound)?;
        self.sign_ons.unlink(&permit, call, &user).await?;
        Ok(permit.show(()))
    }

    pub(crate) async fn get_linked(&self, call: &Call, external_id: &str) -> Result<Authorized<UserId>, Error> {
        let permit = call.authorize(&Action::LinkUsers)?;
        let external_id = ExternalId::parse(external_id).ok_or(Error::ExternalIdInvalid)?;
        let linked = self.sign_ons.get_linked(call.realm_id()?, &external_id).await?;
        Ok(permit.show(linked.ok_or(Error::UserNotFound)?))
    }
}

/// Somebody as the realm's service describes him, as if an OWNER typed it: of what others may have already, what the policy asks for.
fn newcomer(said: &Assertion, policy: &Policy) -> NewUser {
    let asked_for = |contact, text: &str| {
        if policy.required_contacts.contains(&contact) { text.to_owned() } else { String::new() }
    };
    // `uk-UA` is Ukrainian; what nobody is written to in is not said.
    let language = said.language.split(['-', '_']).next().filter(|language| LANGUAGES.contains(language));
    let name = policy
        .names
        .form
        .fields()
        .iter()
        .map(|field| (*field, said_name(&said.name, *field)))
        .filter(|(_, text)| !text.is_empty());
    NewUser {
        role: kernel::Role::Customer,
        email: said.email.clone(),
        phone: asked_for(Contact::Phone, &said.phone),
        user_name: asked_for(Contact::UserName, &said.user_name),
        status: UserStatus::Active,
        introduction: NewIntroduction { name: name.collect(), language: language.unwrap_or_default().to_owned() },
        invitation: Invitation::None,
    }
}

fn said_name(name: &AssertedName, field: NameField) -> String {
    match field {
        NameField::Full if name.full.is_empty() => {
            let parts = [&name.given, &name.middle, &name.family];
            parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
        }
        NameField::Full => name.full.clone(),
        NameField::First => name.given.clone(),
        NameField::Last => name.family.clone(),
        NameField::Middle => name.middle.clone(),
    }
}
