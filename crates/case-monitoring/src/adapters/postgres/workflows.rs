//! The workflows of realms in PostgreSQL.

use api::cabinet::identity::v1::AuditAct;
use async_trait::async_trait;
use kernel::{Call, Fault, Permit, RealmId};
use messaging::{Act, ActLog};
use runtime::postgres;
use sqlx::PgPool;

use crate::adapters::status_entry::StatusEntry;
use crate::application::{ReplaceWorkflowError, Workflows};
use crate::domain::{Preset, RealmWorkflow, StatusCode, Workflow};

pub(crate) struct PgWorkflows {
    pool: PgPool,
    acts: ActLog,
}

impl PgWorkflows {
    pub(crate) const fn new(pool: PgPool, acts: ActLog) -> Self {
        Self { pool, acts }
    }
}

#[async_trait]
impl Workflows for PgWorkflows {
    async fn get(&self, realm_id: RealmId) -> Result<Option<RealmWorkflow>, Fault> {
        let row = sqlx::query!(
            r#"SELECT version, statuses::text AS "statuses!"
             FROM workflows
             WHERE realm_id = $1"#,
            realm_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(|row| Ok(RealmWorkflow { workflow: workflow(&row.statuses)?, version: row.version })).transpose()
    }

    async fn insert_missing(&self, realm_id: RealmId, preset: &Preset) -> Result<(), Fault> {
        sqlx::query!(
            "INSERT INTO workflows (realm_id, preset, preset_version, version, statuses)
             VALUES ($1, $2, $3, 1, $4::text::jsonb)
             ON CONFLICT (realm_id) DO NOTHING",
            realm_id.as_uuid(),
            preset.name,
            preset.version,
            statuses(&preset.workflow)?,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }

    async fn replace(
        &self,
        _: &Permit,
        call: &Call,
        realm_id: RealmId,
        workflow: &Workflow,
        only_version: Option<i64>,
    ) -> Result<i64, ReplaceWorkflowError> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let codes: Vec<String> = workflow.statuses().iter().map(|status| status.code.to_string()).collect();
        // From the question which statuses are in use to the commit, `workflow_statuses_in_use` holds the lock that every write
        // of a case shares: one that was under way before it is seen by the question, one that comes after it finds another
        // version and is decided anew. Without a version to be replaced, of two replacements the later stands.
        let answer = sqlx::query!(
            r#"WITH in_use AS MATERIALIZED (
                 SELECT workflow_statuses_in_use($1, $2) AS codes
             ), replaced AS (
                 UPDATE workflows
                 SET version = version + 1, statuses = $3::text::jsonb
                 FROM in_use
                 WHERE realm_id = $1
                   AND in_use.codes = '{}'
                   AND ($4::bigint IS NULL OR version = $4)
                 RETURNING version
             )
             SELECT codes AS "codes!", (SELECT version FROM replaced) AS version
             FROM in_use"#,
            realm_id.as_uuid(),
            &codes,
            statuses(workflow)?,
            only_version,
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        let version = match answer.version {
            Some(version) => version,
            None if answer.codes.is_empty() => return Err(ReplaceWorkflowError::Stale),
            None => return Err(ReplaceWorkflowError::InUse(status_codes(&answer.codes)?)),
        };
        let act = Act::in_realm(AuditAct::WorkflowReplaced, realm_id, realm_id).detailed(version.to_string());
        self.acts.commit(transaction, call, act).await?;
        Ok(version)
    }
}

fn workflow(stored: &str) -> Result<Workflow, Fault> {
    let entries: Vec<StatusEntry> = serde_json::from_str(stored).map_err(Fault::internal)?;
    Workflow::parse(entries.into_iter().map(Into::into).collect()).map_err(Fault::internal)
}

fn statuses(workflow: &Workflow) -> Result<String, Fault> {
    let entries: Vec<StatusEntry> = workflow.statuses().iter().map(Into::into).collect();
    serde_json::to_string(&entries).map_err(Fault::internal)
}

fn status_codes(texts: &[String]) -> Result<Vec<StatusCode>, Fault> {
    texts.iter().map(|text| text.parse().map_err(Fault::internal)).collect()
}
