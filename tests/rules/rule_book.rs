//! The rule book, `tests/RULES.md`, as data. A rule is a list item that starts with its id and its state:
//! `- **N1** [built] text`; everything else is prose.

use std::collections::BTreeMap;
use std::fmt;

/// How much of a rule exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Built,
    /// Some of its parts are built.
    Part,
    Open,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Built => "built",
            Self::Part => "part",
            Self::Open => "open",
        })
    }
}

/// A rule (`N1`) or a part of one (`N1.a`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) state: State,
}

impl Rule {
    /// The rule this is a part of.
    fn whole(&self) -> Option<&str> {
        self.id.split_once('.').map(|(whole, _)| whole)
    }
}

#[derive(Debug)]
pub(crate) struct RuleBook {
    /// In the book's order.
    pub(crate) rules: Vec<Rule>,
}

impl RuleBook {
    /// Reads the book, or says everything that is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<String>> {
        let items = text.lines().map(str::trim_start).filter(|line| line.starts_with("- **"));
        let mut rules = Vec::new();
        let mut problems = Vec::new();
        for item in items {
            match parse_item(item) {
                Some(rule) => rules.push(rule),
                None => problems.push(format!("RULES.md: not `- **ID** [built|part|open] text`: {item}")),
            }
        }
        let book = Self { rules };
        problems.extend(book.contradictions());
        if problems.is_empty() { Ok(book) } else { Err(problems) }
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.id == id)
    }

    /// Whether tests must say which part of the rule they prove.
    pub(crate) fn has_parts(&self, id: &str) -> bool {
        self.parts(id).next().is_some()
    }

    /// What must be proven: every built part, and every built rule without parts.
    pub(crate) fn to_prove(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.state == State::Built && !self.has_parts(&rule.id))
    }

    fn parts<'a>(&'a self, whole: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |rule| rule.whole() == Some(whole))
    }

    fn contradictions(&self) -> Vec<String> {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for rule in &self.rules {
            *times.entry(&rule.id).or_default() += 1;
        }
        let twice = times.iter().filter(|(_, times)| **times > 1).map(|(id, _)| format!("RULES.md: {id} stands twice"));
        twice.chain(self.rules.iter().filter_map(|rule| self.contradiction(rule))).collect()
    }

    /// A rule's state says no more and no less than its parts do.
    fn contradiction(&self, rule: &Rule) -> Option<String> {
        if let Some(whole) = rule.whole() {
            if !self.contains(whole) {
                return Some(format!("RULES.md: {} is a part of nothing", rule.id));
            }
            return (rule.state == State::Part).then(|| format!("RULES.md: {} is a part and has none itself", rule.id));
        }
        let parts: Vec<_> = self.parts(&rule.id).map(|part| part.state).collect();
        let built = parts.iter().filter(|state| **state == State::Built).count();
        let agrees = match rule.state {
            State::Built => built == parts.len(),
            State::Part => built > 0 && built < parts.len(),
            State::Open => built == 0,
        };
        (!agrees).then(|| format!("RULES.md: {} is not {}: {built} of its {} parts are built", rule.id, rule.state, parts.len()))
    }
}

/// `- **N1.a** [built] text`.
fn parse_item(item: &str) -> Option<Rule> {
    let (id, rest) = item.strip_prefix("- **")?.split_once("** [")?;
    let (state, text) = rest.split_once("] ")?;
    let state = match state {
        "built" => State::Built,
        "part" => State::Part,
        "open" => State::Open,
        _ => return None,
    };
    (is_id(id) && !text.is_empty()).then(|| Rule { id: id.to_owned(), state })
}

/// `N1`, or `N1.a`.
pub(crate) fn is_id(text: &str) -> bool {
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let is_whole = whole.split_at_checked(1).is_some_and(|(section, number)| {
        "CFINP".contains(section) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    is_whole && part.is_none_or(|part| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: &str = "# Rules\n\nprose\n\n- **I1** [built] All of it,\n  on two lines.\n- **N1** [part] Some.\n  - **N1.a** [built] This.\n  - **N1.b** [open] That.\n- **F1** [open] Later.\n";

    fn problems(text: &str) -> Vec<String> {
        RuleBook::parse(text).expect_err("a book with a problem")
    }

    #[test]
    fn a_book_is_read_in_its_order() {
        let book = RuleBook::parse(BOOK).expect("a good book");
        let ids: Vec<_> = book.rules.iter().map(|rule| format!("{} {}", rule.id, rule.state)).collect();
        assert_eq!(ids, ["I1 built", "N1 part", "N1.a built", "N1.b open", "F1 open"]);
    }

    #[test]
    fn what_is_built_must_be_proven_part_by_part() {
        let book =
            RuleBook::parse(&BOOK.replace("[part]", "[built]").replace("N1.b** [open]", "N1.b** [built]")).expect("a good book");
        let to_prove: Vec<_> = book.to_prove().map(|rule| rule.id.as_str()).collect();
        assert_eq!(to_prove, ["I1", "N1.a", "N1.b"]);
    }

    #[test]
    fn an_item_that_is_no_rule_is_found() {
        for wrong in
            ["- **I1** built text", "- **I1** [done] text", "- **X1** [open] text", "- **I1** [open] ", "- **I1.aa** [open] text"]
        {
            assert_eq!(problems(wrong).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn a_state_that_contradicts_the_parts_is_found() {
        assert_eq!(
            problems(&BOOK.replace("**N1** [part]", "**N1** [built]")),
            ["RULES.md: N1 is not built: 1 of its 2 parts are built"]
        );
        assert_eq!(
            problems(&BOOK.replace("**N1** [part]", "**N1** [open]")),
            ["RULES.md: N1 is not open: 1 of its 2 parts are built"]
        );
        assert_eq!(problems("- **I1** [part] text"), ["RULES.md: I1 is not part: 0 of its 0 parts are built"]);
    }

    #[test]
    fn an_id_stands_once_and_a_part_belongs_to_a_rule() {
        assert_eq!(problems("- **I1** [open] a\n- **I1** [open] b"), ["RULES.md: I1 stands twice"]);
        assert_eq!(problems("- **I1.a** [open] a"), ["RULES.md: I1.a is a part of nothing"]);
    }
}
