//! Realms and their workflows, read from a file at the start.

use std::collections::HashMap;
use std::path::Path;

use kernel::{Fault, RealmId};
use serde::Deserialize;

use crate::application::Workflows;
use crate::domain::{LocalizedText, Moves, Status, StatusCategory, Workflow};

/// A move to every other status.
const ANYWHERE: &str = "*";

/// Case-monitoring's part of the file; the other services read theirs.
#[derive(Debug, Deserialize)]
struct File {
    realm: Vec<Realm>,
}

#[derive(Debug, Deserialize)]
struct Realm {
    id: String,
    status: Vec<StatusEntry>,
}

#[derive(Debug, Deserialize)]
struct StatusEntry {
    code: String,
    category: Category,
    label: LocalizedText,
    /// What the requester sees; the staff's label if there is no other.
    requester_label: Option<LocalizedText>,
    moves_to: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Category {
    New,
    Open,
    Waiting,
    OnHold,
    Resolved,
    Closed,
    Cancelled,
}

#[derive(Debug)]
pub(crate) struct RealmFile {
    workflows: HashMap<RealmId, Workflow>,
}

impl RealmFile {
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(Fault::internal)?;
        let file: File = toml::from_str(&text).map_err(Fault::internal)?;
        let mut workflows = HashMap::new();
        for realm in file.realm {
            let statuses: Result<_, _> = realm.status.into_iter().map(status).collect();
            let workflow = Workflow::new(statuses?).map_err(Fault::internal)?;
            workflows.insert(realm.id.parse().map_err(Fault::internal)?, workflow);
        }
        Ok(Self { workflows })
    }
}

impl Workflows for RealmFile {
    fn get(&self, realm_id: RealmId) -> Option<&Workflow> {
        self.workflows.get(&realm_id)
    }
}

fn status(entry: StatusEntry) -> Result<Status, Fault> {
    let moves = if entry.moves_to.iter().any(|target| target == ANYWHERE) {
        Moves::Anywhere
    } else {
        let targets: Result<_, _> = entry.moves_to.iter().map(|target| target.parse()).collect();
        Moves::To(targets.map_err(Fault::internal)?)
    };
    Ok(Status {
        code: entry.code.parse().map_err(Fault::internal)?,
        category: category(entry.category),
        requester_label: entry.requester_label.unwrap_or_else(|| entry.label.clone()),
        staff_label: entry.label,
        moves,
    })
}

const fn category(category: Category) -> StatusCategory {
    match category {
        Category::New => StatusCategory::New,
        Category::Open => StatusCategory::Open,
        Category::Waiting => StatusCategory::Waiting,
        Category::OnHold => StatusCategory::OnHold,
        Category::Resolved => StatusCategory::Resolved,
        Category::Closed => StatusCategory::Closed,
        Category::Cancelled => StatusCategory::Cancelled,
    }
}
