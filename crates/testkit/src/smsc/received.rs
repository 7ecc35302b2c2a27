//! What an SMSC was given: segments as they came, and SMS as a phone puts them together.

use serde_json::Value;

/// One submission, as the SMSC has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsSegment {
    /// The name the SMSC has given it.
    pub message_id: String,
    /// Whom it is from, without a `+`.
    pub from: String,
    /// Whom it is for, without a `+`.
    pub to: String,
    /// 0 for GSM 03.38, 8 for UCS-2.
    pub data_coding: u64,
    /// Whether the sender wants to be told what becomes of it.
    pub wants_receipt: bool,
    /// Reference, how many, and which, if it is one of several.
    pub part: Option<(u8, u8, u8)>,
    /// Its own piece of the text.
    pub text: String,
    /// Whether the SMSC has said that it takes it.
    pub is_taken: bool,
}

/// An SMS as a phone shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedSms {
    /// Whom it is from, without a `+`.
    pub from: String,
    /// Whom it is for, without a `+`.
    pub to: String,
    /// All of it.
    pub text: String,
    /// What it was made of, in order.
    pub segments: Vec<SmsSegment>,
}

impl SmsSegment {
    /// Reads a line of the journal that `smsc.js` writes.
    pub(super) fn from_line(line: &str) -> Self {
        let facts: Value = serde_json::from_str(line).expect("smsc.js writes JSON");
        let text = |name: &str| facts[name].as_str().expect("smsc.js writes it").to_owned();
        let number = |name: &str| facts[name].as_u64().expect("smsc.js writes it");
        assert_eq!(number("dest_ton"), 1, "an international number");
        Self {
            message_id: text("message_id"),
            from: text("from"),
            to: text("to"),
            data_coding: number("data_coding"),
            wants_receipt: number("registered_delivery") == 1,
            part: part(number("esm_class"), &text("header")),
            text: text("text"),
            is_taken: facts["answer"] == 0,
        }
    }
}

/// Reads "concatenated, 8-bit reference" (3GPP TS 23.040): `00 03 reference count number`, in hexadecimal.
fn part(esm_class: u64, header: &str) -> Option<(u8, u8, u8)> {
    assert!([0x00, 0x40].contains(&esm_class), "esm_class {esm_class:#x} is no ordinary message");
    assert_eq!(esm_class == 0x40, !header.is_empty(), "esm_class says whether there is a header");
    let octets = header.strip_prefix("0003")?;
    let octet = |place: usize| u8::from_str_radix(&octets[place..place + 2], 16).expect("hexadecimal");
    Some((octet(0), octet(2), octet(4)))
}

/// Puts what was taken together; what lacks a segment is shown by no phone.
pub(super) fn put_together(submitted: Vec<SmsSegment>) -> Vec<ReceivedSms> {
    let mut sets: Vec<Vec<SmsSegment>> = Vec::new();
    for segment in submitted.into_iter().filter(|segment| segment.is_taken) {
        match sets.iter_mut().find(|set| lacks(set, &segment)) {
            Some(set) => set.push(segment),
            None => sets.push(vec![segment]),
        }
    }
    sets.into_iter().filter_map(whole).collect()
}

/// Whether a segment is of this set, and not there yet.
fn lacks(set: &[SmsSegment], segment: &SmsSegment) -> bool {
    let of = |segment: &SmsSegment| segment.part.map(|(reference, count, _)| (segment.to.clone(), reference, count));
    segment.part.is_some() && of(&set[0]) == of(segment) && set.iter().all(|other| other.part != segment.part)
}

fn whole(mut set: Vec<SmsSegment>) -> Option<ReceivedSms> {
    let count = set[0].part.map_or(1, |(_, count, _)| usize::from(count));
    set.sort_by_key(|segment| segment.part);
    let text = set.iter().map(|segment| segment.text.as_str()).collect();
    (set.len() == count).then(|| ReceivedSms { from: set[0].from.clone(), to: set[0].to.clone(), text, segments: set })
}
