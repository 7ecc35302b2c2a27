//! What the last test run says: cargo-nextest's JUnit report.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

use crate::citations::TestName;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
}

/// What a test case may hold when nothing is wrong with it. A failure that a repetition made good is harmless:
/// `.config/nextest.toml` says which few tests may be repeated, and why.
const HARMLESS: [&str; 4] = ["system-out", "system-err", "properties", "flakyFailure"];

pub(crate) fn outcomes(xml: &str) -> Result<BTreeMap<TestName, Outcome>, roxmltree::Error> {
    let document = Document::parse(xml)?;
    let suites = document.descendants().filter(|node| node.has_tag_name("testsuite"));
    let cases =
        suites.flat_map(|suite| suite.children().filter(|node| node.has_tag_name("testcase")).map(move |case| (suite, case)));
    Ok(cases.map(|(suite, case)| (TestName { binary: name(suite), path: name(case) }, outcome(case))).collect())
}

fn name(node: Node<'_, '_>) -> String {
    node.attribute("name").unwrap_or_default().to_owned()
}

fn outcome(case: Node<'_, '_>) -> Outcome {
    let is_clean = case.children().filter(Node::is_element).all(|node| HARMLESS.contains(&node.tag_name().name()));
    if is_clean { Outcome::Passed } else { Outcome::Failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="nextest-run" tests="4" failures="1" errors="0">
          <testsuite name="cabinet-kernel" tests="2">
            <testcase name="a::good" classname="cabinet-kernel" time="0.1"><system-out>said</system-out></testcase>
            <testcase name="a::bad"><failure type="test failure">why</failure></testcase>
          </testsuite>
          <testsuite name="cabinet-e2e::journeys">
            <testcase name="good"/>
            <testcase name="shaky"><flakyFailure type="test failure"/></testcase>
          </testsuite>
        </testsuites>"#;

    #[test]
    fn a_test_has_passed_if_nothing_speaks_against_it() {
        let outcomes = outcomes(REPORT).expect("good XML");
        let outcome =
            |binary: &str, path: &str| outcomes.get(&TestName { binary: binary.to_owned(), path: path.to_owned() }).copied();
        assert_eq!(outcome("cabinet-kernel", "a::good"), Some(Outcome::Passed));
        assert_eq!(outcome("cabinet-kernel", "a::bad"), Some(Outcome::Failed));
        assert_eq!(outcome("cabinet-e2e::journeys", "good"), Some(Outcome::Passed));
        assert_eq!(outcome("cabinet-e2e::journeys", "shaky"), Some(Outcome::Passed));
        assert_eq!(outcome("cabinet-kernel", "good"), None);
    }

    #[test]
    fn a_report_that_was_cut_off_is_refused() {
        assert!(outcomes(&REPORT[..200]).is_err());
    }
}
