//! What profile does, as stories. Knows ports, not techniques.

mod attributes;
mod avatars;
mod departments;
mod error;
mod ports;
mod profiles;
mod shown_attributes;

pub(crate) use attributes::{AttributeUseCases, CreateAttribute, UpdateAttribute};
pub(crate) use avatars::{AvatarUseCases, AvatarView, ChangeAvatar, GetAvatar, Uploads};
pub(crate) use departments::{DepartmentUseCases, ListDepartments};
pub(crate) use error::Error;
pub(crate) use ports::{
    Attributes, AvatarFiles, AvatarMaker, Avatars, Departments, InsertAttribute, InsertDepartment, MakeAvatarError, NameRules,
    ProfileUpdate, Profiles, RenameDepartment, Users, WriteProfileError,
};
pub(crate) use profiles::{BatchGetProfiles, ProfileUseCases, ProfileView, ProfilesFound, UpdateProfile};
pub(crate) use shown_attributes::ShownAttribute;

/// How often something is tried that others keep overtaking.
const ATTEMPTS: usize = 5;
