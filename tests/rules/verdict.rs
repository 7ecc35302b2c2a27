//! Holds the rule book, the citations and the last test run against each other.

use std::collections::BTreeMap;
use std::fmt;

use crate::citations::{Citation, TestName};
use crate::report::Outcome;
use crate::rule_book::{Rule, RuleBook, State};

/// A rule with the tests that passed and prove it.
struct Proven<'a> {
    rule: &'a Rule,
    tests: Vec<&'a TestName>,
}

/// What came out. Its `Display` is the report.
pub(crate) struct Verdict<'a> {
    rules: Vec<Proven<'a>>,
    pub(crate) problems: Vec<String>,
}

pub(crate) fn judge<'a>(book: &'a RuleBook, citations: &'a [Citation], outcomes: &BTreeMap<TestName, Outcome>) -> Verdict<'a> {
    let rules: Vec<_> = book.rules.iter().map(|rule| Proven { rule, tests: proofs(rule, citations, outcomes) }).collect();
    let unproven = book.to_prove().filter(|rule| proofs(rule, citations, outcomes).is_empty());
    let mut problems: Vec<_> =
        unproven.map(|rule| format!("{} is marked built and no test that passed proves it", rule.id)).collect();
    for Citation { rules, test } in citations {
        let unknown = rules.iter().filter(|id| !book.contains(id));
        problems.extend(unknown.map(|id| format!("{test} cites {id}, which is not in RULES.md")));
        let vague = rules.iter().filter(|id| book.has_parts(id));
        problems.extend(vague.map(|id| format!("{test} cites {id}, which has parts: say which")));
        match outcomes.get(test) {
            Some(Outcome::Passed) => {}
            Some(Outcome::Failed) => problems.push(format!("{test} failed, the proof of {}", rules.join(", "))),
            None => problems.push(format!("{test} did not run, the proof of {}", rules.join(", "))),
        }
    }
    Verdict { rules, problems }
}

fn proofs<'a>(rule: &Rule, citations: &'a [Citation], outcomes: &BTreeMap<TestName, Outcome>) -> Vec<&'a TestName> {
    let citing = citations.iter().filter(|citation| citation.rules.contains(&rule.id));
    citing.map(|citation| &citation.test).filter(|test| outcomes.get(test) == Some(&Outcome::Passed)).collect()
}

impl Verdict<'_> {
    fn count(&self, state: State) -> usize {
        self.rules.iter().filter(|proven| proven.rule.state == state && !proven.rule.id.contains('.')).count()
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Proven { rule, tests } in &self.rules {
            writeln!(f, "{:<6} {}", rule.id, rule.state)?;
            for test in tests {
                writeln!(f, "         {test}")?;
            }
        }
        let [built, part, open] = [State::Built, State::Part, State::Open].map(|state| self.count(state));
        writeln!(f, "\n{built} rules are built, {part} in part, {open} are open.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: &str = "- **I1** [built] a\n- **N1** [part] b\n  - **N1.a** [built] c\n  - **N1.b** [open] d\n";

    fn test(path: &str) -> TestName {
        TestName { binary: "cabinet-x".to_owned(), path: path.to_owned() }
    }

    fn cites(path: &str, rules: &[&str]) -> Citation {
        Citation { rules: rules.iter().map(|&rule| rule.to_owned()).collect(), test: test(path) }
    }

    fn problems(citations: &[Citation], outcomes: &[(&str, Outcome)]) -> Vec<String> {
        let book = RuleBook::parse(BOOK).expect("a good book");
        let outcomes = outcomes.iter().map(|(path, outcome)| (test(path), *outcome)).collect();
        judge(&book, citations, &outcomes).problems
    }

    #[test]
    fn all_is_well_when_everything_built_has_a_proof() {
        let citations = [cites("a", &["I1", "N1.a"]), cites("b", &["N1.b"])];
        assert_eq!(problems(&citations, &[("a", Outcome::Passed), ("b", Outcome::Passed), ("c", Outcome::Failed)]), [""; 0]);
    }

    #[test]
    fn a_built_rule_without_a_proof_is_a_problem() {
        let expected = ["N1.a is marked built and no test that passed proves it"];
        assert_eq!(problems(&[cites("a", &["I1", "N1.b"])], &[("a", Outcome::Passed)]), expected);
    }

    #[test]
    fn a_proof_that_failed_or_did_not_run_is_a_problem() {
        let citations = [cites("a", &["I1", "N1.a"]), cites("b", &["I1"]), cites("c", &["N1.a"])];
        let expected = ["cabinet-x b failed, the proof of I1", "cabinet-x c did not run, the proof of N1.a"];
        assert_eq!(problems(&citations, &[("a", Outcome::Passed), ("b", Outcome::Failed)]), expected);
    }

    #[test]
    fn a_citation_of_no_rule_is_a_problem() {
        let citations = [cites("a", &["I1", "N1.a", "I99"])];
        assert_eq!(problems(&citations, &[("a", Outcome::Passed)]), ["cabinet-x a cites I99, which is not in RULES.md"]);
    }

    #[test]
    fn a_citation_that_does_not_say_which_part_is_a_problem() {
        let citations = [cites("a", &["I1", "N1", "N1.a"])];
        assert_eq!(problems(&citations, &[("a", Outcome::Passed)]), ["cabinet-x a cites N1, which has parts: say which"]);
    }

    #[test]
    fn the_report_names_the_proofs_of_each_rule() {
        let book = RuleBook::parse(BOOK).expect("a good book");
        let citations = [cites("a", &["I1", "N1.a"])];
        let verdict = judge(&book, &citations, &[(test("a"), Outcome::Passed)].into());
        let expected = "I1     built\n         cabinet-x a\nN1     part\nN1.a   built\n         cabinet-x a\nN1.b   open\n\n1 rules are built, 1 in part, 0 are open.\n";
        assert_eq!(verdict.to_string(), expected);
    }
}
