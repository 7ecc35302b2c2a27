//! Credentials of machines.

use kernel::{CredentialId, RealmId, Timestamp};

/// Whom a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    Service,
    Gateway,
    /// A service that also calls in the name of users (N14).
    ActingService,
}

#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) id: CredentialId,
    pub(crate) realm_id: RealmId,
    pub(crate) kind: CredentialKind,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}
