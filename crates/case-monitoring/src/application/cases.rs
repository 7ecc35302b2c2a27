//! Creating, reading and moving cases.

use std::sync::Arc;

use kernel::{Authorized, Call, CaseId, Clock, CompanyId, Fault, IdSource, Permit, RealmId, UserId};

use super::{Cases, Error, UpdateCaseError, Users, Workflows};
use crate::domain::access::Action;
use crate::domain::{Case, CaseKind, NewCase, Status, StatusCode, Subject, Workflow};

/// How often a change is tried that others keep overtaking.
const ATTEMPTS: usize = 5;

pub(crate) struct CaseUseCases {
    pub(crate) cases: Arc<dyn Cases>,
    pub(crate) workflows: Arc<dyn Workflows>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Debug)]
pub(crate) struct CreateCase {
    pub(crate) company_id: CompanyId,
    pub(crate) requester_id: UserId,
    pub(crate) kind: CaseKind,
    pub(crate) subject: String,
    /// The first status of the workflow unless another is named.
    pub(crate) status: Option<StatusCode>,
}

#[derive(Debug)]
pub(crate) struct ChangeCaseStatus {
    pub(crate) case_id: CaseId,
    pub(crate) status: StatusCode,
}

/// A case together with what its status means.
#[derive(Debug)]
pub(crate) struct CaseView {
    pub(crate) case: Case,
    pub(crate) status: Status,
}

#[derive(Debug, thiserror::Error)]
#[error("the realm has no workflow")]
struct WorkflowMissing;

impl CaseUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateCase) -> Result<Authorized<CaseView>, Error> {
        let realm_id = call.realm_id()?;
        let permit = call.authorize(&Action::CreateCase { company_id: command.company_id, kind: command.kind })?;
        let workflow = self.workflow(realm_id)?;
        let status = command.status.unwrap_or_else(|| workflow.first().code.clone());
        workflow.status(&status)?;
        let subject = Subject::parse(&command.subject)?;
        if !self.users.is_user_of(call, realm_id, command.company_id, command.requester_id).await? {
            return Err(Error::RequesterNotFound);
        }
        let now = self.clock.now();
        let new = NewCase {
            realm_id,
            id: self.ids.new_id(now),
            company_id: command.company_id,
            number: self.cases.next_number(&permit, realm_id).await?,
            kind: command.kind,
            subject,
            status,
            requester_id: command.requester_id,
        };
        let (case, created) = Case::create(new, workflow, now)?;
        self.cases.insert(&permit, call, &case, self.ids.new_id(now), created).await?;
        Self::show(permit, case, workflow)
    }

    pub(crate) async fn get(&self, call: &Call, case_id: CaseId) -> Result<Authorized<CaseView>, Error> {
        let realm_id = call.realm_id()?;
        let case = self.cases.get(realm_id, case_id).await?.ok_or(Error::CaseNotFound)?;
        let permit = call.authorize(&Action::SeeCase(&case))?;
        Self::show(permit, case, self.workflow(realm_id)?)
    }

    pub(crate) async fn change_status(&self, call: &Call, command: ChangeCaseStatus) -> Result<Authorized<CaseView>, Error> {
        let realm_id = call.realm_id()?;
        let workflow = self.workflow(realm_id)?;
        let to = workflow.status(&command.status)?.category;
        for _ in 0..ATTEMPTS {
            let mut case = self.cases.get(realm_id, command.case_id).await?.ok_or(Error::CaseNotFound)?;
            let permit = call.authorize(&Action::ChangeStatus { case: &case, to })?;
            let now = self.clock.now();
            let changed = case.change_status(workflow, &command.status, now)?;
            match self.cases.update(&permit, call, &case, self.ids.new_id(now), changed).await {
                Ok(()) => return Self::show(permit, case, workflow),
                Err(UpdateCaseError::Stale) => {}
                Err(UpdateCaseError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::CaseChanged)
    }

    fn workflow(&self, realm_id: RealmId) -> Result<&Workflow, Error> {
        self.workflows.get(realm_id).ok_or_else(|| Fault::internal(WorkflowMissing).into())
    }

    fn show(permit: Permit, case: Case, workflow: &Workflow) -> Result<Authorized<CaseView>, Error> {
        let status = workflow.status(case.status())?.clone();
        Ok(permit.show(CaseView { case, status }))
    }
}
