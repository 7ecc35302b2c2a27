//! Opening realms, adding companies.

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, CompanyId, IdSource, RealmId, Refusal};

use super::user_actions::hidden_company;
use super::{ATTEMPTS, CompanyInserted, Error, InsertError, NewUser, Presets, Realms, UserUseCases, UserView, users};
use crate::domain::access::Action;
use crate::domain::{
    Company, CompanyKind, CompanySettings, InvalidPolicy, InvalidSetting, PolicyChange, Realm, RealmChange, RealmSettings,
    RegistrationRule, is_name,
};

/// What a realm is made of unless somebody says otherwise.
const DEFAULT_PRESET: &str = "standard";

pub(crate) struct RealmUseCases {
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) presets: Arc<dyn Presets>,
    /// Admits first owners.
    pub(crate) users: UserUseCases,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Debug)]
pub(crate) struct CreateRealm {
    /// The default one if it is empty.
    pub(crate) preset: String,
    pub(crate) settings: RealmSettings,
}

/// Other settings for a realm.
#[derive(Debug)]
pub(crate) struct UpdateRealm {
    pub(crate) realm_id: RealmId,
    pub(crate) changes: Vec<RealmChange>,
    /// What the caller saw; empty to change it whatever it is by now.
    pub(crate) etag: String,
}

/// Another policy for a realm.
#[derive(Debug)]
pub(crate) struct UpdatePolicy {
    pub(crate) realm_id: RealmId,
    pub(crate) changes: Vec<PolicyChange>,
    /// What the caller saw; empty to change it whatever it is by now.
    pub(crate) etag: String,
}

/// Other settings for a company.
#[derive(Debug)]
pub(crate) struct UpdateCompanySettings {
    pub(crate) company_id: CompanyId,
    pub(crate) cash_desk: String,
    /// What the caller saw; empty to change it whatever it is by now.
    pub(crate) etag: String,
}

pub(crate) struct CreateCompany {
    /// Wanted of callers that belong to no realm.
    pub(crate) realm_id: Option<RealmId>,
    pub(crate) kind: CompanyKind,
    pub(crate) name: String,
    /// Its first OWNER, if he comes with it.
    pub(crate) owner: Option<NewUser>,
}

/// A company and its first OWNER.
#[derive(Debug)]
pub(crate) struct CompanyCreated {
    pub(crate) company: Company,
    pub(crate) owner: Option<UserView>,
}

impl RealmUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateRealm) -> Result<Authorized<Realm>, Error> {
        let permit = call.authorize(&Action::CreateRealm)?;
        let preset = if command.preset.is_empty() { DEFAULT_PRESET.to_owned() } else { command.preset };
        let (policy, preset_version) = self.presets.get(&preset).ok_or(Error::PresetUnknown)?;
        let settings = command.settings.checked().map_err(Error::RealmSettingsInvalid)?;
        let now = self.clock.now();
        let realm = Realm { id: self.ids.new_id(now), settings, preset, preset_version, policy, version: 1, created_at: now };
        if let Some(made) = self.realms.made(call, now).await? {
            return self.get(call, made).await;
        }
        match self.realms.insert(&permit, call, &realm).await {
            Ok(()) => Ok(permit.show(realm)),
            Err(InsertError::Fault(fault)) => Err(fault.into()),
            Err(InsertError::DoneBefore) => {
                let made = self.realms.made(call, self.clock.now()).await?.ok_or(Error::RealmNotFound)?;
                self.get(call, made).await
            }
        }
    }

    pub(crate) async fn get(&self, call: &Call, realm_id: RealmId) -> Result<Authorized<Realm>, Error> {
        let permit = call.authorize(&Action::SeeRealm { realm_id }).map_err(hidden_realm)?;
        let realm = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
        Ok(permit.show(realm))
    }

    pub(crate) async fn update_policy(&self, call: &Call, command: UpdatePolicy) -> Result<Authorized<Realm>, Error> {
        let UpdatePolicy { realm_id, changes, etag } = command;
        let permit = call.authorize(&Action::ChangePolicy { realm_id }).map_err(hidden_realm)?;
        for _ in 0..ATTEMPTS {
            let mut realm = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
            if !etag.is_empty() && etag != realm.etag() {
                return Err(Error::EtagMismatch);
            }
            let changed = realm.policy.changed(&changes);
            let policy = match (changed, self.strays(realm_id, &changes).await?) {
                (Ok(policy), None) => policy,
                (changed, strays) => {
                    return Err(Error::PolicyInvalid(changed.err().into_iter().flatten().chain(strays).collect()));
                }
            };
            if policy == realm.policy {
                return Ok(permit.show(realm));
            }
            realm.policy = policy;
            realm.version += 1;
            if self.realms.update_policy(&permit, call, &realm, &changes).await? {
                return Ok(permit.show(realm));
            }
        }
        Err(Error::EtagMismatch)
    }

    /// What is wrong with the company that people are to register with.
    async fn strays(&self, realm_id: RealmId, changes: &[PolicyChange]) -> Result<Option<InvalidPolicy>, Error> {
        for change in changes {
            let PolicyChange::Registration(RegistrationRule { company_id: Some(company_id), .. }) = change else { continue };
            let company = self.realms.get_company(realm_id, *company_id).await?;
            if !company.is_some_and(|company| company.kind == CompanyKind::Ordinary) {
                return Ok(Some(InvalidPolicy::RegistrationCompany));
            }
        }
        Ok(None)
    }

    pub(crate) async fn update(&self, call: &Call, command: UpdateRealm) -> Result<Authorized<Realm>, Error> {
        let UpdateRealm { realm_id, changes, etag } = command;
        let permit = call.authorize(&Action::ChangeRealm { realm_id }).map_err(hidden_realm)?;
        for _ in 0..ATTEMPTS {
            let mut realm = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
            if !etag.is_empty() && etag != realm.etag() {
                return Err(Error::EtagMismatch);
            }
            let now = self.clock.now();
            let Some(changed) = realm.change(&changes, now).map_err(Error::RealmSettingsInvalid)? else {
                return Ok(permit.show(realm));
            };
            if self.realms.update(&permit, call, &realm, self.ids.new_id(now), &changed).await? {
                return Ok(permit.show(realm));
            }
        }
        Err(Error::EtagMismatch)
    }

    pub(crate) async fn list(&self, call: &Call, after: Option<RealmId>, limit: i64) -> Result<Authorized<Vec<Realm>>, Error> {
        let permit = call.authorize(&Action::ListRealms)?;
        Ok(permit.show(self.realms.page(after, limit).await?))
    }

    pub(crate) async fn create_company(&self, call: &Call, command: CreateCompany) -> Result<Authorized<CompanyCreated>, Error> {
        let realm_id = realm_named(call, command.realm_id)?;
        let permit = call.authorize(&Action::CreateCompany { realm_id }).map_err(hidden_realm)?;
        let realm = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
        if !is_name(&command.name) {
            return Err(Error::RealmSettingsInvalid(vec![InvalidSetting::Name]));
        }
        let now = self.clock.now();
        if let Some(made) = self.realms.made_company(call, now).await? {
            return Ok(permit.show(self.company_as_made(call, &realm, made, &command).await?));
        }
        let company = Company {
            realm_id,
            id: self.ids.new_id(now),
            kind: command.kind,
            name: command.name.clone(),
            settings: CompanySettings::default(),
            version: 1,
            created_at: now,
        };
        let admission = |new| self.users.admission(&company, &realm.policy, new, now);
        let owner = command.owner.as_ref().map(admission).transpose()?;
        let taken = match self.realms.insert_company(&permit, call, &company, owner.as_ref()).await {
            Ok(CompanyInserted::Added) => {
                let owner = owner.map(|admission| self.users.view(call, admission.user, &realm.policy));
                return Ok(permit.show(CompanyCreated { company, owner }));
            }
            Ok(CompanyInserted::Taken(taken)) => taken,
            Err(InsertError::DoneBefore) => Vec::new(),
            Err(InsertError::Fault(fault)) => return Err(fault.into()),
        };
        // Perhaps by this very request, a moment ago.
        match self.realms.made_company(call, self.clock.now()).await? {
            Some(made) => Ok(permit.show(self.company_as_made(call, &realm, made, &command).await?)),
            None => Err(users::taken(taken)),
        }
    }

    /// A company that was made before by the same command, with the OWNER it named, as they are now.
    async fn company_as_made(
        &self,
        call: &Call,
        realm: &Realm,
        company_id: CompanyId,
        command: &CreateCompany,
    ) -> Result<CompanyCreated, Error> {
        let company = self.realms.get_company(realm.id, company_id).await?.ok_or(Error::CompanyNotFound)?;
        if command.owner.is_none() {
            return Ok(CompanyCreated { company, owner: None });
        }
        // He came with the company, so nobody came before him. He is shown as he was made, or to whoever may see him.
        let first = self.users.users.page(realm.id, company_id, None, 1).await?.pop();
        let owner = first
            .filter(|user| user.created_at() == company.created_at)
            .filter(|user| user.version() == 1 || call.authorize(&Action::SeeUser(user)).is_ok())
            .map(|owner| self.users.view(call, owner, &realm.policy));
        Ok(CompanyCreated { company, owner })
    }

    pub(crate) async fn get_company(
        &self,
        call: &Call,
        realm_id: Option<RealmId>,
        company_id: CompanyId,
    ) -> Result<Authorized<Company>, Error> {
        let company = self.company(call, realm_id, company_id).await?;
        let permit = call.authorize(&Action::SeeCompany(&company)).map_err(hidden_company)?;
        Ok(permit.show(company))
    }

    async fn company(&self, call: &Call, realm_id: Option<RealmId>, company_id: CompanyId) -> Result<Company, Error> {
        let realm_id = match call.realm_id() {
            Ok(own) if realm_id.is_none_or(|named| named == own) => own,
            Ok(_) => return Err(Error::CompanyNotFound),
            Err(Refusal::Unauthenticated) => return Err(Refusal::Unauthenticated.into()),
            Err(_) => realm_id.ok_or(Error::CompanyNotFound)?,
        };
        self.realms.get_company(realm_id, company_id).await?.ok_or(Error::CompanyNotFound)
    }

    pub(crate) async fn company_settings(&self, call: &Call, company_id: CompanyId) -> Result<Authorized<Company>, Error> {
        let company = self.company(call, None, company_id).await?;
        let permit = call.authorize(&Action::ManageCompanySettings(&company)).map_err(hidden_company)?;
        Ok(permit.show(company))
    }

    pub(crate) async fn update_company_settings(
        &self,
        call: &Call,
        command: UpdateCompanySettings,
    ) -> Result<Authorized<Company>, Error> {
        for _ in 0..ATTEMPTS {
            let mut company = self.company(call, None, command.company_id).await?;
            let permit = call.authorize(&Action::ManageCompanySettings(&company)).map_err(hidden_company)?;
            if !command.etag.is_empty() && command.etag != company.etag() {
                return Err(Error::EtagMismatch);
            }
            let settings = CompanySettings::with_cash_desk(&command.cash_desk)?;
            if company.settings == settings {
                return Ok(permit.show(company));
            }
            company.settings = settings;
            company.version += 1;
            if self.realms.update_company(&permit, call, &company).await? {
                return Ok(permit.show(company));
            }
        }
        Err(Error::EtagMismatch)
    }

    pub(crate) async fn list_companies(
        &self,
        call: &Call,
        realm_id: Option<RealmId>,
        after: Option<CompanyId>,
        limit: i64,
    ) -> Result<Authorized<Vec<Company>>, Error> {
        let realm_id = realm_named(call, realm_id)?;
        let permit = call.authorize(&Action::ListCompanies { realm_id }).map_err(hidden_realm)?;
        self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
        Ok(permit.show(self.realms.page_companies(realm_id, after, limit).await?))
    }
}

/// The realm a call is about: the one it names, or else the caller's own.
fn realm_named(call: &Call, named: Option<RealmId>) -> Result<RealmId, Error> {
    match (named, call.realm_id()) {
        (Some(named), _) => Ok(named),
        (None, Ok(own)) => Ok(own),
        (None, Err(Refusal::Unauthenticated)) => Err(Refusal::Unauthenticated.into()),
        (None, Err(_)) => Err(Error::RealmNotFound),
    }
}

fn hidden_realm(refusal: Refusal) -> Error {
    if refusal == Refusal::Hidden { Error::RealmNotFound } else { Error::Refused(refusal) }
}
