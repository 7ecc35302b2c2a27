//! Profiles in PostgreSQL.

use api::cabinet::identity::v1::AuditAct;
use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{
    AvatarId, Call, CompanyId, DepartmentId, EventId, Fault, Line, NamedRequest, Permit, PersonName, RealmId, RepeatError,
    Timestamp, UserId,
};
use messaging::{Act, ActLog, Lane, OutboxSignal, requests};
use runtime::postgres;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::attributes::write_values;
use crate::adapters::events;
use crate::application::{ProfileUpdate, Profiles, WriteProfileError};
use crate::domain::access::is_own;
use crate::domain::{Language, Profile, ProfileChanged, TimeZoneName, Values, WebSite};

pub(crate) struct PgProfiles {
    pool: PgPool,
    signal: OutboxSignal,
    acts: ActLog,
}

impl PgProfiles {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, acts: ActLog) -> Self {
        Self { pool, signal, acts }
    }
}

struct ProfileRow {
    realm_id: Uuid,
    user_id: Uuid,
    company_id: Uuid,
    full_name: String,
    last_name: String,
    first_name: String,
    middle_name: String,
    initials: String,
    job_title: String,
    organisation: String,
    web_site: Option<String>,
    time_zone: Option<String>,
    language: Option<String>,
    avatar_id: Option<Uuid>,
    department_id: Option<Uuid>,
    version: i64,
    updated_at: jiff_sqlx::Timestamp,
}

impl TryFrom<ProfileRow> for Profile {
    type Error = Fault;

    fn try_from(row: ProfileRow) -> Result<Self, Fault> {
        let language = row.language.map(|language| language.parse().map_err(Fault::internal));
        let values = Values {
            name: PersonName {
                full: Line::from_stored(row.full_name),
                last: Line::from_stored(row.last_name),
                first: Line::from_stored(row.first_name),
                middle: Line::from_stored(row.middle_name),
            },
            initials: Line::from_stored(row.initials),
            job_title: Line::from_stored(row.job_title),
            organisation: Line::from_stored(row.organisation),
            web_site: row.web_site.map(WebSite::from_stored),
            time_zone: row.time_zone.map(TimeZoneName::from_stored),
            language: language.transpose()?,
            department_id: row.department_id.map(DepartmentId::from_uuid),
        };
        let ids = (RealmId::from_uuid(row.realm_id), UserId::from_uuid(row.user_id), CompanyId::from_uuid(row.company_id));
        let avatar_id = row.avatar_id.map(AvatarId::from_uuid);
        Ok(Self::from_stored(ids, (values, avatar_id), row.version, row.updated_at.to_jiff()))
    }
}

#[async_trait]
impl Profiles for PgProfiles {
    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<Profile>, Fault> {
        let row = sqlx::query_as!(
            ProfileRow,
            "SELECT realm_id, user_id, company_id, full_name, last_name, first_name, middle_name, initials, job_title, organisation,
                 web_site, time_zone, language, avatar_id, department_id, version, updated_at
             FROM profiles
             WHERE realm_id = $1
               AND user_id = $2",
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(Profile::try_from).transpose()
    }

    async fn list(&self, realm_id: RealmId, user_ids: &[UserId]) -> Result<Vec<Profile>, Fault> {
        let user_ids: Vec<_> = user_ids.iter().map(UserId::as_uuid).collect();
        let rows = sqlx::query_as!(
            ProfileRow,
            "SELECT realm_id, user_id, company_id, full_name, last_name, first_name, middle_name, initials, job_title, organisation,
                 web_site, time_zone, language, avatar_id, department_id, version, updated_at
             FROM profiles
             WHERE realm_id = $1
               AND user_id = ANY($2)",
            realm_id.as_uuid(),
            &user_ids,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(Profile::try_from).collect()
    }

    async fn done(&self, call: &Call, now: Timestamp) -> Result<Option<UserId>, RepeatError> {
        requests::done(&self.pool, call, now).await
    }

    async fn save(
        &self,
        _: &Permit,
        call: &Call,
        profile: &Profile,
        event_id: EventId,
        update: &ProfileUpdate<'_>,
    ) -> Result<(), WriteProfileError> {
        let ProfileUpdate { changed, fields, attributes } = *update;
        let is_own = is_own(call.caller(), profile);
        if attributes.is_empty() && is_own {
            write(&self.pool, call, profile, event_id, changed).await?;
        } else {
            let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
            write(&mut *transaction, call, profile, event_id, changed).await?;
            if !attributes.is_empty() {
                write_values(&mut transaction, profile, attributes).await?;
            }
            if !is_own {
                let act = act_on(AuditAct::ProfileChanged, profile).detailed(fields.join(" "));
                self.acts.append(&mut *transaction, call, act).await?;
            }
            transaction.commit().await.map_err(postgres::fault)?;
        }
        self.signal.ring(Lane::Normal);
        Ok(())
    }
}

/// What somebody else has done to a profile.
pub(super) fn act_on(act: AuditAct, profile: &Profile) -> Act {
    Act::in_company(act, profile.realm_id(), profile.company_id(), profile.user_id())
}

const DEPARTMENT: &str = "profiles_department";
/// The version of a profile after the first change.
const FIRST: i64 = 1;

/// Writes a profile and the fact in one statement, unless it was overtaken.
pub(super) async fn write(
    executor: impl PgExecutor<'_>,
    call: &Call,
    profile: &Profile,
    event_id: EventId,
    changed: ProfileChanged,
) -> Result<(), WriteProfileError> {
    let facts = if changed.version == FIRST {
        insert(executor, call, profile, event_id, changed).await?
    } else {
        update(executor, call, profile, event_id, changed).await?
    };
    if facts == 0 { Err(WriteProfileError::Stale) } else { Ok(()) }
}

/// The first thing a person has saved, unless there is something already. Answers with how many facts were told.
async fn insert(
    executor: impl PgExecutor<'_>,
    call: &Call,
    profile: &Profile,
    event_id: EventId,
    changed: ProfileChanged,
) -> Result<u64, WriteProfileError> {
    let values = profile.values();
    let event = events::profile_changed(call, event_id, profile, changed);
    let written = sqlx::query!(
        "WITH inserted AS (
             INSERT INTO profiles
                 (realm_id, user_id, company_id, full_name, job_title, time_zone, language, version, updated_at, last_name,
                  first_name, middle_name, initials, organisation, web_site, avatar_id, department_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $19, $20, $21, $22, $23, $24, $25, $26)
             ON CONFLICT DO NOTHING
             RETURNING realm_id, user_id, version, updated_at
         )
         SELECT messaging.append_event($10, realm_id, $11, user_id, version, $12, $13, $14, $15, $16, updated_at) AS appended,
             messaging.remember_request($17, $18, user_id, updated_at) AS remembered
         FROM inserted",
        profile.realm_id().as_uuid(),
        profile.user_id().as_uuid(),
        profile.company_id().as_uuid(),
        values.name.full.as_str(),
        values.job_title.as_str(),
        values.time_zone.as_ref().map(TimeZoneName::as_str),
        values.language.map(Language::as_str),
        changed.version,
        changed.at.to_sqlx() as _,
        event.event_id.as_uuid(),
        event.aggregate.kind,
        event.lane.as_str(),
        event.cause_id.as_uuid(),
        event.event_type,
        event.payload,
        event.traceparent,
        call.named_request().map(NamedRequest::key),
        call.named_request().map(NamedRequest::content),
        values.name.last.as_str(),
        values.name.first.as_str(),
        values.name.middle.as_str(),
        values.initials.as_str(),
        values.organisation.as_str(),
        values.web_site.as_ref().map(WebSite::as_str),
        profile.avatar_id().map(|id| id.as_uuid()),
        values.department_id.map(|id| id.as_uuid()),
    )
    .execute(executor)
    .await
    .map_err(write_error)?;
    Ok(written.rows_affected())
}

/// The profile after a change, if it is as it was before it. Answers with how many facts were told.
async fn update(
    executor: impl PgExecutor<'_>,
    call: &Call,
    profile: &Profile,
    event_id: EventId,
    changed: ProfileChanged,
) -> Result<u64, WriteProfileError> {
    let values = profile.values();
    let event = events::profile_changed(call, event_id, profile, changed);
    let written = sqlx::query!(
        "WITH updated AS (
             UPDATE profiles
             SET full_name = $3, job_title = $4, time_zone = $5, language = $6, version = $7::bigint, updated_at = $8,
                 last_name = $18, first_name = $19, middle_name = $20, initials = $21, organisation = $22, web_site = $23,
                 avatar_id = $24, department_id = $25
             WHERE realm_id = $1
               AND user_id = $2
               AND version = $7::bigint - 1
             RETURNING realm_id, user_id, version, updated_at
         )
         SELECT messaging.append_event($9, realm_id, $10, user_id, version, $11, $12, $13, $14, $15, updated_at) AS appended,
             messaging.remember_request($16, $17, user_id, updated_at) AS remembered
         FROM updated",
        profile.realm_id().as_uuid(),
        profile.user_id().as_uuid(),
        values.name.full.as_str(),
        values.job_title.as_str(),
        values.time_zone.as_ref().map(TimeZoneName::as_str),
        values.language.map(Language::as_str),
        changed.version,
        changed.at.to_sqlx() as _,
        event.event_id.as_uuid(),
        event.aggregate.kind,
        event.lane.as_str(),
        event.cause_id.as_uuid(),
        event.event_type,
        event.payload,
        event.traceparent,
        call.named_request().map(NamedRequest::key),
        call.named_request().map(NamedRequest::content),
        values.name.last.as_str(),
        values.name.first.as_str(),
        values.name.middle.as_str(),
        values.initials.as_str(),
        values.organisation.as_str(),
        values.web_site.as_ref().map(WebSite::as_str),
        profile.avatar_id().map(|id| id.as_uuid()),
        values.department_id.map(|id| id.as_uuid()),
    )
    .execute(executor)
    .await
    .map_err(write_error)?;
    Ok(written.rows_affected())
}

fn write_error(error: sqlx::Error) -> WriteProfileError {
    match postgres::violated_constraint(&error) {
        // Its department was deleted since the profile was read.
        Some(requests::DONE_ONCE | DEPARTMENT) => WriteProfileError::Stale,
        _ => postgres::fault(error).into(),
    }
}
