//! Creating, reading and moving cases.

use std::sync::Arc;

use kernel::{Authorized, Call, CaseId, Clock, CompanyId, Fault, IdSource, Permit, RealmId, Timestamp, UserId};

use super::{Cases, Error, RealmWorkflows, Users, WriteCaseError};
use crate::domain::access::Action;
use crate::domain::{
    Case, CaseKind, Happening, NewCase, Origin, RealmWorkflow, RecordedChange, SourcePosition, Status, StatusCode, Subject,
    Telling, Workflow,
};

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
    pub(crate) origin: Option<Origin>,
    pub(crate) account: Account,
}

#[derive(Debug)]
pub(crate) struct ChangeCaseStatus {
    pub(crate) case_id: CaseId,
    pub(crate) status: StatusCode,
    pub(crate) origin: Option<SourcePosition>,
    pub(crate) account: Account,
}

/// What whoever calls says of a change beside the change itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// When it happened, if not here and now.
    pub(crate) source_time: Option<Timestamp>,
    pub(crate) telling: Telling,
}

impl Account {
    fn is_of_a_source(&self) -> bool {
        self.source_time.is_some() || self.telling == Telling::Silent
    }
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

/// A case after a change.
#[derive(Debug)]
pub(crate) struct ChangedCase {
    pub(crate) view: CaseView,
    pub(crate) outcome: ChangeOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeOutcome {
    Made,
    /// It was taken from the source before; the case is as it was.
    AlreadyTaken,
}

#[derive(Debug, thiserror::Error)]
#[error("a case was overtaken again and again while it was created")]
struct CreationOvertaken;

impl CaseUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateCase) -> Result<Authorized<CaseView>, Error> {
        let realm_id = call.realm_id()?;
        let permit = call.authorize(&Action::CreateCase { company_id: command.company_id, kind: command.kind })?;
        if command.origin.is_some() || command.account.is_of_a_source() {
            call.authorize(&Action::SpeakForSource)?;
        }
        let subject = Subject::parse(&command.subject)?;
        self.require_new(realm_id, command.origin.as_ref()).await?;
        if !self.users.is_user_of(call, realm_id, command.company_id, command.requester_id).await? {
            return Err(Error::RequesterNotFound);
        }
        for _ in 0..ATTEMPTS {
            let RealmWorkflow { workflow, version } = self.workflows.get(call, realm_id).await?;
            let status = command.status.clone().unwrap_or_else(|| workflow.first().code.clone());
            workflow.status(&status)?;
            let now = self.clock.now();
            let happening = Happening::new(now, command.account.source_time, command.account.telling)?;
            let new = NewCase {
                realm_id,
                id: self.ids.new_id(now),
                company_id: command.company_id,
                number: self.cases.next_number(&permit, realm_id).await?,
                kind: command.kind,
                subject: subject.clone(),
                status,
                requester_id: command.requester_id,
                origin: command.origin.clone(),
            };
            let (case, created) = Case::create(new, &workflow, happening)?;
            match self.cases.insert(&permit, call, &case, version, self.ids.new_id(now), created).await {
                Ok(()) => return Ok(permit.show(CaseView::of(case, &workflow)?)),
                // Perhaps by the same case from the same source.
                Err(WriteCaseError::Stale) => self.require_new(realm_id, command.origin.as_ref()).await?,
                Err(WriteCaseError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::unavailable(CreationOvertaken).into())
    }

    /// C12: a case comes from its source once. Whoever brings it again is told which one it is, not that he has created it.
    async fn require_new(&self, realm_id: RealmId, origin: Option<&Origin>) -> Result<(), Error> {
        let Some(origin) = origin else { return Ok(()) };
        match self.cases.find(realm_id, origin).await? {
            Some(case_id) => Err(Error::CaseExists(case_id)),
            None => Ok(()),
        }
    }

    pub(crate) async fn get(&self, call: &Call, case_id: CaseId) -> Result<Authorized<CaseView>, Error> {
        let realm_id = call.realm_id()?;
        let case = self.cases.get(realm_id, case_id).await?.ok_or(Error::CaseNotFound)?;
        let permit = call.authorize(&Action::SeeCase(&case))?;
        let stored = self.workflows.get(call, realm_id).await?;
        Ok(permit.show(CaseView::of(case, &stored.workflow)?))
    }

    /// What made this version of the case, and whom it concerned.
    pub(crate) async fn recorded_change(&self, call: &Call, asked: GetCaseChange) -> Result<Authorized<RecordedChange>, Error> {
        let permit = call.authorize(&Action::SeeAudience)?;
        let change = self.cases.change(asked.realm_id, asked.case_id, asked.case_version).await?;
        Ok(permit.show(change.ok_or(Error::CaseNotFound)?))
    }

    pub(crate) async fn change_status(&self, call: &Call, command: ChangeCaseStatus) -> Result<Authorized<ChangedCase>, Error> {
        let realm_id = call.realm_id()?;
        for _ in 0..ATTEMPTS {
            let RealmWorkflow { workflow, version } = self.workflows.get(call, realm_id).await?;
            let to = workflow.status(&command.status)?.category;
            let mut case = self.cases.get(realm_id, command.case_id).await?.ok_or(Error::CaseNotFound)?;
            let permit = call.authorize(&Action::ChangeStatus { case: &case, to })?;
            let from_source = command.origin.as_ref();
            if from_source.is_some() || command.account.is_of_a_source() {
                call.authorize(&Action::SpeakForSource)?;
            }
            if from_source.map(|position| case.has_taken(position)).transpose()? == Some(true) {
                return Self::changed(permit, case, &workflow, ChangeOutcome::AlreadyTaken);
            }
            let now = self.clock.now();
            let happening = Happening::new(now, command.account.source_time, command.account.telling)?;
            let changed = case.change_status(&workflow, &command.status, from_source, happening)?;
            match self.cases.update(&permit, call, &case, version, self.ids.new_id(now), changed).await {
                Ok(()) => return Self::changed(permit, case, &workflow, ChangeOutcome::Made),
                Err(WriteCaseError::Stale) => {}
                Err(WriteCaseError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::CaseChanged)
    }

    fn changed(
        permit: Permit,
        case: Case,
        workflow: &Workflow,
        outcome: ChangeOutcome,
    ) -> Result<Authorized<ChangedCase>, Error> {
        Ok(permit.show(ChangedCase { view: CaseView::of(case, workflow)?, outcome }))
    }
}

impl CaseView {
    fn of(case: Case, workflow: &Workflow) -> Result<Self, Error> {
        let status = workflow.status(case.status())?.clone();
        Ok(Self { case, status })
    }
}
