//! What case-monitoring's use cases want of the world.

use async_trait::async_trait;
use kernel::{Call, CaseId, CompanyId, EventId, Fault, Permit, RealmId, UserId};

use crate::domain::{Case, CaseCreated, CaseStatusChanged, Workflow};

/// Where cases are kept. A write is one statement: the case, its history and the fact, all or nothing.
#[async_trait]
pub(crate) trait Cases: Send + Sync {
    async fn get(&self, realm_id: RealmId, case_id: CaseId) -> Result<Option<Case>, Fault>;

    /// A number no other case of the realm has; one that is not used leaves a gap.
    async fn next_number(&self, permit: &Permit, realm_id: RealmId) -> Result<i64, Fault>;

    async fn insert(
        &self,
        permit: &Permit,
        call: &Call,
        case: &Case,
        event_id: EventId,
        created: CaseCreated,
    ) -> Result<(), Fault>;

    /// Writes the case only if nobody has changed it since it was read.
    async fn update(
        &self,
        permit: &Permit,
        call: &Call,
        case: &Case,
        event_id: EventId,
        changed: CaseStatusChanged,
    ) -> Result<(), UpdateCaseError>;
}

/// Why a case could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateCaseError {
    #[error("the case was changed meanwhile")]
    Stale,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Which workflow a realm has.
pub(crate) trait Workflows: Send + Sync {
    fn get(&self, realm_id: RealmId) -> Option<&Workflow>;
}

/// Who exists: asked of identity.
#[async_trait]
pub(crate) trait Users: Send + Sync {
    async fn is_user_of(&self, call: &Call, realm_id: RealmId, company_id: CompanyId, user_id: UserId) -> Result<bool, Fault>;
}
