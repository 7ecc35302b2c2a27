//! A realm: one product with its own users, policy and public address. Companies live in it (I1).

use std::str::FromStr;

use jiff::tz::TimeZone;
use kernel::{CompanyId, Line, RealmId, Role, Timestamp};

use super::Policy;

/// In which people are spoken to (ISO 639-1).
const LANGUAGES: [&str; 4] = ["en", "pl", "ru", "uk"];

#[derive(Debug, Clone)]
pub(crate) struct Realm {
    pub(crate) id: RealmId,
    pub(crate) settings: RealmSettings,
    pub(crate) preset: String,
    pub(crate) preset_version: i32,
    pub(crate) policy: Policy,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
}

impl Realm {
    /// Names the state of the realm, its policy included, so that whoever changes it can say which one he saw.
    pub(crate) fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

/// What a company is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompanyKind {
    /// Its users are there for themselves.
    Ordinary,
    /// They are there for the users of the whole realm.
    SupportDesk,
}

impl CompanyKind {
    const ALL: [Self; 2] = [Self::Ordinary, Self::SupportDesk];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ORDINARY",
            Self::SupportDesk => "SUPPORT_DESK",
        }
    }

    /// Whether there are users of this role in it. Every company has OWNERs, who administer it and nothing else.
    pub(crate) const fn has(self, role: Role) -> bool {
        match role {
            Role::Owner => true,
            Role::Support => matches!(self, Self::SupportDesk),
            Role::Customer | Role::Agent | Role::Admin => matches!(self, Self::Ordinary),
        }
    }
}

impl FromStr for CompanyKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Company {
    pub(crate) realm_id: RealmId,
    pub(crate) id: CompanyId,
    pub(crate) kind: CompanyKind,
    pub(crate) name: String,
    pub(crate) settings: CompanySettings,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
}

impl Company {
    /// Names the state of the company, so that whoever changes it can say which one he saw.
    pub(crate) fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

/// What a company's OWNERs decide for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CompanySettings {
    /// The fiscal cash register that its receipts are printed by; empty for none (I2).
    pub(crate) cash_desk: String,
}

/// The name of a cash register is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cash register's name is one line of up to 100 characters, all of which can be seen")]
pub(crate) struct InvalidCashDesk;

const LONGEST_CASH_DESK: usize = 100;

impl CompanySettings {
    pub(crate) fn with_cash_desk(cash_desk: &str) -> Result<Self, InvalidCashDesk> {
        let line = Line::parse(cash_desk).map_err(|_| InvalidCashDesk)?;
        if line.as_str().chars().count() > LONGEST_CASH_DESK {
            return Err(InvalidCashDesk);
        }
        Ok(Self { cash_desk: line.as_str().to_owned() })
    }
}

/// One of a realm's settings, as it is to be.
#[derive(Debug, Clone)]
pub(crate) enum RealmChange {
    Name(String),
    PublicUrl(String),
    Sender(String),
    Language(String),
    TimeZone(String),
}

/// Fact: a realm shows itself differently now. Who wants to know more asks.
#[derive(Debug, Clone)]
pub(crate) struct RealmChanged {
    pub(crate) realm_id: RealmId,
    pub(crate) version: i64,
    /// Those that are others now.
    pub(crate) settings: Vec<&'static str>,
    pub(crate) at: Timestamp,
}

impl Realm {
    /// Takes these settings, or says everything that is wrong with them; nothing happens if they are so already.
    pub(crate) fn change(
        &mut self,
        changes: &[RealmChange],
        now: Timestamp,
    ) -> Result<Option<RealmChanged>, Vec<InvalidSetting>> {
        let mut settings = self.settings.clone();
        for change in changes.iter().cloned() {
            match change {
                RealmChange::Name(name) => settings.name = name,
                RealmChange::PublicUrl(url) => settings.public_url = url,
                RealmChange::Sender(sender) => settings.sender = sender,
                RealmChange::Language(language) => settings.language = language,
                RealmChange::TimeZone(time_zone) => settings.time_zone = time_zone,
            }
        }
        let settings = settings.checked()?;
        let differing = settings.differing_from(&self.settings);
        if differing.is_empty() {
            return Ok(None);
        }
        self.settings = settings;
        self.version += 1;
        Ok(Some(RealmChanged { realm_id: self.id, version: self.version, settings: differing, at: now }))
    }
}

/// What a realm shows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RealmSettings {
    pub(crate) name: String,
    /// Without a slash at the end.
    pub(crate) public_url: String,
    /// An RFC 5322 mailbox.
    pub(crate) sender: String,
    pub(crate) language: String,
    pub(crate) time_zone: String,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSetting {
    #[error("a name has no control characters and is not blank")]
    Name,
    #[error("the public address is an absolute https URL without a query (http on this machine alone)")]
    PublicUrl,
    #[error("the sender is a mailbox: a name and an address in angle brackets, or an address")]
    Sender,
    #[error("people are spoken to in en, pl, ru or uk")]
    Language,
    #[error("there is no such time zone")]
    TimeZone,
}

impl InvalidSetting {
    /// The field of the contract that is wrong.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::PublicUrl => "public_url",
            Self::Sender => "sender",
            Self::Language => "language",
            Self::TimeZone => "time_zone",
        }
    }
}

impl RealmSettings {
    fn differing_from(&self, other: &Self) -> Vec<&'static str> {
        let settings = [
            ("name", self.name != other.name),
            ("public_url", self.public_url != other.public_url),
            ("sender", self.sender != other.sender),
            ("language", self.language != other.language),
            ("time_zone", self.time_zone != other.time_zone),
        ];
        settings.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// The settings as they are kept, or everything that is wrong with them.
    pub(crate) fn checked(self) -> Result<Self, Vec<InvalidSetting>> {
        let problems = [
            (!is_name(&self.name)).then_some(InvalidSetting::Name),
            (!is_public_url(&self.public_url)).then_some(InvalidSetting::PublicUrl),
            (!is_mailbox(&self.sender)).then_some(InvalidSetting::Sender),
            (!is_language(&self.language)).then_some(InvalidSetting::Language),
            TimeZone::get(&self.time_zone).is_err().then_some(InvalidSetting::TimeZone),
        ];
        let problems: Vec<_> = problems.into_iter().flatten().collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { public_url: self.public_url.trim_end_matches('/').to_owned(), ..self })
    }
}

/// A name as people read it: something to see, and nothing that moves the text around it.
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// Whether people are spoken to in it.
pub(crate) fn is_language(code: &str) -> bool {
    LANGUAGES.contains(&code)
}

fn is_public_url(text: &str) -> bool {
    let is_safe = text.starts_with("https://");
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        // Links with tokens travel to it.
        (is_safe || is_loopback(host))
            && !host.is_empty()
            // As it stands in a header of a letter (RFC 2369): international names in their ASCII form (RFC 5891).
            && rest.chars().all(|letter| letter.is_ascii_graphic() && !"?#@<>\"\\,".contains(letter))
    })
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.parse::<u16>().is_ok() { name } else { host });
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

/// `Helpline <noreply@helpline.example>`, or the address alone. The name is kept simple: it stands in a header.
fn is_mailbox(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((name, rest)) if is_phrase(name.trim()) => rest.strip_suffix('>'),
        Some(_) => None,
        None => Some(text),
    };
    address.is_some_and(|address| super::EmailAddress::parse(address).is_ok())
}

fn is_phrase(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || " '-_".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> RealmSettings {
        RealmSettings {
            name: "Helpline".to_owned(),
            public_url: "https://helpline.example/cabinet/".to_owned(),
            sender: "Helpline <noreply@helpline.example>".to_owned(),
            language: "en".to_owned(),
            time_zone: "Europe/Kyiv".to_owned(),
        }
    }

    #[test]
    fn a_public_address_is_kept_without_its_last_slash() {
        assert_eq!(settings().checked().map(|settings| settings.public_url), Ok("https://helpline.example/cabinet".to_owned()));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let wrong = RealmSettings {
            name: " \u{7}".to_owned(),
            public_url: "javascript:alert(1)".to_owned(),
            sender: "Helpline\r\nBcc: eve@example.com".to_owned(),
            time_zone: "Europe/Nowhere".to_owned(),
            ..settings()
        };
        let all = [InvalidSetting::Name, InvalidSetting::PublicUrl, InvalidSetting::Sender, InvalidSetting::TimeZone];
        assert_eq!(wrong.checked(), Err(all.to_vec()));
        let not_for_headers = ["https://помощь.example", "https://host/a,b"];
        let odds = ["http://", "https:///path", "https://user@host", "https://host/?q=1", "ftp://host", "http://host"];
        for odd in odds.into_iter().chain(not_for_headers) {
            let wrong = RealmSettings { public_url: odd.to_owned(), ..settings() };
            assert_eq!(wrong.checked(), Err(vec![InvalidSetting::PublicUrl]), "{odd}");
        }
    }
}
