//! What profile does, as stories. Knows ports, not techniques.

mod avatars;
mod error;
mod ports;
mod profiles;

pub(crate) use avatars::{AvatarUseCases, AvatarView, ChangeAvatar, GetAvatar, Uploads};
pub(crate) use error::Error;
pub(crate) use ports::{AvatarFiles, AvatarMaker, Avatars, MakeAvatarError, NameRules, Profiles, Users, WriteProfileError};
pub(crate) use profiles::{BatchGetProfiles, ProfileUseCases, ProfileView, ProfilesFound, UpdateProfile};
