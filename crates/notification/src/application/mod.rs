//! What notification does, as stories. Knows ports, not techniques.

mod autologins;
mod dispatch;
mod error;
mod plan;
mod ports;
mod preferences;
mod receipts;
mod records;
mod unsubscribing;

pub(crate) use autologins::AutologinDesk;
pub(crate) use dispatch::{Channels, Dispatcher, SEND_QUEUE};
pub(crate) use error::Error;
pub(crate) use plan::{CaseVersion, Dispatchers, Lanes, PersonVersion, Plan, PlanError, Planner, RealmVersion, StatusChange};
pub(crate) use ports::{
    Addressed, Autologin, Autologins, AutologinsMade, CaseChanges, CaseDelivery, DeliveryRecords, Ledger, Letter, Letters,
    Mailer, People, Person, PersonStanding, PreferenceStore, Realm, Realms, SendError, SendMeter, Sms, Speech, Speeches, Texter,
    UnsubscribeTokens, UserContacts, Users,
};
pub(crate) use preferences::{PreferenceSheet, PreferenceUseCases, UpdatePreferences};
pub(crate) use receipts::ReceiptDesk;
pub(crate) use records::{ExplainDelivery, Explanation, ListDeliveries, RecordUseCases};
pub(crate) use unsubscribing::{UnsubscribeError, UnsubscribeUseCases};
