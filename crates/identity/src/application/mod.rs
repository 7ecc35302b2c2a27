//! What identity does, as stories. Knows ports, not techniques.

mod error;
mod ports;
mod users;

pub(crate) use error::Error;
pub(crate) use ports::{ChangeStandingError, Companies, InsertUserError, UpdateUserError, Users};
pub(crate) use users::{BatchGetUsers, ChangeStanding, ChangeUserEmail, CreateUser, UserUseCases, UsersFound};
