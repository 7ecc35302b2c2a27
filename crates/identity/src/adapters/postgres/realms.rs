//! Realms and companies in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CompanyId, EventId, Fault, NamedRequest, Permit, RealmId, RepeatError, Timestamp};
use messaging::{Lane, OutboxSignal, requests};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use super::admissions;
use super::audit::AuditLog;
use crate::adapters::events;
use crate::adapters::policy::PolicyForm;
use crate::application::{Admission, CompanyInserted, InsertError, Realms};
use crate::domain::audit::{AuditAct, Done};
use crate::domain::{Company, CompanySettings, PolicyChange, Realm, RealmChanged, RealmSettings};

pub(crate) struct PgRealms {
    pool: PgPool,
    signal: OutboxSignal,
    audit: AuditLog,
}

impl PgRealms {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, audit: AuditLog) -> Self {
        Self { pool, signal, audit }
    }
}

struct RealmRow {
    realm_id: Uuid,
    name: String,
    preset: String,
    preset_version: i32,
    policy: serde_json::Value,
    public_url: String,
    sender: String,
    language: String,
    time_zone: String,
    version: i64,
    created_at: jiff_sqlx::Timestamp,
}

impl TryFrom<RealmRow> for Realm {
    type Error = Fault;

    fn try_from(row: RealmRow) -> Result<Self, Fault> {
        let policy: PolicyForm = serde_json::from_value(row.policy).map_err(Fault::internal)?;
        Ok(Self {
            id: RealmId::from_uuid(row.realm_id),
            settings: RealmSettings {
                name: row.name,
                public_url: row.public_url,
                sender: row.sender,
                language: row.language,
                time_zone: row.time_zone,
            },
            preset: row.preset,
            preset_version: row.preset_version,
            policy: policy.try_into()?,
            version: row.version,
            created_at: row.created_at.to_jiff(),
        })
    }
}

struct CompanyRow {
    realm_id: Uuid,
    company_id: Uuid,
    kind: String,
    name: String,
    cash_desk: String,
    version: i64,
    created_at: jiff_sqlx::Timestamp,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored company has no meaning")]
struct UnreadableCompany;

impl TryFrom<CompanyRow> for Company {
    type Error = Fault;

    fn try_from(row: CompanyRow) -> Result<Self, Fault> {
        Ok(Self {
            realm_id: RealmId::from_uuid(row.realm_id),
            id: CompanyId::from_uuid(row.company_id),
            kind: row.kind.parse().map_err(|()| Fault::internal(UnreadableCompany))?,
            name: row.name,
            settings: CompanySettings { cash_desk: row.cash_desk },
            version: row.version,
            created_at: row.created_at.to_jiff(),
        })
    }
}

#[async_trait]
impl Realms for PgRealms {
    async fn made(&self, call: &Call, now: Timestamp) -> Result<Option<RealmId>, RepeatError> {
        requests::done(&self.pool, call, now).await
    }

    async fn insert(&self, _: &Permit, call: &Call, realm: &Realm) -> Result<(), InsertError> {
        let policy = serde_json::to_value(PolicyForm::from(&realm.policy)).map_err(Fault::internal)?;
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        sqlx::query!(
            "WITH inserted AS (
                 INSERT INTO realms
                     (realm_id, name, preset, preset_version, policy, public_url, sender, language, time_zone, version, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                 RETURNING realm_id, created_at
             )
             SELECT messaging.remember_request($12, $13, realm_id, created_at) AS remembered
             FROM inserted",
            realm.id.as_uuid(),
            realm.settings.name,
            realm.preset,
            realm.preset_version,
            policy,
            realm.settings.public_url,
            realm.settings.sender,
            realm.settings.language,
            realm.settings.time_zone,
            realm.version,
            realm.created_at.to_sqlx() as _,
            call.named_request().map(NamedRequest::key),
            call.named_request().map(NamedRequest::content),
        )
        .execute(&mut *transaction)
        .await
        .map_err(admissions::insert_error)?;
        let done = Done::to_realm(AuditAct::RealmOpened, realm.id);
        self.audit.append(&mut *transaction, call, realm.id, None, &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(())
    }

    async fn get(&self, realm_id: RealmId) -> Result<Option<Realm>, Fault> {
        let row = sqlx::query_as!(
            RealmRow,
            "SELECT realm_id, name, preset, preset_version, policy, public_url, sender, language, time_zone, version, created_at
             FROM realms
             WHERE realm_id = $1",
            realm_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(Realm::try_from).transpose()
    }

    async fn update_policy(&self, _: &Permit, call: &Call, realm: &Realm, changes: &[PolicyChange]) -> Result<bool, Fault> {
        let policy = serde_json::to_value(PolicyForm::from(&realm.policy)).map_err(Fault::internal)?;
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let updated = sqlx::query!(
            "UPDATE realms
             SET policy = policy || $2, version = $3::bigint -- what a later release has asked stays
             WHERE realm_id = $1
               AND version = $3::bigint - 1",
            realm.id.as_uuid(),
            policy,
            realm.version,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        let parts: Vec<&str> = changes.iter().map(PolicyChange::as_str).collect();
        let done = Done::to_realm(AuditAct::PolicyChanged, realm.id).detailed(parts.join(" "));
        self.audit.append(&mut *transaction, call, realm.id, None, &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(true)
    }

    async fn update(
        &self,
        _: &Permit,
        call: &Call,
        realm: &Realm,
        event_id: EventId,
        changed: &RealmChanged,
    ) -> Result<bool, Fault> {
        let event = events::realm_changed(call, event_id, changed);
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let updated = sqlx::query!(
            "WITH updated AS (
                 UPDATE realms
                 SET name = $2, public_url = $3, sender = $4, language = $5, time_zone = $6, version = $7::bigint
                 WHERE realm_id = $1
                   AND version = $7::bigint - 1
                 RETURNING realm_id, version
             )
             SELECT messaging.append_event($8, realm_id, $9, realm_id, version, $10, $11, $12, $13, $14, $15) AS appended
             FROM updated",
            realm.id.as_uuid(),
            realm.settings.name,
            realm.settings.public_url,
            realm.settings.sender,
            realm.settings.language,
            realm.settings.time_zone,
            realm.version,
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            event.occurred_at.to_sqlx() as _,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        let done = Done::to_realm(AuditAct::RealmChanged, realm.id).detailed(changed.settings.join(" "));
        self.audit.append(&mut *transaction, call, realm.id, None, &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        Ok(true)
    }

    async fn page(&self, after: Option<RealmId>, limit: i64) -> Result<Vec<Realm>, Fault> {
        let rows = sqlx::query_as!(
            RealmRow,
            "SELECT realm_id, name, preset, preset_version, policy, public_url, sender, language, time_zone, version, created_at
             FROM realms
             WHERE realm_id > $1
             ORDER BY realm_id
             LIMIT $2",
            after.map_or(Uuid::nil(), |after| after.as_uuid()),
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(Realm::try_from).collect()
    }

    async fn made_company(&self, call: &Call, now: Timestamp) -> Result<Option<CompanyId>, RepeatError> {
        requests::done(&self.pool, call, now).await
    }

    async fn insert_company(
        &self,
        _: &Permit,
        call: &Call,
        company: &Company,
        owner: Option<&Admission>,
    ) -> Result<CompanyInserted, InsertError> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        sqlx::query!(
            "WITH inserted AS (
                 INSERT INTO companies (realm_id, company_id, name, created_at, kind)
                 VALUES ($1, $2, $3, $4, $7)
                 RETURNING company_id, created_at
             )
             SELECT messaging.remember_request($5, $6, company_id, created_at) AS remembered
             FROM inserted",
            company.realm_id.as_uuid(),
            company.id.as_uuid(),
            company.name,
            company.created_at.to_sqlx() as _,
            call.named_request().map(NamedRequest::key),
            call.named_request().map(NamedRequest::content),
            company.kind.as_str(),
        )
        .execute(&mut *transaction)
        .await
        .map_err(admissions::insert_error)?;
        if let Some(owner) = owner {
            let added = admissions::insert(&mut *transaction, call, company.realm_id, &[owner], company.created_at).await?;
            if added.is_empty() {
                let taken = admissions::taken(&mut *transaction, company.realm_id, &[&owner.user]).await?;
                let taken = taken.into_values().next().unwrap_or_default();
                transaction.rollback().await.map_err(postgres::fault)?;
                let done = Done::told(&taken, owner.user.id());
                self.audit.append(&self.pool, call, company.realm_id, None, &[done]).await?;
                return Ok(CompanyInserted::Taken(taken));
            }
        }
        let added = owner.map(|owner| Done::added(&owner.user));
        let done: Vec<Done> = [Done::to_company(AuditAct::CompanyAdded, company.id).detailed(company.kind.as_str().to_owned())]
            .into_iter()
            .chain(added)
            .collect();
        self.audit.append(&mut *transaction, call, company.realm_id, Some(company.id), &done).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        self.signal.ring(Lane::Security);
        Ok(CompanyInserted::Added)
    }

    async fn update_company(&self, _: &Permit, call: &Call, company: &Company) -> Result<bool, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let updated = sqlx::query!(
            "UPDATE companies
             SET cash_desk = $3, version = $4::bigint
             WHERE realm_id = $1
               AND company_id = $2
               AND version = $4::bigint - 1",
            company.realm_id.as_uuid(),
            company.id.as_uuid(),
            company.settings.cash_desk,
            company.version,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        let done = Done::to_company(AuditAct::CompanySettingsChanged, company.id).detailed("cash_desk".to_owned());
        self.audit.append(&mut *transaction, call, company.realm_id, Some(company.id), &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(true)
    }

    async fn get_company(&self, realm_id: RealmId, company_id: CompanyId) -> Result<Option<Company>, Fault> {
        let row = sqlx::query_as!(
            CompanyRow,
            "SELECT realm_id, company_id, kind, name, cash_desk, version, created_at
             FROM companies
             WHERE realm_id = $1
               AND company_id = $2",
            realm_id.as_uuid(),
            company_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(Company::try_from).transpose()
    }

    async fn page_companies(&self, realm_id: RealmId, after: Option<CompanyId>, limit: i64) -> Result<Vec<Company>, Fault> {
        let rows = sqlx::query_as!(
            CompanyRow,
            "SELECT realm_id, company_id, kind, name, cash_desk, version, created_at
             FROM companies
             WHERE realm_id = $1
               AND company_id > $2
             ORDER BY company_id
             LIMIT $3",
            realm_id.as_uuid(),
            after.map_or(Uuid::nil(), |after| after.as_uuid()),
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(Company::try_from).collect()
    }
}
