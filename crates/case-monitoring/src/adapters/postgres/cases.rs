//! Cases in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{
    Call, Caller, CaseId, CompanyId, EventId, Fault, NamedRequest, Permit, RealmId, RepeatError, Through, Timestamp, UserCaller,
    UserId,
};
use messaging::{Lane, OutboxSignal, requests};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use crate::adapters::events;
use crate::application::{Cases, StoredCase, WriteCaseError};
use crate::domain::{
    Case, CaseCreated, CaseStatusChanged, ChangeKind, NewCase, Origin, RecordedChange, SourceName, Subject, Telling, audience_of,
};

pub(crate) struct PgCases {
    pool: PgPool,
    signal: OutboxSignal,
}

impl PgCases {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal) -> Self {
        Self { pool, signal }
    }
}

struct CaseRow {
    realm_id: Uuid,
    case_id: Uuid,
    company_id: Uuid,
    number: i64,
    kind: String,
    subject: String,
    status: String,
    requester_id: Uuid,
    source: Option<String>,
    external_id: Option<String>,
    source_position: Option<i64>,
    version: i64,
    created_at: jiff_sqlx::Timestamp,
    updated_at: jiff_sqlx::Timestamp,
    workflow_version: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored case has no meaning")]
struct UnreadableCase;

impl TryFrom<CaseRow> for StoredCase {
    type Error = Fault;

    fn try_from(row: CaseRow) -> Result<Self, Fault> {
        let stored = NewCase {
            realm_id: RealmId::from_uuid(row.realm_id),
            id: CaseId::from_uuid(row.case_id),
            company_id: CompanyId::from_uuid(row.company_id),
            number: row.number,
            kind: row.kind.parse().map_err(|()| Fault::internal(UnreadableCase))?,
            subject: Subject::from_stored(row.subject),
            status: row.status.parse().map_err(|_| Fault::internal(UnreadableCase))?,
            requester_id: UserId::from_uuid(row.requester_id),
            origin: row.source.zip(row.external_id).zip(row.source_position).map(|((source, external_id), position)| Origin {
                source: SourceName::new(source),
                external_id,
                position,
            }),
        };
        let case = Case::from_stored(stored, row.version, row.created_at.to_jiff(), row.updated_at.to_jiff());
        Ok(Self { case, workflow_version: row.workflow_version })
    }
}

#[async_trait]
impl Cases for PgCases {
    async fn get(&self, realm_id: RealmId, case_id: CaseId) -> Result<Option<StoredCase>, Fault> {
        let row = sqlx::query_as!(
            CaseRow,
            "SELECT cases.realm_id, case_id, company_id, number, kind, subject, status, requester_id,
                 source, external_id, source_position, cases.version, created_at, updated_at, workflows.version AS workflow_version
             FROM cases
             JOIN workflows ON workflows.realm_id = cases.realm_id
             WHERE cases.realm_id = $1
               AND case_id = $2",
            realm_id.as_uuid(),
            case_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(StoredCase::try_from).transpose()
    }

    async fn done(&self, call: &Call, now: Timestamp) -> Result<Option<CaseId>, RepeatError> {
        requests::done(&self.pool, call, now).await
    }

    async fn find(&self, realm_id: RealmId, origin: &Origin) -> Result<Option<CaseId>, Fault> {
        let found = sqlx::query_scalar!(
            "SELECT case_id
             FROM cases
             WHERE realm_id = $1
               AND source = $2
               AND external_id = $3",
            realm_id.as_uuid(),
            origin.source.as_str(),
            origin.external_id,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(found.map(CaseId::from_uuid))
    }

    async fn change(&self, realm_id: RealmId, case_id: CaseId, version: i64) -> Result<Option<RecordedChange>, Fault> {
        let row = sqlx::query!(
            r#"SELECT history.changed_at AS "changed_at: jiff_sqlx::Timestamp",
                 history.source_time AS "source_time: jiff_sqlx::Timestamp", history.silent, history.old_status, cases.requester_id
             FROM case_history AS history
             JOIN cases ON cases.realm_id = history.realm_id AND cases.case_id = history.case_id
             WHERE history.realm_id = $1
               AND history.case_id = $2
               AND history.version = $3"#,
            realm_id.as_uuid(),
            case_id.as_uuid(),
            version,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(row.map(|row| RecordedChange {
            kind: if row.old_status.is_some() { ChangeKind::StatusChanged } else { ChangeKind::Created },
            at: row.changed_at.to_jiff(),
            source_time: row.source_time.map(jiff_sqlx::Timestamp::to_jiff),
            telling: if row.silent { Telling::Silent } else { Telling::AsTicked },
            // Nobody else asks for a case later on.
            audience: audience_of(UserId::from_uuid(row.requester_id)),
        }))
    }

    async fn next_number(&self, _: &Permit, realm_id: RealmId) -> Result<i64, Fault> {
        sqlx::query_scalar!(
            "INSERT INTO case_numbers (realm_id, last)
             VALUES ($1, 1)
             ON CONFLICT (realm_id) DO UPDATE SET last = case_numbers.last + 1
             RETURNING last",
            realm_id.as_uuid(),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)
    }

    async fn insert(
        &self,
        _: &Permit,
        call: &Call,
        case: &Case,
        workflow_version: i64,
        event_id: EventId,
        created: CaseCreated,
    ) -> Result<(), WriteCaseError> {
        let (source_time, is_silent) = (created.source_time, created.telling == Telling::Silent);
        let event = events::case_created(call, event_id, case, created);
        let written = sqlx::query!(
            "WITH inserted AS (
                 INSERT INTO cases
                     (realm_id, case_id, company_id, number, kind, subject, status, requester_id, version, created_at, updated_at,
                      source, external_id, source_position)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $20, $21, $22
                 WHERE workflow_stands($1, $19)
                 RETURNING realm_id, case_id, status, version, created_at
             ), remembered AS (
                 INSERT INTO case_history
                     (realm_id, case_id, version, changed_at, changed_by, acting_service, new_status, source_time, silent)
                 SELECT realm_id, case_id, version, created_at, $11, $27, status, $23, $24
                 FROM inserted
             )
             SELECT messaging.append_event($12, realm_id, $13, case_id, version, $14, $15, $16, $17, $18, created_at) AS appended,
                 messaging.remember_request($25, $26, case_id, created_at) AS remembered
             FROM inserted",
            case.realm_id().as_uuid(),
            case.id().as_uuid(),
            case.company_id().as_uuid(),
            case.number(),
            case.kind().as_str(),
            case.subject().as_str(),
            case.status().as_str(),
            case.requester_id().as_uuid(),
            case.version(),
            case.created_at().to_sqlx() as _,
            changed_by(call),
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            workflow_version,
            case.origin().map(|origin| origin.source.as_str()),
            case.origin().map(|origin| origin.external_id.as_str()),
            case.origin().map(|origin| origin.position),
            source_time.map(jiff_sqlx::ToSqlx::to_sqlx) as _,
            is_silent,
            call.named_request().map(NamedRequest::key),
            call.named_request().map(NamedRequest::content),
            acting_service(call),
        )
        .execute(&self.pool)
        .await
        .map_err(|error| match postgres::violated_constraint(&error) {
            Some("cases_origin_taken" | requests::DONE_ONCE) => WriteCaseError::Stale,
            _ => postgres::fault(error).into(),
        })?;
        self.told(written.rows_affected())
    }

    async fn update(
        &self,
        _: &Permit,
        call: &Call,
        case: &Case,
        workflow_version: i64,
        event_id: EventId,
        changed: CaseStatusChanged,
    ) -> Result<(), WriteCaseError> {
        let from = changed.from.code.clone();
        let (source_time, is_silent) = (changed.source_time, changed.telling == Telling::Silent);
        let event = events::case_status_changed(call, event_id, case, changed);
        let written = sqlx::query!(
            "WITH updated AS (
                 UPDATE cases
                 SET status = $3, version = $4::bigint, updated_at = $5, source_position = $16
                 WHERE realm_id = $1
                   AND case_id = $2
                   AND version = $4::bigint - 1
                   AND workflow_stands($1, $15)
                 RETURNING realm_id, case_id, status, version, updated_at
             ), remembered AS (
                 INSERT INTO case_history
                     (realm_id, case_id, version, changed_at, changed_by, acting_service, old_status, new_status, source_time,
                      silent)
                 SELECT realm_id, case_id, version, updated_at, $6, $21, $7, status, $17, $18
                 FROM updated
             )
             SELECT messaging.append_event($8, realm_id, $9, case_id, version, $10, $11, $12, $13, $14, updated_at) AS appended,
                 messaging.remember_request($19, $20, case_id, updated_at) AS remembered
             FROM updated",
            case.realm_id().as_uuid(),
            case.id().as_uuid(),
            case.status().as_str(),
            case.version(),
            case.updated_at().to_sqlx() as _,
            changed_by(call),
            from.as_str(),
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            workflow_version,
            case.origin().map(|origin| origin.position),
            source_time.map(jiff_sqlx::ToSqlx::to_sqlx) as _,
            is_silent,
            call.named_request().map(NamedRequest::key),
            call.named_request().map(NamedRequest::content),
            acting_service(call),
        )
        .execute(&self.pool)
        .await
        .map_err(|error| match postgres::violated_constraint(&error) {
            Some(requests::DONE_ONCE) => WriteCaseError::Stale,
            _ => postgres::fault(error).into(),
        })?;
        self.told(written.rows_affected())
    }
}

impl PgCases {
    /// How a write ends that says one fact, or none because it was overtaken.
    fn told(&self, facts: u64) -> Result<(), WriteCaseError> {
        if facts == 0 {
            return Err(WriteCaseError::Stale);
        }
        self.signal.ring(Lane::Normal);
        Ok(())
    }
}

/// Who did it, for the history: a user's id, or the name of the realm's service.
fn changed_by(call: &Call) -> String {
    match call.caller() {
        Caller::User(user) => user.user_id.to_string(),
        Caller::Service(service) => service.name.clone(),
        Caller::Component(component) => component.as_str().to_owned(),
        Caller::PlatformAdmin(admin) => admin.name.clone(),
        Caller::Gateway(gateway) => gateway.credential_id.to_string(),
        Caller::Anonymous => "anonymous".to_owned(),
    }
}

/// The machine that called in the name of whoever did it.
fn acting_service(call: &Call) -> Option<Uuid> {
    match call.caller() {
        Caller::User(UserCaller { through: Through::Service(credential_id), .. }) => Some(credential_id.as_uuid()),
        _ => None,
    }
}
