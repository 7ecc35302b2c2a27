//! In which language and by which clock a person is spoken to (P4). What he has not chosen is his realm's.

use std::str::FromStr;

use jiff::tz::TimeZone;

/// The languages Cabinet speaks (ISO 639-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Polish,
    Russian,
    Ukrainian,
}

/// Cabinet does not speak it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be en, pl, ru or uk")]
pub(crate) struct UnknownLanguage;

impl Language {
    const ALL: [Self; 4] = [Self::English, Self::Polish, Self::Russian, Self::Ukrainian];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Polish => "pl",
            Self::Russian => "ru",
            Self::Ukrainian => "uk",
        }
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        Self::ALL.into_iter().find(|language| language.as_str() == text).ok_or(UnknownLanguage)
    }
}

/// A time zone by its name in the IANA list, in the list's own spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeZoneName(String);

/// The list has no such zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time zone of the IANA list, such as Europe/Kyiv")]
pub(crate) struct UnknownTimeZone;

impl FromStr for TimeZoneName {
    type Err = UnknownTimeZone;

    fn from_str(text: &str) -> Result<Self, UnknownTimeZone> {
        let zone = TimeZone::get(text).map_err(|_| UnknownTimeZone)?;
        let name = zone.iana_name().filter(|_| !zone.is_unknown()).ok_or(UnknownTimeZone)?;
        // Systems add names of their own to the list (`posixrules`); those of the list begin with a capital.
        if name.starts_with(|first: char| first.is_ascii_uppercase()) { Ok(Self(name.to_owned())) } else { Err(UnknownTimeZone) }
    }
}

impl TimeZoneName {
    /// A name that was parsed before it was stored. A later list may have lost it.
    pub(crate) const fn from_stored(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_languages_are_spoken() {
        for language in Language::ALL {
            assert_eq!(language.as_str().parse(), Ok(language));
        }
        for other in ["", "EN", "de", "en-GB"] {
            assert_eq!(other.parse::<Language>(), Err(UnknownLanguage), "{other}");
        }
    }

    #[test]
    fn a_time_zone_is_in_the_list_and_spelt_as_there() {
        for (text, name) in [("Europe/Kyiv", "Europe/Kyiv"), ("europe/warsaw", "Europe/Warsaw"), ("UTC", "UTC")] {
            assert_eq!(text.parse::<TimeZoneName>().as_ref().map(TimeZoneName::as_str), Ok(name));
        }
        for other in ["", "Mars/Olympus", "+03:00", "posixrules", "Etc/Unknown", "../Europe/Kyiv", "Europe/Kyiv\0"] {
            assert_eq!(other.parse::<TimeZoneName>(), Err(UnknownTimeZone), "{other}");
        }
    }
}
