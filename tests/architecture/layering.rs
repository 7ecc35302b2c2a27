//! Who may depend on whom: `kernel` and `api` are leaves, services never know each other, test code is never shipped.

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand};

use crate::workspace::{assert_none, root};

/// Every service, those still to be built too.
pub(crate) const SERVICES: [&str; 4] = ["cabinet-identity", "cabinet-profile", "cabinet-case-monitoring", "cabinet-notification"];
const KERNEL: &str = "cabinet-kernel";
const API: &str = "cabinet-api";
const RUNTIME: &str = "cabinet-runtime";
const MESSAGING: &str = "cabinet-messaging";
const CABINET: &str = "cabinet";
const TESTKIT: &str = "cabinet-testkit";
const END_TO_END: &str = "cabinet-e2e";
const BENCH: &str = "cabinet-bench";

/// Libraries that one crate hides from all others.
const HIDDEN: [(&str, &str); 8] = [
    ("lapin", MESSAGING),
    ("lettre", "cabinet-notification"),
    ("rusmppc", "cabinet-notification"),
    ("object_store", "cabinet-profile"),
    ("openidconnect", "cabinet-identity"),
    ("opentelemetry", RUNTIME),
    ("opentelemetry_sdk", RUNTIME),
    ("opentelemetry-otlp", RUNTIME),
];

/// What a crate's shipped code may know of ours; `None` for a crate that has no place in the design.
fn may_know(name: &str) -> Option<Vec<&'static str>> {
    let shared = vec![KERNEL, API, RUNTIME, MESSAGING];
    let everything = [&shared[..], &SERVICES[..], &[CABINET, TESTKIT]].concat();
    match name {
        KERNEL | API => Some(Vec::new()),
        RUNTIME => Some(vec![KERNEL, API]),
        MESSAGING => Some(vec![KERNEL, API, RUNTIME]),
        service if SERVICES.contains(&service) => Some(shared),
        CABINET => Some([&shared[..], &SERVICES[..]].concat()),
        TESTKIT => Some(shared),
        END_TO_END => Some(everything),
        // It measures the system that journeys start.
        BENCH => Some([&everything[..], &[END_TO_END]].concat()),
        _ => None,
    }
}

/// Tests of a crate may use the test kit besides. The leaves' tests need no server.
fn tests_may_know(name: &str) -> Option<Vec<&'static str>> {
    let mut known = may_know(name)?;
    if ![KERNEL, API].contains(&name) {
        known.push(TESTKIT);
    }
    Some(known)
}

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo reads its own workspace")
}

/// Checks every dependency of every member; `judge` answers with what is wrong about one.
fn findings(judge: impl Fn(&str, &Dependency) -> Option<String>) -> Vec<String> {
    let metadata = metadata();
    let members = metadata.packages.iter();
    members
        .flat_map(|member| member.dependencies.iter().filter_map(|dependency| judge(member.name.as_str(), dependency)))
        .collect()
}

#[test]
fn every_crate_has_a_place_in_the_layering() {
    let metadata = metadata();
    let strangers = metadata.packages.iter().filter(|member| may_know(member.name.as_str()).is_none());
    assert_none(&strangers.map(|stranger| format!("{}: give it a place in `may_know`", stranger.name)).collect::<Vec<_>>());
}

#[test]
fn crates_depend_only_downwards_and_services_never_on_each_other() {
    let wrong = findings(|member, dependency| {
        let known = if dependency.kind == DependencyKind::Development { tests_may_know(member) } else { may_know(member) };
        let is_ours = dependency.path.is_some();
        let is_known = known?.contains(&dependency.name.as_str());
        (is_ours && !is_known).then(|| format!("{member} must not depend on {}", dependency.name))
    });
    assert_none(&wrong);
}

#[test]
fn a_library_that_one_crate_hides_is_used_by_no_other() {
    let wrong = findings(|member, dependency| {
        let (_, owner) = HIDDEN.iter().find(|(hidden, _)| *hidden == dependency.name)?;
        (member != *owner).then(|| format!("{member} depends on {}, which only {owner} may know", dependency.name))
    });
    assert_none(&wrong);
}
