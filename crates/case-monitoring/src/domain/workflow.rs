//! A realm's statuses and the moves between them (C1).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// A status's name in its realm: `[A-Z][A-Z0-9_]{0,39}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StatusCode(String);

/// The text is not a status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a status code has up to 40 upper-case letters, digits and underscores, a letter first")]
pub(crate) struct InvalidStatusCode;

impl FromStr for StatusCode {
    type Err = InvalidStatusCode;

    fn from_str(text: &str) -> Result<Self, InvalidStatusCode> {
        let starts_well = text.starts_with(|first: char| first.is_ascii_uppercase());
        let goes_on_well = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        if starts_well && goes_on_well && text.len() <= 40 { Ok(Self(text.to_owned())) } else { Err(InvalidStatusCode) }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StatusCode {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The fixed meaning of a realm's own status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusCategory {
    New,
    Open,
    Waiting,
    OnHold,
    Resolved,
    Closed,
    Cancelled,
}

/// One text in several languages, by ISO 639-1 code.
pub(crate) type LocalizedText = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: StatusCode,
    pub(crate) category: StatusCategory,
    pub(crate) staff_label: LocalizedText,
    pub(crate) requester_label: LocalizedText,
    pub(crate) moves: Moves,
}

/// Where a status leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moves {
    /// To every other status.
    Anywhere,
    To(BTreeSet<StatusCode>),
}

/// The workflow has no such status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the workflow has no such status")]
pub(crate) struct StatusUnknown;

/// Why a list of statuses is no workflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidWorkflow {
    #[error("a workflow has at least one status")]
    Empty,
    #[error("status {0} stands twice")]
    Twice(StatusCode),
    #[error("a move leads to {0}, which is no status of the workflow")]
    Nowhere(StatusCode),
}

/// The statuses of a realm, in the order in which people think of them; a case starts in the first.
#[derive(Debug, Clone)]
pub(crate) struct Workflow(Vec<Status>);

impl Workflow {
    pub(crate) fn new(statuses: Vec<Status>) -> Result<Self, InvalidWorkflow> {
        let mut codes = BTreeSet::new();
        for status in &statuses {
            if !codes.insert(&status.code) {
                return Err(InvalidWorkflow::Twice(status.code.clone()));
            }
        }
        for status in &statuses {
            if let Moves::To(targets) = &status.moves
                && let Some(nowhere) = targets.iter().find(|code| !codes.contains(code))
            {
                return Err(InvalidWorkflow::Nowhere(nowhere.clone()));
            }
        }
        if statuses.is_empty() { Err(InvalidWorkflow::Empty) } else { Ok(Self(statuses)) }
    }

    pub(crate) fn first(&self) -> &Status {
        self.0.first().expect("a workflow without a status is not made")
    }

    pub(crate) fn status(&self, code: &StatusCode) -> Result<&Status, StatusUnknown> {
        self.0.iter().find(|status| status.code == *code).ok_or(StatusUnknown)
    }
}

impl Status {
    /// True if a case may go from this status to the other. Staying is no move.
    pub(crate) fn leads_to(&self, other: &Self) -> bool {
        let leads_there = match &self.moves {
            Moves::Anywhere => true,
            Moves::To(targets) => targets.contains(&other.code),
        };
        self.code != other.code && leads_there
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn status(code: &str, category: StatusCategory, moves: &[&str]) -> Status {
        let label = LocalizedText::from([("en".to_owned(), code.to_lowercase())]);
        Status {
            code: code.parse().expect("a good code"),
            category,
            staff_label: label.clone(),
            requester_label: label,
            moves: Moves::To(moves.iter().map(|code| code.parse().expect("a good code")).collect()),
        }
    }

    #[test]
    fn a_move_that_leads_nowhere_makes_no_workflow() {
        let error = Workflow::new(vec![status("NEW", StatusCategory::New, &["DONE"])]).err();
        assert_eq!(error.map(|error| error.to_string()), Some("a move leads to DONE, which is no status of the workflow".into()));
    }

    #[test]
    fn a_status_stands_once_and_there_is_one() {
        let twice = vec![status("NEW", StatusCategory::New, &[]), status("NEW", StatusCategory::Open, &[])];
        assert!(matches!(Workflow::new(twice), Err(InvalidWorkflow::Twice(_))));
        assert!(matches!(Workflow::new(vec![]), Err(InvalidWorkflow::Empty)));
    }

    #[test]
    fn a_status_code_is_what_the_contract_says() {
        assert!("AWAITING_VENDOR_2".parse::<StatusCode>().is_ok());
        for wrong in ["", "new", "2ND", "_NEW", "NEW-1", "НОВАЯ", &"A".repeat(41)] {
            assert!(wrong.parse::<StatusCode>().is_err(), "{wrong}");
        }
    }
}
