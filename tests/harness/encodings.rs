//! The ways in which a value stands in a text without looking like itself: in addresses, in JSON, in what `Debug` prints of
//! strings and of bytes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Whatever is longer is sought by its beginning, its middle and its end: a log may cut it.
const LONGEST: usize = 48;
const PIECE: usize = 24;

/// RFC 3986 §2.3, and what a path may hold besides (§3.3).
const UNRESERVED: &[u8] = b"-._~";
const OF_PATHS: &[u8] = b"-._~!$&'()*+,;=:@/";

/// What stands for a value, or for the same in small letters.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    /// Whether their ASCII letters are small says nothing; they are.
    pub(crate) caseless: BTreeSet<Vec<u8>>,
    /// Whether their letters are small says which bytes they stand for.
    pub(crate) exact: BTreeSet<Vec<u8>>,
}

pub(crate) fn forms(value: &str) -> Forms {
    let mut forms = Forms::default();
    for text in [value, &value.to_lowercase()] {
        for piece in pieces(text) {
            forms.caseless.extend(spellings(piece).map(|spelling| spelling.to_ascii_lowercase().into_bytes()));
            forms.exact.extend(base64(piece.as_bytes()).map(String::into_bytes));
        }
    }
    forms
}

fn pieces(value: &str) -> Vec<&str> {
    if value.len() <= LONGEST {
        return vec![value];
    }
    let piece = |from: usize| {
        let from = value.floor_char_boundary(from);
        &value[from..value.ceil_char_boundary(from + PIECE)]
    };
    vec![piece(0), piece((value.len() - PIECE) / 2), piece(value.len() - PIECE)]
}

fn spellings(text: &str) -> impl Iterator<Item = String> {
    let bytes = text.as_bytes();
    let json = serde_json::to_string(text).expect("a string is JSON");
    let debug = format!("{text:?}");
    // As a vector of bytes is printed.
    let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
    let spellings = [
        text.to_owned(),
        percent(bytes, UNRESERVED),
        percent(bytes, OF_PATHS),
        percent(bytes, UNRESERVED).replace("%20", "+"),
        within_quotes(&json),
        json_in_ascii(within_quotes(&json).as_str()),
        within_quotes(&debug),
        text.escape_default().to_string(),
        bytes.escape_ascii().to_string(),
        hexadecimal(bytes),
        numbers.join(", "),
    ];
    spellings.into_iter()
}

fn within_quotes(quoted: &str) -> String {
    quoted[1..quoted.len() - 1].to_owned()
}

fn percent(bytes: &[u8], kept: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || kept.contains(byte) {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02x}").expect("a string takes everything");
        }
        text
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

/// As programs write JSON that want it to be ASCII (RFC 8259 §7).
fn json_in_ascii(json: &str) -> String {
    json.chars().fold(String::new(), |mut text, character| {
        if character.is_ascii() {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04x}").expect("a string takes everything");
            }
        }
        text
    })
}

/// What base64 makes of the bytes wherever they stand: behind one, two or no bytes of their first group of three. Characters
/// that hold bits of a neighbour are left out.
fn base64(bytes: &[u8]) -> impl Iterator<Item = String> {
    (0..3).flat_map(|before| {
        let padded = [&[0; 2][..before], bytes].concat();
        let own = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
        [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)].map(|text| text[own.clone()].to_owned())
    })
}
