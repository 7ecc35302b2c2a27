//! Case-monitoring's tables. Rows are private here.

mod cases;

pub(crate) use cases::PgCases;
