//! Passwords as they are compared, and which ones are refused (I10; NIST SP 800-63B §5.1.1).

use std::fmt;

use kernel::Secret;
use unicode_normalization::UnicodeNormalization as _;
use zxcvbn::Score;
use zxcvbn::matching::patterns::MatchPattern;

/// What is left of a password without its user's own data must be at least this long.
const LEAST_REST: usize = 4;
/// Shorter pieces of own data are in any text by chance.
const SHORTEST_OWN_DATA: usize = 3;
/// The Ukrainian keyboard, and the letters that the Russian one has instead; below, what their keys write on a Latin one.
const CYRILLIC_KEYS: &str = "йцукенгшщзхїфівапролджєячсмитьбюъыэ";
const LATIN_KEYS: &str = "qwertyuiop[]asdfghjkl;'zxcvbnm,.]s'";
/// Of how many characters, at each end, it is asked whether they are guessed first.
const LOOKED_AT: usize = 32;
/// Symbols that stand for letters (`p@$$word`). Each that is there multiplies the words that it may be.
const LETTERS_IN_DISGUISE: &str = "@({[<!|$+%";
const MOST_IN_DISGUISE: usize = 6;

/// A password as it is compared: NFKC, so that the same letters typed on another keyboard are the same.
#[derive(Clone)]
pub(crate) struct Password {
    text: Secret<String>,
    typed: Characters,
}

/// Of which characters a password is made, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Characters {
    Any,
    /// 0x21 to 0x7E, as it was typed.
    VisibleAscii,
}

/// What becomes of a password that is guessed first: one that many have, or one made of the user's own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guessable {
    Refused,
    Allowed,
}

/// Which passwords may be set (I10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswordRule {
    /// In code points, after NFKC.
    pub(crate) min_length: usize,
    pub(crate) max_length: usize,
    pub(crate) characters: Characters,
    pub(crate) guessable: Guessable,
}

/// Why a password may not be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordRefused {
    #[error("the password is too short")]
    TooShort,
    #[error("the password is too long")]
    TooLong,
    #[error("the password has only the visible characters of ASCII, and no spaces")]
    Characters,
    #[error("the password is one of those that are tried first: one that many have, a name, a word, a date, or a row of keys")]
    Common,
    #[error("the password is made of the user's own data")]
    OwnData,
}

impl Password {
    pub(crate) fn new(text: &str) -> Self {
        let typed = if text.bytes().all(|byte| byte.is_ascii_graphic()) { Characters::VisibleAscii } else { Characters::Any };
        Self { text: Secret::new(text.nfkc().collect()), typed }
    }

    pub(crate) fn expose(&self) -> &str {
        self.text.expose()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl PasswordRule {
    /// Says everything that speaks against a password.
    pub(crate) fn check<Data: AsRef<str>>(&self, password: &Password, own_data: &[Data]) -> Result<(), Vec<PasswordRefused>> {
        let text = password.expose();
        let length = text.chars().count();
        let has_others = self.characters == Characters::VisibleAscii && password.typed != Characters::VisibleAscii;
        let is_guarded = self.guessable == Guessable::Refused;
        let reasons = [
            (length < self.min_length).then_some(PasswordRefused::TooShort),
            (length > self.max_length).then_some(PasswordRefused::TooLong),
            has_others.then_some(PasswordRefused::Characters),
            // Of what is too short or too long that says enough.
            (is_guarded && (self.min_length..=self.max_length).contains(&length) && is_common(text))
                .then_some(PasswordRefused::Common),
            (is_guarded && is_made_of(text, own_data)).then_some(PasswordRefused::OwnData),
        ];
        let reasons: Vec<_> = reasons.into_iter().flatten().collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
}

/// True if it is among the million that are tried first: what many have, a name, a word, a date, a row of keys or numbers, one thing
/// over and over, and any of these a little changed.
fn is_common(text: &str) -> bool {
    is_tried_early(text) || on_latin_keys(text).is_some_and(|latin| is_tried_early(&latin))
}

/// A long text is judged by both its ends: looking at all of it takes seconds, where somebody has made it for that.
fn is_tried_early(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let mut symbols: Vec<&char> = letters.iter().filter(|letter| LETTERS_IN_DISGUISE.contains(**letter)).collect();
    symbols.sort_unstable();
    symbols.dedup();
    if symbols.len() > MOST_IN_DISGUISE {
        return false;
    }
    let is_weak = |part: &[char]| is_weak(&part.iter().collect::<String>());
    let (first, last) = (&letters[..letters.len().min(LOOKED_AT)], &letters[letters.len().saturating_sub(LOOKED_AT)..]);
    is_weak(first) && (letters.len() <= LOOKED_AT || is_weak(last))
}

/// Whoever guesses knows its parts. A few characters that are in no list are none, however short it is.
fn is_weak(text: &str) -> bool {
    let estimate = zxcvbn::zxcvbn(text, &[]);
    let is_unknown =
        |part: &zxcvbn::Match| matches!(part.pattern, MatchPattern::BruteForce) && part.range_inclusive().count() > 2;
    estimate.score() <= Score::One && !estimate.sequence().iter().any(is_unknown)
}

/// What the same keys write on a Latin keyboard, where any of them are Cyrillic: `йцукен` is no better than `qwerty`.
fn on_latin_keys(text: &str) -> Option<String> {
    let latin = |letter: char| {
        let lower_case = letter.to_lowercase().next().unwrap_or(letter);
        CYRILLIC_KEYS.chars().zip(LATIN_KEYS.chars()).find(|(key, _)| *key == lower_case).map(|(_, key)| key)
    };
    let is_cyrillic = text.chars().any(|letter| latin(letter).is_some());
    is_cyrillic.then(|| text.chars().map(|letter| latin(letter).unwrap_or(letter)).collect())
}

fn is_made_of<Data: AsRef<str>>(text: &str, own_data: &[Data]) -> bool {
    let text = text.to_lowercase();
    let mut pieces: Vec<String> = own_data.iter().map(|piece| piece.as_ref().to_lowercase()).collect();
    pieces.retain(|piece| piece.chars().count() >= SHORTEST_OWN_DATA);
    // The whole of something goes before a part of it, of which it would leave the rest.
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.chars().count()));
    let rest = pieces.iter().fold(text.clone(), |rest, piece| rest.replacen(piece, "", 1));
    rest.len() < text.len() && rest.chars().count() < LEAST_REST
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: PasswordRule =
        PasswordRule { min_length: 8, max_length: 128, characters: Characters::Any, guessable: Guessable::Refused };
    const VISIBLE_ASCII: PasswordRule =
        PasswordRule { min_length: 6, characters: Characters::VisibleAscii, guessable: Guessable::Allowed, ..STANDARD };

    fn check(text: &str) -> Vec<PasswordRefused> {
        STANDARD.check(&Password::new(text), &["anna.kowalska", "+380671234567"]).err().unwrap_or_default()
    }

    /// Rule I10.a: 8 to 128 code points of any kind.
    #[test]
    fn any_characters_will_do_within_the_length() {
        for good in [
            "correct horse",
            "пароль із пробілами",
            "🐈🐕🐎🐄🐖🐏🐐🐓",
            "kqzvxwpt",
            "73920184",
            "xK#72019",
            "7#Qtiger",
            "Qx№7йцук",
        ] {
            assert_eq!(check(good), [], "{good}");
        }
        let counted = |length: usize| {
            (0_u8..)
                .map(|number| format!("{number}й"))
                .flat_map(|piece| piece.chars().collect::<Vec<_>>())
                .take(length)
                .collect::<String>()
        };
        let short = PasswordRule { min_length: 6, ..STANDARD };
        assert!(short.check(&Password::new("q7#xKz"), &[""; 0]).is_ok(), "six that are in no list, where six will do");
        assert_eq!(check("q7 w8 e"), [PasswordRefused::TooShort]);
        assert_eq!(check(&counted(129)), [PasswordRefused::TooLong]);
        assert_eq!(check(&counted(128)), []);
    }

    /// Rule I10.a: what is tried first is refused, whatever its length.
    #[test]
    fn common_passwords_are_refused() {
        let listed = ["password", "12345678", "qwertyuiop", "iloveyou", "football1"];
        let names_and_words = ["jennifer", "Alexander", "elizabeth", "university", "Anderson1"];
        let rows =
            ["00000000", "88888888", "87654321", "abcdefgh", "zxcvbnm,", "qazwsxedc", "aaaaaaaaaaaaaaaaaaaaaaaa", "abcabcabcabc"];
        let changed = ["p@ssw0rd", "Password1", "drowssap", "12.03.1990"];
        let on_cyrillic_keys = ["йцукенгш", "фівапролд", "ЯЧСМИТЬБ", "пароль12", "зфыыцщкв"];
        for common in [&listed[..], &names_and_words, &rows, &changed, &on_cyrillic_keys].concat() {
            assert_eq!(check(common), [PasswordRefused::Common], "{common}");
        }
    }

    /// Rule I10.a: of a long password both ends count; and nobody makes us look for long, whatever he writes.
    #[test]
    fn long_passwords_are_judged_by_their_ends() {
        let weak = "password".repeat(5);
        for common in [weak.clone(), "q7 w".repeat(32), "p@$$w0rd".repeat(16)] {
            assert_eq!(check(&common), [PasswordRefused::Common], "{common}");
        }
        let all_symbols = "4@8({[<3691!|70$5+%2".repeat(6);
        for good in [format!("{weak}kq;zvx.wptjh;blqmd/wvkzr#nmq"), format!("kq;zvx.wptjh;blqmd/wvkzr#nmq{weak}"), all_symbols] {
            assert_eq!(check(&good), [], "{good}");
        }
    }

    /// Rule I10.a: the user's own data with a few characters around it is refused.
    #[test]
    fn own_data_is_refused() {
        for own in ["anna.kowalska", "Anna.Kowalska1!", "+380671234567", "x+380671234567"] {
            assert_eq!(check(own), [PasswordRefused::OwnData], "{own}");
        }
        assert_eq!(check("anna.kowalska likes tea"), []);
        assert_eq!(check("anna.kowalska +380671234567"), [PasswordRefused::OwnData], "of several pieces");
    }

    /// Rule I10.b: 6 to 128 visible characters of ASCII, and nothing else is asked.
    #[test]
    fn of_visible_ascii_anything_will_do() {
        let check = |text: &str| VISIBLE_ASCII.check(&Password::new(text), &["anna.kowalska"]).err().unwrap_or_default();
        for good in ["123456", "qwerty", "anna.kowalska", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", &"a".repeat(128)] {
            assert_eq!(check(good), [], "{good}");
        }
        for other in ["пароль1", "correct horse", "tab\there", "ｑｗｅｒｔｙ１", "naïve12", "del\u{7f}ete"] {
            assert_eq!(check(other), [PasswordRefused::Characters], "{other}");
        }
        assert_eq!(check("12345"), [PasswordRefused::TooShort]);
        assert_eq!(check(&"a".repeat(129)), [PasswordRefused::TooLong]);
        assert_eq!(check("пять"), [PasswordRefused::TooShort, PasswordRefused::Characters], "all of it at once");
    }

    /// Rule I10.a: twins that only look apart are one password (NFKC).
    #[test]
    fn compatible_characters_are_the_same() {
        assert_eq!(Password::new("ﬁne ①②③ Å").expose(), Password::new("fine 123 Å").expose());
        assert_ne!(Password::new("Fine").expose(), Password::new("fine").expose());
    }

    /// Rule F10.a: a password that is printed by mistake shows nothing.
    #[test]
    fn debug_shows_no_password() {
        assert_eq!(format!("{:?}", Password::new("hunter2")), "Password");
    }
}
