//! Values that went through a system and must stand in nothing it says (F10), and the search for them.

use std::collections::BTreeSet;
use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::encodings::{Forms, forms};

/// Of what sort a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Name,
    /// An e-mail address, or whatever was given for one.
    Address,
    Phone,
    /// Digits that were sent to somebody, or typed.
    Code,
    Token,
    Password,
    /// What machines and services know each other by.
    Secret,
    /// What is written in cases, letters and SMS.
    Text,
}

impl Kind {
    /// Facts may tell what is written in a case; of people they tell ids.
    pub(crate) fn may_travel(self) -> bool {
        self == Self::Text
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Address => "address",
            Self::Phone => "phone",
            Self::Code => "code",
            Self::Token => "token",
            Self::Password => "password",
            Self::Secret => "secret",
            Self::Text => "text",
        })
    }
}

/// Shorter values stand in any text by chance.
const SHORTEST: usize = 6;
const SHORTEST_PHONE: usize = 9;

/// The values of one system.
#[derive(Debug, Default)]
pub(crate) struct Canaries(BTreeSet<(Kind, String)>);

impl Canaries {
    /// Takes a value, and says whether it can be sought: neither short nor a mere word, which any line may hold.
    pub(crate) fn add(&mut self, kind: Kind, value: &str) -> bool {
        let value = value.trim();
        let can_be_sought = match kind {
            // However it was typed, and with or without a plus.
            Kind::Phone => self.add_digits_of(value),
            Kind::Code => value.len() >= SHORTEST && is_number(value),
            _ => value.len() >= SHORTEST && !value.bytes().all(|byte| byte.is_ascii_alphabetic()) && !is_number(value),
        };
        if can_be_sought {
            self.0.insert((kind, value.to_owned()));
        }
        can_be_sought
    }

    fn add_digits_of(&mut self, phone: &str) -> bool {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        let can_be_sought = digits.len() >= SHORTEST_PHONE;
        if can_be_sought {
            self.0.insert((Kind::Phone, digits));
        }
        can_be_sought
    }

    pub(crate) fn search(&self) -> Search {
        let mut kinds = (Vec::new(), Vec::new());
        let mut patterns = (Vec::new(), Vec::new());
        let mut codes = BTreeSet::new();
        for (kind, value) in &self.0 {
            let Forms { mut caseless, exact } = forms(value);
            if *kind == Kind::Code {
                // As it is, it may be a piece of any number.
                caseless.remove(value.as_bytes());
                codes.insert(value.clone().into_bytes());
            }
            kinds.0.extend(caseless.iter().map(|_| *kind));
            patterns.0.extend(caseless);
            kinds.1.extend(exact.iter().map(|_| *kind));
            patterns.1.extend(exact);
        }
        Search {
            caseless: Patterns { automaton: automaton(patterns.0, true), kinds: kinds.0 },
            exact: Patterns { automaton: automaton(patterns.1, false), kinds: kinds.1 },
            codes,
        }
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Quick to make; each is used once.
fn automaton(patterns: Vec<Vec<u8>>, caseless: bool) -> AhoCorasick {
    let kind = Some(AhoCorasickKind::NoncontiguousNFA);
    let built = AhoCorasick::builder().ascii_case_insensitive(caseless).kind(kind).build(patterns);
    built.expect("there are fewer than four thousand million patterns")
}

struct Patterns {
    automaton: AhoCorasick,
    /// By the number of the pattern.
    kinds: Vec<Kind>,
}

impl Patterns {
    /// Where and what of these kinds stands in a line.
    fn found<'a>(&'a self, line: &'a [u8], wanted: fn(Kind) -> bool) -> impl Iterator<Item = (usize, Kind)> + 'a {
        let matches = self.automaton.find_overlapping_iter(line);
        matches.map(|found| (found.start(), self.kinds[found.pattern()])).filter(move |(_, kind)| wanted(*kind))
    }
}

/// All values of a system in all their forms.
pub(crate) struct Search {
    caseless: Patterns,
    exact: Patterns,
    codes: BTreeSet<Vec<u8>>,
}

/// A line with something in it that must not be there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    /// Counted from 1.
    pub(crate) line: usize,
    /// What stands before it.
    pub(crate) before: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}[{}]…", self.line, self.before, self.kind)
    }
}

impl Search {
    /// What of the wanted kinds stands in a text: one finding a line, the first.
    pub(crate) fn findings(&self, text: &[u8], wanted: fn(Kind) -> bool) -> Vec<Finding> {
        let lines = text.split(|byte| *byte == b'\n').zip(1..);
        lines.filter_map(|(line, number)| self.first(line, number, wanted)).collect()
    }

    fn first(&self, line: &[u8], number: usize, wanted: fn(Kind) -> bool) -> Option<Finding> {
        let codes = if wanted(Kind::Code) { self.codes_in(line) } else { Vec::new() };
        let all = self.caseless.found(line, wanted).chain(self.exact.found(line, wanted)).chain(codes);
        let (start, kind) = all.min()?;
        // What was found may be a piece of it.
        let word = line[..start].iter().rposition(u8::is_ascii_whitespace).map_or(0, |space| space + 1);
        Some(Finding { kind, line: number, before: String::from_utf8_lossy(&line[..word]).into_owned() })
    }

    /// Codes that stand by themselves. Six digits in a row are nothing rare: the fraction of a second or of another number, a
    /// duration, a piece of an id are no codes.
    fn codes_in(&self, line: &[u8]) -> Vec<(usize, Kind)> {
        if self.codes.is_empty() {
            return Vec::new();
        }
        let is_digit = |place: usize| line.get(place).is_some_and(u8::is_ascii_digit);
        let mut found = Vec::new();
        let mut start = 0;
        while let Some(next) = line[start..].iter().position(u8::is_ascii_digit) {
            start += next;
            let end = (start..line.len()).find(|place| !is_digit(*place)).unwrap_or(line.len());
            let is_fraction = start >= 2 && line[start - 1] == b'.' && is_digit(start - 2);
            if self.codes.contains(&line[start..end]) && !is_fraction && !is_duration(&line[..start]) && !is_of_id(line, start) {
                found.push((start, Kind::Code));
            }
            start = end;
        }
        found
    }
}

/// Whether what follows is how long a request took (`grpc/request_log.rs`).
fn is_duration(before: &[u8]) -> bool {
    before.ends_with(b"duration_us=") || before.ends_with(b"\"duration_us\":")
}

/// Whether what stands there is a piece of a UUID, or of another number of 128 bits or more in hexadecimal.
fn is_of_id(line: &[u8], place: usize) -> bool {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let start = line[..place].iter().rposition(|byte| !is_of_word(byte)).map_or(0, |before| before + 1);
    let end = line[place..].iter().position(|byte| !is_of_word(byte)).map_or(line.len(), |after| place + after);
    let word = &line[start..end];
    let is_hexadecimal = word.iter().all(u8::is_ascii_hexdigit);
    let is_uuid = std::str::from_utf8(word).is_ok_and(|word| word.parse::<kernel::EventId>().is_ok());
    is_uuid || (is_hexadecimal && word.len() >= 32)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const NAME: &str = "Солом\u{456}я \"Ївга\" d'Arc";
    const ADDRESS: &str = "Solomiya+13@Lantern.example";
    const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.c29sb21peWEgYXQgdGhlIGxhbnRlcm4.tWHuYqzp_3-9xw0ZfN8bLc2vK5sR7mDq1aQeJ";

    fn canaries(values: &[(Kind, &str)]) -> Canaries {
        let mut canaries = Canaries::default();
        for (kind, value) in values {
            assert!(canaries.add(*kind, value), "{value} cannot be sought");
        }
        canaries
    }

    /// What is found in a text, by a system through which one value went.
    fn found(kind: Kind, value: &str, text: impl AsRef<[u8]>) -> Option<Kind> {
        let findings = canaries(&[(kind, value)]).search().findings(text.as_ref(), |_| true);
        findings.first().map(|finding| finding.kind)
    }

    #[track_caller]
    fn is_found(kind: Kind, value: &str, text: &str) {
        let planted = format!("2026-11-22T08:00:00.000001Z DEBUG rpc: cabinet_identity: said={text} more=\"yes\"");
        assert_eq!(found(kind, value, &planted), Some(kind), "{planted}");
        let cut = text.len().min(3);
        assert_eq!(found(kind, value, &text[..text.floor_char_boundary(cut)]), None, "three bytes are nobody's");
    }

    /// Rule F10.b: a value is found however it was written down.
    #[test]
    fn a_value_is_found_in_every_form() {
        is_found(Kind::Address, ADDRESS, ADDRESS);
        is_found(Kind::Address, ADDRESS, "SOLOMIYA+13@LANTERN.EXAMPLE");
        is_found(Kind::Address, ADDRESS, "/reset?to=Solomiya%2B13%40lantern.example");
        is_found(Kind::Address, ADDRESS, "/reset?to=Solomiya%2b13%40Lantern.example");
        is_found(
            Kind::Address,
            ADDRESS,
            "Bytes([83, 111, 108, 111, 109, 105, 121, 97, 43, 49, 51, 64, 76, 97, 110, 116, 101, 114, 110, 46, 101, 120, 97, 109, 112, 108, 101])",
        );
        is_found(Kind::Address, ADDRESS, "\\x736f6c6f6d6979612b3133406c616e7465726e2e6578616d706c65");
        is_found(Kind::Address, ADDRESS, "536F6C6F6D6979612B3133404C616E7465726E2E6578616D706C65");

        is_found(Kind::Name, NAME, "СОЛОМІЯ \"ЇВГА\" D'ARC".to_lowercase().as_str());
        is_found(Kind::Name, NAME, "%D0%A1%D0%BE%D0%BB%D0%BE%D0%BC%D1%96%D1%8F%20%22%D0%87%D0%B2%D0%B3%D0%B0%22%20d%27Arc");
        is_found(Kind::Name, NAME, "%d0%a1%d0%be%d0%bb%d0%be%d0%bc%d1%96%d1%8f+%22%d0%87%d0%b2%d0%b3%d0%b0%22+d%27arc");
        is_found(Kind::Name, NAME, "%D0%A1%D0%BE%D0%BB%D0%BE%D0%BC%D1%96%D1%8F%20%22%D0%87%D0%B2%D0%B3%D0%B0%22%20d'Arc");
        is_found(Kind::Name, NAME, r#"{"name":"Соломія \"Ївга\" d'Arc"}"#);
        is_found(Kind::Name, NAME, r#""\u0421\u043e\u043b\u043e\u043c\u0456\u044f \"\u0407\u0432\u0433\u0430\" d'Arc""#);
        is_found(Kind::Name, NAME, &format!("Some({NAME:?})"));
        is_found(Kind::Name, NAME, &NAME.escape_default().to_string());
        is_found(Kind::Name, NAME, &NAME.as_bytes().escape_ascii().to_string());
        is_found(Kind::Name, "Вишневий👻сад", r"\u0412\u0438\u0448\u043d\u0435\u0432\u0438\u0439\ud83d\udc7b\u0441\u0430\u0434");

        is_found(Kind::Phone, "+380 67 123-45-67", "tel:380671234567");
        is_found(Kind::Phone, "+380671234567", "%2B380671234567");
    }

    /// Rule F10.b: base64 of a text shows what is in it, wherever in its groups of three it begins.
    #[test]
    fn a_value_is_found_in_base64_wherever_it_stands() {
        for value in [ADDRESS, NAME, "ÿÿÿ?>~~~ÿÿÿ", TOKEN] {
            for before in ["", "x", "xx", "xxx", "Basic user:"] {
                for after in ["", "y", "yy"] {
                    let text = format!("{before}{value}{after}");
                    is_found(Kind::Password, value, &STANDARD.encode(&text));
                    is_found(Kind::Password, value, &URL_SAFE.encode(&text));
                }
            }
        }
    }

    /// Rule F10.b: of a long value its pieces are enough.
    #[test]
    fn a_long_value_is_found_by_a_piece_of_it() {
        is_found(Kind::Token, TOKEN, &format!("Bearer {TOKEN}"));
        is_found(Kind::Token, TOKEN, &TOKEN[..TOKEN.len() / 2]);
        is_found(Kind::Token, TOKEN, &TOKEN[TOKEN.len() / 2..]);
        let long_text = "Щ".repeat(49);
        is_found(Kind::Text, &long_text, &long_text[..60]);
    }

    /// Rule F10.b: a code is found among other numbers, and other numbers are not taken for it.
    #[test]
    fn a_code_is_told_from_other_numbers() {
        for text in
            ["code=481516", "\"481516\"", "481516", "%3D481516", "a481516", "[481516, 7]", "x-481516-y", "481516.", "v.481516"]
        {
            is_found(Kind::Code, "481516", text);
        }
        is_found(Kind::Code, "481516", &STANDARD.encode("code: 481516"));
        is_found(Kind::Code, "481516", "[52, 56, 49, 53, 49, 54]");
        for text in [
            "2026-11-22T08:00:00.481516Z",
            "duration_us=481516 rpc",
            "{\"duration_us\":481516}",
            "4815162 1481516",
            "cabinet_outbox_age_seconds 0.481516",
            "event.id=0193a481-516a-7481-8abc-a481516abcde",
            "0193a481516a74818abc000000abcdef",
        ] {
            assert_eq!(found(Kind::Code, "481516", text), None, "{text}");
        }
    }

    #[test]
    fn what_is_short_or_a_mere_word_is_no_canary() {
        let mut canaries = Canaries::default();
        let taken = [(Kind::Name, "Anna"), (Kind::Password, "password"), (Kind::Password, "12345678"), (Kind::Code, "12a456")]
            .map(|(kind, value)| canaries.add(kind, value));
        assert_eq!(taken, [false; 4]);
        assert!(!canaries.add(Kind::Phone, "12") && canaries.add(Kind::Name, "Анна"));
        assert_eq!(canaries.search().findings(b"the password of Anna is 12345678", |_| true), []);
    }

    /// Rule F10.b: who is told of a finding does not read there what should not have been written.
    #[test]
    fn a_finding_tells_its_place_and_not_its_value() {
        let search = canaries(&[(Kind::Address, ADDRESS), (Kind::Token, TOKEN), (Kind::Text, "a flood")]).search();
        let text = format!("all is well\nINFO sent to={ADDRESS} by={TOKEN}\nWARN token=Bearer:{TOKEN}\nWARN a flood\n");
        let told: Vec<_> = search.findings(text.as_bytes(), |_| true).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["line 2: INFO sent [address]…", "line 3: WARN [token]…", "line 4: WARN [text]…"]);
        assert_eq!(search.findings(text.as_bytes(), |kind| !kind.may_travel()).len(), 2);
        assert_eq!(search.findings(text.as_bytes(), |kind| kind == Kind::Phone), []);
    }
}
