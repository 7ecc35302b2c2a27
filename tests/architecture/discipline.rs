//! What test code and source files keep to.

use std::collections::BTreeMap;

use crate::workspace::{SourceFile, assert_none, code, files, rust_files, test_code};

const UNFINISHED: [&str; 4] = [" todo ! ", " unimplemented ! ", " dbg ! ", " # [ ignore "];
/// However it was imported.
const SLEEPS: [&str; 2] = [" sleep ( ", " sleep_until ( "];
/// A few screens.
const LONGEST_FILE: usize = 600;

/// Files that may sleep in tests, with the reason.
fn waits() -> BTreeMap<String, String> {
    toml::from_str(include_str!("waits.toml")).expect("waits.toml is a list of files with reasons")
}

fn sleeps(file: &SourceFile) -> bool {
    let code = test_code(file);
    SLEEPS.iter().any(|sleep| code.contains(sleep))
}

#[test]
fn nothing_is_left_unfinished_or_ignored() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        let code = code(&file);
        let found = UNFINISHED.iter().filter(|word| code.contains(*word));
        wrong.extend(found.map(|word| format!("{}: {}", file.path, word.replace(' ', ""))));
    }
    assert_none(&wrong);
}

#[test]
fn tests_do_not_sleep() {
    let waits = waits();
    let sleepers = rust_files().into_iter().filter(|file| sleeps(file) && !waits.contains_key(&file.path));
    assert_none(
        &sleepers
            .map(|file| format!("{}: sleeps; advance a clock, or give waits.toml the reason", file.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_permission_to_sleep_is_still_needed() {
    let files = rust_files();
    let unused = waits().into_keys().filter(|path| !files.iter().any(|file| file.path == *path && sleeps(file)));
    assert_none(&unused.map(|path| format!("waits.toml: {path} does not sleep")).collect::<Vec<_>>());
}

#[test]
fn no_file_is_longer_than_a_few_screens() {
    let contract = files("proto/cabinet", "proto").into_iter().chain(files("migrations", "sql"));
    let long = rust_files().into_iter().chain(contract).filter(|file| file.text.lines().count() > LONGEST_FILE);
    assert_none(&long.map(|file| format!("{}: {} lines", file.path, file.text.lines().count())).collect::<Vec<_>>());
}

#[test]
fn a_sleep_is_found_however_it_is_imported() {
    let file = |text: &str| SourceFile { path: "tests/x.rs".to_owned(), text: text.to_owned() };
    assert!(sleeps(&file("fn a() { std::thread::sleep(x) }")) && sleeps(&file("fn a() { sleep(x).await }")));
    assert!(!sleeps(&file("fn a() { wait(\"sleep (\") } // sleep (1)")));
}
