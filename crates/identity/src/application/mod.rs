//! What identity does, as stories. Knows ports, not techniques.

mod error;
mod ports;
mod users;

pub(crate) use error::Error;
pub(crate) use ports::{Companies, InsertUserError, Users};
pub(crate) use users::{BatchGetUsers, CreateUser, UserUseCases, UsersFound};
