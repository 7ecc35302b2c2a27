//! Creating, reading and moving cases.

use std::sync::Arc;

use kernel::{Authorized, Call, CaseId, Clock, CompanyId, Fault, IdSource, Permit, RealmId, UserId};

use super::{Cases, Error, RealmWorkflows, Users, WriteCaseError};
use crate::domain::access::Action;
use crate::domain::{Case, CaseKind, NewCase, RealmWorkflow, RecordedChange, Status, StatusCode, Subject, Workflow};

/// How often a change is tried that others keep overtaking.
const ATTEMPTS: usize = 5;

pub(crate) struct CaseUseCases {
    pub(crate) cases: Arc<dyn Cases>,
    pub(crate) workflows: Arc<RealmWorkflows>,
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

#[derive(Debug)]
pub(crate) struct GetCaseChange {
    pub(crate) realm_id: RealmId,
    pub(crate) case_id: CaseId,
    pub(crate) case_version: i64,
}

/// A case together with what its status means.
#[derive(Debug)]
pub(crate) struct CaseView {
    pub(crate) case: Case,
    pub(crate) status: Status,
}

#[derive(Debug, thiserror::Error)]
#[error("the workflow was replaced again and again while a case was created")]
struct WorkflowKeepsChanging;

impl CaseUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateCase) -> Result<Authorized<CaseView>, Error> {
        let realm_id = call.realm_id()?;
        let permit = call.authorize(&Action::CreateCase { company_id: command.company_id, kind: command.kind })?;
        let subject = Subject::parse(&command.subject)?;
        if !self.users.is_user_of(call, realm_id, command.company_id, command.requester_id).await? {
            return Err(Error::RequesterNotFound);
        }
        for _ in 0..ATTEMPTS {
            let RealmWorkflow { workflow, version } = self.workflows.get(call, realm_id).await?;
            let status = command.status.clone().unwrap_or_else(|| workflow.first().code.clone());
            workflow.status(&status)?;
            let now = self.clock.now();
            let new = NewCase {
                realm_id,
                id: self.ids.new_id(now),
                company_id: command.company_id,
                number: self.cases.next_number(&permit, realm_id).await?,
                kind: command.kind,
                subject: subject.clone(),
                status,
                requester_id: command.requester_id,
            };
            let (case, created) = Case::create(new, &workflow, now)?;
            match self.cases.insert(&permit, call, &case, version, self.ids.new_id(now), created).await {
                Ok(()) => return Self::show(permit, case, &workflow),
                Err(WriteCaseError::Stale) => {}
                Err(WriteCaseError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::unavailable(WorkflowKeepsChanging).into())
    }

    pub(crate) async fn get(&self, call: &Call, case_id: CaseId) -> Result<Authorized<CaseView>, Error> {
        let realm_id = call.realm_id()?;
        let case = self.cases.get(realm_id, case_id).await?.ok_or(Error::CaseNotFound)?;
        let permit = call.authorize(&Action::SeeCase(&case))?;
        let stored = self.workflows.get(call, realm_id).await?;
        Self::show(permit, case, &stored.workflow)
    }

    /// What made this version of the case, and whom it concerned.
    pub(crate) async fn recorded_change(&self, call: &Call, asked: GetCaseChange) -> Result<Authorized<RecordedChange>, Error> {
        let permit = call.authorize(&Action::SeeAudience)?;
        let change = self.cases.change(asked.realm_id, asked.case_id, asked.case_version).await?;
        Ok(permit.show(change.ok_or(Error::CaseNotFound)?))
    }

    pub(crate) async fn change_status(&self, call: &Call, command: ChangeCaseStatus) -> Result<Authorized<CaseView>, Error> {
        let realm_id = call.realm_id()?;
        for _ in 0..ATTEMPTS {
            let RealmWorkflow { workflow, version } = self.workflows.get(call, realm_id).await?;
            let to = workflow.status(&command.status)?.category;
            let mut case = self.cases.get(realm_id, command.case_id).await?.ok_or(Error::CaseNotFound)?;
            let permit = call.authorize(&Action::ChangeStatus { case: &case, to })?;
            let now = self.clock.now();
            let changed = case.change_status(&workflow, &command.status, now)?;
            match self.cases.update(&permit, call, &case, version, self.ids.new_id(now), changed).await {
                Ok(()) => return Self::show(permit, case, &workflow),
                Err(WriteCaseError::Stale) => {}
                Err(WriteCaseError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::CaseChanged)
    }

    fn show(permit: Permit, case: Case, workflow: &Workflow) -> Result<Authorized<CaseView>, Error> {
        let status = workflow.status(case.status())?.clone();
        Ok(permit.show(CaseView { case, status }))
    }
}
