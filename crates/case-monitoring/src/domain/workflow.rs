//! A realm's statuses and the moves between them (C1).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::{InvalidLabel, Label, Texts};

/// Stands for a move to every other status.
pub(crate) const ANYWHERE: &str = "*";

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: StatusCode,
    pub(crate) category: StatusCategory,
    pub(crate) staff_label: Label,
    pub(crate) requester_label: Label,
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

/// A status as somebody proposes it: nobody has looked at it yet.
#[derive(Debug, Clone)]
pub(crate) struct ProposedStatus {
    pub(crate) code: String,
    pub(crate) category: StatusCategory,
    pub(crate) staff_label: Texts,
    /// The staff's label if there is no other.
    pub(crate) requester_label: Option<Texts>,
    /// Codes, or [`ANYWHERE`] alone.
    pub(crate) moves_to: Vec<String>,
}

/// Why a list of statuses is no workflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidWorkflow {
    #[error("a workflow has at least one status")]
    Empty,
    #[error("{flaw}")]
    Status {
        /// Counted from 0.
        index: usize,
        part: StatusPart,
        flaw: Flaw,
    },
}

/// What of a status is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusPart {
    Code,
    StaffLabel,
    RequesterLabel,
    Moves,
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error(transparent)]
    Code(#[from] InvalidStatusCode),
    #[error("status {0} stands twice")]
    Twice(StatusCode),
    #[error(transparent)]
    Label(#[from] InvalidLabel),
    #[error("a move leads to {0}, which is no status of the workflow")]
    Nowhere(StatusCode),
    #[error("`*` leads everywhere and stands alone")]
    AnywhereAndMore,
}

/// The statuses of a realm, in the order in which people think of them; a case starts in the first.
#[derive(Debug, Clone)]
pub(crate) struct Workflow(Vec<Status>);

/// The workflow of a realm at one moment.
#[derive(Debug, Clone)]
pub(crate) struct RealmWorkflow {
    pub(crate) workflow: Workflow,
    /// Grows by one with every replacement. What was decided under one version is not written under another.
    pub(crate) version: i64,
}

/// The workflow that realms of a kind begin with.
#[derive(Debug, Clone)]
pub(crate) struct Preset {
    pub(crate) name: String,
    /// Grows with every change of the preset.
    pub(crate) version: i32,
    pub(crate) workflow: Workflow,
}

impl Workflow {
    pub(crate) fn parse(proposed: Vec<ProposedStatus>) -> Result<Self, InvalidWorkflow> {
        if proposed.is_empty() {
            return Err(InvalidWorkflow::Empty);
        }
        let mut statuses = Vec::with_capacity(proposed.len());
        for (index, proposed) in proposed.into_iter().enumerate() {
            let status = Status::parse(proposed).map_err(|(part, flaw)| InvalidWorkflow::Status { index, part, flaw })?;
            statuses.push(status);
        }
        let workflow = Self(statuses);
        workflow.require_codes_once()?;
        workflow.require_moves_somewhere()?;
        Ok(workflow)
    }

    fn require_codes_once(&self) -> Result<(), InvalidWorkflow> {
        let mut codes = BTreeSet::new();
        for (index, status) in self.0.iter().enumerate() {
            if !codes.insert(&status.code) {
                let flaw = Flaw::Twice(status.code.clone());
                return Err(InvalidWorkflow::Status { index, part: StatusPart::Code, flaw });
            }
        }
        Ok(())
    }

    fn require_moves_somewhere(&self) -> Result<(), InvalidWorkflow> {
        for (index, status) in self.0.iter().enumerate() {
            if let Moves::To(targets) = &status.moves
                && let Some(nowhere) = targets.iter().find(|code| self.status(code).is_err())
            {
                let flaw = Flaw::Nowhere(nowhere.clone());
                return Err(InvalidWorkflow::Status { index, part: StatusPart::Moves, flaw });
            }
        }
        Ok(())
    }

    pub(crate) fn statuses(&self) -> &[Status] {
        &self.0
    }

    pub(crate) fn first(&self) -> &Status {
        self.0.first().expect("a workflow without a status is not made")
    }

    pub(crate) fn status(&self, code: &StatusCode) -> Result<&Status, StatusUnknown> {
        self.0.iter().find(|status| status.code == *code).ok_or(StatusUnknown)
    }
}

impl Status {
    fn parse(proposed: ProposedStatus) -> Result<Self, (StatusPart, Flaw)> {
        let code = proposed.code.parse().map_err(|invalid: InvalidStatusCode| (StatusPart::Code, invalid.into()))?;
        let staff_label = Label::parse(proposed.staff_label).map_err(|invalid| (StatusPart::StaffLabel, invalid.into()))?;
        let requester_label = match proposed.requester_label {
            Some(texts) => Label::parse(texts).map_err(|invalid| (StatusPart::RequesterLabel, invalid.into()))?,
            None => staff_label.clone(),
        };
        let moves = Moves::parse(&proposed.moves_to).map_err(|flaw| (StatusPart::Moves, flaw))?;
        Ok(Self { code, category: proposed.category, staff_label, requester_label, moves })
    }

    /// True if a case may go from this status to the other. Staying is no move.
    pub(crate) fn leads_to(&self, other: &Self) -> bool {
        let leads_there = match &self.moves {
            Moves::Anywhere => true,
            Moves::To(targets) => targets.contains(&other.code),
        };
        self.code != other.code && leads_there
    }
}

impl Moves {
    fn parse(texts: &[String]) -> Result<Self, Flaw> {
        if texts == [ANYWHERE] {
            return Ok(Self::Anywhere);
        }
        if texts.iter().any(|text| text == ANYWHERE) {
            return Err(Flaw::AnywhereAndMore);
        }
        let targets: Result<_, InvalidStatusCode> = texts.iter().map(|text| text.parse()).collect();
        Ok(Self::To(targets?))
    }

    /// As they were proposed, in the order of the codes.
    pub(crate) fn to_texts(&self) -> Vec<String> {
        match self {
            Self::Anywhere => vec![ANYWHERE.to_owned()],
            Self::To(targets) => targets.iter().map(StatusCode::to_string).collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn status(code: &str, category: StatusCategory, moves: &[&str]) -> ProposedStatus {
        ProposedStatus {
            code: code.to_owned(),
            category,
            staff_label: texts("en", &code.to_lowercase()),
            requester_label: None,
            moves_to: moves.iter().map(|code| (*code).to_owned()).collect(),
        }
    }

    fn texts(language: &str, text: &str) -> Texts {
        Texts::from([(language.to_owned(), text.to_owned())])
    }

    /// What is wrong with the second of two statuses.
    fn second_is_refused(second: ProposedStatus) -> (StatusPart, Flaw) {
        let error = Workflow::parse(vec![status("NEW", StatusCategory::New, &["*"]), second]).expect_err("no workflow");
        match error {
            InvalidWorkflow::Status { index: 1, part, flaw } => (part, flaw),
            other => panic!("{other:?}"),
        }
    }

    fn done() -> ProposedStatus {
        status("DONE", StatusCategory::Closed, &[])
    }

    #[test]
    fn a_move_that_leads_nowhere_makes_no_workflow() {
        let (part, flaw) = second_is_refused(ProposedStatus { moves_to: vec!["NEW".into(), "LOST".into()], ..done() });
        assert_eq!(part, StatusPart::Moves);
        assert_eq!(flaw.to_string(), "a move leads to LOST, which is no status of the workflow");
        let (part, flaw) = second_is_refused(ProposedStatus { moves_to: vec!["lost".into()], ..done() });
        assert_eq!((part, flaw), (StatusPart::Moves, Flaw::Code(InvalidStatusCode)));
    }

    #[test]
    fn everywhere_stands_alone() {
        let anywhere = Workflow::parse(vec![status("NEW", StatusCategory::New, &["*"]), done()]).expect("a good workflow");
        assert!(anywhere.first().leads_to(&anywhere.statuses()[1]) && !anywhere.first().leads_to(anywhere.first()));
        let (part, flaw) = second_is_refused(ProposedStatus { moves_to: vec!["*".into(), "NEW".into()], ..done() });
        assert_eq!((part, flaw), (StatusPart::Moves, Flaw::AnywhereAndMore));
    }

    #[test]
    fn a_status_stands_once_and_there_is_one() {
        let (part, flaw) = second_is_refused(status("NEW", StatusCategory::Open, &[]));
        assert_eq!((part, flaw.to_string()), (StatusPart::Code, "status NEW stands twice".to_owned()));
        assert_eq!(Workflow::parse(vec![]).err(), Some(InvalidWorkflow::Empty));
    }

    /// Rule C1.b: without a label of his own the requester sees the staff's; each label is one.
    #[test]
    fn each_side_has_a_label() {
        let two = ProposedStatus { requester_label: Some(texts("pl", "Gotowe")), ..done() };
        let workflow = Workflow::parse(vec![status("NEW", StatusCategory::New, &[]), two]).expect("a good workflow");
        let [first, second] = workflow.statuses() else { panic!("two statuses") };
        assert_eq!(first.requester_label, first.staff_label);
        assert_ne!(second.requester_label, second.staff_label);

        let (part, flaw) = second_is_refused(ProposedStatus { staff_label: Texts::new(), ..done() });
        assert_eq!((part, flaw), (StatusPart::StaffLabel, Flaw::Label(InvalidLabel::Empty)));
        let (part, flaw) = second_is_refused(ProposedStatus { requester_label: Some(texts("de", "Fertig")), ..done() });
        assert_eq!((part, flaw), (StatusPart::RequesterLabel, Flaw::Label(InvalidLabel::LanguageUnknown)));
    }

    #[test]
    fn a_status_code_is_what_the_contract_says() {
        assert!("AWAITING_VENDOR_2".parse::<StatusCode>().is_ok());
        for wrong in ["", "new", "2ND", "_NEW", "NEW-1", "НОВАЯ", &"A".repeat(41)] {
            assert!(wrong.parse::<StatusCode>().is_err(), "{wrong}");
        }
        let (part, flaw) = second_is_refused(ProposedStatus { code: "done".into(), ..done() });
        assert_eq!((part, flaw), (StatusPart::Code, Flaw::Code(InvalidStatusCode)));
    }
}
