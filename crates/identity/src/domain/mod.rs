//! What identity knows, without I/O: users and their contacts, and who may do what with them.

pub(crate) mod access;
mod email;
mod user;

pub(crate) use email::{EmailAddress, InvalidEmail};
pub(crate) use user::{Standing, StandingChange, StandingChanged, StoredUser, User, UserCreated, UserEmailChanged, UserStatus};
