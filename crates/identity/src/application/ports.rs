//! What identity's use cases want of the world.

use async_trait::async_trait;
use kernel::{Call, CompanyId, EventId, Fault, Permit, RealmId, UserId};

use crate::domain::{StandingChanged, User, UserCreated, UserEmailChanged};

/// Where users are kept. A write is one statement: the user and the fact, both or neither.
#[async_trait]
pub(crate) trait Users: Send + Sync {
    /// Those of the ids that exist in the realm, in no particular order.
    async fn list(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<User>, Fault>;

    async fn get(&self, realm_id: RealmId, id: UserId) -> Result<Option<User>, Fault>;

    async fn insert(
        &self,
        permit: &Permit,
        call: &Call,
        user: &User,
        event_id: EventId,
        created: UserCreated,
    ) -> Result<(), InsertUserError>;

    /// Writes the user only if nobody has changed him since he was read.
    async fn update_email(
        &self,
        permit: &Permit,
        call: &Call,
        user: &User,
        event_id: EventId,
        changed: UserEmailChanged,
    ) -> Result<(), UpdateUserError>;

    /// Writes the user only if nobody has changed him since he was read, and if `decided_by` is an active OWNER of the company
    /// at that very moment: so two owners cannot block each other, and a company keeps its last one (I3).
    async fn update_standing(
        &self,
        permit: &Permit,
        call: &Call,
        user: &User,
        decided_by: UserId,
        event_id: EventId,
        changed: StandingChanged,
    ) -> Result<(), ChangeStandingError>;

    /// True if somebody is an active OWNER of his company.
    async fn is_active_owner(&self, realm_id: RealmId, id: UserId) -> Result<bool, Fault>;
}

/// Why a user's standing could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeStandingError {
    #[error("the user was changed meanwhile, or whoever decided is no active OWNER any more")]
    Stale,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a user could not be added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InsertUserError {
    #[error("another user has this e-mail address")]
    EmailTaken,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a user could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateUserError {
    #[error("another user has this e-mail address")]
    EmailTaken,
    #[error("the user was changed meanwhile")]
    Stale,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Which companies a realm has.
pub(crate) trait Companies: Send + Sync {
    fn contains(&self, realm_id: RealmId, company_id: CompanyId) -> bool;
}
