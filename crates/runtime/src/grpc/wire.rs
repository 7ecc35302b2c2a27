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

impl Problem {
    /// One field breaks a rule of the contract.
    pub fn field_invalid(field: &str, description: impl Into<String>) -> Self {
        Self::request_invalid(vec![FieldViolation { field: field.to_owned(), description: description.into() }])
    }
}
