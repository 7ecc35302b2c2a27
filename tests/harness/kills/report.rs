//! What came of it, as JSON and for people.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::Run;
use super::imports::domain;
use super::letters::{Taken, commits};
use super::verdict::{self, Expectations};
use super::victim::Victim;
use crate::expected_letters;

/// A kill, and what was seen of it.
#[derive(Debug, Clone, Serialize)]
pub struct Kill {
    pub victim: Victim,
    pub killed_at: Timestamp,
    pub started_at: Timestamp,
    /// Since the imports began.
    pub at_seconds: f64,
    /// What it had on its hands by this metric.
    pub metric: &'static str,
    pub in_flight: u64,
    /// Requests of readers that it took away.
    pub unanswered: usize,
    /// Facts that a relay had published and not archived.
    pub unarchived: u64,
    pub pause_seconds: f64,
    /// Since it was started again, until facts had left the outbox that were there, and letters went out.
    pub flowing_after_seconds: f64,
    /// Facts that arrived again and were absorbed by the inbox.
    pub facts_repeated: u64,
    /// Copies at the mail server of letters that it had been sending.
    pub letters_repeated: usize,
    /// Letters whose change was committed before and that came after; see [`KillReport::recovered`].
    pub recovered: usize,
}

impl Kill {
    /// One of which nothing is known yet.
    pub(super) const fn new(victim: Victim, killed_at: Timestamp) -> Self {
        Self {
            victim,
            killed_at,
            started_at: killed_at,
            at_seconds: 0.0,
            metric: victim.metric(),
            in_flight: 0,
            unanswered: 0,
            unarchived: 0,
            pause_seconds: 0.0,
            flowing_after_seconds: 0.0,
            facts_repeated: 0,
            letters_repeated: 0,
            recovered: 0,
        }
    }

    /// Whether a relay has published facts once more, and the inbox has absorbed them.
    pub(super) const fn shows_repeated_facts(&self) -> bool {
        matches!(self.victim, Victim::CaseMonitoring) && self.unarchived > 0 && self.facts_repeated >= self.unarchived
    }

    /// False where a service that is only asked was killed while nobody waited for its answer, whatever it had said before.
    pub(super) const fn was_at_work(&self) -> bool {
        !matches!(self.victim, Victim::Identity | Victim::Profile) || self.unanswered > 0
    }
}

/// What the letters at the mail server say about the kills.
#[derive(Debug, Serialize)]
pub struct KillReport {
    pub seed: u64,
    pub file: String,
    pub realms: usize,
    pub minutes: f64,
    /// Cases and changes a second, in each realm at the most.
    pub rate: u32,
    pub imports_seconds: f64,
    pub duration_seconds: f64,
    pub kills: Vec<Kill>,
    /// Who was looked at for work in vain; another moment was sought then.
    pub sought_in_vain: Vec<Victim>,
    /// Letters that the log calls for, by a program that knows nothing of Cabinet.
    pub expected: usize,
    /// Expected and never arrived.
    pub lost: usize,
    /// In flight at a kill and arrived after it: letters whose change PostgreSQL had committed before some kill, and whose first
    /// copy the mail server took after it. When a change was committed is PostgreSQL's own word (`track_commit_timestamp`); when a
    /// letter was taken, that of its file at the mail server.
    pub recovered: usize,
    /// Arrived and not expected.
    pub unexpected: usize,
    /// Message-IDs that came more than once.
    pub duplicated: usize,
    /// Facts that arrived again and were absorbed by the inbox, in all.
    pub facts_repeated: u64,
    /// Runs of imports beside the first of each: those that had given up.
    pub imports_run_again: usize,
    /// What must not be. Empty: all is well.
    pub problems: Vec<String>,
}

impl Run<'_> {
    /// Holds what came against what was to come.
    pub(super) fn report(self) -> KillReport {
        let Self { plan, file, rate, stage, imports, started, mut kills, in_vain, repeats, .. } = self;
        let databases = &stage.cabinet.databases;
        let imports_lasted = imports.ended_at().map_or(Duration::ZERO, |ended_at| ended_at - started);
        let taken = Taken::read(&stage.cabinet.mail);
        let expected = (1..=plan.realms).flat_map(|realm| expected_letters(&file, &domain(realm)).letters).collect();
        let letters = Expectations::of(expected, taken.letters().map(|(_, letter)| &letter.told));
        let recovered = verdict::count_recovered(&mut kills, taken.paths(&commits(databases)));
        let unexplained = verdict::count_repeats(&mut kills, taken.repeats());
        let mut problems = letters.problems();
        problems.extend(verdict::problems(&plan.victims, plan.showing, &kills, unexplained));
        if imports_lasted < plan.length {
            problems.push(format!("the imports lasted {imports_lasted:.0?} only: the log is too short"));
        }
        if taken.ambiguous() > 0 {
            problems.push(format!("{} Message-IDs stand for different letters", taken.ambiguous()));
        }
        KillReport {
            seed: plan.seed,
            file: file.display().to_string(),
            realms: plan.realms,
            minutes: plan.length.as_secs_f64() / 60.0,
            rate,
            imports_seconds: imports_lasted.as_secs_f64(),
            duration_seconds: started.elapsed().as_secs_f64(),
            sought_in_vain: in_vain,
            expected: letters.expected,
            lost: letters.lost.len(),
            recovered,
            unexpected: letters.unexpected.len(),
            duplicated: taken.duplicated(),
            facts_repeated: repeats.of_former_processes + repeats.last,
            imports_run_again: imports.run_again(),
            kills,
            problems,
        }
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { victim, at_seconds, metric, in_flight, pause_seconds, flowing_after_seconds, .. } = self;
        write!(f, "{at_seconds:>7.1} s  {:<15} {metric} {in_flight}", format!("{victim:?}"))?;
        write!(f, "; away {pause_seconds:.1} s, all flows {flowing_after_seconds:.1} s later")?;
        for (count, what) in [
            (self.unanswered as u64, "requests unanswered"),
            (self.unarchived, "facts published and not archived"),
            (self.facts_repeated, "facts repeated"),
            (self.letters_repeated as u64, "letters repeated"),
            (self.recovered as u64, "letters recovered"),
        ] {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for KillReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, file, realms, rate, imports_seconds, duration_seconds, .. } = self;
        write!(f, "seed {seed}: {file} into {realms} realms, {rate} a second each; ")?;
        writeln!(f, "imports of {imports_seconds:.0} s, {duration_seconds:.0} s in all")?;
        self.kills.iter().try_for_each(|kill| writeln!(f, "{kill}"))?;
        for victim in &self.sought_in_vain {
            writeln!(f, "{victim:?} was not seen at work for a while; another moment was sought")?;
        }
        let Self { expected, lost, recovered, unexpected, duplicated, .. } = self;
        write!(f, "expected {expected}, lost {lost}, recovered {recovered}, unexpected {unexpected}, duplicated {duplicated}; ")?;
        writeln!(f, "{} facts repeated, {} imports run again", self.facts_repeated, self.imports_run_again)?;
        self.problems.iter().try_for_each(|problem| writeln!(f, "PROBLEM: {problem}"))
    }
}
