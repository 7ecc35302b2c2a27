//! A case: what somebody asked for, and how far it has come.

use std::str::FromStr;

use kernel::{CaseId, CompanyId, RealmId, Timestamp, UserId};

use super::{AudienceMember, AudienceReason, Origin, SourcePosition, Status, StatusCode, StatusUnknown, Telling, Workflow};

/// What sort of case it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaseKind {
    Request,
    Order,
}

impl CaseKind {
    const ALL: [Self; 2] = [Self::Request, Self::Order];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Order => "ORDER",
        }
    }
}

impl FromStr for CaseKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// What a case is about: one line of 1 to 200 characters without control characters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Subject(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a subject is one line of 1 to 200 characters")]
pub(crate) struct SubjectInvalid;

impl Subject {
    pub(crate) fn parse(text: &str) -> Result<Self, SubjectInvalid> {
        let text = text.trim();
        let is_line = !text.chars().any(|character| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}'));
        if is_line && (1..=200).contains(&text.chars().count()) { Ok(Self(text.to_owned())) } else { Err(SubjectInvalid) }
    }

    /// A subject that was parsed before it was stored.
    pub(crate) const fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message of a case may be anything: it is not printed.
impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subject")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    realm_id: RealmId,
    id: CaseId,
    company_id: CompanyId,
    number: i64,
    kind: CaseKind,
    subject: Subject,
    status: StatusCode,
    requester_id: UserId,
    origin: Option<Origin>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What it takes to create a case, or to bring a stored one back.
#[derive(Debug, Clone)]
pub(crate) struct NewCase {
    pub(crate) realm_id: RealmId,
    pub(crate) id: CaseId,
    pub(crate) company_id: CompanyId,
    /// Its number in the realm, counted from 1.
    pub(crate) number: i64,
    pub(crate) kind: CaseKind,
    pub(crate) subject: Subject,
    pub(crate) status: StatusCode,
    pub(crate) requester_id: UserId,
    /// Where it comes from; nothing if it begins here.
    pub(crate) origin: Option<Origin>,
}

/// When a change is made here, when it happened, and who is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Happening {
    now: Timestamp,
    /// By its source's account; nothing if it happens here and now.
    source_time: Option<Timestamp>,
    telling: Telling,
}

impl Happening {
    /// What a source tells of has happened by now.
    pub(crate) fn new(now: Timestamp, source_time: Option<Timestamp>, telling: Telling) -> Result<Self, CaseError> {
        if source_time.is_some_and(|source_time| source_time > now) {
            return Err(CaseError::SourceTimeInFuture);
        }
        Ok(Self { now, source_time, telling })
    }
}

/// Fact: a case exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseCreated {
    pub(crate) status: Status,
    pub(crate) at: Timestamp,
    pub(crate) source_time: Option<Timestamp>,
    pub(crate) telling: Telling,
    pub(crate) audience: Vec<AudienceMember>,
}

/// Fact: a case moved to another status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseStatusChanged {
    pub(crate) from: Status,
    pub(crate) to: Status,
    pub(crate) at: Timestamp,
    pub(crate) source_time: Option<Timestamp>,
    pub(crate) telling: Telling,
    pub(crate) audience: Vec<AudienceMember>,
}

/// A change of a case, as its history has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedChange {
    pub(crate) kind: ChangeKind,
    pub(crate) at: Timestamp,
    pub(crate) source_time: Option<Timestamp>,
    pub(crate) telling: Telling,
    pub(crate) audience: Vec<AudienceMember>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Created,
    StatusChanged,
}

/// Why a case does not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CaseError {
    #[error("the workflow has no move from {from} to {to}")]
    TransitionNotAllowed { from: StatusCode, to: StatusCode },
    #[error(transparent)]
    StatusUnknown(#[from] StatusUnknown),
    #[error("the case does not come from that source")]
    SourceMismatch,
    #[error("what the source tells of has not happened yet")]
    SourceTimeInFuture,
}

impl Case {
    /// A new case. An import may start it in any status of the workflow.
    pub(crate) fn create(new: NewCase, workflow: &Workflow, happening: Happening) -> Result<(Self, CaseCreated), CaseError> {
        let Happening { now, source_time, telling } = happening;
        let status = workflow.status(&new.status)?.clone();
        let case = Self::from_stored(new, 1, now, now);
        let created = CaseCreated { status, at: now, source_time, telling, audience: case.audience() };
        Ok((case, created))
    }

    /// A case as it was stored.
    pub(crate) fn from_stored(new: NewCase, version: i64, created_at: Timestamp, updated_at: Timestamp) -> Self {
        let NewCase { realm_id, id, company_id, number, kind, subject, status, requester_id, origin } = new;
        Self { realm_id, id, company_id, number, kind, subject, status, requester_id, origin, version, created_at, updated_at }
    }

    /// Whether a change that stands there in its source's account has been taken: what comes after it may have been as well.
    pub(crate) fn has_taken(&self, from: &SourcePosition) -> Result<bool, CaseError> {
        match &self.origin {
            Some(origin) if origin.source == from.source => Ok(from.position <= origin.position),
            Some(_) | None => Err(CaseError::SourceMismatch),
        }
    }

    pub(crate) fn change_status(
        &mut self,
        workflow: &Workflow,
        next: &StatusCode,
        from_source: Option<&SourcePosition>,
        happening: Happening,
    ) -> Result<CaseStatusChanged, CaseError> {
        let Happening { now, source_time, telling } = happening;
        let from = workflow.status(&self.status)?.clone();
        let to = workflow.status(next)?.clone();
        if !from.leads_to(&to) {
            return Err(CaseError::TransitionNotAllowed { from: from.code, to: to.code });
        }
        self.status = to.code.clone();
        self.version += 1;
        self.updated_at = now;
        if let (Some(origin), Some(taken)) = (&mut self.origin, from_source) {
            origin.position = taken.position;
        }
        Ok(CaseStatusChanged { from, to, at: now, source_time, telling, audience: self.audience() })
    }

    /// Who is concerned by every change of this case.
    fn audience(&self) -> Vec<AudienceMember> {
        audience_of(self.requester_id)
    }

    pub(crate) const fn realm_id(&self) -> RealmId {
        self.realm_id
    }

    pub(crate) const fn id(&self) -> CaseId {
        self.id
    }

    pub(crate) const fn company_id(&self) -> CompanyId {
        self.company_id
    }

    pub(crate) const fn number(&self) -> i64 {
        self.number
    }

    pub(crate) const fn kind(&self) -> CaseKind {
        self.kind
    }

    pub(crate) const fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(crate) const fn status(&self) -> &StatusCode {
        &self.status
    }

    pub(crate) const fn requester_id(&self) -> UserId {
        self.requester_id
    }

    pub(crate) const fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    pub(crate) const fn version(&self) -> i64 {
        self.version
    }

    pub(crate) const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    pub(crate) const fn updated_at(&self) -> Timestamp {
        self.updated_at
    }
}

/// Who is concerned by every change of what he asked for.
pub(crate) fn audience_of(requester_id: UserId) -> Vec<AudienceMember> {
    vec![AudienceMember { user_id: requester_id, reason: AudienceReason::Requester }]
}

#[cfg(test)]
mod tests {
    use kernel::Id;
    use uuid::Uuid;

    use super::super::workflow::tests::status;
    use super::super::{SourceName, StatusCategory};
    use super::*;

    fn workflow() -> Workflow {
        Workflow::parse(vec![status("NEW", StatusCategory::New, &["DONE"]), status("DONE", StatusCategory::Closed, &[])])
            .expect("a good workflow")
    }

    fn case() -> (Case, CaseCreated) {
        let new = NewCase {
            realm_id: Id::from_uuid(Uuid::from_u128(1)),
            id: Id::from_uuid(Uuid::from_u128(2)),
            company_id: Id::from_uuid(Uuid::from_u128(3)),
            number: 7,
            kind: CaseKind::Request,
            subject: Subject::parse("Printer on fire").expect("a good subject"),
            status: code("NEW"),
            requester_id: Id::from_uuid(Uuid::from_u128(4)),
            origin: Some(Origin { source: desk(), external_id: "INC-1".to_owned(), position: 1 }),
        };
        Case::create(new, &workflow(), now()).expect("NEW is a status")
    }

    fn now() -> Happening {
        Happening::new(Timestamp::UNIX_EPOCH, None, Telling::AsTicked).expect("now is not in the future")
    }

    fn desk() -> SourceName {
        SourceName::new("desk".to_owned())
    }

    fn at(position: i64) -> SourcePosition {
        SourcePosition { source: desk(), position }
    }

    fn code(text: &str) -> StatusCode {
        text.parse().expect("a good code")
    }

    /// Rule C1.a: a status changes only along the workflow's moves.
    #[test]
    fn a_status_changes_only_along_a_move() {
        let (mut case, _) = case();
        let changed = case.change_status(&workflow(), &code("DONE"), None, now()).expect("an allowed move");
        assert_eq!((changed.from.code, changed.to.code), (code("NEW"), code("DONE")));
        assert_eq!(case.version(), 2);
        let back = case.change_status(&workflow(), &code("NEW"), None, now());
        assert_eq!(back, Err(CaseError::TransitionNotAllowed { from: code("DONE"), to: code("NEW") }));
        assert_eq!((case.version(), case.status()), (2, &code("DONE")));
    }

    /// Rule C1.a: staying is no move, and a status outside the workflow is unknown.
    #[test]
    fn staying_and_leaving_the_workflow_are_refused() {
        let (mut case, _) = case();
        assert!(matches!(
            case.change_status(&workflow(), &code("NEW"), None, now()),
            Err(CaseError::TransitionNotAllowed { .. })
        ));
        assert_eq!(case.change_status(&workflow(), &code("LOST"), None, now()), Err(CaseError::StatusUnknown(StatusUnknown)));
    }

    /// Rule F14.a: who is concerned is said by the fact itself.
    #[test]
    fn the_requester_is_concerned_by_every_change() {
        let (mut case, created) = case();
        let expected = vec![AudienceMember { user_id: case.requester_id(), reason: AudienceReason::Requester }];
        assert_eq!(created.audience, expected);
        let changed = case.change_status(&workflow(), &code("DONE"), None, now()).expect("an allowed move");
        assert_eq!(changed.audience, expected);
    }

    /// Rule C12.a: what a source told of before is known by its place; a refused change takes no place.
    #[test]
    fn a_change_is_taken_from_its_source_once() {
        let (mut case, _) = case();
        assert_eq!((case.has_taken(&at(1)), case.has_taken(&at(3))), (Ok(true), Ok(false)));
        assert!(case.change_status(&workflow(), &code("NEW"), Some(&at(2)), now()).is_err());
        assert_eq!(case.has_taken(&at(2)), Ok(false));
        case.change_status(&workflow(), &code("DONE"), Some(&at(3)), now()).expect("an allowed move");
        assert_eq!((case.has_taken(&at(2)), case.has_taken(&at(3)), case.has_taken(&at(4))), (Ok(true), Ok(true), Ok(false)));
        let elsewhere = SourcePosition { source: SourceName::new("court".to_owned()), position: 9 };
        assert_eq!(case.has_taken(&elsewhere), Err(CaseError::SourceMismatch));
    }

    #[test]
    fn a_source_tells_of_what_has_happened() {
        let moment = Timestamp::UNIX_EPOCH;
        let later = moment + jiff::SignedDuration::from_secs(1);
        assert!(Happening::new(moment, Some(moment), Telling::Silent).is_ok());
        assert_eq!(Happening::new(moment, Some(later), Telling::Silent), Err(CaseError::SourceTimeInFuture));
    }

    #[test]
    fn a_subject_is_one_line() {
        assert!(Subject::parse(&"я".repeat(200)).is_ok());
        for wrong in ["", "  ", "two\nlines", "bell\u{7}", "line\u{2028}separator", &"я".repeat(201)] {
            assert_eq!(Subject::parse(wrong).err(), Some(SubjectInvalid), "{wrong:?}");
        }
    }
}
