//! Users who are deleted, and what becomes of what was kept of them.

use async_trait::async_trait;
use kernel::{Call, EventId, Fault, Permit, RealmId, Role, UserId};

use crate::domain::{User, UserDeleted, UserDeletion};

/// A user who is to be deleted, with what follows.
#[derive(Debug)]
pub(crate) struct NewDeletion<'a> {
    /// As he was shown.
    pub(crate) user: &'a User,
    pub(crate) deleted: UserDeleted,
    pub(crate) event_id: EventId,
    pub(crate) deleted_by: UserId,
    /// The office in which he is deleted.
    pub(crate) as_role: Role,
}

/// Why a user was not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteUserError {
    #[error("the user was changed meanwhile")]
    Stale,
    #[error("whoever decided is not in office any more")]
    OutOfOffice,
    #[error("the company would be left without an active OWNER")]
    LastOwner,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Where users are deleted.
#[async_trait]
pub(crate) trait Deletions: Send + Sync {
    /// Deletes the user with all that identity keeps of him, if nobody has changed him since he was shown, if whoever deletes him
    /// holds his office at that very moment, and if the company keeps an active OWNER that has one (I3). Access tokens are void from
    /// then on.
    async fn delete(&self, permit: &Permit, call: &Call, new: &NewDeletion<'_>) -> Result<(), DeleteUserError>;

    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<UserDeletion>, Fault>;
}
