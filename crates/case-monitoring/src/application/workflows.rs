//! The workflow of a realm: copied from its preset when the realm is first met, read, replaced.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{Authorized, Call, Fault, RealmId, Refusal};

use super::{Error, Presets, Realms, ReplaceWorkflowError, Workflows};
use crate::domain::access::Action;
use crate::domain::{ProposedStatus, RealmWorkflow, Workflow};

/// The workflows of so many realms are remembered; who meets more begins anew.
const KNOWN_REALMS: usize = 1000;

/// Finds the workflow a realm has now. What was read is remembered, but never believed without its version: another replica may
/// have replaced it a moment ago.
pub(crate) struct RealmWorkflows {
    stored: Arc<dyn Workflows>,
    presets: Arc<dyn Presets>,
    realms: Arc<dyn Realms>,
    known: Mutex<HashMap<RealmId, Arc<RealmWorkflow>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("this release has no preset of the name that identity says")]
struct PresetMissing;

#[derive(Debug, thiserror::Error)]
#[error("a workflow was copied and is not there")]
struct WorkflowMissing;

impl RealmWorkflows {
    pub(crate) fn new(stored: Arc<dyn Workflows>, presets: Arc<dyn Presets>, realms: Arc<dyn Realms>) -> Self {
        Self { stored, presets, realms, known: Mutex::default() }
    }

    pub(crate) async fn get(&self, call: &Call, realm_id: RealmId) -> Result<Arc<RealmWorkflow>, Error> {
        let workflow = match self.stored.get(realm_id).await? {
            Some(workflow) => workflow,
            None => self.copy_preset(call, realm_id).await?,
        };
        let workflow = Arc::new(workflow);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_REALMS && !known.contains_key(&realm_id) {
            known.clear();
        }
        known.insert(realm_id, workflow.clone());
        Ok(workflow)
    }

    /// The workflow of a realm that had this version a moment ago; a newer one if it was replaced since.
    pub(crate) async fn of_version(&self, call: &Call, realm_id: RealmId, version: i64) -> Result<Arc<RealmWorkflow>, Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&realm_id).cloned();
        match known {
            Some(workflow) if workflow.version == version => Ok(workflow),
            _ => self.get(call, realm_id).await,
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
        Ok(permit.show(RealmWorkflow::clone(&stored)))
    }

    pub(crate) async fn replace(&self, call: &Call, command: ReplaceWorkflow) -> Result<Authorized<RealmWorkflow>, Error> {
        let realm_id = realm_of(call, command.realm_id)?;
        let permit = call.authorize(&Action::ReplaceWorkflow { realm_id }).map_err(hidden_realm)?;
        let workflow = Workflow::parse(command.statuses)?;
        // A realm that nobody has used yet gets its row here, or is found not to exist.
        self.workflows.get(call, realm_id).await?;
        let replaced = self.workflows.stored.replace(&permit, call, realm_id, &workflow, command.only_version).await;
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
