//! One line of text, as people write their names and titles.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

const LONGEST: usize = 200;

/// Up to 200 characters of one line in normalization form C, nothing blank at its ends; perhaps empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Line(String);

/// The text is no such line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    #[error("must have at most {LONGEST} characters")]
    TooLong,
    #[error("must be one line without control characters")]
    NotALine,
    #[error("must not turn the direction of the text")]
    TurnsText,
}

impl Line {
    pub fn parse(text: &str) -> Result<Self, InvalidLine> {
        let text: String = text.trim_matches(is_blank).nfc().collect();
        if text.chars().count() > LONGEST {
            return Err(InvalidLine::TooLong);
        }
        if text.chars().any(breaks_line) {
            return Err(InvalidLine::NotALine);
        }
        if text.chars().any(turns_text) { Err(InvalidLine::TurnsText) } else { Ok(Self(text)) }
    }

    /// A line that was parsed before it was stored.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What nobody sees at the end of a line: white space, and characters without width. A name made of nothing else is none.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')
}

fn breaks_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Embeddings, overrides and isolates (Unicode Annex 9): with them a name reorders the text it is shown in.
const fn turns_text(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// What people say of themselves is not printed.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        Line::parse(text).expect("a good line").as_str().to_owned()
    }

    #[test]
    fn a_line_is_kept_as_it_was_typed_but_for_its_ends() {
        assert_eq!(parsed("  Анна-Мария  О'Нил \n"), "Анна-Мария  О'Нил");
        assert_eq!(parsed(&"я".repeat(200)), "я".repeat(200));
        assert_eq!(parsed("می\u{200C}خواهم"), "می\u{200C}خواهم", "the non-joiner is spelling");
    }

    #[test]
    fn the_same_name_is_the_same_text() {
        assert_eq!(parsed("Андрии\u{306}"), "Андрий");
    }

    #[test]
    fn what_nobody_sees_is_no_name() {
        for blank in ["", "   ", "\u{200B}\u{FEFF}", "\u{3000}\u{2060} "] {
            assert!(Line::parse(blank).expect("an empty line").is_empty(), "{blank:?}");
        }
    }

    #[test]
    fn a_line_has_an_end_and_one_direction() {
        assert_eq!(Line::parse(&"я".repeat(201)), Err(InvalidLine::TooLong));
        for text in ["Anna\nMaria", "Anna\u{0}", "Anna\u{2028}Maria", "Anna\u{85}Maria", "Anna\u{7F}Maria"] {
            assert_eq!(Line::parse(text), Err(InvalidLine::NotALine), "{text:?}");
        }
        for text in ["Anna\u{202E}airaM", "\u{2067}Anna", "\u{202D}Anna\u{202C}"] {
            assert_eq!(Line::parse(text), Err(InvalidLine::TurnsText), "{text:?}");
        }
    }

    /// Rule F10.a: a name prints nothing of itself.
    #[test]
    fn a_line_is_not_printed() {
        assert_eq!(format!("{:?}", Line::parse("Anna").expect("a good line")), "Line");
    }
}
