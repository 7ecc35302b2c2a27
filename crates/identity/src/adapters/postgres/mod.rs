//! Identity's tables. Rows are private here.

mod users;

pub(crate) use users::PgUsers;
