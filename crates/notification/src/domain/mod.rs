//! What notification knows, without I/O: preferences, deliveries, and who may do what with them.

pub(crate) mod access;
mod contacts;
mod delivery;
mod preferences;
mod receipt;
mod record;
mod retry;
mod unsubscription;

pub(crate) use contacts::{Phone, Unavailable, contact};
pub(crate) use delivery::{Channel, Claimed, Kind, NewDelivery, ObjectId, Outcome, Settled};
pub(crate) use preferences::{Preference, Preferences};
pub(crate) use receipt::{Receipt, ReceiptState};
pub(crate) use record::{CaseChange, DeliveryRecord, DeliveryState, LEDGER_DAYS, TicksSince, Verdict, derived, kept_since};
pub(crate) use retry::{LEASE, LIFETIME, wait_after};
pub(crate) use unsubscription::Unsubscription;
