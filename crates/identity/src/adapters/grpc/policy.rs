//! Policies between the contract's words and identity's own.

use std::time::Duration;

use api::cabinet::identity::v1 as pb;
use kernel::{NameForm, NameLetters, NameNeed, NameRule, Role};
use runtime::grpc::{Problem, id, optional_id};

use super::convert;
use crate::application::UpdatePolicy;
use crate::domain::{
    Characters, Contact, ContactChanger, Guessable, OwnerSetsPasswords, PasswordChangeRule, PasswordProof, PasswordRule,
    PhoneRule, Policy, PolicyChange, RegistrationRule, SecondFactorRule, SelfRegistration, SessionLifetimes, SignOnRule,
    SocialSignIn, StartingStatus, UserDeleter,
};

/// A path of the mask is nothing that can be changed, or there is none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mask names what can be changed, as the comment of the field says")]
pub(super) struct UnknownPath;

pub(super) fn update_policy(request: pb::UpdatePolicyRequest) -> Result<UpdatePolicy, Problem> {
    let realm_id = id("realm_id", &request.realm_id)?;
    let (wanted, mask) = (request.policy.unwrap_or_default(), request.update_mask.unwrap_or_default());
    if mask.paths.is_empty() {
        return Err(UnknownPath.into());
    }
    let changes: Result<_, Problem> = mask.paths.iter().map(|path| change(path, &wanted)).collect();
    Ok(UpdatePolicy { realm_id, changes: changes?, etag: request.etag })
}

fn change(path: &str, wanted: &pb::Policy) -> Result<PolicyChange, Problem> {
    Ok(match path {
        "required_contacts" => PolicyChange::RequiredContacts(contacts("required_contacts", &wanted.required_contacts)?),
        "sign_in_by" => PolicyChange::SignInBy(contacts("sign_in_by", &wanted.sign_in_by)?),
        "phones" => PolicyChange::Phones(phones(wanted.phones())?),
        "password" => PolicyChange::Password(password(wanted.password.unwrap_or_default())?),
        "sessions" => PolicyChange::Sessions(sessions(wanted.sessions.unwrap_or_default())),
        "names" => PolicyChange::Names(names(wanted.names.unwrap_or_default())?),
        "password_change" => PolicyChange::PasswordChange(password_change(wanted.password_change.as_ref())?),
        "starting_status" => PolicyChange::StartingStatus(starting_status(wanted.starting_status())?),
        "deletion" => PolicyChange::Deletion(deletion(wanted.deletion())?),
        "contact_changes" => PolicyChange::ContactChanges(contact_changes(wanted.contact_changes())?),
        "second_factor" => {
            let named = wanted.second_factor.as_ref().map_or([].as_slice(), |rule| &rule.required_of);
            PolicyChange::SecondFactor(SecondFactorRule { required_of: roles("second_factor.required_of", named)? })
        }
        "sign_on" => {
            let named = wanted.sign_on.as_ref().map_or([].as_slice(), |rule| &rule.required_of);
            PolicyChange::SignOn(SignOnRule { required_of: roles("sign_on.required_of", named)? })
        }
        "social_sign_in" => PolicyChange::SocialSignIn(social_sign_in(wanted.social_sign_in())?),
        "registration" => PolicyChange::Registration(registration(wanted.registration.as_ref())?),
        _ => return Err(UnknownPath.into()),
    })
}

/// A contact that is named twice is meant once; one that only a later release knows is not passed over.
fn contacts(field: &str, named: &[i32]) -> Result<Vec<Contact>, Problem> {
    let mut contacts = Vec::new();
    for number in named {
        let contact = match pb::Contact::try_from(*number).unwrap_or_default() {
            pb::Contact::Email => Contact::Email,
            pb::Contact::Phone => Contact::Phone,
            pb::Contact::UserName => Contact::UserName,
            pb::Contact::Unspecified => return Err(undefined(field)),
        };
        if !contacts.contains(&contact) {
            contacts.push(contact);
        }
    }
    Ok(contacts)
}

fn phones(rule: pb::PhoneRule) -> Result<PhoneRule, Problem> {
    match rule {
        pb::PhoneRule::International => Ok(PhoneRule::International),
        pb::PhoneRule::UkrainianMobile => Ok(PhoneRule::UkrainianMobile),
        pb::PhoneRule::Unspecified => Err(undefined("phones")),
    }
}

fn password(rule: pb::PasswordRule) -> Result<PasswordRule, Problem> {
    let characters = match rule.characters() {
        pb::PasswordCharacters::Any => Characters::Any,
        pb::PasswordCharacters::VisibleAscii => Characters::VisibleAscii,
        pb::PasswordCharacters::Unspecified => return Err(undefined("password.characters")),
    };
    let guessable = match rule.guessable() {
        pb::GuessablePasswords::Refused => Guessable::Refused,
        pb::GuessablePasswords::Allowed => Guessable::Allowed,
        pb::GuessablePasswords::Unspecified => return Err(undefined("password.guessable")),
    };
    // What is below nought is as wrong as nought.
    let length = |characters| usize::try_from(characters).unwrap_or_default();
    Ok(PasswordRule { min_length: length(rule.min_length), max_length: length(rule.max_length), characters, guessable })
}

fn sessions(lifetimes: pb::SessionLifetimes) -> SessionLifetimes {
    let days = |days| u32::try_from(days).unwrap_or_default();
    SessionLifetimes::of_days(days(lifetimes.idle_days), days(lifetimes.longest_days))
}

fn names(rule: pb::NameRule) -> Result<NameRule, Problem> {
    let form = match rule.form() {
        pb::NameForm::Full => NameForm::Full,
        pb::NameForm::FullWithParts => NameForm::FullWithParts,
        pb::NameForm::FirstLast => NameForm::FirstLast,
        pb::NameForm::LastFirstMiddle => NameForm::LastFirstMiddle,
        pb::NameForm::Unspecified => return Err(undefined("names.form")),
    };
    let letters = match rule.letters() {
        pb::NameLetters::Any => NameLetters::Any,
        pb::NameLetters::Cyrillic => NameLetters::Cyrillic,
        pb::NameLetters::CyrillicWithMarks => NameLetters::CyrillicWithMarks,
        pb::NameLetters::Unspecified => return Err(undefined("names.letters")),
    };
    let need = match rule.need() {
        pb::NameNeed::Optional => NameNeed::Optional,
        pb::NameNeed::Required => NameNeed::Required,
        pb::NameNeed::Unspecified => return Err(undefined("names.need")),
    };
    Ok(NameRule { form, letters, need })
}

/// A proof that is named twice is asked for once.
fn password_change(rule: Option<&pb::PasswordChangeRule>) -> Result<PasswordChangeRule, Problem> {
    let rule = rule.cloned().unwrap_or_default();
    let mut asks = Vec::new();
    for number in &rule.asks {
        let proof = match pb::PasswordProof::try_from(*number).unwrap_or_default() {
            pb::PasswordProof::Current => PasswordProof::Current,
            pb::PasswordProof::Confirmation => PasswordProof::Confirmation,
            pb::PasswordProof::Unspecified => return Err(undefined("password_change.asks")),
        };
        if !asks.contains(&proof) {
            asks.push(proof);
        }
    }
    let by_owner = match rule.by_owner() {
        pb::OwnerSetsPasswords::Refused => OwnerSetsPasswords::Refused,
        pb::OwnerSetsPasswords::Allowed => OwnerSetsPasswords::Allowed,
        pb::OwnerSetsPasswords::Unspecified => return Err(undefined("password_change.by_owner")),
    };
    // What is below nought is as wrong as what is too much.
    let minutes = u64::try_from(rule.reauthentication_minutes).unwrap_or(u64::MAX / 60);
    let reauthentication_age = (minutes > 0).then(|| Duration::from_secs(minutes * 60));
    Ok(PasswordChangeRule { asks, reauthentication_age, by_owner })
}

fn starting_status(status: pb::StartingStatus) -> Result<StartingStatus, Problem> {
    match status {
        pb::StartingStatus::Active => Ok(StartingStatus::Active),
        pb::StartingStatus::Chosen => Ok(StartingStatus::Chosen),
        pb::StartingStatus::Unspecified => Err(undefined("starting_status")),
    }
}

fn contact_changes(changer: pb::ContactChanger) -> Result<ContactChanger, Problem> {
    match changer {
        pb::ContactChanger::User => Ok(ContactChanger::User),
        pb::ContactChanger::Owner => Ok(ContactChanger::Owner),
        pb::ContactChanger::Support => Ok(ContactChanger::Support),
        pb::ContactChanger::SupportOnceSet => Ok(ContactChanger::SupportOnceSet),
        pb::ContactChanger::Service => Ok(ContactChanger::Service),
        pb::ContactChanger::Unspecified => Err(undefined("contact_changes")),
    }
}

fn deletion(deleter: pb::UserDeleter) -> Result<UserDeleter, Problem> {
    match deleter {
        pb::UserDeleter::Owner => Ok(UserDeleter::Owner),
        pb::UserDeleter::Support => Ok(UserDeleter::Support),
        pb::UserDeleter::Nobody => Ok(UserDeleter::Nobody),
        pb::UserDeleter::Unspecified => Err(undefined("deletion")),
    }
}

fn registration(rule: Option<&pb::RegistrationRule>) -> Result<RegistrationRule, Problem> {
    let rule = rule.cloned().unwrap_or_default();
    let self_registration = match rule.self_registration() {
        pb::SelfRegistration::Closed => SelfRegistration::Closed,
        pb::SelfRegistration::Open => SelfRegistration::Open,
        pb::SelfRegistration::Unspecified => return Err(undefined("registration.self_registration")),
    };
    Ok(RegistrationRule { self_registration, company_id: optional_id("policy.registration.company_id", &rule.company_id)? })
}

fn social_sign_in(social_sign_in: pb::SocialSignIn) -> Result<SocialSignIn, Problem> {
    match social_sign_in {
        pb::SocialSignIn::Closed => Ok(SocialSignIn::Closed),
        pb::SocialSignIn::Open => Ok(SocialSignIn::Open),
        pb::SocialSignIn::Unspecified => Err(undefined("social_sign_in")),
    }
}

/// A role that is named twice is meant once.
fn roles(field: &str, named: &[i32]) -> Result<Vec<Role>, Problem> {
    let mut roles = Vec::new();
    for number in named {
        let role = convert::role(pb::Role::try_from(*number).unwrap_or_default());
        let role = role.map_err(|_| undefined(field))?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    Ok(roles)
}

fn undefined(field: &str) -> Problem {
    Problem::field_invalid(&format!("policy.{field}"), "must name one of the defined values")
}

pub(super) fn policy(policy: &Policy) -> pb::Policy {
    let contacts = |contacts: &[Contact]| contacts.iter().map(|contact| told(*contact).into()).collect();
    let days = |days: u64| i32::try_from(days).unwrap_or(i32::MAX);
    pb::Policy {
        required_contacts: contacts(&policy.required_contacts),
        sign_in_by: contacts(&policy.sign_in_by),
        phones: match policy.phones {
            PhoneRule::International => pb::PhoneRule::International,
            PhoneRule::UkrainianMobile => pb::PhoneRule::UkrainianMobile,
        }
        .into(),
        password: Some(password_rule(policy.password)),
        sessions: Some(pb::SessionLifetimes {
            idle_days: days(policy.sessions.idle_days()),
            longest_days: days(policy.sessions.longest_days()),
        }),
        starting_status: match policy.starting_status {
            StartingStatus::Active => pb::StartingStatus::Active,
            StartingStatus::Chosen => pb::StartingStatus::Chosen,
        }
        .into(),
        password_change: Some(password_change_rule(&policy.password_change)),
        names: Some(name_rule(policy.names)),
        contact_changes: match policy.contact_changes {
            ContactChanger::User => pb::ContactChanger::User,
            ContactChanger::Owner => pb::ContactChanger::Owner,
            ContactChanger::Support => pb::ContactChanger::Support,
            ContactChanger::SupportOnceSet => pb::ContactChanger::SupportOnceSet,
            ContactChanger::Service => pb::ContactChanger::Service,
        }
        .into(),
        deletion: match policy.deletion {
            UserDeleter::Owner => pb::UserDeleter::Owner,
            UserDeleter::Support => pb::UserDeleter::Support,
            UserDeleter::Nobody => pb::UserDeleter::Nobody,
        }
        .into(),
        registration: Some(registration_rule(policy.registration)),
        second_factor: Some(pb::SecondFactorRule { required_of: told_roles(&policy.second_factor.required_of) }),
        sign_on: Some(pb::SignOnRule { required_of: told_roles(&policy.sign_on.required_of) }),
        social_sign_in: match policy.social_sign_in {
            SocialSignIn::Closed => pb::SocialSignIn::Closed,
            SocialSignIn::Open => pb::SocialSignIn::Open,
        }
        .into(),
    }
}

fn told_roles(roles: &[Role]) -> Vec<i32> {
    roles.iter().map(|role| convert::pb_role(*role).into()).collect()
}

fn registration_rule(rule: RegistrationRule) -> pb::RegistrationRule {
    let self_registration = match rule.self_registration {
        SelfRegistration::Closed => pb::SelfRegistration::Closed,
        SelfRegistration::Open => pb::SelfRegistration::Open,
    };
    let company_id = rule.company_id.map(|company_id| company_id.to_string()).unwrap_or_default();
    pb::RegistrationRule { self_registration: self_registration.into(), company_id }
}

fn name_rule(rule: NameRule) -> pb::NameRule {
    let form = match rule.form {
        NameForm::Full => pb::NameForm::Full,
        NameForm::FullWithParts => pb::NameForm::FullWithParts,
        NameForm::FirstLast => pb::NameForm::FirstLast,
        NameForm::LastFirstMiddle => pb::NameForm::LastFirstMiddle,
    };
    let letters = match rule.letters {
        NameLetters::Any => pb::NameLetters::Any,
        NameLetters::Cyrillic => pb::NameLetters::Cyrillic,
        NameLetters::CyrillicWithMarks => pb::NameLetters::CyrillicWithMarks,
    };
    let need = match rule.need {
        NameNeed::Optional => pb::NameNeed::Optional,
        NameNeed::Required => pb::NameNeed::Required,
    };
    pb::NameRule { form: form.into(), letters: letters.into(), need: need.into() }
}

fn password_change_rule(rule: &PasswordChangeRule) -> pb::PasswordChangeRule {
    let proof = |proof: &PasswordProof| match proof {
        PasswordProof::Current => pb::PasswordProof::Current.into(),
        PasswordProof::Confirmation => pb::PasswordProof::Confirmation.into(),
    };
    let by_owner = match rule.by_owner {
        OwnerSetsPasswords::Refused => pb::OwnerSetsPasswords::Refused,
        OwnerSetsPasswords::Allowed => pb::OwnerSetsPasswords::Allowed,
    };
    pb::PasswordChangeRule {
        asks: rule.asks.iter().map(proof).collect(),
        reauthentication_minutes: i32::try_from(rule.reauthentication_minutes()).unwrap_or(i32::MAX),
        by_owner: by_owner.into(),
    }
}

const fn told(contact: Contact) -> pb::Contact {
    match contact {
        Contact::Email => pb::Contact::Email,
        Contact::Phone => pb::Contact::Phone,
        Contact::UserName => pb::Contact::UserName,
    }
}

fn password_rule(rule: PasswordRule) -> pb::PasswordRule {
    let length = |characters| i32::try_from(characters).unwrap_or(i32::MAX);
    let characters = match rule.characters {
        Characters::Any => pb::PasswordCharacters::Any,
        Characters::VisibleAscii => pb::PasswordCharacters::VisibleAscii,
    };
    let guessable = match rule.guessable {
        Guessable::Refused => pb::GuessablePasswords::Refused,
        Guessable::Allowed => pb::GuessablePasswords::Allowed,
    };
    pb::PasswordRule {
        min_length: length(rule.min_length),
        max_length: length(rule.max_length),
        characters: characters.into(),
        guessable: guessable.into(),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;

    fn read(paths: &[&str]) -> Option<UpdatePolicy> {
        let update_mask = Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
        let wanted = pb::Policy { phones: pb::PhoneRule::UkrainianMobile.into(), ..pb::Policy::default() };
        let realm_id = uuid::Uuid::nil().to_string();
        update_policy(pb::UpdatePolicyRequest { realm_id, policy: Some(wanted), update_mask, etag: String::new() }).ok()
    }

    #[test]
    fn a_contact_that_is_not_known_is_refused() {
        assert_eq!(contacts("sign_in_by", &[2, 1, 2]).ok(), Some(vec![Contact::Phone, Contact::Email]));
        for named in [&[0][..], &[99], &[1, 99], &[-1]] {
            assert!(contacts("sign_in_by", named).is_err(), "{named:?}");
        }
    }

    #[test]
    fn only_what_the_mask_names_is_looked_at() {
        let command = read(&["phones"]).expect("a part of a policy");
        assert!(matches!(command.changes[..], [PolicyChange::Phones(PhoneRule::UkrainianMobile)]));
        assert!(read(&["password"]).is_none(), "an empty one says nothing about characters");
        for paths in [&[][..], &[""], &["*"], &["phones", "shoe_size"], &["policy.phones"], &["password.min_length"]] {
            assert!(read(paths).is_none(), "{paths:?}");
        }
    }
}
