//! A text cut into what one SMS holds, with the header (3GPP TS 23.040) by which a phone puts it together again.

use super::alphabet::{Alphabet, encode};

/// Ten segments are 1530 characters, or 670: what is longer is no SMS.
const MOST: usize = 10;
/// Octets of a header: its length, "concatenated, 8-bit reference", three octets, the reference, how many, and which.
const HEADER: usize = 6;

/// One submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) alphabet: Alphabet,
    /// Whether the octets begin with a header.
    pub(super) has_header: bool,
    pub(super) octets: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("longer than {MOST} segments")]
pub(super) struct TooLong;

/// Cuts a text. `reference` is the same for all segments of one text and for every attempt to send it.
pub(super) fn segments(text: &str, reference: u8) -> Result<Vec<Segment>, TooLong> {
    let (alphabet, characters) = encode(text);
    let segment = |has_header, octets| Segment { alphabet, has_header, octets };
    let (alone, in_company) = room(alphabet);
    if characters.iter().map(Vec::len).sum::<usize>() <= alone {
        return Ok(vec![segment(false, characters.concat())]);
    }
    let parts = pack(&characters, in_company);
    let count = u8::try_from(parts.len()).ok().filter(|count| usize::from(*count) <= MOST).ok_or(TooLong)?;
    let numbered = (1..=count).zip(parts);
    Ok(numbered.map(|(number, part)| segment(true, [&header(reference, count, number)[..], &part].concat())).collect())
}

/// How much of a text one segment holds, alone and with a header: 140 octets, or 160 septets and 153.
const fn room(alphabet: Alphabet) -> (usize, usize) {
    match alphabet {
        Alphabet::Gsm => (160, 153),
        Alphabet::Ucs2 => (140, 140 - HEADER),
    }
}

const fn header(reference: u8, count: u8, number: u8) -> [u8; HEADER] {
    [5, 0, 3, reference, count, number]
}

/// Fills one part after the other, with whole characters.
fn pack(characters: &[Vec<u8>], room: usize) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    for character in characters {
        if parts.last().is_none_or(|part| part.len() + character.len() > room) {
            parts.push(Vec::new());
        }
        if let Some(part) = parts.last_mut() {
            part.extend(character);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::super::alphabet::tests::decode;
    use super::*;

    /// How many characters each segment has, and what a phone makes of all.
    fn cut(text: &str) -> (Vec<usize>, String) {
        let segments = segments(text, 7).expect("not too long");
        let count = u8::try_from(segments.len()).expect("a few");
        let bodies: Vec<String> = (1..).zip(&segments).map(|(number, segment)| body(segment, count, number)).collect();
        (bodies.iter().map(|body| body.chars().count()).collect(), bodies.concat())
    }

    fn body(segment: &Segment, count: u8, number: u8) -> String {
        assert_eq!(segment.has_header, count > 1);
        if !segment.has_header {
            return decode(segment.alphabet, &segment.octets);
        }
        let (header, octets) = segment.octets.split_at(HEADER);
        assert_eq!(header, [5, 0, 3, 7, count, number]);
        decode(segment.alphabet, octets)
    }

    fn sizes(text: &str) -> Vec<usize> {
        let (sizes, read) = cut(text);
        assert_eq!(read, text);
        sizes
    }

    #[test]
    fn a_text_is_cut_where_its_alphabet_wants() {
        assert_eq!(sizes(""), [0]);
        assert_eq!(sizes(&"a".repeat(160)), [160]);
        assert_eq!(sizes(&"a".repeat(161)), [153, 8]);
        assert_eq!(sizes(&"a".repeat(306)), [153, 153]);
        assert_eq!(sizes(&"a".repeat(307)), [153, 153, 1]);
        assert_eq!(sizes(&"ї".repeat(70)), [70]);
        assert_eq!(sizes(&"ї".repeat(71)), [67, 4]);
        assert_eq!(sizes(&"ї".repeat(134)), [67, 67]);
    }

    #[test]
    fn an_escape_and_its_character_stay_together() {
        assert_eq!(sizes(&"€".repeat(80)), [80]);
        assert_eq!(sizes(&"€".repeat(81)), [76, 5]);
        assert_eq!(sizes(&format!("{}€{}", "a".repeat(152), "b".repeat(20))), [152, 21]);
    }

    #[test]
    fn a_surrogate_pair_stays_together() {
        assert_eq!(sizes(&"👍".repeat(35)), [35]);
        assert_eq!(sizes(&"👍".repeat(36)), [33, 3]);
        assert_eq!(sizes(&format!("{}👍{}", "ї".repeat(66), "ї".repeat(10))), [66, 11]);
    }

    #[test]
    fn ten_segments_are_the_most() {
        assert_eq!(sizes(&"a".repeat(1530)).len(), 10);
        assert_eq!(segments(&"a".repeat(1531), 7), Err(TooLong));
        assert_eq!(sizes(&"ї".repeat(670)).len(), 10);
        assert_eq!(segments(&"ї".repeat(671), 7), Err(TooLong));
        assert_eq!(segments(&"ї".repeat(100_000), 7), Err(TooLong));
    }
}
