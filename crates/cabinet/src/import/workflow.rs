//! The workflow that an import needs: whether the realm has it, and how it gets it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::r#type::v1::LocalizedText;
use runtime::StartError;
use serde::Deserialize;

use super::connection::Connection;

/// A workflow in the form of the presets of case-monitoring.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowFile {
    status: Vec<StatusEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusEntry {
    code: String,
    category: String,
    label: BTreeMap<String, String>,
    requester_label: Option<BTreeMap<String, String>>,
    moves_to: Vec<String>,
}

impl StatusEntry {
    fn status(self) -> Result<pb::WorkflowStatus, StartError> {
        let category = pb::StatusCategory::from_str_name(&format!("STATUS_CATEGORY_{}", self.category));
        let text = |by_language: BTreeMap<String, String>| LocalizedText { by_language: by_language.into_iter().collect() };
        Ok(pb::WorkflowStatus {
            category: category.ok_or_else(|| format!("{} is no category", self.category))?.into(),
            code: self.code,
            staff_label: Some(text(self.label)),
            requester_label: self.requester_label.map(text),
            moves_to: self.moves_to,
        })
    }
}

/// Gives the realm the workflow of the file.
pub(super) async fn replace(path: &Path, connection: &Connection) -> Result<(), StartError> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let file: WorkflowFile = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let statuses = file.status.into_iter().map(StatusEntry::status).collect::<Result<_, _>>()?;
    let message = pb::ReplaceWorkflowRequest { statuses, ..Default::default() };
    connection.call(message, async |request| connection.workflows().replace_workflow(request).await).await?;
    Ok(())
}

/// Before anything is brought: the realm has every status that the file's cases may get.
pub(super) async fn require(connection: &Connection, codes: impl Iterator<Item = &str>) -> Result<(), StartError> {
    let message = pb::GetWorkflowRequest::default();
    let workflow = connection.call(message, async |request| connection.workflows().get_workflow(request).await).await?;
    let there: BTreeSet<String> = workflow.statuses.into_iter().map(|status| status.code).collect();
    let missing: BTreeSet<&str> = codes.filter(|code| !there.contains(*code)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
    Err(format!("the realm's workflow has no {missing}; `cabinet import workflow` replaces it").into())
}
