//! Case-monitoring's tables. Rows are private here.

mod cases;
mod personal_data;
mod personal_records;
mod workflows;

pub(crate) use cases::PgCases;
pub(crate) use personal_data::PgPersonalData;
pub(crate) use workflows::PgWorkflows;
