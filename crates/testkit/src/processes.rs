//! Signals and process trees, without unsafe code: signals go through the shell's own `kill`, trees are read from `/proc`.

use std::process::{Command, Stdio};

/// Sends a signal (`QUIT`, `KILL` …) to processes; those already gone are no error.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    send(name, pids.iter().map(u32::to_string));
}

/// Sends a signal to everything in a process group.
pub(crate) fn signal_group(name: &str, leader: u32) {
    send(name, [format!("-{leader}")]);
}

fn send(name: &str, targets: impl IntoIterator<Item = String>) {
    let _ = Command::new("/bin/sh")
        .args(["-c", r#"signal=$1; shift; for target; do kill -s "$signal" -- "$target"; done"#, "sh", name])
        .args(targets)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Lists a process and everything below it.
///
/// Process groups will not do: PostgreSQL's children and Erlang's helpers leave the group of the server.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let everyone = all_with_parents();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(everyone.iter().filter(|(_, its_parent)| *its_parent == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// Whether a process runs; one that has ended and waits for its parent to notice does not.
pub(crate) fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

fn all_with_parents() -> Vec<(u32, u32)> {
    let entries = std::fs::read_dir("/proc").expect("Linux has /proc");
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.1)))
        .collect()
}

/// State and parent from `/proc/PID/stat` (proc(5)); the program's name before them may itself hold spaces and parentheses.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}
