//! Case-monitoring's tables. Rows are private here.

mod cases;
mod workflows;

pub(crate) use cases::PgCases;
pub(crate) use workflows::PgWorkflows;
