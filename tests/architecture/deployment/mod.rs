//! What an operator is given: manifests that Kubernetes takes, and that say of the services what is true of them.
//!
//! Rendered and checked by the command that people use, `deploy/local/check-manifests`; faults are made in a copy, to see that
//! it finds them.

mod image;
mod network;
mod pods;
mod settings;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use toml::Table;

use crate::workspace::{files, root};

const BASE: &str = "deploy/kustomize/base";
const EXAMPLE: &str = "deploy/kustomize/overlays/example";

/// The objects of one folder, rendered.
struct Manifests(Vec<Value>);

impl Manifests {
    fn of(folder: &str) -> Self {
        let Output { status, stdout, stderr } = check_manifests(&["--json"], &root().join(folder));
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        Self(serde_json::from_slice(&stdout).expect("the objects are printed as JSON"))
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    fn get(&self, kind: &str, name: &str) -> &Value {
        let found = self.of_kind(kind).find(|object| name_of(object) == name);
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// What the pods of a service's Deployment are made of.
    fn server(&self, service: &str) -> &Value {
        &self.get("Deployment", service)["spec"]["template"]
    }

    /// What the pods of a service's Job are made of.
    fn migration(&self, service: &str) -> &Value {
        &self.get("Job", &migration_name(service))["spec"]["template"]
    }
}

/// The services of the workspace, by the names of their folders.
fn services() -> Vec<String> {
    let settings = files("crates", "toml").into_iter().filter_map(|file| {
        let crate_folder = file.path.strip_prefix("crates/")?.strip_suffix("/src/config.toml")?;
        Some(crate_folder.to_owned())
    });
    let services: Vec<_> = settings.collect();
    assert_eq!(services.len(), 4, "{services:?}");
    services
}

/// The settings file of somebody in the workspace, embedded as its defaults.
fn defaults(path: &str) -> Table {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("everything has a name")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The one container of a pod.
fn container(pod: &Value) -> &Value {
    let containers = pod["spec"]["containers"].as_array().expect("a pod has containers");
    assert_eq!(containers.len(), 1);
    &containers[0]
}

/// A release has Jobs of its own: one that was done cannot be changed.
fn migration_name(service: &str) -> String {
    format!("{service}-migrate-{}", release().replace('.', "-"))
}

/// The version of the workspace.
fn release() -> String {
    let manifest = defaults("Cargo.toml");
    manifest["workspace"]["package"]["version"].as_str().expect("a version").to_owned()
}

fn check_manifests(options: &[&str], folder: &Path) -> Output {
    let program = root().join("deploy/local/check-manifests");
    Command::new(program).args(options).arg(folder).output().expect("part of the repository")
}

/// What the check says of a folder, and whether it is content.
fn check(folder: &Path) -> (bool, String) {
    let Output { status, stdout, stderr } = check_manifests(&[], folder);
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// A copy of the manifests with one place changed.
fn manifests_with(path: &str, old: &str, new: &str) -> (TempDir, PathBuf) {
    let copy = tempfile::tempdir().expect("the temporary folder is writable");
    let mut manifests = files("deploy/kustomize", "yaml");
    let changed = manifests.iter_mut().find(|file| file.path == path).unwrap_or_else(|| panic!("there is no {path}"));
    assert_eq!(changed.text.matches(old).count(), 1, "{path} has this in one place: {old}");
    changed.text = changed.text.replace(old, new);
    for file in manifests {
        let place = copy.path().join(file.path);
        std::fs::create_dir_all(place.parent().expect("below the copy")).expect("the temporary folder is writable");
        std::fs::write(place, file.text).expect("the temporary folder is writable");
    }
    let example = copy.path().join(EXAMPLE);
    (copy, example)
}

#[track_caller]
fn assert_found(path: &str, old: &str, new: &str, finding: &str) {
    let (_copy, example) = manifests_with(path, old, new);
    let (is_content, said) = check(&example);
    assert!(!is_content && said.contains(finding), "it was to find `{finding}`, and said: {said}");
}

#[test]
fn kubernetes_takes_every_object_of_the_base_and_of_the_example() {
    for folder in [BASE, EXAMPLE] {
        let (is_content, said) = check(&root().join(folder));
        assert!(is_content, "{said}");
    }
    assert!(Manifests::of(BASE).0.len() >= 30, "the manifests were not found");
}

#[test]
fn a_field_that_kubernetes_does_not_know_is_found() {
    let profile = "deploy/kustomize/base/profile.yaml";
    assert_found(profile, "  replicas: 2", "  replica: 2", "Deployment profile: spec: Additional properties are not allowed");
}

#[test]
fn a_value_of_the_wrong_type_is_found() {
    let profile = "deploy/kustomize/base/profile.yaml";
    assert_found(profile, "  replicas: 2", "  replicas: two", "Deployment profile: spec.replicas: 'two' is not of type");
}

#[test]
fn a_field_that_must_be_there_and_is_not_is_found() {
    let profile = "deploy/kustomize/base/profile.yaml";
    let ports = "ports:\n    - name: grpc\n      port: 50051";
    assert_found(profile, ports, "ports:\n    - name: grpc", "Service profile: spec.ports.0: 'port' is a required property");
}

#[test]
fn a_kind_that_kubernetes_does_not_have_is_found() {
    let profile = "deploy/kustomize/base/profile.yaml";
    let finding = "policy/v1 PodDisruptionBudgets profile: Kubernetes 1.30 has no such kind";
    assert_found(profile, "kind: PodDisruptionBudget\n", "kind: PodDisruptionBudgets\n", finding);
    let finding = "policy/v1beta1 PodDisruptionBudget profile: Kubernetes 1.30 has no such kind";
    assert_found(profile, "apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n", finding);
}

/// The example's own kind is on the list of those that belong to others; its neighbours are not.
#[test]
fn a_kind_of_somebody_else_is_found_unless_it_is_listed() {
    let monitor = "deploy/kustomize/overlays/example/pod-monitor.yaml";
    let finding = "monitoring.coreos.com/v1 ServiceMonitor cabinet: Kubernetes 1.30 has no such kind";
    assert_found(monitor, "kind: PodMonitor", "kind: ServiceMonitor", finding);
    assert_eq!(Manifests::of(EXAMPLE).of_kind("PodMonitor").count(), 1, "the list names it for nothing");
}
