//! What letters say, one file a language.

use kernel::Fault;
use serde::Deserialize;

use crate::domain::Kind;

/// What is used where a realm's language has no texts, or a status no label in it.
pub(super) const FALLBACK_LANGUAGE: &str = "en";

const FILES: [(&str, &str); 4] = [
    ("en", include_str!("../../../texts/en.toml")),
    ("pl", include_str!("../../../texts/pl.toml")),
    ("ru", include_str!("../../../texts/ru.toml")),
    ("uk", include_str!("../../../texts/uk.toml")),
];

/// The texts of one language, a section each kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Language {
    /// How a moment is written (strftime).
    pub(super) moment: String,
    /// What the way out is called.
    pub(super) unsubscribe: String,
    pub(super) unsubscribe_page: PageTexts,
    status_change: Texts,
    invitation: Texts,
    password_reset: Texts,
    password_changed: Texts,
    session_compromised: Texts,
    account_blocked: Texts,
    email_change: Texts,
    email_replaced: Texts,
    phone_replaced: Texts,
    registration: Texts,
    registration_repeated: Texts,
    second_factor_changed: Texts,
    social_account_changed: Texts,
}

/// The texts of the page where one unsubscribes. Each is a template of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageTexts {
    pub(super) question: String,
    pub(super) action: String,
    pub(super) done: String,
    /// The link is none of ours.
    pub(super) not_valid: String,
    /// Something is away.
    pub(super) later: String,
}

/// The texts of one kind. Subject, sentences and reason are templates of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Texts {
    pub(super) subject: String,
    /// What happened and what to do, a sentence or two each.
    pub(super) body: Vec<String>,
    /// What the link is called.
    pub(super) action: Option<String>,
    /// What stands behind the link.
    #[serde(default)]
    pub(super) notes: Vec<String>,
    /// Why he gets this letter.
    pub(super) reason: String,
}

impl Language {
    /// None for what is told by SMS alone.
    pub(super) const fn of(&self, kind: Kind) -> Option<&Texts> {
        let texts = match kind {
            Kind::StatusChange => &self.status_change,
            Kind::Invitation => &self.invitation,
            Kind::PasswordReset => &self.password_reset,
            Kind::PasswordChanged => &self.password_changed,
            Kind::SessionCompromised => &self.session_compromised,
            Kind::AccountBlocked => &self.account_blocked,
            Kind::EmailChange => &self.email_change,
            Kind::EmailReplaced => &self.email_replaced,
            Kind::PhoneReplaced => &self.phone_replaced,
            Kind::Registration => &self.registration,
            Kind::RegistrationRepeated => &self.registration_repeated,
            Kind::SecondFactorChanged => &self.second_factor_changed,
            Kind::SocialAccountChanged => &self.social_account_changed,
            Kind::PhoneCode | Kind::PhoneChange => return None,
        };
        Some(texts)
    }
}

/// Every language by its code (ISO 639-1).
pub(super) fn read() -> Result<Vec<(&'static str, Language)>, Fault> {
    FILES.into_iter().map(|(code, text)| Ok((code, toml::from_str(text).map_err(Fault::internal)?))).collect()
}
