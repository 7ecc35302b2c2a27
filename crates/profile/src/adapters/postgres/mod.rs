//! Profile's tables. Rows are private here.

mod profiles;

pub(crate) use profiles::PgProfiles;
