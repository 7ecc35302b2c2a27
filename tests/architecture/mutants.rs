//! Mutants name the tests that catch them: a test that was renamed leaves none behind.

use regex::Regex;

use crate::workspace::{assert_none, files, rust_files};

#[test]
fn every_mutant_names_a_test_that_exists() {
    let sources = rust_files();
    let named = Regex::new(r"test\(=(?:\w+::)*(\w+)\)").expect("a good expression");
    let mutants = files("tests/mutants", "patch");
    assert!(mutants.len() >= 12, "the issue asks for a dozen");
    let mut findings = Vec::new();
    for mutant in &mutants {
        let caught_by = mutant.text.lines().find_map(|line| line.strip_prefix("Caught by: ")).unwrap_or_default();
        let test = named.captures(caught_by).map(|captures| format!("fn {}(", &captures[1]));
        let exists = test.is_some_and(|test| sources.iter().any(|source| source.text.contains(&test)));
        if !exists {
            findings.push(format!("{}: no such test: {caught_by}", mutant.path));
        }
    }
    assert_none(&findings);
}
