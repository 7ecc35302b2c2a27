//! How a user is reached and recognised: each of these is his alone in the realm (I8).

use std::fmt;
use std::str::FromStr;

use super::transliteration::{Standard, transliterate};
use super::{EmailAddress, Policy};

/// What a user can have that nobody else in the realm has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contact {
    Email,
    Phone,
    UserName,
}

impl Contact {
    const ALL: [Self; 3] = [Self::Email, Self::Phone, Self::UserName];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::UserName => "USER_NAME",
        }
    }
}

impl FromStr for Contact {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|contact| contact.as_str() == text).ok_or(())
    }
}

/// A user's contacts. Which of them he must have is the realm's policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contacts {
    pub(crate) email: Option<EmailAddress>,
    pub(crate) phone: Option<PhoneNumber>,
    pub(crate) user_name: Option<UserName>,
}

impl Contacts {
    pub(crate) const fn has(&self, contact: Contact) -> bool {
        match contact {
            Contact::Email => self.email.is_some(),
            Contact::Phone => self.phone.is_some(),
            Contact::UserName => self.user_name.is_some(),
        }
    }
}

/// A telephone number as E.164 writes it: `+380671234567`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PhoneNumber(String);

/// Which phone numbers a realm takes, and how they may be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PhoneRule {
    /// Any that can be dialled, with + and its country code.
    International,
    /// Ukrainian mobile numbers, with or without their country code (I9).
    UkrainianMobile,
}

/// The text is no telephone number that the realm takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPhone {
    #[error("a phone number begins with + and its country code, and is one that can be dialled")]
    International,
    #[error("a phone number is that of a Ukrainian mobile operator: 0XXXXXXXXX, 380XXXXXXXXX or +380XXXXXXXXX")]
    UkrainianMobile,
}

/// The codes of Ukrainian mobile operators that the marketplace takes (I9), without their leading zero.
const UKRAINIAN_MOBILE_CODES: [&str; 18] =
    ["39", "67", "68", "77", "96", "97", "98", "50", "66", "95", "99", "63", "73", "93", "91", "92", "89", "94"];

impl PhoneNumber {
    /// Reads a number in any usual way of writing it.
    pub(crate) fn parse(text: &str, rule: PhoneRule) -> Result<Self, InvalidPhone> {
        match rule {
            PhoneRule::International => Self::parse_international(text),
            PhoneRule::UkrainianMobile => Self::parse_ukrainian_mobile(text),
        }
    }

    fn parse_international(text: &str) -> Result<Self, InvalidPhone> {
        let is_usual = |character: char| character.is_ascii_digit() || " +-().".contains(character);
        if !text.trim_start().starts_with('+') || !text.chars().all(is_usual) {
            return Err(InvalidPhone::International);
        }
        let number = phonenumber::parse(None, text).map_err(|_| InvalidPhone::International)?;
        if !number.is_valid() {
            return Err(InvalidPhone::International);
        }
        Ok(Self(number.format().mode(phonenumber::Mode::E164).to_string()))
    }

    fn parse_ukrainian_mobile(text: &str) -> Result<Self, InvalidPhone> {
        let written: String = text.chars().filter(|character| !" -()".contains(*character)).collect();
        let national = ["+380", "380", "0"].into_iter().find_map(|prefix| written.strip_prefix(prefix));
        let is_mobile = |national: &&str| {
            let is_nine_digits = national.len() == 9 && national.bytes().all(|byte| byte.is_ascii_digit());
            is_nine_digits && UKRAINIAN_MOBILE_CODES.iter().any(|code| national.starts_with(code))
        };
        let national = national.filter(is_mobile).ok_or(InvalidPhone::UkrainianMobile)?;
        Ok(Self(format!("+380{national}")))
    }

    /// A number that was parsed before it was stored.
    pub(crate) const fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber")
    }
}

/// A name to sign in by: `[a-z][a-z0-9._-]{2,63}`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UserName(String);

/// The text is no user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user name has 3 to 64 of a–z, 0–9, dot, hyphen and underscore, a letter first")]
pub(crate) struct InvalidUserName;

impl UserName {
    /// Reads a name; capital letters are taken for small ones.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidUserName> {
        let name = text.to_ascii_lowercase();
        let goes_on_well = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte));
        let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase());
        if starts_well && goes_on_well && (3..=64).contains(&name.len()) { Ok(Self(name)) } else { Err(InvalidUserName) }
    }

    /// A name that was parsed before it was stored.
    pub(crate) const fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a user name can be that somebody is suggested: a stem, with a number behind it if others have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameStem(String);

/// Leaves room for a number.
const LONGEST_STEM: usize = 56;
const SHORTEST_NAME: usize = 3;
const NAMES_A_ROUND: u64 = 100;
/// For whoever has a name without a letter that could be written here.
const NAMELESS: &str = "user";

impl NameStem {
    /// The first letter of the first name and the last name, in Latin letters (I15).
    pub(crate) fn of(first_name: &str, last_name: &str, standard: Standard) -> Self {
        let first = transliterate(first_name, standard).chars().next();
        let stem: String = first.into_iter().chain(transliterate(last_name, standard).chars()).take(LONGEST_STEM).collect();
        Self(if stem.is_empty() { NAMELESS.to_owned() } else { stem })
    }

    /// In how many rounds a name is looked for: the last numbers have eight figures.
    pub(crate) const ROUNDS: u32 = 18;

    /// The names that are tried in a round: first the stem alone and the lowest numbers behind it; where others have all of these, as
    /// many from twice as far on, and so forth. However many have the stem, few names are looked at.
    pub(crate) fn names(&self, round: u32) -> Vec<String> {
        let alone = (round == 0 && self.0.len() >= SHORTEST_NAME).then(|| self.0.clone());
        let first = if round == 0 { 2 } else { NAMES_A_ROUND << round };
        let width = SHORTEST_NAME.saturating_sub(self.0.len());
        let numbered = (first..first + NAMES_A_ROUND).map(|number| format!("{}{number:0>width$}", self.0));
        alone.into_iter().chain(numbered).collect()
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserName")
    }
}

/// What somebody says he is when he signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    Email(EmailAddress),
    Phone(PhoneNumber),
    UserName(UserName),
}

impl Login {
    /// Reads it as one of the contacts by which the realm's users sign in. No text can be two of them. A number that was taken under
    /// another rule is still its user's.
    pub(crate) fn read(text: &str, policy: &Policy) -> Option<Self> {
        policy.sign_in_by.iter().find_map(|contact| Self::read_as(*contact, text, policy.phones))
    }

    /// Reads it as this contact.
    pub(crate) fn read_as(contact: Contact, text: &str, phones: PhoneRule) -> Option<Self> {
        match contact {
            Contact::Email => EmailAddress::parse(text).ok().map(Self::Email),
            Contact::Phone => {
                let phone = PhoneNumber::parse(text, phones);
                phone.or_else(|_| PhoneNumber::parse(text, PhoneRule::International)).ok().map(Self::Phone)
            }
            Contact::UserName => UserName::parse(text).ok().map(Self::UserName),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> Result<String, InvalidPhone> {
        PhoneNumber::parse(text, PhoneRule::International).map(|phone| phone.as_str().to_owned())
    }

    fn ukrainian(text: &str) -> Result<String, InvalidPhone> {
        PhoneNumber::parse(text, PhoneRule::UkrainianMobile).map(|phone| phone.as_str().to_owned())
    }

    /// Rule I9.b: of all codes of operators eighteen are taken, in each way of writing a number.
    #[test]
    fn eighteen_codes_of_a_hundred_are_mobile() {
        let taken: Vec<String> =
            (0..100).map(|code| format!("0{code:02}")).filter(|code| ukrainian(&format!("{code}1234567")).is_ok()).collect();
        let expected = "039 050 063 066 067 068 073 077 089 091 092 093 094 095 096 097 098 099";
        assert_eq!(taken.join(" "), expected);
        for code in taken {
            for written in [
                format!("{code}1234567"),
                format!("38{code}1234567"),
                format!("+38{code}1234567"),
                format!("+38 ({code}) 123-45-67"),
            ] {
                assert_eq!(ukrainian(&written), Ok(format!("+38{code}1234567")), "{written}");
            }
        }
    }

    /// Rule I1.d: whatever users sign in by, in whatever order, a text is one of them at the most.
    #[test]
    fn no_text_is_two_logins() {
        let kind = |text: &str, sign_in_by: &[Contact]| {
            let policy = Policy { sign_in_by: sign_in_by.to_vec(), phones: PhoneRule::UkrainianMobile, ..Policy::any() };
            Login::read(text, &policy).map(|login| match login {
                Login::Email(_) => Contact::Email,
                Login::Phone(_) => Contact::Phone,
                Login::UserName(_) => Contact::UserName,
            })
        };
        let texts = [
            ("anna@example.com", Contact::Email),
            ("0671234567", Contact::Phone),
            ("+48 22 123 45 67", Contact::Phone),
            ("akowalska", Contact::UserName),
            ("a067-123-45-67", Contact::UserName),
        ];
        let [email, phone, name] = Contact::ALL;
        for (text, expected) in texts {
            for order in [[email, phone, name], [name, phone, email], [phone, email, name]] {
                assert_eq!(kind(text, &order), Some(expected), "{text}");
            }
            assert_eq!(kind(text, &[expected]), Some(expected), "{text}");
        }
    }

    /// Rule I9.b: nothing else is a number there.
    #[test]
    fn what_is_no_ukrainian_mobile_number_is_refused() {
        for text in [
            "",
            "671234567",
            "067123456",
            "06712345678",
            "+480671234567",
            "++380671234567",
            "380+671234567",
            "80671234567",
            "0671234567x",
            "067.123.45.67",
            "０６７１２３４５６７",
            "+38067123456٧",
            "0441234567",
        ] {
            assert_eq!(ukrainian(text), Err(InvalidPhone::UkrainianMobile), "{text}");
        }
    }

    /// Rule I8.b: however a number is written, it is kept and compared as E.164.
    #[test]
    fn a_number_has_one_spelling() {
        for text in ["+380671234567", "+380 67 123-45-67", " +380 (67) 123.45.67"] {
            assert_eq!(e164(text), Ok("+380671234567".to_owned()), "{text}");
        }
        assert_eq!(e164("+48 22 123 45 67"), Ok("+48221234567".to_owned()));
    }

    #[test]
    fn what_cannot_be_dialled_is_refused() {
        for text in ["", "12", "0671234567", "+380", "+38067123456", "+380671234567 ext 5", "+٣٨٠٦٧١٢٣٤٥٦٧", "tel:+380671234567"]
        {
            assert_eq!(e164(text), Err(InvalidPhone::International), "{text}");
        }
    }

    #[test]
    fn user_names_are_compared_without_case() {
        assert_eq!(UserName::parse("AKowalska").map(|name| name.as_str().to_owned()), Ok("akowalska".to_owned()));
        for text in ["", "ab", "1anna", "anna kowalska", "анна", "anna@example.com"] {
            assert_eq!(UserName::parse(text).err(), Some(InvalidUserName), "{text}");
        }
    }

    /// Rule I15.b: a first letter and a last name, and the lowest number that nobody has.
    #[test]
    fn a_suggestion_is_a_name_that_nobody_has() {
        let suggested = |first: &str, last: &str, taken: &[&str]| {
            let names = NameStem::of(first, last, Standard::Kmu55).names(0);
            names.into_iter().find(|name| !taken.contains(&name.as_str())).expect("one is free")
        };
        assert_eq!(suggested("Юлія", "Щербак", &[]), "yshcherbak");
        assert_eq!(suggested("Anna", "Kowalska", &["akowalska", "akowalska2", "akowalska10"]), "akowalska3");
        assert_eq!(suggested("", "Лі", &[]), "li2");
        assert_eq!(suggested("", "О", &["o02"]), "o03");
        assert_eq!(suggested("日", "本", &["user"]), "user2");
        let long = suggested("Анна", &"Довга".repeat(30), &[]);
        for name in [suggested("Ян", "О", &[]), suggested("", "О", &[]), long] {
            assert_eq!(UserName::parse(&name).map(|read| read.as_str().to_owned()), Ok(name));
        }
    }

    /// Rule I15.b: where thousands have a name, the next is found among few, and can be had.
    #[test]
    fn a_name_that_many_have_is_looked_for_further_on() {
        let stem = NameStem::of("Анна", &"Довга".repeat(30), Standard::Kmu55);
        let rounds: Vec<Vec<String>> = (0..NameStem::ROUNDS).map(|round| stem.names(round)).collect();
        let mut names: Vec<&String> = rounds.iter().flatten().collect();
        assert_eq!((rounds[0].len(), rounds[17].len()), (101, 100));
        assert!(names.iter().all(|name| UserName::parse(name).is_ok()), "the longest stem leaves room");
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "none is tried twice");
    }

    /// Rule F10.a: contacts that are printed by mistake show nothing.
    #[test]
    fn debug_shows_no_contact() {
        let contacts = Contacts {
            email: None,
            phone: PhoneNumber::parse("+380671234567", PhoneRule::International).ok(),
            user_name: UserName::parse("akowalska").ok(),
        };
        assert_eq!(format!("{contacts:?}"), "Contacts { email: None, phone: Some(PhoneNumber), user_name: Some(UserName) }");
    }
}
