//! The contract's documentation, as another team reads it in a browser: nothing of the contract's comments is lost on the way.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use regex::Regex;

use crate::contract::Contract;
use crate::workspace::{assert_none, root};

/// Makes the documentation with the command that people use; every page by its name.
fn pages() -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let target = folder.path().join("docs");
    let output =
        Command::new(root().join("deploy/local/contract")).arg("docs").arg(&target).output().expect("part of the repository");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read_pages(&target)
}

fn read_pages(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).expect("the documentation was made");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "html"));
    pages
        .map(|path| {
            let name = path.file_stem().expect("a page has a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("a readable page"))
        })
        .collect()
}

/// What a reader sees of a page, or would of a comment: its letters and digits, whatever stands between them.
fn letters(text: &str) -> String {
    let markup = Regex::new(r"<[^>]*>|&#?\w+;").expect("a good expression");
    markup.replace_all(text, "").chars().filter(|character| character.is_alphanumeric()).collect()
}

#[test]
fn every_comment_of_the_contract_is_in_its_documentation() {
    let pages = pages();
    let texts: BTreeMap<_, _> = pages.iter().map(|(name, page)| (format!("{name}."), letters(page))).collect();
    let is_shown = |name: &str, comment: &str| {
        // Of the packages `a.v1` and `a.v1.b` the longer one is meant.
        let page = texts.iter().filter(|(package, _)| name.starts_with(*package)).max_by_key(|(package, _)| package.len());
        page.is_some_and(|(_, text)| text.contains(&letters_of_comment(comment)))
    };
    let comments = Contract::read().comments();
    assert!(comments.len() >= 500, "the contract was not found");
    let lost = comments.into_iter().filter(|(name, comment)| !is_shown(name, comment));
    assert_none(&lost.map(|(name, comment)| format!("{name}: not in the documentation: {comment}")).collect::<Vec<_>>());
}

#[test]
fn every_service_and_call_has_a_place_to_link_to() {
    let pages: String = pages().into_values().collect();
    let contract = Contract::read();
    let services = contract.services.iter().map(|service| service.name.clone());
    let calls = contract.methods.iter().map(|call| {
        let (service, call) = call.name.rsplit_once('.').expect("a call belongs to a service");
        format!("{service}-{call}")
    });
    let missing = services.chain(calls).filter(|name| !pages.contains(&format!("id=\"service-{name}\"")));
    assert_none(&missing.collect::<Vec<_>>());
}

/// In a comment `<` is what it looks like.
fn letters_of_comment(comment: &str) -> String {
    comment.chars().filter(|character| character.is_alphanumeric()).collect()
}

#[test]
fn a_page_is_read_as_a_person_reads_it() {
    assert_eq!(letters("<p>A &lt;link&gt;\n<code id=\"x\">is_it</code></p>"), letters_of_comment("A <link> `is_it`"));
}
