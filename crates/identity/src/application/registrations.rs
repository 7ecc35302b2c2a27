//! Registering oneself: a letter first, a user once its link was followed (I22).

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, Fault, IdSource, NameField, NameForm, RealmId, Role};

use super::sessions::session_user;
use super::users::{checked, data_of};
use super::{
    ATTEMPTS, Account, Addressee, Admission, Confirmation, Confirmed, Entered, Error, Guessing, Invitation, NewIntroduction,
    NewRegistration, NewUser, PasswordHasher, Realms, Registrations, Secrets, SessionUseCases, StoredPassword, UserProblem,
    Users, Waiting,
};
use crate::domain::access::Action;
use crate::domain::guessing::Guessed;
use crate::domain::{
    Company, Contact, Contacts, EmailAddress, FirstFactor, Introduction, Login, Newcomer, Password, PhoneNumber, Policy,
    Registration, User, UserName, UserStatus,
};

pub(crate) struct RegistrationUseCases {
    pub(crate) registrations: Arc<dyn Registrations>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) guessing: Guessing,
    /// Signs in whoever has confirmed his address.
    pub(crate) sessions: SessionUseCases,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// What somebody says of himself who registers.
pub(crate) struct Register {
    pub(crate) realm_id: RealmId,
    pub(crate) said: Said,
}

/// What he says, as it was typed.
pub(crate) struct Said {
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) user_name: String,
    pub(crate) introduction: NewIntroduction,
}

pub(crate) struct ConfirmRegistration {
    pub(crate) token: String,
    pub(crate) password: Password,
    pub(crate) session_name: String,
}

/// Where somebody comes to, and by which rules.
struct Door {
    company: Company,
    policy: Policy,
}

impl RegistrationUseCases {
    /// Answers the same, after the same work, whether or not the address has a user, and whoever he is (I22).
    pub(crate) async fn register(&self, call: &Call, command: Register) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let realm_id = command.realm_id;
        let door = self.door(realm_id).await?;
        let newcomer = door.newcomer(&command.said)?;
        let buckets = self.guessing.limits.of_reset(call.client_in(realm_id).address);
        self.guessing.begin(&permit, realm_id, Guessed::Reset, &buckets).await?;
        for _ in 0..ATTEMPTS {
            let addressee = self.addressee(realm_id, &newcomer.email).await?;
            let new = self.to_be_confirmed(realm_id, newcomer.clone(), addressee);
            let is_mailed = self.registrations.insert(&permit, call, &new).await?;
            // Looked at whether or not it matters: the work is the same.
            let has_changed = self.addressee(realm_id, &newcomer.email).await? != addressee;
            if is_mailed || !has_changed {
                break;
            }
        }
        Ok(permit.show(()))
    }

    /// A realm that is made up is as closed as one that has closed.
    async fn door(&self, realm_id: RealmId) -> Result<Door, Error> {
        let policy = self.realms.get(realm_id).await?.ok_or(Error::RegistrationClosed)?.policy;
        // Where the realm's own service is to be asked, it knows its newcomers as well.
        let is_open = policy.sign_on.admits(Role::Customer, FirstFactor::Password);
        let company_id = policy.registration.open_company().filter(|_| is_open).ok_or(Error::RegistrationClosed)?;
        let company = self.realms.get_company(realm_id, company_id).await?.ok_or(Error::RegistrationClosed)?;
        Ok(Door { company, policy })
    }

    async fn addressee(&self, realm_id: RealmId, email: &EmailAddress) -> Result<Addressee, Fault> {
        let account = self.users.account(realm_id, Some(&Login::Email(email.clone()))).await?;
        let user = account.map(|account| account.user);
        Ok(user.map_or(Addressee::Newcomer, |user| Addressee::User { id: user.id(), version: user.version() }))
    }

    fn to_be_confirmed(&self, realm_id: RealmId, newcomer: Newcomer, addressee: Addressee) -> NewRegistration {
        let now = self.clock.now();
        let link_id = self.ids.new_id(now);
        let (token_hash, sealed_token) = self.secrets.link_token(realm_id, link_id);
        let sealed_address = self.secrets.sealed_address(link_id.as_uuid(), &newcomer.email);
        let user_id = match addressee {
            Addressee::Newcomer => self.ids.new_id(now),
            Addressee::User { id, .. } => id,
        };
        let registration = Registration::new(realm_id, link_id, user_id, newcomer, now);
        NewRegistration { registration, addressee, token_hash, sealed_token, sealed_address, event_id: self.ids.new_id(now) }
    }

    /// Uses nothing up: mail scanners open links (I7).
    pub(crate) async fn inspect(&self, call: &Call, token: &str) -> Result<Authorized<Registration>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let (registration, _) = self.open(token).await?;
        Ok(permit.show(registration))
    }

    async fn open(&self, token: &str) -> Result<(Registration, Door), Error> {
        let token = self.secrets.read_link_token(token).ok_or(Error::LinkNotValid)?;
        let open = self.registrations.get_open(token.realm_id, token.link_id, &token.hash, self.clock.now()).await?;
        let registration = open.ok_or(Error::LinkNotValid)?;
        // It may have closed since.
        let door = self.door(registration.realm_id).await?;
        Ok((registration, door))
    }

    /// Makes the user, his address verified, sets his password and signs him in; once.
    pub(crate) async fn confirm(&self, call: &Call, command: ConfirmRegistration) -> Result<Authorized<Entered>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let (registration, door) = self.open(&command.token).await?;
        let admission = self.admission(&registration, &door)?;
        let checked = door.policy.password.check(&command.password, &data_of(&admission.user, &admission.introduction));
        checked.map_err(|reasons| Error::PasswordRefused { field: "password", reasons })?;
        let buckets = self.guessing.limits.of_link(registration.link_id);
        let attempt = self.guessing.begin(&permit, registration.realm_id, Guessed::Password, &buckets).await?;
        let hashed = self.passwords.hash(command.password, Waiting::Known).await;
        let password_hash = self.guessing.looked_at(&permit, &attempt, hashed).await?;
        for _ in 0..ATTEMPTS {
            let (registration, door) = self.open(&command.token).await?;
            let admission = self.admission(&registration, &door)?;
            let entrance = self
                .sessions
                .entrance(call, &admission.user, &door.policy, command.session_name.clone(), FirstFactor::Password)
                .await?;
            let now = self.clock.now();
            let (link_id, password_hash) = (registration.link_id, password_hash.clone());
            let session = entrance.session();
            let confirmation = Confirmation { link_id, admission: &admission, password_hash: &password_hash, session, now };
            match self.registrations.confirm(&permit, call, &confirmation).await? {
                Confirmed::Added => {
                    let password = Some(StoredPassword { hash: password_hash, set_at: now });
                    let account = Account { user: admission.user, password };
                    let standing = session_user(&account.user);
                    return Ok(permit.show(self.sessions.entered(call, entrance, &account, standing, now)?));
                }
                Confirmed::Over => return Err(Error::LinkNotValid),
                Confirmed::Taken(contacts) => refuse_taken(&contacts)?,
            }
        }
        Err(Error::UserChanged)
    }

    /// The user as he is going to be, by the policy there is by now.
    fn admission(&self, registration: &Registration, door: &Door) -> Result<Admission, Error> {
        let Newcomer { email, phone, user_name, introduction } =
            door.newcomer(&said_before(&registration.newcomer, door.policy.names.form))?;
        let contacts = Contacts { email: Some(email), phone, user_name };
        let (now, realm_id, user_id) = (self.clock.now(), registration.realm_id, registration.user_id);
        let (user, created) = User::create(realm_id, user_id, door.company.id, Role::Customer, contacts, now);
        Ok(Admission { user: user.verified(), created, introduction, event_id: self.ids.new_id(now), invitation: None })
    }
}

impl Door {
    /// Whoever registers, or everything that is wrong with what he says.
    fn newcomer(&self, said: &Said) -> Result<Newcomer, Error> {
        let new = NewUser {
            role: Role::Customer,
            email: said.email.clone(),
            phone: said.phone.clone(),
            user_name: said.user_name.clone(),
            status: UserStatus::Active,
            introduction: said.introduction.clone(),
            // He is mailed a link, too.
            invitation: Invitation::Send,
        };
        let (contacts, introduction) = checked(&self.policy, &self.company, &new)?;
        Newcomer::of(contacts, introduction).ok_or(Error::UserInvalid(vec![UserProblem::Missing(Contact::Email)]))
    }
}

/// What somebody said when he registered, as if he typed it now.
fn said_before(newcomer: &Newcomer, form: NameForm) -> Said {
    let Introduction { name, language } = &newcomer.introduction;
    let name = [
        (NameField::Full, &name.full),
        (NameField::Last, &name.last),
        (NameField::First, &name.first),
        (NameField::Middle, &name.middle),
    ];
    Said {
        email: newcomer.email.as_str().to_owned(),
        phone: newcomer.phone.as_ref().map(PhoneNumber::as_str).unwrap_or_default().to_owned(),
        user_name: newcomer.user_name.as_ref().map(UserName::as_str).unwrap_or_default().to_owned(),
        introduction: NewIntroduction {
            // What was read from what he said is read again.
            name: name
                .into_iter()
                .filter(|(field, _)| form.fields().contains(field))
                .map(|(field, line)| (field, line.as_str().to_owned()))
                .collect(),
            language: language.clone().unwrap_or_default(),
        },
    }
}

/// That his own address is taken by now is said as of any link that is over; of another contact support can say whose it is. Those who
/// had them may have let go of them since.
fn refuse_taken(contacts: &[Contact]) -> Result<(), Error> {
    match contacts.first() {
        None => Ok(()),
        Some(Contact::Email) => Err(Error::LinkNotValid),
        Some(contact) => Err(Error::ContactRefused(*contact)),
    }
}
