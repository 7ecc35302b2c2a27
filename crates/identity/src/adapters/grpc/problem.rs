//! Identity's errors in the contract's words.

use std::time::Duration;

use api::cabinet::identity::v1::ErrorReason;
use kernel::{ErrorKind, Refusal};
use runtime::grpc::{ErrorTextFiles, Problem};

use super::policy::UnknownPath;
use crate::application::{Error, UserProblem};
use crate::domain::{Contact, InvalidSetting, PasswordChangeProblem};

const DOMAIN: &str = "identity.cabinet";
/// What people read of each reason.
pub(crate) const ERROR_TEXTS: ErrorTextFiles = ErrorTextFiles {
    domain: DOMAIN,
    files: [
        ("en", include_str!("../../../texts/errors/en.toml")),
        ("pl", include_str!("../../../texts/errors/pl.toml")),
        ("ru", include_str!("../../../texts/errors/ru.toml")),
        ("uk", include_str!("../../../texts/errors/uk.toml")),
    ],
};
/// The least time between two codes.
const CODE_DELAY: Duration = Duration::from_mins(1);
/// When a queue of passwords that is full now will have moved on.
const BUSY_DELAY: Duration = Duration::from_secs(1);
/// When a service that is away may be back.
const AWAY_DELAY: Duration = Duration::from_secs(1);
/// When a provider that is away is asked again.
const PROVIDER_DELAY: Duration = Duration::from_secs(5);

impl From<Error> for Problem {
    #[allow(clippy::too_many_lines, reason = "a table: one line a refusal")]
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let not_found = |reason, message| refusal(ErrorKind::NotFound, reason, message);
        let invalid = |reason, message| refusal(ErrorKind::InvalidArgument, reason, message);
        let not_now = |reason, message| refusal(ErrorKind::FailedPrecondition, reason, message);
        let not_proven = |reason, message| refusal(ErrorKind::Unauthenticated, reason, message);
        match error {
            Error::UserInvalid(problems) => user_invalid("", &problems),
            Error::ContactsTaken(contacts) => contacts_taken("", &contacts),
            Error::RealmSettingsInvalid(settings) => settings_invalid("", &settings),
            Error::PasswordRefused { field, reasons } => {
                reasons.iter().fold(invalid(ErrorReason::PasswordRefused, message), |problem, reason| {
                    problem.violated(field, reason.to_string())
                })
            }
            Error::PasswordNotChanged(problems) => password_not_changed(&problems),
            Error::CurrentPasswordWrong => invalid(ErrorReason::CurrentPasswordWrong, message).in_field("password"),
            Error::PolicyInvalid(problems) => {
                problems.iter().fold(invalid(ErrorReason::PolicyInvalid, message), |problem, invalid| {
                    problem.violated(invalid.field(), invalid.to_string())
                })
            }
            Error::EtagMismatch => refusal(ErrorKind::Aborted, ErrorReason::EtagMismatch, message),
            Error::PresetUnknown => invalid(ErrorReason::PresetUnknown, message).in_field("preset"),
            Error::UserNotFound => not_found(ErrorReason::UserNotFound, message),
            Error::CompanyNotFound => not_found(ErrorReason::CompanyNotFound, message),
            Error::GroupNotFound => not_found(ErrorReason::GroupNotFound, message),
            Error::GroupNameMissing | Error::GroupNameInvalid(_) => invalid(ErrorReason::GroupInvalid, message).in_field("name"),
            Error::CashDeskInvalid(_) => invalid(ErrorReason::CompanySettingInvalid, message).in_field("settings.cash_desk"),
            Error::LeaderInvalid => invalid(ErrorReason::LeaderInvalid, message).in_field("leader_id"),
            Error::RealmNotFound => not_found(ErrorReason::RealmNotFound, message),
            Error::LinkNotValid => not_found(ErrorReason::LinkNotValid, message),
            Error::AutologinOver => not_now(ErrorReason::AutologinOver, message).unless("LINK", "token"),
            Error::SessionNotFound => not_found(ErrorReason::SessionNotFound, message),
            Error::CredentialNotFound => not_found(ErrorReason::CredentialNotFound, message),
            Error::ActingOnOneself => not_now(ErrorReason::ActingOnOneself, message).unless("CALLER", "user_id"),
            Error::DeletionNotConfirmed => {
                not_now(ErrorReason::DeletionNotConfirmed, message).unless("CONFIRMATION", "confirmation")
            }
            Error::LastOwner => not_now(ErrorReason::LastOwner, message).unless("ROLE", "user_id"),
            Error::UserBlocked => not_now(ErrorReason::UserBlocked, message).unless("STATUS", "user_id"),
            Error::InvitationOver => not_now(ErrorReason::InvitationOver, message).unless("INVITATION", "user_id"),
            Error::NewPasswordNeeded => not_now(ErrorReason::NewPasswordNeeded, message).unless("PASSWORD", "new_password"),
            Error::PasswordMissing => not_now(ErrorReason::PasswordMissing, message).unless("PASSWORD", "user"),
            Error::ReauthenticationRequired | Error::Refused(Refusal::Unproven) => {
                not_now(ErrorReason::ReauthenticationRequired, message).unless("REAUTHENTICATION", "session")
            }
            Error::RegistrationClosed => not_now(ErrorReason::RegistrationClosed, message).unless("REGISTRATION", "realm_id"),
            Error::PhoneMissing => not_now(ErrorReason::PhoneMissing, message).unless("CONTACT", "phone"),
            Error::PhoneConfirmed => not_now(ErrorReason::PhoneConfirmed, message).unless("CONTACT", "phone"),
            Error::ContactFixed => not_now(ErrorReason::ContactFixed, message).unless("CONTACT", "user"),
            Error::ContactRefused(contact) => not_now(ErrorReason::ContactRefused, message).unless("CONTACT", field(contact)),
            Error::CodeOver => not_now(ErrorReason::CodeOver, message).unless("CODE", "code"),
            Error::SignInOver => not_proven(ErrorReason::SignInOver, message),
            Error::SecondFactorOn => not_now(ErrorReason::SecondFactorOn, message).unless("SECOND_FACTOR", "user"),
            Error::SecondFactorMissing => not_now(ErrorReason::SecondFactorMissing, message).unless("SECOND_FACTOR", "user"),
            Error::SecondFactorRequired => not_now(ErrorReason::SecondFactorRequired, message).unless("SECOND_FACTOR", "role"),
            Error::SignOnRefused => not_proven(ErrorReason::SignOnRefused, message),
            Error::SignOnConflict => not_now(ErrorReason::SignOnConflict, message).unless("USER", "token"),
            Error::SignOnRequired => not_now(ErrorReason::SignOnRequired, message).unless("SIGN_ON", "role"),
            Error::SignOnKeyInvalid => invalid(ErrorReason::SignOnKeyInvalid, message).in_field("public_key"),
            Error::SignOnKeyNotFound => not_found(ErrorReason::SignOnKeyNotFound, message),
            Error::ExternalIdInvalid => Problem::field_invalid("external_id", "has 1 to 255 characters that can be seen"),
            Error::ExternalIdTaken => refusal(ErrorKind::AlreadyExists, ErrorReason::ExternalIdTaken, message),
            Error::SocialProviderNotFound => not_found(ErrorReason::SocialProviderNotFound, message),
            Error::SocialSignInOver => not_proven(ErrorReason::SocialSignInOver, message),
            Error::SocialSignInRefused => not_proven(ErrorReason::SocialSignInRefused, message),
            Error::SocialProviderAway => {
                refusal(ErrorKind::Unavailable, ErrorReason::SocialProviderAway, message).after(PROVIDER_DELAY)
            }
            Error::SocialAccountUnknown => not_now(ErrorReason::SocialAccountUnknown, message).unless("SOCIAL_ACCOUNT", "code"),
            Error::SocialEmailTaken => not_now(ErrorReason::SocialEmailTaken, message).unless("CONTACT", "email"),
            Error::SocialAccountTaken => refusal(ErrorKind::AlreadyExists, ErrorReason::SocialAccountTaken, message),
            Error::SocialProviderLinked => {
                not_now(ErrorReason::SocialProviderLinked, message).unless("SOCIAL_ACCOUNT", "provider")
            }
            Error::SocialAccountNotFound => not_found(ErrorReason::SocialAccountNotFound, message),
            Error::LastWayIn => not_now(ErrorReason::LastWayIn, message).unless("SOCIAL_ACCOUNT", "social_account_id"),
            Error::SecondFactorNotShown => not_now(ErrorReason::SecondFactorNotShown, message).unless("SECOND_FACTOR", "user"),
            Error::PasskeyRefused { field, problem } => {
                invalid(ErrorReason::PasskeyRefused, message).violated(field, problem.to_string())
            }
            Error::PasskeyChallengeOver => not_now(ErrorReason::PasskeyChallengeOver, message).unless("CHALLENGE", "passkey"),
            Error::PasskeyCopied => not_now(ErrorReason::PasskeyCopied, message).unless("COUNTER", "passkey"),
            Error::PasskeyTaken => refusal(ErrorKind::AlreadyExists, ErrorReason::PasskeyTaken, message),
            Error::PasskeyLimit => not_now(ErrorReason::PasskeyLimit, message).unless("PASSKEYS", "user"),
            Error::PasskeyNotFound => not_found(ErrorReason::PasskeyNotFound, message),
            Error::PasskeysUnavailable => not_now(ErrorReason::PasskeysUnavailable, message).unless("PUBLIC_URL", "realm"),
            Error::CodeWrong => invalid(ErrorReason::CodeWrong, message).in_field("code"),
            Error::CodeLimited => refusal(ErrorKind::ResourceExhausted, ErrorReason::CodeLimited, message).after(CODE_DELAY),
            Error::UserChanged => refusal(ErrorKind::Aborted, ErrorReason::UserChanged, message),
            Error::SignInRefused => not_proven(ErrorReason::SignInRefused, message),
            Error::SessionOver => not_proven(ErrorReason::SessionOver, message),
            Error::CredentialRefused => not_proven(ErrorReason::CredentialRefused, message),
            Error::AttemptsLimited { after } => {
                refusal(ErrorKind::ResourceExhausted, ErrorReason::AttemptsLimited, message).after(after)
            }
            Error::SignInBusy => refusal(ErrorKind::ResourceExhausted, ErrorReason::SignInBusy, message).after(BUSY_DELAY),
            Error::ServiceAway(component, fault) => {
                tracing::warn!(
                    service = component.as_str(),
                    error = &fault as &dyn std::error::Error,
                    "a service cannot be asked"
                );
                let away = refusal(ErrorKind::Unavailable, ErrorReason::ServiceAway, message);
                away.about("service", component.as_str().to_owned()).after(AWAY_DELAY)
            }
            Error::Repeat(error) => error.into(),
            Error::Refused(refused) => refused.into(),
            Error::Fault(fault) => fault.into(),
        }
    }
}

/// Everything that is wrong: the first one is the reason, all of them stand in the details.
fn password_not_changed(problems: &[PasswordChangeProblem]) -> Problem {
    let told = |problem: &PasswordChangeProblem| match problem {
        PasswordChangeProblem::CurrentWrong => ("current_password", ErrorReason::CurrentPasswordWrong),
        PasswordChangeProblem::ConfirmationDiffers => ("confirmation", ErrorReason::ConfirmationDiffers),
        PasswordChangeProblem::Refused(_) => ("new_password", ErrorReason::PasswordRefused),
    };
    let first = problems.first().map_or(ErrorReason::Unspecified, |problem| told(problem).1);
    let message = problems.first().map(ToString::to_string).unwrap_or_default();
    problems.iter().fold(refusal(ErrorKind::InvalidArgument, first, message), |invalid, problem| {
        let (field, reason) = told(problem);
        invalid.violated(field, problem.to_string()).also(reason.as_str_name())
    })
}

/// A problem with the first OWNER of a company, in the fields of the request that adds it.
pub(super) fn of_owner(error: Error) -> Problem {
    match error {
        Error::UserInvalid(problems) => user_invalid("owner_", &problems),
        Error::ContactsTaken(contacts) => contacts_taken("owner_", &contacts),
        other => other.into(),
    }
}

/// A problem with what a realm is to be, in the fields of the request that changes it.
pub(super) fn of_settings(error: Error) -> Problem {
    match error {
        Error::RealmSettingsInvalid(settings) => settings_invalid("settings.", &settings),
        other => other.into(),
    }
}

fn settings_invalid(prefix: &str, settings: &[InvalidSetting]) -> Problem {
    let invalid =
        refusal(ErrorKind::InvalidArgument, ErrorReason::RealmSettingInvalid, "the settings of the realm are not valid");
    settings
        .iter()
        .fold(invalid, |problem, setting| problem.violated(format!("{prefix}{}", setting.field()), setting.to_string()))
}

impl From<UnknownPath> for Problem {
    fn from(unknown: UnknownPath) -> Self {
        refusal(ErrorKind::InvalidArgument, ErrorReason::UpdateMaskInvalid, unknown).in_field("update_mask")
    }
}

/// The reason for which one contact is refused.
pub(super) const fn invalid_reason(problem: UserProblem) -> ErrorReason {
    match problem {
        UserProblem::Email(_) => ErrorReason::EmailInvalid,
        UserProblem::Phone(_) => ErrorReason::PhoneInvalid,
        UserProblem::UserName(_) => ErrorReason::UserNameInvalid,
        UserProblem::Missing(_) => ErrorReason::ContactMissing,
        UserProblem::Name(..) => ErrorReason::NameInvalid,
        UserProblem::StatusNotChosen => ErrorReason::StatusNotChosen,
        UserProblem::RoleNotOfCompany => ErrorReason::RoleNotOfCompany,
    }
}

pub(super) const fn taken_reason(contact: Contact) -> ErrorReason {
    match contact {
        Contact::Email => ErrorReason::EmailTaken,
        Contact::Phone => ErrorReason::PhoneTaken,
        Contact::UserName => ErrorReason::UserNameTaken,
    }
}

const fn field(contact: Contact) -> &'static str {
    match contact {
        Contact::Email => "email",
        Contact::Phone => "phone",
        Contact::UserName => "user_name",
    }
}

/// Everything that is wrong: the first one is the reason, all of them stand in the details.
fn user_invalid(prefix: &str, problems: &[UserProblem]) -> Problem {
    let first = problems.first().map_or(ErrorReason::Unspecified, |problem| invalid_reason(*problem));
    let message = problems.first().map(ToString::to_string).unwrap_or_default();
    let invalid = refusal(ErrorKind::InvalidArgument, first, message);
    problems.iter().fold(invalid, |invalid, problem| {
        let field = match problem {
            UserProblem::Email(_) => "email".to_owned(),
            UserProblem::Phone(_) => "phone".to_owned(),
            UserProblem::UserName(_) => "user_name".to_owned(),
            UserProblem::Missing(contact) => field(*contact).to_owned(),
            UserProblem::Name(field, _) => format!("introduction.{}", field.as_str()),
            UserProblem::StatusNotChosen => "status".to_owned(),
            UserProblem::RoleNotOfCompany => "role".to_owned(),
        };
        invalid.violated(format!("{prefix}{field}"), problem.to_string()).also(invalid_reason(*problem).as_str_name())
    })
}

fn contacts_taken(prefix: &str, contacts: &[Contact]) -> Problem {
    let first = contacts.first().map_or(ErrorReason::Unspecified, |contact| taken_reason(*contact));
    let taken = refusal(ErrorKind::AlreadyExists, first, "another user has this");
    contacts.iter().fold(taken, |taken, contact| {
        taken.violated(format!("{prefix}{}", field(*contact)), "another user has this").also(taken_reason(*contact).as_str_name())
    })
}

fn refusal(kind: ErrorKind, reason: ErrorReason, message: impl std::fmt::Display) -> Problem {
    Problem::refusal(kind, DOMAIN, reason.as_str_name(), message.to_string())
}
