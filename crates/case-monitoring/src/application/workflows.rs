//! The workflow of a realm: copied from its preset when the realm is first met, read, replaced.

use std::sync::Arc;

use kernel::{Authorized, Call, Fault, RealmId, Refusal};

use super::{Error, Presets, Realms, ReplaceWorkflowError, Workflows};
use crate::domain::access::Action;
use crate::domain::{ProposedStatus, RealmWorkflow, Workflow};

/// Finds the workflow a realm has now. Nothing is remembered here: another replica may have replaced it a moment ago.
pub(crate) struct RealmWorkflows {
    pub(crate) stored: Arc<dyn Workflows>,
    pub(crate) presets: Arc<dyn Presets>,
    pub(crate) realms: Arc<dyn Realms>,
}

#[derive(Debug, thiserror::Error)]
#[error("this release has no preset of the name that identity says")]
struct PresetMissing;

#[derive(Debug, thiserror::Error)]
#[error("a workflow was copied and is not there")]
struct WorkflowMissing;

impl RealmWorkflows {
    pub(crate) async fn get(&self, call: &Call, realm_id: RealmId) -> Result<RealmWorkflow, Error> {
        match self.stored.get(realm_id).await? {
            Some(workflow) => Ok(workflow),
            None => self.copy_preset(call, realm_id).await,
        }
    }

    /// Asks identity once in the life of a realm. If two replicas meet the realm at once, one copy stays, and both read it.
    async fn copy_preset(&self, call: &Call, realm_id: RealmId) -> Result<RealmWorkflow, Error> {
        let name = self.realms.preset(call, realm_id).await?.ok_or(Error::RealmNotFound)?;
        let preset = self.presets.get(&name).ok_or_else(|| Fault::internal(PresetMissing))?;
        self.stored.insert_missing(realm_id, preset).await?;
        let workflow = self.stored.get(realm_id).await?;
        workflow.ok_or_else(|| Fault::internal(WorkflowMissing).into())
    }
}

pub(crate) struct WorkflowUseCases {
    pub(crate) workflows: Arc<RealmWorkflows>,
}

#[derive(Debug)]
pub(crate) struct ReplaceWorkflow {
    /// Wanted of callers that belong to no realm.
    pub(crate) realm_id: Option<RealmId>,
    pub(crate) statuses: Vec<ProposedStatus>,
    /// Only the workflow of this version is replaced, if one is named.
    pub(crate) only_version: Option<i64>,
}

impl WorkflowUseCases {
    pub(crate) async fn get(&self, call: &Call, realm_id: Option<RealmId>) -> Result<Authorized<RealmWorkflow>, Error> {
        let realm_id = realm_of(call, realm_id)?;
        let permit = call.authorize(&Action::SeeWorkflow { realm_id }).map_err(hidden_realm)?;
        let stored = self.workflows.get(call, realm_id).await?;
        Ok(permit.show(stored))
    }

    pub(crate) async fn replace(&self, call: &Call, command: ReplaceWorkflow) -> Result<Authorized<RealmWorkflow>, Error> {
        let realm_id = realm_of(call, command.realm_id)?;
        let permit = call.authorize(&Action::ReplaceWorkflow { realm_id }).map_err(hidden_realm)?;
        let workflow = Workflow::parse(command.statuses)?;
        // A realm that nobody has used yet gets its row here, or is found not to exist.
        self.workflows.get(call, realm_id).await?;
        let replaced = self.workflows.stored.replace(&permit, realm_id, &workflow, command.only_version).await;
        let version = replaced.map_err(|error| match error {
            ReplaceWorkflowError::Stale => Error::EtagMismatch,
            ReplaceWorkflowError::InUse(codes) => Error::StatusInUse(codes),
            ReplaceWorkflowError::Fault(fault) => Error::Fault(fault),
        })?;
        Ok(permit.show(RealmWorkflow { workflow, version }))
    }
}

/// The realm that was named, else the caller's own.
fn realm_of(call: &Call, named: Option<RealmId>) -> Result<RealmId, Refusal> {
    match named {
        Some(realm_id) => Ok(realm_id),
        None => call.realm_id(),
    }
}

/// A realm that may not be seen is answered as one that does not exist.
fn hidden_realm(refusal: Refusal) -> Error {
    if refusal == Refusal::Hidden { Error::RealmNotFound } else { Error::Refused(refusal) }
}
