//! Translations that every adapter needs.

use kernel::{Id, Timestamp};

use super::{FieldViolation, Problem};

/// Reads an id from its text; the field rules have seen it before.
pub fn id<Of>(field: &str, text: &str) -> Result<Id<Of>, Problem> {
    text.parse().map_err(|error: kernel::InvalidId| Problem::field_invalid(field, error.to_string()))
}

/// Reads an id that may be left empty.
pub fn optional_id<Of>(field: &str, text: &str) -> Result<Option<Id<Of>>, Problem> {
    if text.is_empty() { Ok(None) } else { id(field, text).map(Some) }
}

/// A moment as `google.protobuf.Timestamp`.
pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    // Both count from 1970; protobuf wants nanoseconds that count forward (timestamp.proto).
    let nanos = at.as_nanosecond();
    prost_types::Timestamp {
        seconds: i64::try_from(nanos.div_euclid(1_000_000_000)).expect("jiff's range is within i64 seconds"),
        nanos: i32::try_from(nanos.rem_euclid(1_000_000_000)).expect("less than a second"),
    }
}

/// Reads a moment; only those that `timestamp.proto` allows are one.
pub fn moment(field: &str, at: prost_types::Timestamp) -> Result<Timestamp, Problem> {
    // From 0001-01-01 to 9999-12-31, with nanoseconds that count forward.
    let is_allowed = (-62_135_596_800..=253_402_300_799).contains(&at.seconds) && (0..1_000_000_000).contains(&at.nanos);
    let moment = is_allowed.then(|| Timestamp::new(at.seconds, at.nanos).ok()).flatten();
    moment.ok_or_else(|| Problem::field_invalid(field, "must be a moment between the years 1 and 9999"))
}

impl Problem {
    /// One field breaks a rule of the contract.
    pub fn field_invalid(field: &str, description: impl Into<String>) -> Self {
        Self::request_invalid(vec![FieldViolation { field: field.to_owned(), description: description.into() }])
    }
}
