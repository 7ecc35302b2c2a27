//! What SMS say, one file a language, as letters have it. Short: what changed or is to be done, and where.

use kernel::Fault;
use serde::Deserialize;

use crate::domain::Kind;

const FILES: [(&str, &str); 4] = [
    ("en", include_str!("../../../texts/sms/en.toml")),
    ("pl", include_str!("../../../texts/sms/pl.toml")),
    ("ru", include_str!("../../../texts/sms/ru.toml")),
    ("uk", include_str!("../../../texts/sms/uk.toml")),
];

/// The texts of one language, one a kind that is told by SMS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SmsTexts {
    status_change: String,
    password_reset: String,
    phone_code: String,
}

#[derive(Debug, thiserror::Error)]
#[error("nobody is told of this kind by SMS")]
struct NoText;

impl SmsTexts {
    pub(super) fn of(&self, kind: Kind) -> Result<&str, Fault> {
        match kind {
            Kind::StatusChange => Ok(&self.status_change),
            Kind::PasswordReset => Ok(&self.password_reset),
            Kind::PhoneCode | Kind::PhoneChange => Ok(&self.phone_code),
            Kind::Invitation
            | Kind::PasswordChanged
            | Kind::SessionCompromised
            | Kind::AccountBlocked
            | Kind::EmailChange
            | Kind::EmailReplaced
            | Kind::PhoneReplaced
            | Kind::Registration
            | Kind::RegistrationRepeated
            | Kind::SecondFactorChanged
            | Kind::SocialAccountChanged => Err(Fault::internal(NoText)),
        }
    }
}

/// Every language by its code (ISO 639-1).
pub(super) fn read() -> Result<Vec<(&'static str, SmsTexts)>, Fault> {
    FILES.into_iter().map(|(code, text)| Ok((code, toml::from_str(text).map_err(Fault::internal)?))).collect()
}
