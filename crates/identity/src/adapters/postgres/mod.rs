//! Identity's tables. Rows are private here.

mod administrators;
mod admissions;
mod attempts;
mod audit;
mod contact_updates;
mod credentials;
mod deletions;
mod email_changes;
mod groups;
mod housekeeping;
mod introductions;
mod links;
mod passwords;
mod personal_data;
mod phone_codes;
mod realms;
mod revocations;
mod sessions;
mod standings;
mod users;

pub(crate) use administrators::PgAdministrators;
pub(crate) use attempts::PgAttempts;
pub(crate) use audit::{AuditLog, PgAuditEntries};
pub(crate) use credentials::PgCredentials;
pub(crate) use deletions::{Erased, PgDeletions};
pub(crate) use email_changes::PgEmailChanges;
pub(crate) use groups::PgGroups;
pub(crate) use housekeeping::PgHousekeeping;
pub(crate) use links::PgLinks;
pub(crate) use passwords::PgPasswords;
pub(crate) use personal_data::PgPersonalData;
pub(crate) use phone_codes::PgPhoneCodes;
pub(crate) use realms::PgRealms;
pub(crate) use revocations::PgRevocations;
pub(crate) use sessions::PgSessions;
pub(crate) use users::PgUsers;
