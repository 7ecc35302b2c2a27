//! What an import has done, in words and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use serde::Serialize;

/// Counts of an import. Every row is one of cases, changes, updates, already there, refused.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Report {
    pub(super) rows: u64,
    /// Requesters who were added; others were there.
    pub(super) users: u64,
    pub(super) cases: u64,
    pub(super) changes: u64,
    /// Rows that change no status.
    pub(super) updates: u64,
    /// Rows that Cabinet had taken before, or had gone past.
    pub(super) already_there: u64,
    pub(super) refused: Vec<Refusal>,
    pub(super) seconds: f64,
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Refusal {
    pub(super) line: u64,
    pub(super) reason: String,
    pub(super) detail: String,
}

/// What became of a row.
#[derive(Debug)]
pub(super) enum Outcome {
    Created,
    Changed,
    Update,
    AlreadyThere,
    Refused(Refusal),
}

/// A report that many write at once.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Report>);

impl Tally {
    pub(super) fn users(&self, count: u64) {
        self.with(|report| report.users += count);
    }

    pub(super) fn row(&self, outcome: Outcome) {
        self.with(|report| {
            report.rows += 1;
            match outcome {
                Outcome::Created => report.cases += 1,
                Outcome::Changed => report.changes += 1,
                Outcome::Update => report.updates += 1,
                Outcome::AlreadyThere => report.already_there += 1,
                Outcome::Refused(refusal) => report.refused.push(refusal),
            }
        });
    }

    /// The report as it stands, refusals in the order of the file.
    pub(super) fn report(&self, seconds: f64) -> Report {
        let mut report = self.with(|report| report.clone());
        report.refused.sort_by_key(|refusal| refusal.line);
        report.seconds = seconds;
        report
    }

    fn with<T>(&self, write: impl FnOnce(&mut Report) -> T) -> T {
        write(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// How many refusals are shown; the JSON has all of them.
const SHOWN: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, users, cases, changes, updates, already_there, refused, seconds } = self;
        writeln!(
            f,
            "{rows} rows in {seconds:.1} s: {cases} cases created, {changes} status changes made, {updates} rows change"
        )?;
        write!(f, "no status, {already_there} were there already, {} refused; {users} requesters added", refused.len())?;
        let mut by_reason: BTreeMap<&str, usize> = BTreeMap::new();
        for refusal in refused {
            *by_reason.entry(&refusal.reason).or_default() += 1;
        }
        for (reason, count) in by_reason {
            write!(f, "\n{count:>8} {reason}")?;
        }
        for Refusal { line, reason, detail } in refused.iter().take(SHOWN) {
            write!(f, "\nline {line}: {reason} {detail}")?;
        }
        if refused.len() > SHOWN {
            write!(f, "\n… and {} more (--report)", refused.len() - SHOWN)?;
        }
        Ok(())
    }
}
