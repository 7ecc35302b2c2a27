//! CPU time by program, as Linux counts it (proc(5)).

use std::collections::BTreeMap;

/// A tick of `/proc/<pid>/stat` (`sysconf(_SC_CLK_TCK)`), which is 100 a second on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;
/// Whose time is told.
const PROGRAMS: [&str; 6] = ["cabinet-identit", "cabinet-profile", "cabinet-case-mo", "cabinet-notific", "postgres", "beam.smp"];

/// CPU seconds of every program so far, all of its processes together.
pub(crate) fn used() -> BTreeMap<&'static str, f64> {
    let mut used = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some((program, ticks)) = read(&stat) {
            *used.entry(program).or_default() += ticks / TICKS_PER_SECOND;
        }
    }
    used
}

fn read(stat: &str) -> Option<(&'static str, f64)> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let program = PROGRAMS.into_iter().find(|program| name.starts_with(program))?;
    // Fields 14 and 15, counted from the pid; the state is the third.
    let mut times = after.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some((program, user + system))
}

/// Microseconds an event, by program: `postgres 62, …`.
pub(crate) fn told(before: &BTreeMap<&'static str, f64>, events: f64) -> String {
    let parts = used().into_iter().map(|(program, seconds)| {
        let spent = seconds - before.get(program).copied().unwrap_or_default();
        format!("{program} {:.0}", spent * 1e6 / events)
    });
    format!("µs of CPU an event: {}", parts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "42 (postgres: a) b) S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(read(stat), Some(("postgres", 300.0)));
        assert_eq!(read("42 (bash) S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0"), None);
    }
}
