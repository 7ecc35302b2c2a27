//! The report: a figure, the limit beside it, and how far apart the rounds were.

use std::io;
use std::path::Path;

use serde::Serialize;

/// What a limit came to on the machine of design §7. A machine more than 30 % slower is disturbed: no ratio is claimed there.
const LEAST_SHARE: f64 = 0.7;

/// What the machine could do, taken in the same run.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    pub(crate) values: Vec<f64>,
    pub(crate) command: String,
    /// What the same came to on the machine of design §7; none if that says nothing.
    pub(crate) reference: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Line {
    name: String,
    value: f64,
    unit: &'static str,
    limit: Option<f64>,
    limit_command: Option<String>,
    ratio: Option<f64>,
    /// The distance from the lowest round to the highest, as a share of the median.
    spread: f64,
    remark: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// A figure by itself.
    pub(crate) fn figure(&mut self, name: &str, values: &[f64], unit: &'static str) {
        self.push(name, values, unit, None, None);
    }

    pub(crate) fn remarked(&mut self, name: &str, values: &[f64], unit: &'static str, remark: String) {
        self.push(name, values, unit, None, Some(remark));
    }

    /// A figure beside its limit.
    pub(crate) fn against(&mut self, name: &str, values: &[f64], unit: &'static str, limit: &Limit) {
        self.push(name, values, unit, Some(limit), None);
    }

    #[allow(clippy::print_stdout, reason = "the report is for the eyes too")]
    fn push(&mut self, name: &str, values: &[f64], unit: &'static str, limit: Option<&Limit>, remark: Option<String>) {
        let value = median(values);
        let found = limit.map(|limit| median(&limit.values));
        let is_disturbed =
            limit.is_some_and(|limit| limit.reference.is_some_and(|reference| median(&limit.values) < reference * LEAST_SHARE));
        let ratio = found.filter(|_| !is_disturbed).map(|found| value / found);
        let remark = if is_disturbed { Some("machine disturbed".to_owned()) } else { remark };
        let line = Line {
            name: name.to_owned(),
            value,
            unit,
            limit: found,
            limit_command: limit.map(|limit| limit.command.clone()),
            ratio,
            spread: spread(values),
            remark,
        };
        let beside = line.limit.map(|limit| format!("  of {limit:.0}")).unwrap_or_default();
        let share = line.ratio.map(|ratio| format!("  = {ratio:.2}")).unwrap_or_default();
        let remark = line.remark.as_ref().map(|remark| format!("  ({remark})")).unwrap_or_default();
        println!("{:<32} {value:>12.2} {unit}{beside}{share}{remark}", line.name);
        self.lines.push(line);
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, serde_json::to_string_pretty(&self.lines).map_err(io::Error::other)?)
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which that share of the values lies (nearest rank).
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of a short list"
    )]
    let rank = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn spread(values: &[f64]) -> f64 {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (highest - lowest) / median(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((median(&values), percentile(&values, 0.99), percentile(&values, 1.0)), (50.0, 99.0, 100.0));
        assert!((percentile(&[7.0], 0.99) - 7.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn of_a_disturbed_machine_no_ratio_is_claimed() {
        let limit = |found: f64| Limit { values: vec![found], command: "pgbench".to_owned(), reference: Some(5300.0) };
        let mut report = Report::default();
        report.against("write", &[3000.0], "1/s", &limit(5000.0));
        report.against("write", &[3000.0], "1/s", &limit(3000.0));
        let told: Vec<_> = report.lines.iter().map(|line| (line.ratio, line.remark.as_deref())).collect();
        assert_eq!(told, [(Some(0.6), None), (None, Some("machine disturbed"))]);
    }
}
