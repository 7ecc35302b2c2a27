//! The contract as other teams' tools see it: in a style they know, and with everything that was ever released.
//!
//! Checked by the command that people use, `deploy/local/contract`; faults are made in a copy, to see that it finds them.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::workspace::{SourceFile, files, root};

/// What the check of a contract's folder says, and whether it is content.
fn check(what: &str, folder: &Path) -> (bool, String) {
    let Output { status, stdout, stderr } = Command::new(root().join("deploy/local/contract"))
        .arg(what)
        .arg(folder)
        .output()
        .expect("the script is part of the repository");
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// A copy of the contract with one place changed.
fn contract_with(path: &str, old: &str, new: &str) -> TempDir {
    let copy = tempfile::tempdir().expect("the temporary folder is writable");
    let mut contract: Vec<SourceFile> = files("proto", "proto").into_iter().chain(files("proto", "yaml")).collect();
    let changed = contract.iter_mut().find(|file| file.path == path).unwrap_or_else(|| panic!("there is no {path}"));
    assert_eq!(changed.text.matches(old).count(), 1, "{path} has this in one place: {old}");
    changed.text = changed.text.replace(old, new);
    for file in contract {
        let place = copy.path().join(file.path.strip_prefix("proto/").expect("found there"));
        std::fs::create_dir_all(place.parent().expect("below the copy")).expect("the temporary folder is writable");
        std::fs::write(place, file.text).expect("the temporary folder is writable");
    }
    copy
}

#[track_caller]
fn assert_found(what: &str, contract: &TempDir, finding: &str) {
    let (is_content, said) = check(what, contract.path());
    assert!(!is_content && said.contains(finding), "it was to find `{finding}`, and said: {said}");
}

#[test]
fn the_contract_is_in_style() {
    let (is_content, said) = check("lint", &root().join("proto"));
    assert!(is_content, "{said}");
}

#[test]
fn nothing_that_was_released_is_broken() {
    let (is_content, said) = check("breaking", &root().join("proto"));
    assert!(is_content, "{said}");
}

#[test]
fn a_missing_comment_is_found() {
    let silent = contract_with("proto/cabinet/type/v1/localized_text.proto", "// One text in several languages.\n", "");
    assert_found("lint", &silent, "Message \"LocalizedText\" should have a non-empty comment");
}

#[test]
fn a_released_field_that_is_gone_is_found() {
    let gone = contract_with("proto/cabinet/type/v1/audience.proto", "  repeated AudienceReason reasons = 2;\n", "");
    assert_found("breaking", &gone, "field \"2\" with name \"reasons\" on message \"AudienceMember\" was deleted");
}

#[test]
fn a_released_field_with_another_number_is_found() {
    let moved =
        contract_with("proto/cabinet/type/v1/audience.proto", "AudienceReason reasons = 2;", "AudienceReason reasons = 3;");
    assert_found("breaking", &moved, "field \"2\" with name \"reasons\" on message \"AudienceMember\" was deleted");
}

#[test]
fn a_released_call_that_is_gone_is_found() {
    let renamed = contract_with("proto/cabinet/identity/v1/link_service.proto", "rpc InspectLink(", "rpc LookAtLink(");
    assert_found("breaking", &renamed, "RPC \"InspectLink\" on service \"LinkService\" was deleted");
}

/// What is new breaks nobody.
#[test]
fn a_new_field_is_allowed() {
    let field = "  // What it is worth.\n  string worth = 3;\n}\n\n// Why somebody";
    let longer = contract_with("proto/cabinet/type/v1/audience.proto", "}\n\n// Why somebody", field);
    let (is_content, said) = check("breaking", longer.path());
    assert!(is_content, "{said}");
}
