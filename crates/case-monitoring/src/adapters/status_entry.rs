//! A status as presets and the database write it: one form, so that copying a preset is copying.

use serde::{Deserialize, Serialize};

use crate::domain::{ProposedStatus, Status, StatusCategory, Texts};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusEntry {
    code: String,
    category: Category,
    label: Texts,
    /// What the requester sees; the staff's label if there is no other.
    requester_label: Option<Texts>,
    moves_to: Vec<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
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

impl From<StatusEntry> for ProposedStatus {
    fn from(entry: StatusEntry) -> Self {
        Self {
            code: entry.code,
            category: entry.category.into(),
            staff_label: entry.label,
            requester_label: entry.requester_label,
            moves_to: entry.moves_to,
        }
    }
}

impl From<&Status> for StatusEntry {
    fn from(status: &Status) -> Self {
        Self {
            code: status.code.to_string(),
            category: status.category.into(),
            label: status.staff_label.clone().into_texts(),
            requester_label: Some(status.requester_label.clone().into_texts()),
            moves_to: status.moves.to_texts(),
        }
    }
}

impl From<Category> for StatusCategory {
    fn from(category: Category) -> Self {
        match category {
            Category::New => Self::New,
            Category::Open => Self::Open,
            Category::Waiting => Self::Waiting,
            Category::OnHold => Self::OnHold,
            Category::Resolved => Self::Resolved,
            Category::Closed => Self::Closed,
            Category::Cancelled => Self::Cancelled,
        }
    }
}

impl From<StatusCategory> for Category {
    fn from(category: StatusCategory) -> Self {
        match category {
            StatusCategory::New => Self::New,
            StatusCategory::Open => Self::Open,
            StatusCategory::Waiting => Self::Waiting,
            StatusCategory::OnHold => Self::OnHold,
            StatusCategory::Resolved => Self::Resolved,
            StatusCategory::Closed => Self::Closed,
            StatusCategory::Cancelled => Self::Cancelled,
        }
    }
}
