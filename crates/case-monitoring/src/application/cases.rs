//! Creating, reading and moving cases.

use std::sync::Arc;

use kernel::{Authorized, Call, CaseId, Clock, CompanyId, Fault, IdSource, Permit, RealmId, Refusal, Timestamp, UserId};

use super::{Cases, Error, RealmWorkflows, StoredCase, Users, WriteCaseError};
use crate::domain::access::Action;
use crate::domain::{
    Case, CaseKind, Happening, NewCase, Origin, RecordedChange, SourcePosition, Status, StatusCode, Subject, Telling, Workflow,
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

/// A case together with what its status means, and where the caller may take it.
#[derive(Debug)]
pub(crate) struct CaseView {
    pub(crate) case: Case,
    pub(crate) status: Status,
    pub(crate) moves: Vec<Move>,
}

/// A status to which the workflow leads from where a case stands.
#[derive(Debug)]
pub(crate) struct Move {
    pub(crate) to: StatusCode,
    /// Why the caller may not take it there; nothing if he may.
    pub(crate) refusal: Option<Refusal>,
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
        if let Some(made) = self.made_before(call, realm_id, command.origin.as_ref()).await? {
            return self.get(call, made).await;
        }
        if !self.users.is_user_of(call, realm_id, command.company_id, command.requester_id).await? {
            return Err(Error::RequesterNotFound);
        }
        for _ in 0..ATTEMPTS {
            let realm_workflow = self.workflows.get(call, realm_id).await?;
            let workflow = &realm_workflow.workflow;
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
            let (case, created) = Case::create(new, workflow, happening)?;
            match self.cases.insert(&permit, call, &case, realm_workflow.version, self.ids.new_id(now), created).await {
                Ok(()) => return Ok(permit.show(CaseView::of(call, case, workflow)?)),
                // Perhaps by the same request, or by the same case from the same source.
                Err(WriteCaseError::Stale) => {
                    if let Some(made) = self.made_before(call, realm_id, command.origin.as_ref()).await? {
                        return self.get(call, made).await;
                    }
                }
                Err(WriteCaseError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::unavailable(CreationOvertaken).into())
    }

    /// The case that this request made when it came before.
    ///
    /// C12: a case comes from its source once. Whoever brings it again by another request is told which one it is, not that he
    /// has created it.
    async fn made_before(&self, call: &Call, realm_id: RealmId, origin: Option<&Origin>) -> Result<Option<CaseId>, Error> {
        if let Some(made) = self.cases.done(call, self.clock.now()).await? {
            return Ok(Some(made));
        }
        let Some(origin) = origin else { return Ok(None) };
        match self.cases.find(realm_id, origin).await? {
            Some(case_id) => Err(Error::CaseExists(case_id)),
            None => Ok(None),
        }
    }

    pub(crate) async fn get(&self, call: &Call, case_id: CaseId) -> Result<Authorized<CaseView>, Error> {
        let realm_id = call.realm_id()?;
        let StoredCase { case, workflow_version } = self.cases.get(realm_id, case_id).await?.ok_or(Error::CaseNotFound)?;
        let permit = call.authorize(&Action::SeeCase(&case))?;
        let realm_workflow = self.workflows.of_version(call, realm_id, workflow_version).await?;
        Ok(permit.show(CaseView::of(call, case, &realm_workflow.workflow)?))
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
            let stored = self.cases.get(realm_id, command.case_id).await?.ok_or(Error::CaseNotFound)?;
            let StoredCase { mut case, workflow_version } = stored;
            // Before anything else is said of it.
            call.authorize(&Action::SeeCase(&case))?;
            let realm_workflow = self.workflows.of_version(call, realm_id, workflow_version).await?;
            let workflow = &realm_workflow.workflow;
            let to = workflow.status(&command.status)?.category;
            let permit = call.authorize(&Action::ChangeStatus { case: &case, to })?;
            let from_source = command.origin.as_ref();
            if from_source.is_some() || command.account.is_of_a_source() {
                call.authorize(&Action::SpeakForSource)?;
            }
            if self.cases.done(call, self.clock.now()).await?.is_some() {
                // Perhaps since the case was read.
                let view = self.get(call, command.case_id).await?.into_inner();
                return Ok(permit.show(ChangedCase { view, outcome: ChangeOutcome::Made }));
            }
            if from_source.map(|position| case.has_taken(position)).transpose()? == Some(true) {
                return Self::changed(call, permit, case, workflow, ChangeOutcome::AlreadyTaken);
            }
            let now = self.clock.now();
            let happening = Happening::new(now, command.account.source_time, command.account.telling)?;
            let changed = case.change_status(workflow, &command.status, from_source, happening)?;
            match self.cases.update(&permit, call, &case, realm_workflow.version, self.ids.new_id(now), changed).await {
                Ok(()) => return Self::changed(call, permit, case, workflow, ChangeOutcome::Made),
                Err(WriteCaseError::Stale) => {}
                Err(WriteCaseError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::CaseChanged)
    }

    fn changed(
        call: &Call,
        permit: Permit,
        case: Case,
        workflow: &Workflow,
        outcome: ChangeOutcome,
    ) -> Result<Authorized<ChangedCase>, Error> {
        Ok(permit.show(ChangedCase { view: CaseView::of(call, case, workflow)?, outcome }))
    }
}

impl CaseView {
    fn of(call: &Call, case: Case, workflow: &Workflow) -> Result<Self, Error> {
        let status = workflow.status(case.status())?.clone();
        let reachable = workflow.statuses().iter().filter(|other| status.leads_to(other));
        let allowed = |other: &Status| Move {
            to: other.code.clone(),
            refusal: call.authorize(&Action::ChangeStatus { case: &case, to: other.category }).err(),
        };
        let moves = reachable.map(allowed).collect();
        Ok(Self { case, status, moves })
    }
}
