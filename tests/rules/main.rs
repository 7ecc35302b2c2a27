//! Says of every rule in `tests/RULES.md` which tests of the last run prove it, and fails where the book claims too much.
//!
//! Run after `cargo nextest run`, whose JUnit report it reads: `cargo run -q -p cabinet-e2e --bin rules`.

mod binaries;
mod citations;
mod report;
mod rule_book;
mod verdict;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cargo_metadata::MetadataCommand;

use crate::binaries::{Binary, home};
use crate::citations::Citation;
use crate::rule_book::RuleBook;
use crate::verdict::judge;

/// The runner keeps its reports here below the workspace, wherever cargo builds.
const REPORT: &str = "target/nextest/default/junit.xml";

fn main() -> ExitCode {
    let problems = check().unwrap_or_else(|problems| problems);
    for problem in &problems {
        complain(problem);
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what is proven, and answers with what is wrong. An error is why nothing could be said.
fn check() -> Result<Vec<String>, Vec<String>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = tests.parent().expect("the package stands in the workspace's folder");
    let metadata = MetadataCommand::new().manifest_path(workspace.join("Cargo.toml")).no_deps().exec();
    let metadata = metadata.map_err(|error| vec![format!("cargo metadata: {error}")])?;

    let book = RuleBook::parse(&read(&tests.join("RULES.md"))?)?;
    let report = workspace.join(REPORT);
    let outcomes = report::outcomes(&read(&report)?).map_err(|error| vec![format!("{}: {error}", report.display())])?;
    let citations = all_citations(workspace, &binaries::binaries(&metadata))?;

    let verdict = judge(&book, &citations, &outcomes);
    write!(std::io::stdout(), "{verdict}").map_err(|error| vec![format!("standard output: {error}")])?;
    Ok(verdict.problems)
}

fn read(path: &Path) -> Result<String, Vec<String>> {
    std::fs::read_to_string(path).map_err(|error| vec![format!("{}: {error}", path.display())])
}

/// The citations of every Rust file of the workspace, or what is wrong with some of them.
fn all_citations(workspace: &Path, binaries: &[Binary]) -> Result<Vec<Citation>, Vec<String>> {
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        rust_files(&workspace.join(folder), &mut files).map_err(|error| vec![format!("{folder}: {error}")])?;
    }
    files.sort();
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        let Some((binary, module)) = home(&file, binaries) else { continue };
        match citations::citations(&read(&file)?, binary, &module) {
            Ok(citations) => found.extend(citations),
            Err(problem) => problems.push(format!("{}: {problem}", file.display())),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn complain(problem: &str) {
    // Nobody is left to tell where standard error is closed.
    let _ = writeln!(std::io::stderr(), "rules: {problem}");
}
