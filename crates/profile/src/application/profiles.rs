//! Reading and changing profiles. Everybody has one: who has saved nothing is asked of identity (I21).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::{Authorized, Call, Clock, DepartmentId, Fault, IdSource, InvalidName, NameRule, RealmId, Refusal, UserId};

use super::{
    ATTEMPTS, Attributes, Departments, Error, NameRules, ProfileUpdate, Profiles, ShownAttribute, Users, WriteProfileError,
    shown_attributes,
};
use crate::domain::access::Action;
use crate::domain::{
    Change, Contacts, Department, Etag, Field, Flaw, InvalidField, Label, Person, Profile, ProposedAttribute, ProposedValue,
};

pub(crate) struct ProfileUseCases {
    pub(crate) profiles: Arc<dyn Profiles>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) names: Arc<dyn NameRules>,
    pub(crate) attributes: Arc<dyn Attributes>,
    pub(crate) departments: Arc<dyn Departments>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Debug)]
pub(crate) struct BatchGetProfiles {
    /// Wanted of callers that belong to no realm.
    pub(crate) realm_id: Option<RealmId>,
    pub(crate) user_ids: BTreeSet<UserId>,
}

pub(crate) struct UpdateProfile {
    pub(crate) user_id: UserId,
    pub(crate) proposed: Vec<ProposedValue>,
    pub(crate) attributes: Vec<ProposedAttribute>,
    /// Nothing is changed if the profile has another by now.
    pub(crate) etag: Option<Etag>,
}

/// A profile together with what its person is shown as.
#[derive(Debug)]
pub(crate) struct ProfileView {
    pub(crate) profile: Profile,
    pub(crate) label: Label,
    /// Further fields, as far as the caller may see them.
    pub(crate) attributes: Vec<ShownAttribute>,
    /// The one that his profile names.
    pub(crate) department: Option<Department>,
}

#[derive(Debug)]
pub(crate) struct ProfilesFound {
    pub(crate) profiles: Vec<Authorized<ProfileView>>,
    pub(crate) missing: BTreeSet<UserId>,
}

/// A profile, and its person's contacts if he had to be asked about.
pub(super) struct Met {
    pub(super) profile: Profile,
    pub(super) contacts: Option<Contacts>,
}

impl ProfileUseCases {
    pub(crate) async fn get(
        &self,
        call: &Call,
        realm_id: Option<RealmId>,
        user_id: UserId,
    ) -> Result<Authorized<ProfileView>, Error> {
        let realm_id = realm_of(call, realm_id)?;
        let Met { profile, contacts } = self.meet(call, realm_id, user_id).await?;
        let permit = call.authorize(&Action::SeeProfile(&profile))?;
        let view = self.view(call, profile, contacts).await?;
        Ok(permit.show(view))
    }

    pub(crate) async fn batch_get(&self, call: &Call, query: BatchGetProfiles) -> Result<ProfilesFound, Error> {
        let mut found = ProfilesFound { profiles: Vec::new(), missing: query.user_ids };
        let realm_id = match realm_of(call, query.realm_id) {
            Ok(realm_id) => realm_id,
            Err(Refusal::Hidden) => return Ok(found),
            Err(refusal) => return Err(refusal.into()),
        };
        let wanted: Vec<UserId> = found.missing.iter().copied().collect();
        for view in self.views(call, realm_id, &wanted).await? {
            if let Ok(permit) = call.authorize(&Action::SeeProfile(&view.profile)) {
                found.missing.remove(&view.profile.user_id());
                found.profiles.push(permit.show(view));
            }
        }
        Ok(found)
    }

    pub(crate) async fn update(&self, call: &Call, command: UpdateProfile) -> Result<Authorized<ProfileView>, Error> {
        let realm_id = call.realm_id()?;
        let names = self.name_rule(call, realm_id, &command.proposed).await?;
        let (changes, wrong) = match Change::parse_all(&command.proposed, names) {
            Ok(changes) => (changes, Vec::new()),
            Err(wrong) => (Vec::new(), wrong),
        };
        for _ in 0..ATTEMPTS {
            let Met { mut profile, contacts } = self.meet(call, realm_id, command.user_id).await?;
            let permit = call.authorize(&command.action(&profile))?;
            if self.profiles.done(call, self.clock.now()).await?.is_some() {
                // Perhaps since the profile was read.
                return self.get(call, Some(realm_id), command.user_id).await;
            }
            if command.etag.as_ref().is_some_and(|etag| *etag != profile.etag()) {
                return Err(Error::EtagMismatch);
            }
            let mut shown = self.attributes_of_one(call, &profile).await?;
            let read = shown_attributes::read(&shown, &command.attributes)?;
            let fields: Vec<_> = wrong.iter().copied().chain(self.wrong_department(&profile, &command.proposed).await?).collect();
            if !(fields.is_empty() && read.wrong.is_empty()) {
                return Err(Error::ProfileInvalid { fields, attributes: read.wrong });
            }
            shown_attributes::write(&mut shown, &read.changes);
            let (former, now) = (profile.values().clone(), self.clock.now());
            let mut changed = profile.change(&changes, names.form, now);
            if changed.is_none() && !read.changes.is_empty() {
                changed = Some(profile.attributes_changed(now));
            }
            if changes.iter().any(|change| matches!(change, Change::Name(..))) {
                whole(names, &profile)?;
            }
            let mut fields: Vec<_> = profile.values().differing(&former).iter().map(|field| field.as_str().to_owned()).collect();
            fields.extend(shown_attributes::named(&shown, &read.changes));
            // Made before anything is written: what was saved must not be answered as a failure.
            let view = self.view_with(call, profile, contacts, shown).await?;
            let Some(changed) = changed else { return Ok(permit.show(view)) };
            let update = ProfileUpdate { changed, fields: &fields, attributes: &read.changes };
            match self.profiles.save(&permit, call, &view.profile, self.ids.new_id(now), &update).await {
                Ok(()) => return Ok(permit.show(view)),
                Err(WriteProfileError::Stale) => {}
                Err(WriteProfileError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::ProfileChanged)
    }

    /// What is wrong with the department that is wanted, if it is not one of the person's company: another one's is none.
    async fn wrong_department(&self, profile: &Profile, proposed: &[ProposedValue]) -> Result<Option<InvalidField>, Fault> {
        let wanted = proposed.iter().find(|value| value.field == Field::Department);
        // What is no id is wrong already.
        let Some(id) = wanted.and_then(|value| value.text.parse::<DepartmentId>().ok()) else { return Ok(None) };
        let found = self.departments.list(profile.realm_id(), &[id]).await?;
        let is_of_company = found.iter().any(|department| department.company_id == profile.company_id());
        Ok((!is_of_company).then_some(InvalidField { field: Field::Department, flaw: Flaw::Department }))
    }

    /// Asked for only if a name is to change.
    async fn name_rule(&self, call: &Call, realm_id: RealmId, proposed: &[ProposedValue]) -> Result<NameRule, Error> {
        if proposed.iter().any(|value| matches!(value.field, Field::Name(_))) {
            return self.names.of(call, realm_id).await?.ok_or(Error::ProfileNotFound);
        }
        Ok(NameRule::FREE)
    }

    /// The profile that was saved, or the empty one of a user whom identity knows.
    pub(super) async fn meet(&self, call: &Call, realm_id: RealmId, user_id: UserId) -> Result<Met, Error> {
        if let Some(profile) = self.profiles.get(realm_id, user_id).await? {
            return Ok(Met { profile, contacts: None });
        }
        let person = self.person(call, realm_id, user_id).await?;
        let profile = Profile::unsaved((realm_id, user_id, person.company_id), person.introduction);
        Ok(Met { profile, contacts: Some(person.contacts) })
    }

    pub(super) async fn view(&self, call: &Call, profile: Profile, contacts: Option<Contacts>) -> Result<ProfileView, Error> {
        let attributes = self.attributes_of_one(call, &profile).await?;
        self.view_with(call, profile, contacts, attributes).await
    }

    /// Asks for the contacts of somebody who has no name to be shown by, and of nobody else.
    async fn view_with(
        &self,
        call: &Call,
        profile: Profile,
        contacts: Option<Contacts>,
        attributes: Vec<ShownAttribute>,
    ) -> Result<ProfileView, Error> {
        let contacts = match contacts {
            Some(contacts) => contacts,
            None if profile.is_nameless() => self.person(call, profile.realm_id(), profile.user_id()).await?.contacts,
            None => Contacts::default(),
        };
        let department = self.departments_of(profile.realm_id(), &[&profile]).await?.into_values().next();
        Ok(view(profile, &contacts, attributes, department))
    }

    /// Those that these profiles name.
    async fn departments_of(
        &self,
        realm_id: RealmId,
        profiles: &[&Profile],
    ) -> Result<BTreeMap<DepartmentId, Department>, Fault> {
        let ids: BTreeSet<_> = profiles.iter().filter_map(|profile| profile.values().department_id).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids: Vec<_> = ids.into_iter().collect();
        let found = self.departments.list(realm_id, &ids).await?;
        Ok(found.into_iter().map(|department| (department.id, department)).collect())
    }

    async fn person(&self, call: &Call, realm_id: RealmId, user_id: UserId) -> Result<Person, Error> {
        let people = self.users.people(call, realm_id, &[user_id]).await?;
        people.into_iter().find(|person| person.user_id == user_id).ok_or(Error::ProfileNotFound)
    }

    /// Those of the users that exist, with at most one question to identity.
    async fn views(&self, call: &Call, realm_id: RealmId, user_ids: &[UserId]) -> Result<Vec<ProfileView>, Fault> {
        let saved = self.profiles.list(realm_id, user_ids).await?;
        let (named, nameless): (Vec<_>, Vec<_>) = saved.into_iter().partition(|profile| !profile.is_nameless());
        let shown: BTreeSet<_> = named.iter().map(Profile::user_id).collect();
        let mut found: Vec<_> = named.into_iter().map(|profile| (profile, Contacts::default())).collect();
        let mut nameless: BTreeMap<_, _> = nameless.into_iter().map(|profile| (profile.user_id(), profile)).collect();

        let unclear: Vec<_> = user_ids.iter().copied().filter(|user_id| !shown.contains(user_id)).collect();
        let people = if unclear.is_empty() { Vec::new() } else { self.users.people(call, realm_id, &unclear).await? };
        for Person { user_id, company_id, contacts, introduction } in people {
            let profile =
                nameless.remove(&user_id).unwrap_or_else(|| Profile::unsaved((realm_id, user_id, company_id), introduction));
            found.push((profile, contacts));
        }
        let profiles: Vec<_> = found.iter().map(|(profile, _)| profile).collect();
        let mut attributes = self.attributes_of(call, realm_id, &profiles).await?;
        let departments = self.departments_of(realm_id, &profiles).await?;
        let views = found.into_iter().map(|(profile, contacts)| {
            let attributes = attributes.remove(&profile.user_id()).unwrap_or_default();
            let department = profile.values().department_id.and_then(|id| departments.get(&id)).cloned();
            view(profile, &contacts, attributes, department)
        });
        Ok(views.collect())
    }
}

impl UpdateProfile {
    /// Attributes are written by more people than the rest.
    const fn action<'a>(&self, profile: &'a Profile) -> Action<'a> {
        if self.proposed.is_empty() { Action::WriteAttributes(profile) } else { Action::UpdateProfile(profile) }
    }
}

/// A name has every part that the rule needs, also those that were said before there was the rule.
fn whole(names: NameRule, profile: &Profile) -> Result<(), Error> {
    let missing = |field| InvalidField { field: Field::Name(field), flaw: InvalidName::Missing.into() };
    let missing: Vec<InvalidField> = names.missing(&profile.values().name).into_iter().map(missing).collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::ProfileInvalid { fields: missing, attributes: Vec::new() }) }
}

fn view(profile: Profile, contacts: &Contacts, attributes: Vec<ShownAttribute>, department: Option<Department>) -> ProfileView {
    let label = Label::of(profile.values(), contacts);
    ProfileView { profile, label, attributes, department }
}

/// The realm that was named, else the caller's own, if he may look into it.
pub(super) fn realm_of(call: &Call, named: Option<RealmId>) -> Result<RealmId, Refusal> {
    let realm_id = named.or(call.caller().realm_id());
    call.authorize(&Action::LookUpProfiles { realm_id })?;
    realm_id.ok_or(Refusal::Hidden)
}
