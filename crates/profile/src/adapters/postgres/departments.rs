//! Departments in PostgreSQL.

use api::cabinet::identity::v1::AuditAct;
use async_trait::async_trait;
use kernel::{Call, CompanyId, DepartmentId, Fault, Permit, RealmId};
use messaging::{Act, ActLog};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use crate::application::{Departments, InsertDepartment, RenameDepartment};
use crate::domain::{Department, DepartmentName, MOST_DEPARTMENTS};

const NAME: &str = "departments_name";

pub(crate) struct PgDepartments {
    pool: PgPool,
    acts: ActLog,
}

impl PgDepartments {
    pub(crate) const fn new(pool: PgPool, acts: ActLog) -> Self {
        Self { pool, acts }
    }
}

fn act_on(act: AuditAct, department: &Department) -> Act {
    Act::in_company(act, department.realm_id, department.company_id, department.id)
}

struct DepartmentRow {
    realm_id: Uuid,
    department_id: Uuid,
    company_id: Uuid,
    name: String,
    version: i64,
}

impl From<DepartmentRow> for Department {
    fn from(row: DepartmentRow) -> Self {
        Self {
            realm_id: RealmId::from_uuid(row.realm_id),
            id: DepartmentId::from_uuid(row.department_id),
            company_id: CompanyId::from_uuid(row.company_id),
            name: DepartmentName::from_stored(row.name),
            version: row.version,
        }
    }
}

#[async_trait]
impl Departments for PgDepartments {
    async fn list(&self, realm_id: RealmId, ids: &[DepartmentId]) -> Result<Vec<Department>, Fault> {
        let ids: Vec<_> = ids.iter().map(DepartmentId::as_uuid).collect();
        let rows = sqlx::query_as!(
            DepartmentRow,
            "SELECT realm_id, department_id, company_id, name, version
             FROM departments
             WHERE realm_id = $1
               AND department_id = ANY($2)",
            realm_id.as_uuid(),
            &ids,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(rows.into_iter().map(Department::from).collect())
    }

    async fn page(
        &self,
        realm_id: RealmId,
        company_id: CompanyId,
        after: Option<DepartmentId>,
        limit: i64,
    ) -> Result<Vec<Department>, Fault> {
        let rows = sqlx::query_as!(
            DepartmentRow,
            "SELECT realm_id, department_id, company_id, name, version
             FROM departments
             WHERE realm_id = $1
               AND company_id = $2
               AND ($3::uuid IS NULL OR department_id > $3)
             ORDER BY department_id
             LIMIT $4",
            realm_id.as_uuid(),
            company_id.as_uuid(),
            after.map(|after| after.as_uuid()),
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(rows.into_iter().map(Department::from).collect())
    }

    async fn insert(&self, _: &Permit, call: &Call, department: &Department) -> Result<InsertDepartment, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        // Whoever else adds one to the company waits, so that each of them counts all others.
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", format!("departments {}", department.company_id))
            .execute(&mut *transaction)
            .await
            .map_err(postgres::fault)?;
        let inserted = sqlx::query!(
            "INSERT INTO departments (realm_id, department_id, company_id, name, name_key, version)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT ON CONSTRAINT departments_name DO NOTHING",
            department.realm_id.as_uuid(),
            department.id.as_uuid(),
            department.company_id.as_uuid(),
            department.name.as_str(),
            department.name.key(),
            department.version,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if inserted.rows_affected() == 0 {
            return Ok(InsertDepartment::Exists);
        }
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!"
             FROM departments
             WHERE realm_id = $1
               AND company_id = $2"#,
            department.realm_id.as_uuid(),
            department.company_id.as_uuid(),
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if count > MOST_DEPARTMENTS {
            return Ok(InsertDepartment::TooMany);
        }
        self.acts.commit(transaction, call, act_on(AuditAct::DepartmentCreated, department)).await?;
        Ok(InsertDepartment::Done)
    }

    async fn update(&self, _: &Permit, call: &Call, department: &Department) -> Result<RenameDepartment, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let updated = sqlx::query!(
            "UPDATE departments
             SET name = $3, name_key = $4, version = $5::bigint
             WHERE realm_id = $1
               AND department_id = $2
               AND version = $5::bigint - 1",
            department.realm_id.as_uuid(),
            department.id.as_uuid(),
            department.name.as_str(),
            department.name.key(),
            department.version,
        )
        .execute(&mut *transaction)
        .await;
        match updated {
            Ok(updated) if updated.rows_affected() == 1 => {}
            Ok(_) => return Ok(RenameDepartment::Stale),
            Err(error) if postgres::violated_constraint(&error) == Some(NAME) => return Ok(RenameDepartment::Exists),
            Err(error) => return Err(postgres::fault(error)),
        }
        self.acts.commit(transaction, call, act_on(AuditAct::DepartmentRenamed, department)).await?;
        Ok(RenameDepartment::Done)
    }

    /// The schema takes it from all profiles that have it.
    async fn delete(&self, _: &Permit, call: &Call, department: &Department) -> Result<bool, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let deleted = sqlx::query!(
            "DELETE FROM departments
             WHERE realm_id = $1
               AND department_id = $2
               AND version = $3",
            department.realm_id.as_uuid(),
            department.id.as_uuid(),
            department.version,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        self.acts.commit(transaction, call, act_on(AuditAct::DepartmentDeleted, department)).await?;
        Ok(true)
    }
}
