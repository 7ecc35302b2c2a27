//! What notification does, as stories. Knows ports, not techniques.

mod dispatch;
mod error;
mod plan;
mod ports;
mod preferences;

pub(crate) use dispatch::{Dispatcher, SEND_QUEUE};
pub(crate) use error::Error;
pub(crate) use plan::{CaseVersion, Dispatchers, PersonVersion, Plan, PlanError, Planner, StatusChange};
pub(crate) use ports::{
    Addressed, Ledger, Letter, Letters, Mailer, People, Person, PersonStanding, PreferenceStore, Realm, Realms, SendError,
    Speech, Speeches, UserContacts, Users,
};
pub(crate) use preferences::{PreferenceUseCases, UpdatePreferences};
