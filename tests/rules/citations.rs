//! Which test says that it proves which rule: `/// Rule I7: …` or `/// Rules I7, N1.a: …` above a test function.

use syn::{Attribute, Expr, Item, Lit, Meta};

use crate::rule_book::is_id;

/// A test as the test runner names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestName {
    /// `cabinet-kernel`, `cabinet-e2e::journeys`.
    pub(crate) binary: String,
    /// Modules and function: `caller::tests::roles_are_ordered`.
    pub(crate) path: String,
}

impl std::fmt::Display for TestName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.binary, self.path)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Citation {
    pub(crate) rules: Vec<String>,
    pub(crate) test: TestName,
}

/// The citations of a source file that is module `module` of a test binary.
pub(crate) fn citations(source: &str, binary: &str, module: &[String]) -> Result<Vec<Citation>, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    read_items(&file.items, binary, module, &mut found)?;
    Ok(found)
}

fn read_items(items: &[Item], binary: &str, module: &[String], found: &mut Vec<Citation>) -> Result<(), String> {
    for item in items {
        match item {
            Item::Fn(function) if function.attrs.iter().any(is_test) => {
                let path = [module, &[function.sig.ident.to_string()]].concat().join("::");
                let rules =
                    cited(&function.attrs).map_err(|line| format!("{path}: not `Rule ID: …` or `Rules ID, ID: …`:{line}"))?;
                if !rules.is_empty() {
                    found.push(Citation { rules, test: TestName { binary: binary.to_owned(), path } });
                }
            }
            Item::Mod(inner) => {
                let module = [module, &[inner.ident.to_string()]].concat();
                let items = inner.content.as_ref().map(|(_, items)| items.as_slice());
                read_items(items.unwrap_or_default(), binary, &module, found)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// `#[test]`, `#[tokio::test]`, with or without arguments.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
}

/// The rules in the doc comment, or the line that looks like a citation and is none.
fn cited(attributes: &[Attribute]) -> Result<Vec<String>, String> {
    let mut rules = Vec::new();
    for line in attributes.iter().filter_map(doc_line) {
        let text = line.trim_start();
        if let Some(rest) = text.strip_prefix("Rules ").or_else(|| text.strip_prefix("Rule ")) {
            rules.extend(ids(rest).ok_or(line)?);
        }
    }
    Ok(rules)
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(value) = &pair.value else { return None };
    match &value.lit {
        Lit::Str(text) if attribute.path().is_ident("doc") => Some(text.value()),
        _ => None,
    }
}

/// The ids before the colon: `I7`, `I7, N1.a`, `I7, I8 and I9`.
fn ids(text: &str) -> Option<Vec<String>> {
    let (list, _) = text.split_once(':')?;
    let list = list.replace(" and ", ", ");
    let ids: Vec<_> = list.split(',').map(|id| id.trim().to_owned()).collect();
    ids.iter().all(|id| is_id(id)).then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(Vec<String>, String)> {
        let citations = citations(source, "cabinet-x", &["outer".to_owned()]).expect("good source");
        citations.into_iter().map(|citation| (citation.rules, citation.test.path)).collect()
    }

    fn one(rules: &[&str], path: &str) -> Vec<(Vec<String>, String)> {
        vec![(rules.iter().map(|&rule| rule.to_owned()).collect(), path.to_owned())]
    }

    #[test]
    fn a_citation_stands_above_a_test_with_attributes_between() {
        assert_eq!(found("/// Rule I7: why.\n#[test]\nfn a() {}"), one(&["I7"], "outer::a"));
        let asynchronous = "/// First line.\n/// Rules I7, N1.a and F3: why.\n#[allow(x)]\n#[tokio::test(flavor = \"multi_thread\")]\nasync fn b() {}";
        assert_eq!(found(asynchronous), one(&["I7", "N1.a", "F3"], "outer::b"));
    }

    #[test]
    fn modules_inside_the_file_are_part_of_the_name() {
        assert_eq!(
            found("mod tests { mod deep { /** Rule C1: why. */ #[test] fn a() {} } }"),
            one(&["C1"], "outer::tests::deep::a")
        );
    }

    #[test]
    fn what_is_no_test_cites_nothing() {
        assert_eq!(found("/// Rule I7: why.\nfn a() {}\n/// Rule I7: why.\nstruct B;\n#[test]\nfn c() {}"), []);
    }

    #[test]
    fn a_citation_with_a_slip_is_not_overlooked() {
        for slip in ["Rule I7 why", "Rule 7: why", "Rules I7; I8: why", "Rule I7a: why"] {
            let source = format!("/// {slip}\n#[test]\nfn a() {{}}");
            assert!(citations(&source, "x", &[]).is_err(), "{slip}");
        }
    }
}
