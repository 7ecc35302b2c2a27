//! Identity's RPCs: translate in, call, translate out.

mod access;
mod administrators;
mod audit;
mod contacts;
mod convert;
mod credentials;
mod deletions;
mod exports;
mod groups;
mod links;
mod passwords;
mod policy;
mod problem;
mod realms;
mod registrations;
mod second_factors;
mod sessions;
mod sign_on;
mod users;

pub(crate) use access::AccessGrpc;
pub(crate) use administrators::AdministratorGrpc;
pub(crate) use audit::AuditGrpc;
pub(crate) use contacts::ContactGrpc;
pub(crate) use credentials::CredentialGrpc;
pub(crate) use deletions::DeletionGrpc;
pub(crate) use exports::ExportGrpc;
pub(crate) use groups::GroupGrpc;
pub(crate) use links::LinkGrpc;
pub(crate) use passwords::PasswordGrpc;
pub(crate) use problem::ERROR_TEXTS;
pub(crate) use realms::RealmGrpc;
pub(crate) use registrations::RegistrationGrpc;
pub(crate) use second_factors::SecondFactorGrpc;
pub(crate) use sessions::SessionGrpc;
pub(crate) use sign_on::SignOnGrpc;
pub(crate) use users::UserGrpc;
