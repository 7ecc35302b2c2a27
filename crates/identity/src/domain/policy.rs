//! What a realm decides for itself. Copied from its preset when the realm is opened: a later release never changes it.

use std::time::Duration;

use super::Contact;

/// A realm's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Contacts without which nobody is added (I16).
    pub(crate) required_contacts: Vec<Contact>,
    pub(crate) password: PasswordRule,
    pub(crate) sessions: SessionLifetimes,
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionLifetimes {
    /// Without being refreshed.
    pub(crate) idle: Duration,
    /// However often it is refreshed.
    pub(crate) longest: Duration,
}

/// Which passwords may be set (I10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswordRule {
    /// In code points, after NFKC.
    pub(crate) min_length: usize,
    pub(crate) max_length: usize,
}
