//! A user, as far as identity tells of him.

use std::fmt;

use kernel::{CompanyId, UserId};

use super::Values;

/// A user of the realm.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) user_id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) contacts: Contacts,
    /// What was said of him when he was added: his until he saves something.
    pub(crate) introduction: Values,
}

/// How a user can be reached; what is empty he has not.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Contacts {
    pub(crate) email: String,
    pub(crate) user_name: String,
    pub(crate) phone: String,
}

/// Addresses are not printed.
impl fmt::Debug for Contacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contacts")
    }
}
