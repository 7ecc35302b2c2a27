//! Inside every service the same rooms, so that who knows one knows all; and no name that says nothing.

use crate::layering::SERVICES;
use crate::workspace::{SourceFile, assert_none, code, files, root, rust_files};

const ROOMS: [&str; 6] = ["src/lib.rs", "src/config.rs", "src/main.rs", "src/domain", "src/application", "src/adapters"];
const LONGEST_MAIN: usize = 15;

/// What `domain/` must not say: it is pure.
const IMPURE: [&str; 7] = ["sqlx", "tonic", "tokio", "lapin", "async fn", "std :: fs", "api ::"];
/// What `application/` must not say: it knows ports, not techniques.
const TECHNIQUES: [&str; 7] = ["sqlx", "tonic ::", "api ::", "lapin", "lettre", "image ::", "object_store"];

/// Words that say nothing of what stands behind them.
const EMPTY_WORDS: [&str; 6] = ["common", "util", "utils", "helper", "helpers", "manager"];

/// The folders of the services that exist so far.
fn services() -> Vec<&'static str> {
    let folders = SERVICES.iter().filter_map(|name| name.strip_prefix("cabinet-"));
    folders.filter(|folder| root().join("crates").join(folder).is_dir()).collect()
}

/// Which of the words each file of a service's room says.
fn said(service: &str, room: &str, words: &[&str]) -> Vec<String> {
    let files = files(&format!("crates/{service}/src/{room}"), "rs");
    files.iter().flat_map(|file| words_of(file, words)).collect()
}

fn words_of(file: &SourceFile, words: &[&str]) -> Vec<String> {
    let code = code(file);
    let found = words.iter().filter(|word| code.contains(&format!(" {word} ")));
    found.map(|word| format!("{}: `{}` does not belong here", file.path, word.replace(' ', ""))).collect()
}

/// The words of a name in snake, kebab or camel case, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    for character in name.chars() {
        if character.is_uppercase() {
            spaced.push(' ');
        }
        spaced.extend(character.to_lowercase());
    }
    spaced.split([' ', '_', '-', '.']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn says_nothing(name: &str) -> bool {
    words(name).iter().any(|word| EMPTY_WORDS.contains(&word.as_str()))
}

/// The names of modules and types that a file declares.
fn declared(file: &SourceFile) -> Vec<String> {
    let code = code(file);
    let tokens: Vec<_> = code.split(' ').collect();
    let pairs = tokens.windows(2).filter(|pair| ["mod", "struct", "enum", "trait", "type"].contains(&pair[0]));
    pairs.map(|pair| pair[1].to_owned()).collect()
}

#[test]
fn every_service_has_the_same_rooms() {
    let services = services();
    assert!(services.len() >= 3, "the services were not found: {services:?}");
    let rooms = services.iter().flat_map(|service| ROOMS.iter().map(move |room| format!("crates/{service}/{room}")));
    let missing = rooms.filter(|room| !root().join(room).exists());
    assert_none(&missing.map(|room| format!("{room} is missing")).collect::<Vec<_>>());
}

#[test]
fn a_main_only_starts_its_service() {
    let mains = services()
        .into_iter()
        .flat_map(|service| files(&format!("crates/{service}/src"), "rs"))
        .filter(|file| file.path.ends_with("src/main.rs"));
    let long = mains.filter(|file| file.text.lines().count() > LONGEST_MAIN);
    assert_none(&long.map(|file| format!("{} has more than {LONGEST_MAIN} lines", file.path)).collect::<Vec<_>>());
}

#[test]
fn the_domain_is_pure() {
    assert_none(&services().iter().flat_map(|service| said(service, "domain", &IMPURE)).collect::<Vec<_>>());
}

#[test]
fn use_cases_know_no_technique() {
    assert_none(&services().iter().flat_map(|service| said(service, "application", &TECHNIQUES)).collect::<Vec<_>>());
}

#[test]
fn no_file_module_or_type_has_a_name_that_says_nothing() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        let parts = file.path.split('/').filter(|part| says_nothing(part));
        wrong.extend(parts.map(|part| format!("{}: a file or folder called {part}", file.path)));
        let names = declared(&file).into_iter().filter(|name| says_nothing(name));
        wrong.extend(names.map(|name| format!("{}: {name}", file.path)));
    }
    assert_none(&wrong);
}

#[test]
fn forbidden_words_are_found_in_code_and_not_in_comments() {
    let file = SourceFile { path: "x.rs".to_owned(), text: "// tokio\nuse std::fs;\nasync fn a() {}".to_owned() };
    assert_eq!(words_of(&file, &IMPURE), ["x.rs: `asyncfn` does not belong here", "x.rs: `std::fs` does not belong here"]);
}

#[test]
fn empty_words_are_found_inside_names() {
    assert!(says_nothing("SessionManager") && says_nothing("string_utils.rs") && says_nothing("common"));
    assert!(!says_nothing("CommonwealthUtility") && !says_nothing("Settings"));
}
