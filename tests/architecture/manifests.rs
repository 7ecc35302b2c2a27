//! Versions stand once, in the workspace's table, each with its reason.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::workspace::{SourceFile, assert_none, files, root};

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn root_manifest() -> String {
    std::fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest")
}

fn member_manifests() -> Vec<SourceFile> {
    let mut manifests = files("crates", "toml");
    manifests.extend(files("tests", "toml"));
    manifests.retain(|file| file.path.ends_with("/Cargo.toml"));
    manifests
}

fn table(file: &SourceFile) -> Table {
    file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

/// Every dependency of a manifest, of whatever kind and for whatever target.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let targets =
        manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let holders = std::iter::once(manifest).chain(targets);
    let tables = holders.flat_map(|holder| KINDS.iter().filter_map(|kind| holder.get(*kind)?.as_table()));
    tables.flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The lines of `[workspace.dependencies]`.
fn workspace_lines(manifest: &str) -> impl Iterator<Item = &str> {
    let section = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    section.take_while(|line| !line.starts_with('['))
}

/// Dependencies whose group (lines up to a blank one) has no comment above them.
fn without_reason(manifest: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut has_reason = false;
    for line in workspace_lines(manifest) {
        let text = line.trim();
        if text.is_empty() {
            has_reason = false;
        } else if text.starts_with('#') {
            has_reason = true;
        } else if !has_reason {
            wrong.push(format!("Cargo.toml: no reason above `{text}`"));
        }
    }
    wrong
}

#[test]
fn every_dependency_comes_from_the_workspace_table() {
    let mut wrong = Vec::new();
    for file in member_manifests() {
        for (name, value) in dependencies(&table(&file)) {
            if value.get("workspace") != Some(&Value::Boolean(true)) {
                wrong.push(format!("{}: `{name}` has a version of its own", file.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_entry_of_the_workspace_table_is_used() {
    let used: BTreeSet<_> = member_manifests().iter().flat_map(|file| dependencies(&table(file))).map(|(name, _)| name).collect();
    let manifest: Table = root_manifest().parse().expect("a good manifest");
    let listed = manifest["workspace"]["dependencies"].as_table().expect("a table");
    let unused = listed.keys().filter(|name| !used.contains(*name));
    assert_none(&unused.map(|name| format!("Cargo.toml: nobody uses `{name}`")).collect::<Vec<_>>());
}

#[test]
fn every_entry_of_the_workspace_table_has_a_reason() {
    assert_none(&without_reason(&root_manifest()));
}

/// Libraries that find two would not know which to take.
#[test]
fn tls_has_one_library_and_one_provider_of_cryptography() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("the workspace has a lock file");
    let lock: Table = lock.parse().expect("a good lock file");
    let packages = lock["package"].as_array().expect("packages").iter().filter_map(|package| package["name"].as_str());
    let of_tls = ["rustls", "ring", "aws-lc-rs", "openssl", "native-tls"];
    let mut found: Vec<_> = packages.filter(|name| of_tls.contains(name)).collect();
    found.sort_unstable();
    assert_eq!(found, ["ring", "rustls"]);
}

#[test]
fn an_entry_without_a_reason_is_found() {
    let manifest = "[workspace.dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n\nc = \"1\"\n[profile.dev]\nd = 1\n";
    assert_eq!(without_reason(manifest), ["Cargo.toml: no reason above `c = \"1\"`"]);
}
