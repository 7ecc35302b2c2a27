//! Between the contract's messages and identity's own types.

use api::cabinet::identity::v1 as pb;
use api::cabinet::r#type::v1::AllowedAction;
use kernel::{Call, Caller, Component, Line, NameField, RealmId, Role, Secret, Through};
use runtime::grpc::{Problem, id, optional_id, timestamp};
use runtime::token::Subject;
use uuid::Uuid;

use super::policy::UnknownPath;
use super::problem::{invalid_reason, taken_reason};
use crate::application::{
    BatchGetUsers, Challenge, ChangeContact, ChangeStanding, CreateCompany, CreateCredential, CreateRealm, CreateUsers, Entered,
    Error, FindUser, Invitation, NewContact, NewIntroduction, NewUser, OfUser, PublishedKey, SessionTokens, ShownFactor,
    SuggestUserName, UpdateCompanySettings, UpdateRealm, UserAction, UserActionKind, UserView, UsersFound, Verdict,
};
use crate::domain::{
    Company, CompanyKind, Contact, Credential, CredentialKind, EmailAddress, FirstFactor, Introduction, Link, LinkPurpose,
    PhoneNumber, Realm, RealmChange, RealmSettings, SecondFactorKind, SecondFactorWanted, Session, Standard, Standing, User,
    UserName, UserStatus,
};

pub(super) fn create_user(request: pb::CreateUserRequest) -> Result<CreateUsers, Problem> {
    let company_id = id("company_id", &request.company_id)?;
    let new = pb::NewUser {
        role: request.role,
        email: request.email,
        phone: request.phone,
        user_name: request.user_name,
        invitation: request.invitation,
        status: request.status,
        introduction: request.introduction,
    };
    Ok(CreateUsers { company_id, users: vec![new_user(new)?] })
}

pub(super) fn batch_create_users(request: pb::BatchCreateUsersRequest) -> Result<CreateUsers, Problem> {
    let company_id = id("company_id", &request.company_id)?;
    let users: Result<_, _> = request.users.into_iter().map(new_user).collect();
    Ok(CreateUsers { company_id, users: users? })
}

fn new_user(new: pb::NewUser) -> Result<NewUser, Problem> {
    let (role, status, invitation) = (role(new.role())?, status(new.status()), invitation(new.invitation()));
    let introduction = introduced(new.introduction.unwrap_or_default());
    Ok(NewUser { role, email: new.email, phone: new.phone, user_name: new.user_name, status, introduction, invitation })
}

pub(super) fn introduced(said: pb::Introduction) -> NewIntroduction {
    let pb::Introduction { full_name, last_name, first_name, middle_name, language } = said;
    let name = vec![
        (NameField::Full, full_name),
        (NameField::Last, last_name),
        (NameField::First, first_name),
        (NameField::Middle, middle_name),
    ];
    NewIntroduction { name, language }
}

pub(super) fn introduction(said: Introduction) -> pb::Introduction {
    let Introduction { name, language } = said;
    let text = |line: &Line| line.as_str().to_owned();
    pb::Introduction {
        full_name: text(&name.full),
        last_name: text(&name.last),
        first_name: text(&name.first),
        middle_name: text(&name.middle),
        language: language.unwrap_or_default(),
    }
}

pub(super) fn suggest_user_name(request: pb::SuggestUserNameRequest) -> Result<SuggestUserName, Problem> {
    let company_id = id("company_id", &request.company_id)?;
    let standard = Standard::of(&request.language);
    Ok(SuggestUserName { company_id, first_name: request.first_name, last_name: request.last_name, standard })
}

const fn status(status: pb::UserStatus) -> UserStatus {
    match status {
        pb::UserStatus::Unspecified | pb::UserStatus::Active => UserStatus::Active,
        pb::UserStatus::Blocked => UserStatus::Blocked,
    }
}

const fn invitation(invitation: pb::Invitation) -> Invitation {
    match invitation {
        pb::Invitation::Unspecified | pb::Invitation::Send => Invitation::Send,
        pb::Invitation::None => Invitation::None,
    }
}

/// A verdict about one user; what is nobody's fault fails the whole batch.
pub(super) fn verdict(verdict: Verdict) -> Result<pb::UserVerdict, Problem> {
    let reasons = match verdict {
        Ok(created) => return Ok(pb::UserVerdict { user: Some(user_view(created)), reasons: Vec::new() }),
        Err(Error::UserInvalid(problems)) => problems.iter().map(|problem| invalid_reason(*problem).into()).collect(),
        Err(Error::ContactsTaken(contacts)) => contacts.iter().map(|contact| taken_reason(*contact).into()).collect(),
        Err(Error::UserChanged) => vec![pb::ErrorReason::UserChanged.into()],
        // He was added, and is gone by now.
        Err(Error::UserNotFound) => vec![pb::ErrorReason::UserNotFound.into()],
        Err(error) => return Err(error.into()),
    };
    Ok(pb::UserVerdict { user: None, reasons })
}

pub(super) fn change_user_email(request: pb::ChangeUserEmailRequest) -> Result<ChangeContact, Problem> {
    Ok(ChangeContact { user_id: id("user_id", &request.user_id)?, contact: NewContact::Email(request.email) })
}

pub(super) fn change_user_phone(request: pb::ChangeUserPhoneRequest) -> Result<ChangeContact, Problem> {
    Ok(ChangeContact { user_id: id("user_id", &request.user_id)?, contact: NewContact::Phone(request.phone) })
}

pub(super) fn change_user_role(request: &pb::ChangeUserRoleRequest) -> Result<ChangeStanding, Problem> {
    Ok(ChangeStanding { user_id: id("user_id", &request.user_id)?, standing: Standing::Role(role(request.role())?) })
}

pub(super) fn change_status(user_id: &str, status: UserStatus) -> Result<ChangeStanding, Problem> {
    Ok(ChangeStanding { user_id: id("user_id", user_id)?, standing: Standing::Status(status) })
}

pub(super) fn batch_get_users(request: &pb::BatchGetUsersRequest) -> Result<BatchGetUsers, Problem> {
    let user_ids: Result<_, _> = request.user_ids.iter().map(|user_id| id("user_ids", user_id)).collect();
    Ok(BatchGetUsers { realm_id: optional_id("realm_id", &request.realm_id)?, user_ids: user_ids? })
}

pub(super) fn find_user(request: pb::FindUserRequest) -> Result<FindUser, Problem> {
    let asked = [(Contact::Email, request.email), (Contact::Phone, request.phone), (Contact::UserName, request.user_name)];
    let mut asked = asked.into_iter().filter(|(_, text)| !text.is_empty());
    match (asked.next(), asked.next()) {
        (Some((contact, text)), None) => Ok(FindUser { contact, text }),
        _ => Err(Problem::field_invalid("email", "is given, or the phone number, or the user name: one of them")),
    }
}

pub(super) fn user_view(UserView { user: shown, actions, introduction: said }: UserView) -> pb::User {
    let allowed_actions = actions.into_iter().map(allowed_action).collect();
    pb::User { allowed_actions, introduction: said.map(introduction), ..user(&shown) }
}

fn allowed_action(UserAction { kind, refusal }: UserAction) -> AllowedAction {
    let method = match kind {
        UserActionKind::ResendInvitation => "ResendInvitation",
        UserActionKind::ChangeEmail => "ChangeUserEmail",
        UserActionKind::ChangePhone => "ChangeUserPhone",
        UserActionKind::SetPassword => "SetUserPassword",
        UserActionKind::ChangeRole => "ChangeUserRole",
        UserActionKind::Block => "BlockUser",
        UserActionKind::Unblock => "UnblockUser",
        UserActionKind::ResetSecondFactor => "ResetUserSecondFactor",
        UserActionKind::EndSessions => "EndUserSessions",
        UserActionKind::LiftLimits => "LiftUserLimits",
        UserActionKind::Delete => "DeleteUser",
    };
    AllowedAction {
        method: method.to_owned(),
        argument: String::new(),
        allowed: refusal.is_none(),
        reason: refusal.map(|refusal| Problem::from(refusal).reason().to_owned()).unwrap_or_default(),
    }
}

/// The user alone: whoever he has just become has asked for nothing else.
pub(super) fn user(user: &User) -> pb::User {
    let contacts = user.contacts();
    pb::User {
        user_id: user.id().to_string(),
        company_id: user.company_id().to_string(),
        role: pb_role(user.role()).into(),
        email: contacts.email.as_ref().map(EmailAddress::as_str).unwrap_or_default().to_owned(),
        version: user.version(),
        create_time: Some(timestamp(user.created_at())),
        status: pb_status(user.status()).into(),
        phone: contacts.phone.as_ref().map(PhoneNumber::as_str).unwrap_or_default().to_owned(),
        user_name: contacts.user_name.as_ref().map(UserName::as_str).unwrap_or_default().to_owned(),
        email_verified: user.is_email_verified(),
        phone_verified: user.is_phone_verified(),
        allowed_actions: Vec::new(),
        introduction: None,
    }
}

pub(super) fn users_found(found: UsersFound) -> pb::BatchGetUsersResponse {
    pb::BatchGetUsersResponse {
        users: found.users.into_iter().map(|found| user_view(found.into_inner())).collect(),
        missing_user_ids: found.missing.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn create_realm(request: pb::CreateRealmRequest) -> CreateRealm {
    CreateRealm {
        preset: request.preset,
        settings: RealmSettings {
            name: request.name,
            public_url: request.public_url,
            sender: request.sender,
            language: request.language,
            time_zone: request.time_zone,
        },
    }
}

pub(super) fn update_realm(request: pb::UpdateRealmRequest) -> Result<UpdateRealm, Problem> {
    let (wanted, mask) = (request.settings.unwrap_or_default(), request.update_mask.unwrap_or_default());
    if mask.paths.is_empty() {
        return Err(UnknownPath.into());
    }
    let change = |path: &String| match path.as_str() {
        "name" => Ok(RealmChange::Name(wanted.name.clone())),
        "public_url" => Ok(RealmChange::PublicUrl(wanted.public_url.clone())),
        "sender" => Ok(RealmChange::Sender(wanted.sender.clone())),
        "language" => Ok(RealmChange::Language(wanted.language.clone())),
        "time_zone" => Ok(RealmChange::TimeZone(wanted.time_zone.clone())),
        _ => Err(Problem::from(UnknownPath)),
    };
    let changes: Result<_, _> = mask.paths.iter().map(change).collect();
    Ok(UpdateRealm { realm_id: id("realm_id", &request.realm_id)?, changes: changes?, etag: request.etag })
}

pub(super) fn company_settings(company: Company) -> (pb::CompanySettings, String) {
    let etag = company.etag();
    (pb::CompanySettings { cash_desk: company.settings.cash_desk }, etag)
}

/// There is one of them: it is named, or nothing is.
pub(super) fn update_company_settings(request: pb::UpdateCompanySettingsRequest) -> Result<UpdateCompanySettings, Problem> {
    let mask = request.update_mask.unwrap_or_default();
    if mask.paths.is_empty() || mask.paths.iter().any(|path| path != "cash_desk") {
        return Err(UnknownPath.into());
    }
    let company_id = id("company_id", &request.company_id)?;
    Ok(UpdateCompanySettings { company_id, cash_desk: request.settings.unwrap_or_default().cash_desk, etag: request.etag })
}

pub(super) fn create_company(realm_id: Option<RealmId>, request: pb::CreateCompanyRequest) -> CreateCompany {
    let kind = match request.kind() {
        pb::CompanyKind::Unspecified | pb::CompanyKind::Ordinary => CompanyKind::Ordinary,
        pb::CompanyKind::SupportDesk => CompanyKind::SupportDesk,
    };
    let contacts = [&request.owner_email, &request.owner_phone, &request.owner_user_name];
    let is_named = contacts.iter().any(|text| !text.is_empty()) || request.owner_introduction.is_some();
    let owner = is_named.then_some(NewUser {
        role: Role::Owner,
        email: request.owner_email,
        phone: request.owner_phone,
        user_name: request.owner_user_name,
        status: UserStatus::Active,
        introduction: introduced(request.owner_introduction.unwrap_or_default()),
        invitation: Invitation::Send,
    });
    CreateCompany { realm_id, kind, name: request.name, owner }
}

pub(super) fn realm(realm: Realm) -> pb::Realm {
    let etag = realm.etag();
    pb::Realm {
        realm_id: realm.id.to_string(),
        name: realm.settings.name,
        preset: realm.preset,
        preset_version: realm.preset_version,
        public_url: realm.settings.public_url,
        sender: realm.settings.sender,
        language: realm.settings.language,
        time_zone: realm.settings.time_zone,
        version: realm.version,
        etag,
        create_time: Some(timestamp(realm.created_at)),
    }
}

pub(super) fn company(company: Company) -> pb::Company {
    pb::Company {
        company_id: company.id.to_string(),
        realm_id: company.realm_id.to_string(),
        name: company.name,
        create_time: Some(timestamp(company.created_at)),
        kind: match company.kind {
            CompanyKind::Ordinary => pb::CompanyKind::Ordinary,
            CompanyKind::SupportDesk => pb::CompanyKind::SupportDesk,
        }
        .into(),
    }
}

pub(super) fn session_tokens(tokens: &SessionTokens) -> pb::SessionTokens {
    pb::SessionTokens {
        session_id: tokens.session_id.to_string(),
        access_token: tokens.access.token.expose().clone(),
        access_token_expire_time: Some(timestamp(tokens.access.expires_at)),
        refresh_token: tokens.refresh_token.expose().clone(),
        refresh_token_expire_time: Some(timestamp(tokens.refresh_expires_at)),
    }
}

/// What somebody holds who has shown his password, for the answers of all calls that this begins with: the whole of it, or a challenge.
pub(super) fn entered(
    entered: &Entered,
) -> (Option<pb::User>, Option<pb::SessionTokens>, String, Option<pb::SecondFactorChallenge>) {
    match entered {
        Entered::SignedIn(signed_in) => {
            let device_token = signed_in.device_token.expose().clone();
            (Some(user(&signed_in.user)), Some(session_tokens(&signed_in.tokens)), device_token, None)
        }
        Entered::Challenged(asked) => (None, None, String::new(), Some(challenge(asked))),
    }
}

fn challenge(asked: &Challenge) -> pb::SecondFactorChallenge {
    let (step, kinds) = match &asked.wanted {
        SecondFactorWanted::Factor(held) => {
            let shown = factor_kinds(held).chain([pb::SecondFactorKind::RecoveryCode]);
            (pb::SecondFactorStep::Code, shown.map(i32::from).collect())
        }
        SecondFactorWanted::Enrolment => {
            (pb::SecondFactorStep::Enrolment, factor_kinds(&SecondFactorKind::ALL).map(i32::from).collect())
        }
    };
    let (token, expire_time) = (asked.token.expose().clone(), Some(timestamp(asked.expires_at)));
    pb::SecondFactorChallenge { token, step: step.into(), expire_time, kinds }
}

pub(super) fn factor_kinds(kinds: &[SecondFactorKind]) -> impl Iterator<Item = pb::SecondFactorKind> {
    kinds.iter().map(|kind| match kind {
        SecondFactorKind::Code => pb::SecondFactorKind::Code,
        SecondFactorKind::Passkey => pb::SecondFactorKind::Passkey,
    })
}

/// What somebody shows of a factor that he has: a code, or else what his browser has made.
pub(super) fn shown_factor(code: String, assertion: String) -> ShownFactor {
    if !code.is_empty() {
        return ShownFactor::Code(Secret::new(code));
    }
    if assertion.is_empty() { ShownFactor::Nothing } else { ShownFactor::Assertion(assertion) }
}

pub(super) fn of_user(realm_id: &str, user_id: &str) -> Result<OfUser, Problem> {
    Ok(OfUser { realm_id: optional_id("realm_id", realm_id)?, user_id: id("user_id", user_id)? })
}

/// There are never as many as the contract could not say.
pub(super) fn count(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

pub(super) fn session(call: &Call, session: Session) -> pb::Session {
    let is_current = matches!(call.caller(), Caller::User(user) if user.through == Through::Session(session.id));
    pb::Session {
        session_id: session.id.to_string(),
        name: session.name,
        create_time: Some(timestamp(session.created_at)),
        refresh_time: Some(timestamp(session.refreshed_at)),
        expire_time: Some(timestamp(session.expires_at)),
        is_current,
        client_address: session.client_address.unwrap_or_default(),
        client_agent: session.client_agent.unwrap_or_default(),
        first_factor: first_factor(session.proof.first).into(),
    }
}

const fn first_factor(first: FirstFactor) -> pb::FirstFactor {
    match first {
        FirstFactor::Password => pb::FirstFactor::Password,
        FirstFactor::Provider => pb::FirstFactor::SocialAccount,
        FirstFactor::SignOn => pb::FirstFactor::SignOn,
        FirstFactor::Autologin => pb::FirstFactor::Autologin,
    }
}

pub(super) fn link(link: &Link) -> pb::InspectLinkResponse {
    let purpose = match link.purpose {
        LinkPurpose::Invitation => pb::LinkPurpose::Invitation,
        LinkPurpose::PasswordReset => pb::LinkPurpose::PasswordReset,
    };
    pb::InspectLinkResponse { purpose: purpose.into(), expire_time: Some(timestamp(link.expires_at)) }
}

pub(super) fn create_credential(request: pb::CreateCredentialRequest) -> Result<CreateCredential, Problem> {
    let kind = match request.kind() {
        pb::CredentialKind::Service => CredentialKind::Service,
        pb::CredentialKind::Gateway => CredentialKind::Gateway,
        pb::CredentialKind::ActingService => CredentialKind::ActingService,
        pb::CredentialKind::Unspecified => return Err(undefined("kind")),
    };
    Ok(CreateCredential { realm_id: id("realm_id", &request.realm_id)?, kind, name: request.name })
}

pub(super) fn credential(credential: Credential) -> pb::Credential {
    let kind = match credential.kind {
        CredentialKind::Service => pb::CredentialKind::Service,
        CredentialKind::Gateway => pb::CredentialKind::Gateway,
        CredentialKind::ActingService => pb::CredentialKind::ActingService,
    };
    pb::Credential {
        credential_id: credential.id.to_string(),
        realm_id: credential.realm_id.to_string(),
        kind: kind.into(),
        name: credential.name,
        create_time: Some(timestamp(credential.created_at)),
    }
}

pub(super) fn signing_key(key: PublishedKey) -> pb::SigningKey {
    pb::SigningKey { kid: key.kid, public_key: key.public_key, start_time: Some(timestamp(key.signs_from)) }
}

pub(super) fn subjects(request: &pb::CheckAccessRequest) -> Result<Vec<Subject>, Problem> {
    let subject = |asked: &pb::AccessSubject| {
        let id = Uuid::try_parse(&asked.subject_id).map_err(|_| Problem::field_invalid("subjects", "not a UUID"))?;
        Ok(Subject { id, generation: asked.generation })
    };
    request.subjects.iter().map(subject).collect()
}

pub(super) fn component(component: pb::Component) -> Result<Component, Problem> {
    match component {
        pb::Component::Identity => Ok(Component::Identity),
        pb::Component::CaseMonitoring => Ok(Component::CaseMonitoring),
        pb::Component::Notification => Ok(Component::Notification),
        pb::Component::Profile => Ok(Component::Profile),
        pb::Component::Unspecified => Err(undefined("component")),
    }
}

pub(super) fn role(role: pb::Role) -> Result<Role, Problem> {
    match role {
        pb::Role::Customer => Ok(Role::Customer),
        pb::Role::Agent => Ok(Role::Agent),
        pb::Role::Admin => Ok(Role::Admin),
        pb::Role::Owner => Ok(Role::Owner),
        pb::Role::Support => Ok(Role::Support),
        pb::Role::Unspecified => Err(undefined("role")),
    }
}

fn undefined(field: &str) -> Problem {
    Problem::field_invalid(field, "must be one of the values the contract defines")
}

pub(super) const fn pb_role(role: Role) -> pb::Role {
    match role {
        Role::Support => pb::Role::Support,
        Role::Customer => pb::Role::Customer,
        Role::Agent => pb::Role::Agent,
        Role::Admin => pb::Role::Admin,
        Role::Owner => pb::Role::Owner,
    }
}

const fn pb_status(status: UserStatus) -> pb::UserStatus {
    match status {
        UserStatus::Active => pb::UserStatus::Active,
        UserStatus::Blocked => pb::UserStatus::Blocked,
    }
}
