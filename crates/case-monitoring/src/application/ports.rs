//! What case-monitoring's use cases want of the world.

use async_trait::async_trait;
use kernel::{Call, CaseId, CompanyId, EventId, Fault, Permit, RealmId, RepeatError, Timestamp, UserId};

use crate::domain::{Case, CaseCreated, CaseStatusChanged, Origin, Preset, RealmWorkflow, RecordedChange, StatusCode, Workflow};

/// A case, and the version that its realm's workflow had when it was read.
#[derive(Debug)]
pub(crate) struct StoredCase {
    pub(crate) case: Case,
    pub(crate) workflow_version: i64,
}

/// Where cases are kept. A write is one statement: the case, its history and the fact, all or nothing.
#[async_trait]
pub(crate) trait Cases: Send + Sync {
    async fn get(&self, realm_id: RealmId, case_id: CaseId) -> Result<Option<StoredCase>, Fault>;

    /// The case that this very request made or changed when it came before.
    async fn done(&self, call: &Call, now: Timestamp) -> Result<Option<CaseId>, RepeatError>;

    /// The case that came from there, if one did; its position does not count.
    async fn find(&self, realm_id: RealmId, origin: &Origin) -> Result<Option<CaseId>, Fault>;

    /// What made the case's version `version`, and whom it concerned.
    async fn change(&self, realm_id: RealmId, case_id: CaseId, version: i64) -> Result<Option<RecordedChange>, Fault>;

    /// A number no other case of the realm has; one that is not used leaves a gap.
    async fn next_number(&self, permit: &Permit, realm_id: RealmId) -> Result<i64, Fault>;

    /// Writes the case only if the realm's workflow still has the version `workflow_version`, no other case has its origin, and the
    /// request was not done meanwhile.
    async fn insert(
        &self,
        permit: &Permit,
        call: &Call,
        case: &Case,
        workflow_version: i64,
        event_id: EventId,
        created: CaseCreated,
    ) -> Result<(), WriteCaseError>;

    /// Writes the case only if nobody has changed it since it was read, nor the realm's workflow since `workflow_version`, and the
    /// request was not done meanwhile.
    async fn update(
        &self,
        permit: &Permit,
        call: &Call,
        case: &Case,
        workflow_version: i64,
        event_id: EventId,
        changed: CaseStatusChanged,
    ) -> Result<(), WriteCaseError>;
}

/// Why a case could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteCaseError {
    #[error("the case or the workflow was changed meanwhile, the case came from its source, or the request was done")]
    Stale,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Where the workflows of realms are kept.
#[async_trait]
pub(crate) trait Workflows: Send + Sync {
    async fn get(&self, realm_id: RealmId) -> Result<Option<RealmWorkflow>, Fault>;

    /// Gives the realm the preset's workflow unless it has one. Done for the realm, not for a caller: it wants no permit.
    async fn insert_missing(&self, realm_id: RealmId, preset: &Preset) -> Result<(), Fault>;

    /// Replaces the workflow that the realm has, unless cases have a status that the new one leaves out.
    async fn replace(
        &self,
        permit: &Permit,
        call: &Call,
        realm_id: RealmId,
        workflow: &Workflow,
        only_version: Option<i64>,
    ) -> Result<i64, ReplaceWorkflowError>;
}

/// Why a workflow could not be replaced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplaceWorkflowError {
    #[error("the workflow has another version")]
    Stale,
    #[error("cases have a status that is left out")]
    InUse(Vec<StatusCode>),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The presets of this release.
pub(crate) trait Presets: Send + Sync {
    fn get(&self, name: &str) -> Option<&Preset>;
}

/// Which realms there are: asked of identity.
#[async_trait]
pub(crate) trait Realms: Send + Sync {
    /// The name of the preset the realm was opened with; nothing if there is no such realm.
    async fn preset(&self, call: &Call, realm_id: RealmId) -> Result<Option<String>, Fault>;
}

/// Who exists: asked of identity.
#[async_trait]
pub(crate) trait Users: Send + Sync {
    async fn is_user_of(&self, call: &Call, realm_id: RealmId, company_id: CompanyId, user_id: UserId) -> Result<bool, Fault>;
}
