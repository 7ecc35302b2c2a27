//! The two alphabets of SMS: GSM 03.38 (3GPP TS 23.038), one septet a character, and UCS-2 for everything else.
//!
//! Septets travel as octets of their own, as SMPP has it; the SMSC packs them.

/// The default alphabet, in the order of its septets. Septet 27 is the escape to the extension; no text has that character.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
    abcdefghijklmnopqrstuvwxyzäöñüà";
const ESCAPE: u8 = 0x1b;
/// What stands behind an escape.
const EXTENSION: [(char, u8); 10] = [
    ('\u{c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];

/// How a text is written, and what it is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    Gsm,
    Ucs2,
}

/// The octets of each character: one or two septets, one or two code units. None of them may be torn apart.
pub(super) type Characters = Vec<Vec<u8>>;

/// Writes a text in GSM 03.38 if that has all of its characters, else in UCS-2.
pub(super) fn encode(text: &str) -> (Alphabet, Characters) {
    let septets: Option<Characters> = text.chars().map(gsm).collect();
    match septets {
        Some(septets) => (Alphabet::Gsm, septets),
        None => (Alphabet::Ucs2, text.chars().map(ucs2).collect()),
    }
}

fn gsm(character: char) -> Option<Vec<u8>> {
    if let Some((_, septet)) = EXTENSION.iter().find(|(extended, _)| *extended == character) {
        return Some(vec![ESCAPE, *septet]);
    }
    let place = BASIC.chars().position(|basic| basic == character)?;
    u8::try_from(place).ok().filter(|septet| *septet != ESCAPE).map(|septet| vec![septet])
}

/// UTF-16, whose surrogate pairs are what phones make of characters that UCS-2 itself does not have.
fn ucs2(character: char) -> Vec<u8> {
    let mut units = [0; 2];
    character.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a phone shows.
    pub(in super::super) fn decode(alphabet: Alphabet, octets: &[u8]) -> String {
        match alphabet {
            Alphabet::Ucs2 => {
                let units: Vec<u16> = octets.chunks(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
                String::from_utf16(&units).expect("no surrogate is alone")
            }
            Alphabet::Gsm => {
                let mut septets = octets.iter();
                let mut text = String::new();
                while let Some(septet) = septets.next() {
                    text.push(if *septet == ESCAPE {
                        let extended = septets.next().expect("no escape is alone");
                        EXTENSION.iter().find(|(_, code)| code == extended).expect("an extended character").0
                    } else {
                        BASIC.chars().nth(usize::from(*septet)).expect("a septet")
                    });
                }
                text
            }
        }
    }

    fn written(text: &str) -> (Alphabet, Vec<u8>) {
        let (alphabet, characters) = encode(text);
        (alphabet, characters.concat())
    }

    #[test]
    fn the_default_alphabet_has_its_characters_at_their_places() {
        assert_eq!(BASIC.chars().count(), 128);
        let samples = [('@', 0x00), ('Ç', 0x09), ('Δ', 0x10), ('É', 0x1f), (' ', 0x20), ('¤', 0x24), ('0', 0x30), ('¡', 0x40)];
        let more = [('A', 0x41), ('Ä', 0x5b), ('§', 0x5f), ('¿', 0x60), ('a', 0x61), ('z', 0x7a), ('à', 0x7f)];
        for (character, septet) in samples.into_iter().chain(more) {
            assert_eq!(gsm(character), Some(vec![septet]), "{character}");
        }
    }

    #[test]
    fn every_character_of_gsm_comes_back() {
        let all: String =
            BASIC.chars().filter(|basic| *basic != '\u{1b}').chain(EXTENSION.map(|(extended, _)| extended)).collect();
        let (alphabet, octets) = written(&all);
        assert_eq!((alphabet, octets.len()), (Alphabet::Gsm, 127 + 2 * 10));
        assert_eq!(decode(alphabet, &octets), all);
    }

    #[test]
    fn one_foreign_character_makes_the_whole_text_ucs2() {
        for text in ["Справа 7: у роботі", "zgłoszenie", "case “7”", "ok 👍", "`", "\u{1b}"] {
            let (alphabet, octets) = written(text);
            assert_eq!((alphabet, decode(alphabet, &octets).as_str()), (Alphabet::Ucs2, text));
        }
    }

    #[test]
    fn an_emoji_is_a_surrogate_pair() {
        assert_eq!(ucs2('👍'), [0xd8, 0x3d, 0xdc, 0x4d]);
        assert_eq!(ucs2('ї'), [0x04, 0x57]);
    }
}
