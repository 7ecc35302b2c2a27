//! Profile's tables. Rows are private here.

mod attribute_rules;
mod attributes;
mod avatars;
mod departments;
mod personal_data;
mod personal_records;
mod profiles;

pub(crate) use attributes::PgAttributes;
pub(crate) use avatars::{PgAvatars, PgUnusedAvatars};
pub(crate) use departments::PgDepartments;
pub(crate) use personal_data::PgPersonalData;
pub(crate) use profiles::PgProfiles;
