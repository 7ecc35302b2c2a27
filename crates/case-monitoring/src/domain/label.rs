//! What people call a status, each in his language.

use std::collections::BTreeMap;

/// Texts by language, as somebody wrote them.
pub(crate) type Texts = BTreeMap<String, String>;

/// The languages Cabinet speaks (ISO 639-1).
const LANGUAGES: [&str; 4] = ["en", "pl", "ru", "uk"];
const LONGEST: usize = 100;

/// One text, in at least one of the languages that Cabinet speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label(Texts);

/// The texts are no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidLabel {
    #[error("a label has a text in at least one language")]
    Empty,
    #[error("the languages of a label are en, pl, ru and uk")]
    LanguageUnknown,
    #[error("a label is one line of 1 to 100 characters")]
    NotALine,
}

impl Label {
    pub(crate) fn parse(texts: Texts) -> Result<Self, InvalidLabel> {
        if texts.is_empty() {
            return Err(InvalidLabel::Empty);
        }
        if !texts.keys().all(|language| LANGUAGES.contains(&language.as_str())) {
            return Err(InvalidLabel::LanguageUnknown);
        }
        if texts.values().all(|text| is_line(text)) { Ok(Self(texts)) } else { Err(InvalidLabel::NotALine) }
    }

    pub(crate) fn into_texts(self) -> Texts {
        self.0
    }
}

/// Labels stand in the subjects of letters: a line break would be a header.
fn is_line(text: &str) -> bool {
    let has_breaks = text.chars().any(|character| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}'));
    !has_breaks && !text.trim().is_empty() && text.chars().count() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(language: &str, text: &str) -> Result<Label, InvalidLabel> {
        Label::parse(Texts::from([(language.to_owned(), text.to_owned())]))
    }

    #[test]
    fn a_label_is_one_line_in_a_language_we_speak() {
        assert!(label("uk", "Нове").is_ok() && label("en", &"я".repeat(100)).is_ok());
        assert_eq!(Label::parse(Texts::new()), Err(InvalidLabel::Empty));
        for language in ["", "EN", "de", "en-GB"] {
            assert_eq!(label(language, "Neu"), Err(InvalidLabel::LanguageUnknown), "{language}");
        }
        for text in ["", "  ", "two\nlines", "line\u{2028}separator", &"я".repeat(101)] {
            assert_eq!(label("en", text), Err(InvalidLabel::NotALine), "{text:?}");
        }
    }
}
