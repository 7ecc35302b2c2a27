//! Notification's tables. Rows are private here.

mod ledger;
mod people;
mod personal_data;
mod personal_records;
mod preferences;
mod realms;
mod records;
mod segments;
mod speech;

pub(crate) use ledger::PgLedger;
pub(crate) use people::PgPeople;
pub(crate) use personal_data::PgPersonalData;
pub(crate) use preferences::PgPreferences;
pub(crate) use realms::{Freshness, PgRealms};
pub(crate) use records::PgDeliveryRecords;
pub(crate) use speech::{PgSpeech, StoredSpeech};

/// A later release has written what this one does not know.
#[derive(Debug, thiserror::Error)]
#[error("a stored word has no meaning")]
struct UnknownWord;
