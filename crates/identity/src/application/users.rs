//! Adding, reading and deciding about users.

use std::collections::HashMap;
use std::sync::Arc;

use kernel::{
    Authorized, Call, Caller, Clock, CompanyId, Fault, IdSource, NameField, Permit, RealmId, Refusal, Role, Timestamp, UserId,
};

use super::conflicts;
use super::contacts::contact_update;
use super::links::{has_changed, new_link};
use super::sessions::{authenticated_session, signed_in};
use super::user_actions::{UserView, hidden_company, may_change_contacts, may_change_standing, may_invite_again};
use super::{
    ATTEMPTS, Admission, Admitted, ChangeStandingError, ContactSetter, Decision, Error, Guessing, InsertError, Links, NewLink,
    Realms, Secrets, Sessions, UpdateUserError, UserProblem, Users,
};
use crate::domain::access::Action;
use crate::domain::{
    Activation, Company, Contact, ContactChanged, Contacts, EmailAddress, Introduction, Link, Login, NameStem, PhoneNumber,
    Policy, Standard, Standing, User, UserName, UserStatus,
};

#[derive(Clone)]
pub(crate) struct UserUseCases {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) links: Arc<dyn Links>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) guessing: Guessing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// What is said of a user when he is added.
pub(crate) struct NewUser {
    pub(crate) role: Role,
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) user_name: String,
    pub(crate) status: UserStatus,
    pub(crate) introduction: NewIntroduction,
    pub(crate) invitation: Invitation,
}

/// What is said of him beside, as it was typed.
#[derive(Clone, Default)]
pub(crate) struct NewIntroduction {
    pub(crate) name: Vec<(NameField, String)>,
    pub(crate) language: String,
}

/// Whether a new user is mailed a link to set a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invitation {
    Send,
    None,
}

pub(crate) struct CreateUsers {
    pub(crate) company_id: CompanyId,
    pub(crate) users: Vec<NewUser>,
}

/// What a user name is suggested from.
pub(crate) struct SuggestUserName {
    pub(crate) company_id: CompanyId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) standard: Standard,
}

#[derive(Debug)]
pub(crate) struct ListUsers {
    pub(crate) company_id: CompanyId,
    pub(crate) after: Option<UserId>,
    pub(crate) limit: i64,
}

/// Whoever has a contact.
pub(crate) struct FindUser {
    pub(crate) contact: Contact,
    pub(crate) text: String,
}

/// Another contact for a user.
pub(crate) enum NewContact {
    Email(String),
    Phone(String),
}

pub(crate) struct ChangeContact {
    pub(crate) user_id: UserId,
    pub(crate) contact: NewContact,
}

#[derive(Debug)]
pub(crate) struct ChangeStanding {
    pub(crate) user_id: UserId,
    pub(crate) standing: Standing,
}

#[derive(Debug)]
pub(crate) struct BatchGetUsers {
    /// Wanted of callers that belong to no realm.
    pub(crate) realm_id: Option<RealmId>,
    pub(crate) user_ids: Vec<UserId>,
}

/// The users that were found, and the ids that were not, or that the caller may not know of.
#[derive(Debug)]
pub(crate) struct UsersFound {
    pub(crate) users: Vec<Authorized<UserView>>,
    pub(crate) missing: Vec<UserId>,
}

/// What became of one user of a batch.
pub(crate) type Verdict = Result<UserView, Error>;

impl UserUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateUsers) -> Result<Authorized<UserView>, Error> {
        let policy = self.policy(call.realm_id()?).await?;
        let (mut verdicts, permit) = self.add(call, &policy, command).await?;
        let user = verdicts.pop().ok_or(Error::UserNotFound)??;
        Ok(permit.show(self.view(call, user, &policy)))
    }

    /// The user with what the caller may do with him.
    pub(super) fn view(&self, call: &Call, user: User, policy: &Policy) -> UserView {
        UserView::of(call, user, policy, self.clock.now())
    }

    async fn policy(&self, realm_id: RealmId) -> Result<Policy, Error> {
        Ok(self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?.policy)
    }

    /// Adds or refuses each by himself; the verdicts stand in the order of the command.
    pub(crate) async fn batch_create(&self, call: &Call, command: CreateUsers) -> Result<Authorized<Vec<Verdict>>, Error> {
        let policy = self.policy(call.realm_id()?).await?;
        let (verdicts, permit) = self.add(call, &policy, command).await?;
        Ok(permit.show(verdicts.into_iter().map(|verdict| Ok(self.view(call, verdict?, &policy))).collect()))
    }

    /// A user name for somebody who is about to be added; kept for nobody.
    pub(crate) async fn suggest_name(&self, call: &Call, query: SuggestUserName) -> Result<Authorized<String>, Error> {
        let permit = call.authorize(&Action::CreateUsers { company_id: query.company_id }).map_err(hidden_company)?;
        let realm_id = call.realm_id()?;
        self.realms.get_company(realm_id, query.company_id).await?.ok_or(Error::CompanyNotFound)?;
        let stem = NameStem::of(&query.first_name, &query.last_name, query.standard);
        for round in 0..NameStem::ROUNDS {
            let names = stem.names(round);
            let taken = self.users.taken_names(realm_id, &names).await?;
            if let Some(free) = names.into_iter().find(|name| !taken.contains(name)) {
                return Ok(permit.show(free));
            }
        }
        Err(Error::ContactsTaken(vec![Contact::UserName]))
    }

    async fn add(&self, call: &Call, policy: &Policy, command: CreateUsers) -> Result<(Vec<Result<User, Error>>, Permit), Error> {
        let permit = call.authorize(&Action::CreateUsers { company_id: command.company_id }).map_err(hidden_company)?;
        let realm_id = call.realm_id()?;
        let company = self.realms.get_company(realm_id, command.company_id).await?.ok_or(Error::CompanyNotFound)?;
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            if let Some(admitted) = self.users.admitted(call, now).await? {
                return Ok((self.told_again(&company, policy, &command.users, admitted).await?, permit));
            }
            let learning = conflicts::begin(&self.guessing, &permit, call, command.users.len()).await?;
            let prepared = command.users.iter().map(|new| self.admission(&company, policy, new, now));
            let prepared: Vec<Result<Admission, Error>> = prepared.collect();
            let admissions: Vec<Option<&Admission>> = prepared.iter().map(|prepared| prepared.as_ref().ok()).collect();
            match self.users.insert(&permit, call, &admissions, now).await {
                Ok(admitted) => {
                    let conflicts = admitted.iter().filter(|admitted| matches!(admitted, Admitted::Taken(_))).count();
                    conflicts::end(&self.guessing, &permit, learning, conflicts).await;
                    return Ok((prepared.into_iter().zip(admitted).map(verdict).collect(), permit));
                }
                Err(InsertError::DoneBefore) => conflicts::end(&self.guessing, &permit, learning, 0).await,
                Err(InsertError::Fault(fault)) => {
                    conflicts::end(&self.guessing, &permit, learning, 0).await;
                    return Err(fault.into());
                }
            }
        }
        Err(Error::UserChanged)
    }

    /// The verdicts of a request that was done before: those who were added, as they are now, and why the others were not.
    async fn told_again(
        &self,
        company: &Company,
        policy: &Policy,
        users: &[NewUser],
        admitted: Vec<Admitted>,
    ) -> Result<Vec<Result<User, Error>>, Error> {
        let ids = admitted.iter().filter_map(|admitted| if let Admitted::Added(id) = admitted { Some(*id) } else { None });
        let added = self.users.list(company.realm_id, &ids.collect::<Vec<_>>()).await?;
        let mut added: HashMap<UserId, User> = added.into_iter().map(|user| (user.id(), user)).collect();
        let again = |(new, admitted): (&NewUser, Admitted)| match admitted {
            Admitted::Added(id) => added.remove(&id).ok_or(Error::UserNotFound),
            Admitted::Taken(contacts) => Err(taken(contacts)),
            // What is wrong with him is found again.
            Admitted::Invalid => Err(checked(policy, company, new).err().unwrap_or(Error::UserChanged)),
        };
        Ok(users.iter().zip(admitted).map(again).collect())
    }

    /// A user as he is going to be added.
    pub(crate) fn admission(
        &self,
        company: &Company,
        policy: &Policy,
        new: &NewUser,
        now: Timestamp,
    ) -> Result<Admission, Error> {
        let (contacts, introduction) = checked(policy, company, new)?;
        let (user, created) = User::create(company.realm_id, self.ids.new_id(now), company.id, new.role, contacts, now);
        let user = match (new.status, new.invitation) {
            (UserStatus::Active, _) => user,
            (UserStatus::Blocked, Invitation::Send) => user.awaiting(Activation::AwaitedWithInvitation),
            (UserStatus::Blocked, Invitation::None) => user.awaiting(Activation::Awaited),
        };
        let invitation = (new.invitation == Invitation::Send).then(|| self.invitation(&user, now)).flatten();
        Ok(Admission { user, created, introduction, event_id: self.ids.new_id(now), invitation })
    }

    /// A letter that invites a user who has access; none once its hours have passed.
    fn invitation(&self, user: &User, now: Timestamp) -> Option<NewLink> {
        let link = Link::invitation(user.realm_id(), self.ids.new_id(now), user.id(), user.activated_at()?, now)?;
        Some(self.mailed(link, user, now))
    }

    fn mailed(&self, link: Link, user: &User, now: Timestamp) -> NewLink {
        new_link(self.secrets.as_ref(), link, Some(user.company_id()), user.version(), self.ids.new_id(now))
    }

    pub(crate) async fn list(&self, call: &Call, query: ListUsers) -> Result<Authorized<Vec<UserView>>, Error> {
        let permit = call.authorize(&Action::ListUsers { company_id: query.company_id }).map_err(hidden_company)?;
        let realm_id = call.realm_id()?;
        self.realms.get_company(realm_id, query.company_id).await?.ok_or(Error::CompanyNotFound)?;
        let policy = self.policy(realm_id).await?;
        let users = self.users.page(realm_id, query.company_id, query.after, query.limit).await?;
        Ok(permit.show(users.into_iter().map(|user| self.view(call, user, &policy)).collect()))
    }

    /// Mails the invitation again; answers when its link ends.
    pub(crate) async fn invite_again(&self, call: &Call, user_id: UserId) -> Result<Authorized<Timestamp>, Error> {
        let realm_id = call.realm_id()?;
        for _ in 0..ATTEMPTS {
            let user = self.users.get(realm_id, user_id).await?.ok_or(Error::UserNotFound)?;
            let now = self.clock.now();
            let permit = may_invite_again(call, &user, now)?;
            let new = self.invitation(&user, now).ok_or(Error::InvitationOver)?;
            // One that is too soon after another is as good as sent.
            if self.links.insert(&permit, call, &new).await?
                || !has_changed(self.users.as_ref(), realm_id, user_id, user.version()).await?
            {
                return Ok(permit.show(new.link.expires_at));
            }
        }
        Err(Error::UserChanged)
    }

    pub(crate) async fn change_contact(&self, call: &Call, command: ChangeContact) -> Result<Authorized<UserView>, Error> {
        let realm_id = call.realm_id()?;
        let policy = self.policy(realm_id).await?;
        let contact = parsed(&policy, command.contact)?;
        for _ in 0..ATTEMPTS {
            let mut user = self.users.get(realm_id, command.user_id).await?.ok_or(Error::UserNotFound)?;
            let permit = may_change_contacts(call, &user, &policy)?;
            let (now, before) = (self.clock.now(), user.contacts().clone());
            let Some(changed) = contact.apply(&mut user, now) else { return Ok(permit.show(self.view(call, user, &policy))) };
            self.check_authenticated(call, &user, &policy).await?;
            let learning = conflicts::begin(&self.guessing, &permit, call, 1).await?;
            let update =
                contact_update(self.secrets.as_ref(), self.ids.as_ref(), &user, ContactSetter::Administrator, changed, &before);
            let updated = self.users.update_contact(&permit, call, &update).await;
            let is_taken = matches!(updated, Err(UpdateUserError::Taken));
            conflicts::end(&self.guessing, &permit, learning, usize::from(is_taken)).await;
            match updated {
                Ok(()) => return Ok(permit.show(self.view(call, user, &policy))),
                Err(UpdateUserError::Stale) => {}
                Err(UpdateUserError::Taken) => return Err(Error::ContactsTaken(vec![changed.contact])),
                Err(UpdateUserError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::UserChanged)
    }

    /// An OWNER who changes contacts of his own has shown that he is who he says, as for another password (I11).
    async fn check_authenticated(&self, call: &Call, user: &User, policy: &Policy) -> Result<(), Error> {
        if !matches!(call.caller(), Caller::User(caller) if caller.user_id == user.id()) {
            return Ok(());
        }
        let (caller, session_id) = signed_in(call)?;
        authenticated_session(self.sessions.as_ref(), &caller, session_id, policy, self.clock.now()).await?;
        Ok(())
    }

    pub(crate) async fn change_standing(&self, call: &Call, command: ChangeStanding) -> Result<Authorized<UserView>, Error> {
        let realm_id = call.realm_id()?;
        let policy = self.policy(realm_id).await?;
        for _ in 0..ATTEMPTS {
            let mut user = self.users.get(realm_id, command.user_id).await?.ok_or(Error::UserNotFound)?;
            let (permit, owner_id) = may_change_standing(call, &user)?;
            self.check_role(&user, command.standing).await?;
            let (now, before) = (self.clock.now(), user.activation());
            let Some(changed) = user.change_standing(command.standing, now) else {
                return Ok(permit.show(self.view(call, user, &policy)));
            };
            let is_due = before == Activation::AwaitedWithInvitation && user.activated_at().is_some();
            let invitation = is_due.then(|| self.invitation(&user, now)).flatten();
            let decision = Decision { user: &user, decided_by: owner_id, event_id: self.ids.new_id(now), changed, invitation };
            match self.users.update_standing(&permit, call, &decision).await {
                Ok(()) => return Ok(permit.show(self.view(call, user, &policy))),
                Err(ChangeStandingError::Fault(fault)) => return Err(fault.into()),
                // His token may be older than the decision that took his office away.
                Err(ChangeStandingError::Stale) if !self.users.is_active_owner(realm_id, owner_id).await? => {
                    return Err(Refusal::Denied.into());
                }
                Err(ChangeStandingError::Stale) => {}
            }
        }
        Err(Error::UserChanged)
    }

    /// Each company has its own roles, whoever is in it.
    async fn check_role(&self, user: &User, standing: Standing) -> Result<(), Error> {
        let Standing::Role(role) = standing else { return Ok(()) };
        let company = self.realms.get_company(user.realm_id(), user.company_id()).await?.ok_or(Error::CompanyNotFound)?;
        if company.kind.has(role) { Ok(()) } else { Err(Error::UserInvalid(vec![UserProblem::RoleNotOfCompany])) }
    }

    /// Whoever has this contact, for those who help the whole realm.
    pub(crate) async fn find(&self, call: &Call, query: FindUser) -> Result<Authorized<UserView>, Error> {
        let permit = call.authorize(&Action::FindUser)?;
        let realm_id = call.realm_id()?;
        let policy = self.policy(realm_id).await?;
        let login = Login::read_as(query.contact, &query.text, policy.phones).ok_or(Error::UserNotFound)?;
        let account = self.users.account(realm_id, Some(&login)).await?.ok_or(Error::UserNotFound)?;
        Ok(permit.show(self.view(call, account.user, &policy)))
    }

    pub(crate) async fn batch_get(&self, call: &Call, query: BatchGetUsers) -> Result<UsersFound, Error> {
        call.authorize(&Action::LookUpUsers)?;
        let own_realm = call.caller().realm_id();
        let Some(realm_id) =
            own_realm.or(query.realm_id).filter(|realm_id| query.realm_id.is_none_or(|asked| asked == *realm_id))
        else {
            return Ok(UsersFound { users: Vec::new(), missing: query.user_ids });
        };
        let Some(realm) = self.realms.get(realm_id).await? else {
            return Ok(UsersFound { users: Vec::new(), missing: query.user_ids });
        };
        let stored = self.users.list(realm_id, &query.user_ids).await?;
        let is_component = matches!(call.caller(), Caller::Component(_));
        let asked: &[UserId] = if is_component { &query.user_ids } else { &[] };
        let mut introductions = self.users.introductions(realm_id, asked).await?;
        let mut users = Vec::with_capacity(stored.len());
        let mut missing = query.user_ids;
        for user in stored {
            if let Ok(permit) = call.authorize(&Action::SeeUser(&user)) {
                missing.retain(|id| *id != user.id());
                let introduction = introductions.remove(&user.id());
                users.push(permit.show(UserView { introduction, ..self.view(call, user, &realm.policy) }));
            }
        }
        Ok(UsersFound { users, missing })
    }
}

fn verdict((prepared, admitted): (Result<Admission, Error>, Admitted)) -> Result<User, Error> {
    let user = prepared?.user;
    match admitted {
        Admitted::Added(_) => Ok(user),
        Admitted::Taken(contacts) => Err(taken(contacts)),
        Admitted::Invalid => Err(Error::UserChanged),
    }
}

/// Whoever had them may have let go of them since.
pub(super) fn taken(contacts: Vec<Contact>) -> Error {
    if contacts.is_empty() { Error::UserChanged } else { Error::ContactsTaken(contacts) }
}

/// The contacts a new user must have: by the policy, and to be invited.
fn required(policy: &Policy, new: &NewUser) -> Vec<Contact> {
    let invited = (new.invitation == Invitation::Send).then_some(Contact::Email);
    policy.required_contacts.iter().copied().chain(invited).collect()
}

/// The contacts and the name that were typed, or everything that is wrong with what is said of the user.
pub(super) fn checked(policy: &Policy, company: &Company, new: &NewUser) -> Result<(Contacts, Introduction), Error> {
    let required = required(policy, new);
    let mut problems = Vec::new();
    let mut contacts = Contacts::default();
    if !new.email.is_empty() {
        contacts.email = EmailAddress::parse(&new.email).map_err(|error| problems.push(error.into())).ok();
    }
    if !new.phone.is_empty() {
        contacts.phone = PhoneNumber::parse(&new.phone, policy.phones).map_err(|error| problems.push(error.into())).ok();
    }
    if !new.user_name.is_empty() {
        contacts.user_name = UserName::parse(&new.user_name).map_err(|error| problems.push(error.into())).ok();
    }
    let typed = |contact: Contact| match contact {
        Contact::Email => &new.email,
        Contact::Phone => &new.phone,
        Contact::UserName => &new.user_name,
    };
    for contact in [Contact::Email, Contact::Phone, Contact::UserName] {
        if required.contains(&contact) && typed(contact).is_empty() {
            problems.push(UserProblem::Missing(contact));
        }
    }
    let said: Vec<(NameField, &str)> = new.introduction.name.iter().map(|(field, text)| (*field, text.as_str())).collect();
    let name = policy.names.read_all(&said);
    let name =
        name.map_err(|invalid| problems.extend(invalid.into_iter().map(|(field, flaw)| UserProblem::Name(field, flaw)))).ok();
    if !policy.starting_status.allows(new.status) {
        problems.push(UserProblem::StatusNotChosen);
    }
    if !company.kind.has(new.role) {
        problems.push(UserProblem::RoleNotOfCompany);
    }
    let language = Some(new.introduction.language.clone()).filter(|language| !language.is_empty());
    match name {
        Some(name) if problems.is_empty() => Ok((contacts, Introduction { name, language })),
        _ => Err(Error::UserInvalid(problems)),
    }
}

/// A contact that was typed, as it is kept.
enum ParsedContact {
    Email(EmailAddress),
    Phone(Option<PhoneNumber>),
}

/// The policy binds later changes as it bound the first (I9).
fn parsed(policy: &Policy, contact: NewContact) -> Result<ParsedContact, Error> {
    let invalid = |problem| Error::UserInvalid(vec![problem]);
    match contact {
        NewContact::Email(text) => EmailAddress::parse(&text).map(ParsedContact::Email).map_err(|error| invalid(error.into())),
        NewContact::Phone(text) if text.is_empty() && policy.required_contacts.contains(&Contact::Phone) => {
            Err(invalid(UserProblem::Missing(Contact::Phone)))
        }
        NewContact::Phone(text) if text.is_empty() => Ok(ParsedContact::Phone(None)),
        NewContact::Phone(text) => {
            let phone = PhoneNumber::parse(&text, policy.phones).map_err(|error| invalid(error.into()))?;
            Ok(ParsedContact::Phone(Some(phone)))
        }
    }
}

impl ParsedContact {
    fn apply(&self, user: &mut User, now: Timestamp) -> Option<ContactChanged> {
        match self {
            Self::Email(email) => user.change_email(email.clone(), now),
            Self::Phone(phone) => user.change_phone(phone.clone(), now),
        }
    }
}

/// What a password of this user must not be made of (I10).
pub(super) async fn own_data(users: &dyn Users, user: &User) -> Result<Vec<String>, Fault> {
    let introduction = users.introductions(user.realm_id(), &[user.id()]).await?.remove(&user.id()).unwrap_or_default();
    Ok(data_of(user, &introduction))
}

pub(super) fn data_of(user: &User, introduction: &Introduction) -> Vec<String> {
    user.own_data().into_iter().map(str::to_owned).chain(introduction.own_data()).collect()
}
