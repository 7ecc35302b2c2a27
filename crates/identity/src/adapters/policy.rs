//! Policies as they are written: in the files of the presets, and in the realms that copied them.

use std::time::Duration;

use kernel::{CompanyId, Fault, NameForm, NameLetters, NameNeed, NameRule, Role};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::application::Presets;
use crate::domain::{
    Characters, Contact, ContactChanger, Guessable, OwnerSetsPasswords, PasswordChangeRule, PasswordProof, PasswordRule,
    PhoneRule, Policy, RegistrationRule, SecondFactorRule, SelfRegistration, SessionLifetimes, SignOnRule, SocialSignIn,
    StartingStatus, UserDeleter,
};

/// The presets there are. No code but this table names one.
const PRESETS: [(&str, &str); 6] = [
    ("standard", include_str!("../../presets/standard.toml")),
    ("tender", include_str!("../../presets/tender.toml")),
    ("helpdesk", include_str!("../../presets/helpdesk.toml")),
    ("call_center", include_str!("../../presets/call_center.toml")),
    ("legal", include_str!("../../presets/legal.toml")),
    ("marketplace", include_str!("../../presets/marketplace.toml")),
];

/// A preset's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetFile {
    version: i32,
    policy: PolicyForm,
}

/// What is missing was not asked when the realm was opened, and is as it was then. What a later release has added is left alone:
/// its questions are fields of their own here, and no fields of the forms within.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PolicyForm {
    required_contacts: Vec<String>,
    #[serde(default = "by_email")]
    sign_in_by: Vec<String>,
    #[serde(default = "international")]
    phones: PhoneRuleForm,
    #[serde(default = "active")]
    starting_status: StartingStatusForm,
    #[serde(default = "by_services")]
    contact_changes: ContactChangerForm,
    #[serde(default = "by_nobody")]
    deletion: UserDeleterForm,
    #[serde(default)]
    names: NamesForm,
    password: PasswordForm,
    #[serde(default)]
    password_change: PasswordChangeForm,
    #[serde(default)]
    registration: RegistrationForm,
    #[serde(default)]
    second_factor: SecondFactorForm,
    #[serde(default)]
    sign_on: SignOnForm,
    #[serde(default)]
    social_sign_in: SocialSignInForm,
    sessions: SessionsForm,
}

fn by_email() -> Vec<String> {
    vec![Contact::Email.as_str().to_owned()]
}

const fn international() -> PhoneRuleForm {
    PhoneRuleForm::International
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum PhoneRuleForm {
    International,
    UkrainianMobile,
}

const fn by_services() -> ContactChangerForm {
    ContactChangerForm::Service
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ContactChangerForm {
    User,
    Owner,
    Support,
    SupportOnceSet,
    Service,
}

const fn by_nobody() -> UserDeleterForm {
    UserDeleterForm::Nobody
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum UserDeleterForm {
    Owner,
    Support,
    Nobody,
}

const fn active() -> StartingStatusForm {
    StartingStatusForm::Active
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum StartingStatusForm {
    Active,
    Chosen,
}

#[derive(Debug, Serialize, Deserialize)]
struct NamesForm {
    form: NameFormForm,
    letters: NameLettersForm,
    need: NameNeedForm,
}

/// Before realms were asked, a name was one field and anybody's own business.
impl Default for NamesForm {
    fn default() -> Self {
        Self { form: NameFormForm::Full, letters: NameLettersForm::Any, need: NameNeedForm::Optional }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum NameFormForm {
    Full,
    FullWithParts,
    FirstLast,
    LastFirstMiddle,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum NameLettersForm {
    Any,
    Cyrillic,
    CyrillicWithMarks,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum NameNeedForm {
    Optional,
    Required,
}

#[derive(Debug, Serialize, Deserialize)]
struct PasswordForm {
    min_length: usize,
    max_length: usize,
    #[serde(default = "any")]
    characters: CharactersForm,
    #[serde(default = "refused")]
    guessable: GuessableForm,
}

const fn any() -> CharactersForm {
    CharactersForm::Any
}

const fn refused() -> GuessableForm {
    GuessableForm::Refused
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum CharactersForm {
    Any,
    VisibleAscii,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum GuessableForm {
    Refused,
    Allowed,
}

#[derive(Debug, Serialize, Deserialize)]
struct PasswordChangeForm {
    asks: Vec<String>,
    reauthentication_minutes: u32,
    by_owner: OwnerSetsPasswordsForm,
}

/// Nobody could change one by showing the present one: the safest choice takes its place.
impl Default for PasswordChangeForm {
    fn default() -> Self {
        let asks = vec![PasswordProof::Current.as_str().to_owned()];
        Self { asks, reauthentication_minutes: 5, by_owner: OwnerSetsPasswordsForm::Refused }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum OwnerSetsPasswordsForm {
    Refused,
    Allowed,
}

/// Before realms were asked, nobody registered himself.
#[derive(Debug, Default, Serialize, Deserialize)]
struct RegistrationForm {
    self_registration: SelfRegistrationForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    company_id: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SelfRegistrationForm {
    #[default]
    Closed,
    Open,
}

/// Before realms were asked, nobody needed one.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SecondFactorForm {
    required_of: Vec<String>,
}

/// Before realms were asked, nobody had to.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SignOnForm {
    required_of: Vec<String>,
}

/// Before realms were asked, they did not.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SocialSignInForm {
    #[default]
    Closed,
    Open,
}

#[derive(Debug, Serialize, Deserialize)]
struct SessionsForm {
    idle_days: u32,
    longest_days: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("a policy names something that there is not")]
struct UnknownName;

fn contacts(names: &[String]) -> Result<Vec<Contact>, Fault> {
    names.iter().map(|name| name.parse().map_err(|()| Fault::internal(UnknownName))).collect()
}

fn names(contacts: &[Contact]) -> Vec<String> {
    contacts.iter().map(|contact| contact.as_str().to_owned()).collect()
}

impl TryFrom<PolicyForm> for Policy {
    type Error = Fault;

    fn try_from(form: PolicyForm) -> Result<Self, Fault> {
        Ok(Self {
            required_contacts: contacts(&form.required_contacts)?,
            sign_in_by: contacts(&form.sign_in_by)?,
            phones: match form.phones {
                PhoneRuleForm::International => PhoneRule::International,
                PhoneRuleForm::UkrainianMobile => PhoneRule::UkrainianMobile,
            },
            password: form.password.into(),
            sessions: SessionLifetimes::of_days(form.sessions.idle_days, form.sessions.longest_days),
            starting_status: match form.starting_status {
                StartingStatusForm::Active => StartingStatus::Active,
                StartingStatusForm::Chosen => StartingStatus::Chosen,
            },
            password_change: form.password_change.try_into()?,
            names: form.names.into(),
            contact_changes: match form.contact_changes {
                ContactChangerForm::User => ContactChanger::User,
                ContactChangerForm::Owner => ContactChanger::Owner,
                ContactChangerForm::Support => ContactChanger::Support,
                ContactChangerForm::SupportOnceSet => ContactChanger::SupportOnceSet,
                ContactChangerForm::Service => ContactChanger::Service,
            },
            deletion: match form.deletion {
                UserDeleterForm::Owner => UserDeleter::Owner,
                UserDeleterForm::Support => UserDeleter::Support,
                UserDeleterForm::Nobody => UserDeleter::Nobody,
            },
            registration: form.registration.into(),
            second_factor: SecondFactorRule { required_of: roles(&form.second_factor.required_of)? },
            sign_on: SignOnRule { required_of: roles(&form.sign_on.required_of)? },
            social_sign_in: match form.social_sign_in {
                SocialSignInForm::Closed => SocialSignIn::Closed,
                SocialSignInForm::Open => SocialSignIn::Open,
            },
        })
    }
}

impl From<&Policy> for PolicyForm {
    fn from(policy: &Policy) -> Self {
        let days = |days: u64| u32::try_from(days).unwrap_or(u32::MAX);
        Self {
            required_contacts: names(&policy.required_contacts),
            sign_in_by: names(&policy.sign_in_by),
            phones: match policy.phones {
                PhoneRule::International => PhoneRuleForm::International,
                PhoneRule::UkrainianMobile => PhoneRuleForm::UkrainianMobile,
            },
            starting_status: match policy.starting_status {
                StartingStatus::Active => StartingStatusForm::Active,
                StartingStatus::Chosen => StartingStatusForm::Chosen,
            },
            password: policy.password.into(),
            password_change: (&policy.password_change).into(),
            names: policy.names.into(),
            contact_changes: match policy.contact_changes {
                ContactChanger::User => ContactChangerForm::User,
                ContactChanger::Owner => ContactChangerForm::Owner,
                ContactChanger::Support => ContactChangerForm::Support,
                ContactChanger::SupportOnceSet => ContactChangerForm::SupportOnceSet,
                ContactChanger::Service => ContactChangerForm::Service,
            },
            deletion: match policy.deletion {
                UserDeleter::Owner => UserDeleterForm::Owner,
                UserDeleter::Support => UserDeleterForm::Support,
                UserDeleter::Nobody => UserDeleterForm::Nobody,
            },
            registration: policy.registration.into(),
            second_factor: SecondFactorForm { required_of: role_names(&policy.second_factor.required_of) },
            sign_on: SignOnForm { required_of: role_names(&policy.sign_on.required_of) },
            social_sign_in: match policy.social_sign_in {
                SocialSignIn::Closed => SocialSignInForm::Closed,
                SocialSignIn::Open => SocialSignInForm::Open,
            },
            sessions: SessionsForm {
                idle_days: days(policy.sessions.idle_days()),
                longest_days: days(policy.sessions.longest_days()),
            },
        }
    }
}

impl From<PasswordForm> for PasswordRule {
    fn from(form: PasswordForm) -> Self {
        Self {
            min_length: form.min_length,
            max_length: form.max_length,
            characters: match form.characters {
                CharactersForm::Any => Characters::Any,
                CharactersForm::VisibleAscii => Characters::VisibleAscii,
            },
            guessable: match form.guessable {
                GuessableForm::Refused => Guessable::Refused,
                GuessableForm::Allowed => Guessable::Allowed,
            },
        }
    }
}

impl From<PasswordRule> for PasswordForm {
    fn from(rule: PasswordRule) -> Self {
        Self {
            min_length: rule.min_length,
            max_length: rule.max_length,
            characters: match rule.characters {
                Characters::Any => CharactersForm::Any,
                Characters::VisibleAscii => CharactersForm::VisibleAscii,
            },
            guessable: match rule.guessable {
                Guessable::Refused => GuessableForm::Refused,
                Guessable::Allowed => GuessableForm::Allowed,
            },
        }
    }
}

impl From<NamesForm> for NameRule {
    fn from(form: NamesForm) -> Self {
        Self {
            form: match form.form {
                NameFormForm::Full => NameForm::Full,
                NameFormForm::FullWithParts => NameForm::FullWithParts,
                NameFormForm::FirstLast => NameForm::FirstLast,
                NameFormForm::LastFirstMiddle => NameForm::LastFirstMiddle,
            },
            letters: match form.letters {
                NameLettersForm::Any => NameLetters::Any,
                NameLettersForm::Cyrillic => NameLetters::Cyrillic,
                NameLettersForm::CyrillicWithMarks => NameLetters::CyrillicWithMarks,
            },
            need: match form.need {
                NameNeedForm::Optional => NameNeed::Optional,
                NameNeedForm::Required => NameNeed::Required,
            },
        }
    }
}

impl From<NameRule> for NamesForm {
    fn from(rule: NameRule) -> Self {
        Self {
            form: match rule.form {
                NameForm::Full => NameFormForm::Full,
                NameForm::FullWithParts => NameFormForm::FullWithParts,
                NameForm::FirstLast => NameFormForm::FirstLast,
                NameForm::LastFirstMiddle => NameFormForm::LastFirstMiddle,
            },
            letters: match rule.letters {
                NameLetters::Any => NameLettersForm::Any,
                NameLetters::Cyrillic => NameLettersForm::Cyrillic,
                NameLetters::CyrillicWithMarks => NameLettersForm::CyrillicWithMarks,
            },
            need: match rule.need {
                NameNeed::Optional => NameNeedForm::Optional,
                NameNeed::Required => NameNeedForm::Required,
            },
        }
    }
}

impl From<RegistrationForm> for RegistrationRule {
    fn from(form: RegistrationForm) -> Self {
        Self {
            self_registration: match form.self_registration {
                SelfRegistrationForm::Closed => SelfRegistration::Closed,
                SelfRegistrationForm::Open => SelfRegistration::Open,
            },
            company_id: form.company_id.map(CompanyId::from_uuid),
        }
    }
}

impl From<RegistrationRule> for RegistrationForm {
    fn from(rule: RegistrationRule) -> Self {
        Self {
            self_registration: match rule.self_registration {
                SelfRegistration::Closed => SelfRegistrationForm::Closed,
                SelfRegistration::Open => SelfRegistrationForm::Open,
            },
            company_id: rule.company_id.map(|company_id| company_id.as_uuid()),
        }
    }
}

fn roles(names: &[String]) -> Result<Vec<Role>, Fault> {
    let roles: Result<_, ()> = names.iter().map(|name| name.parse()).collect();
    roles.map_err(|()| Fault::internal(UnknownName))
}

fn role_names(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}

impl TryFrom<PasswordChangeForm> for PasswordChangeRule {
    type Error = Fault;

    fn try_from(form: PasswordChangeForm) -> Result<Self, Fault> {
        let asks: Result<_, ()> = form.asks.iter().map(|proof| proof.parse()).collect();
        let minutes = form.reauthentication_minutes;
        Ok(Self {
            asks: asks.map_err(|()| Fault::internal(UnknownName))?,
            reauthentication_age: (minutes > 0).then(|| Duration::from_mins(minutes.into())),
            by_owner: match form.by_owner {
                OwnerSetsPasswordsForm::Refused => OwnerSetsPasswords::Refused,
                OwnerSetsPasswordsForm::Allowed => OwnerSetsPasswords::Allowed,
            },
        })
    }
}

impl From<&PasswordChangeRule> for PasswordChangeForm {
    fn from(rule: &PasswordChangeRule) -> Self {
        Self {
            asks: rule.asks.iter().map(|proof| proof.as_str().to_owned()).collect(),
            reauthentication_minutes: rule.reauthentication_minutes(),
            by_owner: match rule.by_owner {
                OwnerSetsPasswords::Refused => OwnerSetsPasswordsForm::Refused,
                OwnerSetsPasswords::Allowed => OwnerSetsPasswordsForm::Allowed,
            },
        }
    }
}

/// The presets of this release, read once.
pub(crate) struct PresetFiles(Vec<(&'static str, Policy, i32)>);

impl PresetFiles {
    pub(crate) fn read() -> Result<Self, Fault> {
        let presets = PRESETS.into_iter().map(|(name, text)| {
            let file: PresetFile = toml::from_str(text).map_err(Fault::internal)?;
            Ok((name, file.policy.try_into()?, file.version))
        });
        presets.collect::<Result<_, Fault>>().map(Self)
    }
}

impl Presets for PresetFiles {
    fn get(&self, name: &str) -> Option<(Policy, i32)> {
        self.0.iter().find(|(known, ..)| *known == name).map(|(_, policy, version)| (policy.clone(), *version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_read_and_kept() {
        let presets = PresetFiles::read().expect("the files are part of the program");
        for (name, text) in PRESETS {
            let (policy, version) = presets.get(name).expect("it was read");
            let file: toml::Table = toml::from_str(text).expect("a file");
            let written = serde_json::to_value(&file["policy"]).expect("a policy can be written");
            let kept = serde_json::to_value(PolicyForm::from(&policy)).expect("a policy can be written");
            assert_eq!(written, kept, "{name} says everything, and nothing else");
            let read: PolicyForm = serde_json::from_value(kept).expect("what was written can be read");
            assert_eq!(Policy::try_from(read).ok(), Some(policy.clone()), "{name}");
            assert_eq!(policy.clone().checked(), Ok(policy), "{name}");
            assert!(version >= 1);
        }
    }

    /// Rule I1.d: a realm that was opened before a question was asked goes on as it was; one that a later release has asked more
    /// can be read.
    #[test]
    fn policies_of_other_releases_mean_what_they_meant() {
        let kept = r#"{"required_contacts": ["EMAIL"], "password": {"min_length": 8, "max_length": 128},
            "sessions": {"idle_days": 14, "longest_days": 90}, "asked_later": {"shoe_size": 44}}"#;
        let read: PolicyForm = serde_json::from_str(kept).expect("the form of the first release, and a later one's");
        let meant = Policy {
            required_contacts: vec![Contact::Email],
            sign_in_by: vec![Contact::Email],
            phones: PhoneRule::International,
            password: PasswordRule { min_length: 8, max_length: 128, characters: Characters::Any, guessable: Guessable::Refused },
            sessions: SessionLifetimes::of_days(14, 90),
            starting_status: StartingStatus::Active,
            password_change: PasswordChangeRule {
                asks: vec![PasswordProof::Current],
                reauthentication_age: Some(Duration::from_mins(5)),
                by_owner: OwnerSetsPasswords::Refused,
            },
            names: NameRule { form: NameForm::Full, letters: NameLetters::Any, need: NameNeed::Optional },
            contact_changes: ContactChanger::Service,
            deletion: UserDeleter::Nobody,
            registration: RegistrationRule::CLOSED,
            second_factor: SecondFactorRule::default(),
            sign_on: SignOnRule::default(),
            social_sign_in: SocialSignIn::Closed,
        };
        assert_eq!(Policy::try_from(read).ok(), Some(meant));
    }
}
