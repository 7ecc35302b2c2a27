//! What profile does, as stories. Knows ports, not techniques.

mod error;
mod ports;
mod profiles;

pub(crate) use error::Error;
pub(crate) use ports::{NameRules, Profiles, Users, WriteProfileError};
pub(crate) use profiles::{BatchGetProfiles, ProfileUseCases, ProfileView, ProfilesFound, UpdateProfile};
