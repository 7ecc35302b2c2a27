//! What profile knows, without I/O: what a person may say of himself, what he is shown as, and who may see and change it.

pub(crate) mod access;
mod attribute;
mod attribute_value;
mod avatar;
mod department;
mod label;
mod locale;
mod person;
mod picture;
mod profile;
mod web_site;

pub(crate) use attribute::{
    Attribute, AttributeAudience, AttributeFlaw, AttributeKey, AttributeLabel, AttributeOption, AttributeRules, AttributeType,
    InvalidAttribute, MOST_ATTRIBUTES, ProposedRules, Texts, Viewer,
};
pub(crate) use attribute_value::{AttributeChange, AttributeValues, InvalidAttributeValue, ProposedAttribute};
pub(crate) use avatar::{Avatar, AvatarSize, PictureFile, PictureFlaw, PictureFormat, fits};
pub(crate) use department::{Department, DepartmentName, InvalidDepartmentName, MOST_DEPARTMENTS};
pub(crate) use label::Label;
pub(crate) use locale::{Language, TimeZoneName};
pub(crate) use person::{Contacts, Person};
pub(crate) use profile::{Change, Etag, Field, Flaw, InvalidField, Profile, ProfileChanged, ProposedValue, Values};
pub(crate) use web_site::WebSite;
