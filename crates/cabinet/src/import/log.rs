//! The file, row by row: each a state of a case, or a reason why it is none.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Chain, Read};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use jiff::Timestamp;
use runtime::StartError;

use super::mapping::{Column, Mapping, Pattern, Piece};
use super::report::Refusal;

/// A state of a case.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) external_id: String,
    /// Its place among the rows of its case, counted from 1. Rows that are refused have a place too: what is taken stands where
    /// it stood, whatever was refused before it.
    pub(super) position: i64,
    /// The code of its status.
    pub(super) status: String,
    pub(super) at: Timestamp,
    /// The address of whoever asked for the case. It counts for the creation alone.
    pub(super) requester: Result<Requester, Flaw>,
    pub(super) subject: String,
}

/// Somebody who asks for cases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Requester {
    pub(super) email: String,
    /// What the source calls him, to tell two apart whose addresses would be the same.
    pub(super) named: String,
}

/// Why a row is no state of a case. Says where, and of values a status alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    WrongColumnCount { found: usize, expected: usize, lines: u64 },
    InvalidUtf8,
    MissingValue(String),
    UnknownStatus(String),
    TimeUnreadable,
    RequesterUnreadable,
}

impl Flaw {
    pub(super) fn at(&self, line: u64) -> Refusal {
        let (reason, detail) = match self {
            Self::WrongColumnCount { found, expected, lines: 1 } => {
                ("WRONG_COLUMN_COUNT", format!("{found} instead of {expected}"))
            }
            Self::WrongColumnCount { found, expected, lines } => (
                "WRONG_COLUMN_COUNT",
                format!("{found} instead of {expected}, on {lines} lines: perhaps a quotation mark that nothing closes"),
            ),
            Self::InvalidUtf8 => ("INVALID_UTF8", String::new()),
            Self::MissingValue(column) => ("MISSING_VALUE", column.clone()),
            Self::UnknownStatus(status) => ("UNKNOWN_STATUS", status.clone()),
            Self::TimeUnreadable => ("TIME_UNREADABLE", String::new()),
            Self::RequesterUnreadable => ("REQUESTER_UNREADABLE", String::new()),
        };
        Refusal { line, reason: reason.to_owned(), detail }
    }
}

/// In octets (RFC 5321).
const LONGEST_ADDRESS: usize = 254;

/// So that every row ends with a line, also one at the end of a file without one.
const LAST_END: &[u8] = b"\n";

/// An event log that is being read. Rows are not kept.
pub(super) struct EventLog<R> {
    reader: Reader<Chain<R, &'static [u8]>>,
    /// The file's, in bytes.
    length: u64,
    columns: usize,
    /// How many rows each case has had.
    places: HashMap<String, i64>,
}

/// The names of the columns.
pub(super) fn header(path: &Path) -> Result<Vec<String>, StartError> {
    let names = open(path)?.reader.byte_headers()?.clone();
    let names = names.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
    Ok(names.collect::<Result<_, _>>().map_err(|_| "the file's first row is not UTF-8")?)
}

pub(super) fn open(path: &Path) -> Result<EventLog<File>, StartError> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let length = file.metadata()?.len();
    EventLog::read(file, length)
}

impl<R: Read> EventLog<R> {
    fn read(from: R, length: u64) -> Result<Self, StartError> {
        // Rows with too few or too many columns are refused by us, with their line. A carriage return before the end of a line is
        // no part of a value; as a part of the end, it would make the reader count lines one behind.
        let mut reader = ReaderBuilder::new().flexible(true).terminator(Terminator::Any(b'\n')).from_reader(from.chain(LAST_END));
        let columns = reader.byte_headers()?.len();
        Ok(Self { reader, length, columns, places: HashMap::new() })
    }

    /// The next row; nothing at the end. Fails if the file cannot be read any more.
    pub(super) fn next(&mut self, mapping: &Mapping) -> Result<Option<Result<Row, Refusal>>, StartError> {
        let mut record = ByteRecord::new();
        while self.reader.read_byte_record(&mut record)? {
            if !is_blank(&record) {
                let (line, lines) = self.place_of(&record);
                return Ok(Some(self.row(&record, line, lines, mapping).map_err(|flaw| flaw.at(line))));
            }
        }
        Ok(None)
    }

    /// The line on which the row that was read last begins, and how many lines it has. Counted from its end: the reader takes
    /// empty lines before a row for a part of it.
    fn place_of(&self, record: &ByteRecord) -> (u64, u64) {
        let inside = record.as_slice().split(|byte| *byte == b'\n').skip(1).count() as u64;
        let next = self.reader.position().line();
        // A quotation mark that nothing closes has taken the end that we added.
        let is_unclosed = self.reader.position().byte() > self.length && record.as_slice().ends_with(LAST_END);
        if is_unclosed { (next - inside, inside) } else { (next - 1 - inside, inside + 1) }
    }

    fn row(&mut self, record: &ByteRecord, line: u64, lines: u64, mapping: &Mapping) -> Result<Row, Flaw> {
        if record.len() != self.columns {
            return Err(Flaw::WrongColumnCount { found: record.len(), expected: self.columns, lines });
        }
        let external_id = known(record, &mapping.external_id, mapping)?.to_owned();
        let place = self.places.entry(external_id.clone()).or_default();
        *place += 1;
        let status = known(record, &mapping.status, mapping)?;
        let status = mapping.status_code(status).ok_or_else(|| Flaw::UnknownStatus(status.to_owned()))?;
        let at = known(record, &mapping.time, mapping)?;
        Ok(Row {
            line,
            external_id,
            position: *place,
            status: status.to_owned(),
            at: mapping.moment(at).ok_or(Flaw::TimeUnreadable)?,
            requester: requester(record, mapping),
            subject: subject(record, &mapping.subject)?,
        })
    }
}

/// A line of nothing but a carriage return.
fn is_blank(record: &ByteRecord) -> bool {
    record.len() == 1 && record.as_slice().trim_ascii().is_empty()
}

fn value<'a>(record: &'a ByteRecord, column: &Column) -> Result<&'a str, Flaw> {
    let bytes = record.get(column.index).unwrap_or_default();
    std::str::from_utf8(bytes).map(str::trim).map_err(|_| Flaw::InvalidUtf8)
}

fn known<'a>(record: &'a ByteRecord, column: &Column, mapping: &Mapping) -> Result<&'a str, Flaw> {
    let value = value(record, column)?;
    if mapping.is_unknown(value) { Err(Flaw::MissingValue(column.name.clone())) } else { Ok(value) }
}

/// What is unknown stands in a subject as the source writes it.
fn subject(record: &ByteRecord, pattern: &Pattern) -> Result<String, Flaw> {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => Ok(text.clone()),
        Piece::Column(column) => value(record, column).map(str::to_owned),
    };
    pattern.pieces().iter().map(piece).collect()
}

fn requester(record: &ByteRecord, mapping: &Mapping) -> Result<Requester, Flaw> {
    let (mut email, mut named) = (String::new(), String::new());
    for piece in mapping.email.pieces() {
        match piece {
            Piece::Text(text) => email += text,
            Piece::Column(column) => {
                let value = known(record, column, mapping)?;
                email += &address_part(value)?;
                named += value;
                named.push('\n');
            }
        }
    }
    // One of a batch that the contract does not take would stop all others.
    if email.len() > LONGEST_ADDRESS {
        return Err(Flaw::RequesterUnreadable);
    }
    Ok(Requester { email, named })
}

/// A value as it stands in an address: in lower case, with hyphens for spaces. Nothing else is guessed.
fn address_part(value: &str) -> Result<String, Flaw> {
    let letter = |letter: char| match letter {
        ' ' => Ok('-'),
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => Ok(letter.to_ascii_lowercase()),
        _ => Err(Flaw::RequesterUnreadable),
    };
    value.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::super::mapping::tests::mapping;
    use super::*;

    fn rows(text: &[u8]) -> Vec<Result<Row, Refusal>> {
        let mapping = mapping();
        let mut log = EventLog::read(text, text.len() as u64).expect("a header");
        std::iter::from_fn(|| log.next(&mapping).expect("readable")).collect()
    }

    fn refused(rest: &[u8]) -> (u64, String, String) {
        let text = [b"number,state,caller,at\n", rest].concat();
        let refusal = rows(&text).into_iter().find_map(Result::err).expect("a refusal");
        (refusal.line, refusal.reason, refusal.detail)
    }

    fn is(line: u64, reason: &str, detail: &str) -> (u64, String, String) {
        (line, reason.to_owned(), detail.to_owned())
    }

    /// Rule C12.b: a byte order mark and the line ends of Windows are no part of what a file says.
    #[test]
    fn a_mark_and_line_ends_are_no_part_of_a_row() {
        let text =
            "\u{feff}number,state,caller,at\r\nA-1,New,Caller 12,02-03-2016 08:52\r\n\r\nA-1,Active,?,02-03-2016 08:53\r\n";
        let rows: Vec<Row> = rows(text.as_bytes()).into_iter().map(|row| row.expect("a good row")).collect();
        let [first, second] = &rows[..] else { panic!("two rows: {rows:?}") };
        assert_eq!((first.line, first.position, first.external_id.as_str(), first.status.as_str()), (2, 1, "A-1", "NEW"));
        assert_eq!(first.requester.as_ref().map(|requester| requester.email.as_str()), Ok("caller-12@example.com"));
        assert_eq!(first.subject, "Incident A-1");
        assert_eq!((second.line, second.position, second.status.as_str()), (4, 2, "OPEN"));
        assert_eq!(second.requester, Err(Flaw::MissingValue("caller".to_owned())), "it counts for the creation alone");
    }

    /// Rule C12.b: a row that lies is refused with its line and what is wrong with it.
    #[test]
    fn rows_that_lie_are_refused_with_their_line() {
        let good = "A-1,New,Caller 1,02-03-2016 08:52\n";
        let second = |row: &str| refused(format!("{good}{row}").as_bytes());
        assert_eq!(second("A-1,Lost,Caller 1,02-03-2016 08:52\n"), is(3, "UNKNOWN_STATUS", "Lost"));
        assert_eq!(second("A-1,?,Caller 1,02-03-2016 08:52\n"), is(3, "MISSING_VALUE", "state"));
        assert_eq!(second(",New,Caller 1,02-03-2016 08:52\n"), is(3, "MISSING_VALUE", "number"));
        assert_eq!(second("A-1,New,Caller 1,yesterday\n"), is(3, "TIME_UNREADABLE", ""));
        assert_eq!(second("A-1,New,Caller 1\n"), is(3, "WRONG_COLUMN_COUNT", "3 instead of 4"));
        let unclosed = second("A-1,\"New,Caller 1,02-03-2016 08:52\nA-2,New,Caller 1,02-03-2016 08:52\n");
        assert_eq!((unclosed.0, unclosed.1.as_str()), (3, "WRONG_COLUMN_COUNT"));
        assert!(unclosed.2.contains("quotation mark"), "{}", unclosed.2);
        let last = second("\n\nA-1,\"New\n\",Caller 1,\"yesterday\n\"\nA-1,New,Caller 1,today");
        assert_eq!(last, is(5, "TIME_UNREADABLE", ""), "empty lines before it, and line ends inside");
        assert_eq!(second("A-1,New,Caller 1,today"), is(3, "TIME_UNREADABLE", ""), "without an end");
        let broken = refused(b"A-1,New,Caller 1,02-03-2016 08:52\nA-\xff,New,Caller 1,02-03-2016 08:52\n");
        assert_eq!(broken, is(3, "INVALID_UTF8", ""));
    }

    /// Rule C12.b: a row has the same place whatever is refused before it.
    #[test]
    fn refused_rows_have_a_place() {
        let text = "number,state,caller,at\nA-1,Lost,x,?\nB-1,New,x,02-03-2016 08:52\nA-1,New,x,02-03-2016 08:52\n";
        let positions: Vec<_> = rows(text.as_bytes()).into_iter().flatten().map(|row| (row.external_id, row.position)).collect();
        assert_eq!(positions, [("B-1".to_owned(), 1), ("A-1".to_owned(), 2)]);
    }

    /// Rule C12.b: an address that nobody can have is its row's fault alone.
    #[test]
    fn an_address_has_an_end() {
        let of = |length: usize| {
            let text = format!("number,state,caller,at\nA-1,New,{},02-03-2016 08:52\n", "c".repeat(length));
            let row = rows(text.as_bytes()).remove(0).expect("a good row");
            row.requester.map(|requester| requester.email.len())
        };
        assert_eq!(of(254 - "@example.com".len()), Ok(254));
        assert_eq!(of(255 - "@example.com".len()), Err(Flaw::RequesterUnreadable));
    }

    #[test]
    fn an_address_is_not_guessed() {
        assert_eq!(address_part("Caller 12").as_deref(), Ok("caller-12"));
        for wrong in ["Анна", "a@b", "a,b", "a\nb"] {
            assert_eq!(address_part(wrong), Err(Flaw::RequesterUnreadable), "{wrong}");
        }
    }
}
