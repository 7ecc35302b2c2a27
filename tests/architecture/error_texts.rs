//! People read every refusal in their own language: each reason of the contract has a text in each language.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use prost_types::{EnumDescriptorProto, FileDescriptorSet};

use crate::workspace::{assert_none, root};

const LANGUAGES: [&str; 4] = ["en", "pl", "ru", "uk"];

/// The reasons of each crate that has some, without their prefixes.
fn reasons() -> BTreeMap<String, BTreeSet<String>> {
    let set = FileDescriptorSet::decode(api::DESCRIPTOR_SET).expect("the build writes a descriptor set");
    let mut reasons = BTreeMap::new();
    for file in set.file.iter().filter(|file| file.package().starts_with("cabinet.")) {
        for each in &file.enum_type {
            let prefix = match each.name() {
                "ErrorReason" => "ERROR_REASON_",
                "CommonErrorReason" => "COMMON_ERROR_REASON_",
                _ => continue,
            };
            reasons.insert(crate_of(file.package()), names(each, prefix));
        }
    }
    reasons
}

/// `cabinet.case_monitoring.v1` is the contract of the crate `case-monitoring`; what all share is answered by `runtime`.
fn crate_of(package: &str) -> String {
    match package.split('.').nth(1).unwrap_or_default() {
        "type" => "runtime".to_owned(),
        service => service.replace('_', "-"),
    }
}

fn names(each: &EnumDescriptorProto, prefix: &str) -> BTreeSet<String> {
    let values = each.value.iter().filter(|value| value.number() != 0);
    values.map(|value| value.name().trim_start_matches(prefix).to_owned()).collect()
}

/// What is wrong with one file of texts.
fn problems(text: &str, reasons: &BTreeSet<String>) -> Vec<String> {
    let texts: BTreeMap<String, String> = match toml::from_str(text) {
        Ok(texts) => texts,
        Err(error) => return vec![error.to_string()],
    };
    let lacking = reasons.iter().filter(|reason| !texts.contains_key(*reason)).map(|reason| format!("{reason} has no text"));
    let unknown = texts.keys().filter(|key| !reasons.contains(*key)).map(|key| format!("{key} is no reason"));
    // A sentence, with nothing to be put in.
    let is_sentence = |text: &str| text.ends_with('.') && !text.contains(['{', '}', '%']);
    let unfit = texts.iter().filter(|(_, text)| !is_sentence(text)).map(|(key, _)| format!("{key} is no plain sentence"));
    lacking.chain(unknown).chain(unfit).collect()
}

#[test]
fn every_reason_has_a_text_in_every_language() {
    let reasons = reasons();
    assert!(reasons.len() >= 5 && reasons.values().all(|reasons| reasons.len() > 2), "the reasons were not found: {reasons:?}");
    let mut wrong = Vec::new();
    for (name, reasons) in &reasons {
        for language in LANGUAGES {
            let path = format!("crates/{name}/texts/errors/{language}.toml");
            let text = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
            wrong.extend(problems(&text, reasons).into_iter().map(|problem| format!("{path}: {problem}")));
        }
    }
    assert_none(&wrong);
}

#[test]
fn a_reason_without_a_text_is_found() {
    let reasons = ["CODE_WRONG", "CODE_OVER"].map(str::to_owned).into();
    let found = problems("CODE_WRONG = \"Wrong: {code}.\"\nCODE_LOST = \"Lost.\"", &reasons);
    assert_eq!(found, ["CODE_OVER has no text", "CODE_LOST is no reason", "CODE_WRONG is no plain sentence"]);
}
