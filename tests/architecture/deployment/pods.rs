//! What runs, as whom, how it is asked whether it lives, and how it goes.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Value, json};

use super::{BASE, EXAMPLE, Manifests, container, list, migration_name, name_of, release, services};
use crate::workspace::{assert_none, root};

fn source(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether a service has something that is fetched over HTTP by anybody.
fn is_public(service: &str) -> bool {
    source(&format!("crates/{service}/src/lib.rs")).contains("process.public")
}

/// Every pod that there is, by the name of who makes it.
fn pods(manifests: &Manifests) -> Vec<(&str, &Value)> {
    let makers = manifests.of_kind("Deployment").chain(manifests.of_kind("Job"));
    makers.map(|maker| (name_of(maker), &maker["spec"]["template"])).collect()
}

/// A constant of the workspace that is a number of seconds.
fn seconds(path: &str, constant: &str) -> u64 {
    let expression = format!(r"const {constant}: Duration = Duration::from_secs\((\d+)\);");
    let found = Regex::new(&expression).expect("a good expression").captures(&source(path)).map(|found| found[1].parse());
    found.unwrap_or_else(|| panic!("{path} has no {constant}")).expect("a number")
}

#[test]
fn every_service_has_what_it_takes_to_run_and_nobody_else_has() {
    let mut wanted = BTreeSet::new();
    for service in services() {
        for kind in ["ServiceAccount", "Service", "Deployment", "PodDisruptionBudget"] {
            wanted.insert(format!("{kind} {service}"));
        }
        wanted.insert(format!("Job {}", migration_name(&service)));
        if is_public(&service) {
            wanted.insert(format!("Service {service}-public"));
        }
    }
    wanted.insert("Service identity-radius".to_owned());
    let base = Manifests::of(BASE);
    let kinds = ["ServiceAccount", "Service", "Deployment", "PodDisruptionBudget", "Job"];
    let found = kinds.iter().flat_map(|kind| base.of_kind(kind).map(move |object| format!("{kind} {}", name_of(object))));
    assert_eq!(found.collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn a_pod_runs_its_own_service_with_its_own_settings() {
    let base = Manifests::of(BASE);
    for service in services() {
        for (pod, command) in [(base.server(&service), "serve"), (base.migration(&service), "migrate")] {
            let container = container(pod);
            assert_eq!(container["command"], json!([format!("/usr/local/bin/cabinet-{service}")]));
            assert_eq!(container["args"], json!([command]));
            assert_eq!(container["image"], format!("cabinet:{}", release()), "the version of the workspace");
            assert_eq!(pod["spec"]["serviceAccountName"], *service);
            let settings = container["envFrom"][0]["configMapRef"]["name"].as_str().expect("settings");
            assert!(settings.starts_with(&format!("{service}-settings-")), "{settings} keeps its name when it changes");
            assert_eq!(name_of(base.get("ConfigMap", settings)), settings);
        }
    }
}

/// What the four have in common stands four times, so that each can be read by itself; here is what keeps it common.
#[test]
fn services_run_alike_but_for_their_names_ports_and_keys() {
    let base = Manifests::of(BASE);
    let hash = Regex::new(r"-settings-\w+").expect("a good expression");
    let alike = |object: &Value, service: &str| {
        let mut object = object.clone();
        let pod = &mut object["spec"]["template"]["spec"];
        for path in ["/containers/0/ports", "/containers/0/volumeMounts", "/volumes"] {
            let owned = pod.pointer_mut(path).and_then(Value::as_array_mut);
            if let Some(owned) = owned {
                let is_identitys =
                    |each: &Value| ["public", "radius", "signing-keys", "peppers"].iter().any(|own| each["name"] == *own);
                owned.retain(|each| !is_identitys(each));
            }
        }
        hash.replace_all(&object.to_string(), "-settings").replace(service, "SERVICE")
    };
    let shape = |service: &str| {
        let server = alike(base.get("Deployment", service), service);
        (server, alike(base.get("Job", &migration_name(service)), service))
    };
    for service in services() {
        assert_eq!(shape(&service), shape("profile"), "{service}");
    }
}

#[test]
fn an_installation_changes_where_the_image_is_and_not_which_it_is() {
    let example = Manifests::of(EXAMPLE);
    let images = pods(&example).into_iter().map(|(_, pod)| container(pod)["image"].as_str().expect("an image"));
    let expected = format!("registry.example/cabinet:{}", release());
    assert_eq!(images.collect::<BTreeSet<_>>(), BTreeSet::from([expected.as_str()]));
}

/// What the Pod Security Standard `restricted` asks for, and a file system that nothing is written to.
#[test]
fn pods_may_do_nothing_they_do_not_need() {
    let base = Manifests::of(BASE);
    assert_eq!(base.get("Namespace", "cabinet")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    for account in base.of_kind("ServiceAccount") {
        assert_eq!(account["automountServiceAccountToken"], false, "{}", name_of(account));
    }
    let mut findings = Vec::new();
    for (name, pod) in pods(&base) {
        let (pod, container) = (&pod["spec"], container(pod));
        let facts = [
            (&pod["automountServiceAccountToken"], json!(false)),
            (&pod["securityContext"]["runAsNonRoot"], json!(true)),
            (&pod["securityContext"]["seccompProfile"]["type"], json!("RuntimeDefault")),
            (&pod["hostNetwork"], Value::Null),
            (&pod["hostPID"], Value::Null),
            (&pod["initContainers"], Value::Null),
            (&container["securityContext"]["allowPrivilegeEscalation"], json!(false)),
            (&container["securityContext"]["readOnlyRootFilesystem"], json!(true)),
            (&container["securityContext"]["capabilities"], json!({ "drop": ["ALL"] })),
            (&container["securityContext"]["privileged"], Value::Null),
        ];
        let wrong = facts.iter().filter(|(is, wanted)| *is != wanted);
        findings.extend(wrong.map(|(is, wanted)| format!("{name}: {is}, not {wanted}")));
        for volume in list(&pod["volumes"]) {
            if volume.get("secret").or(volume.get("projected")).is_none() {
                findings.push(format!("{name}: {volume} is no secret"));
            }
        }
        for mount in list(&container["volumeMounts"]).filter(|mount| mount["readOnly"] != true) {
            findings.push(format!("{name}: {mount} can be written to"));
        }
    }
    assert_none(&findings);
}

#[test]
fn a_pod_is_asked_at_the_admin_port_what_is_answered_there() {
    let base = Manifests::of(BASE);
    let answered = source("crates/runtime/src/admin.rs");
    for service in services() {
        let container = container(base.server(&service));
        for (probe, path) in [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "admin" }), "{service}: {probe}");
            assert!(answered.contains(&format!(".route(\"{path}\"")), "{path} is not answered");
        }
        // The process asks its database for as long as this, and then says that it is not ready.
        let patience = container["readinessProbe"]["timeoutSeconds"].as_u64().expect("seconds");
        assert!(patience > seconds("crates/runtime/src/admin.rs", "PROBE_TIMEOUT"));
    }
}

#[test]
fn a_pod_is_given_longer_to_end_than_its_process_takes() {
    let base = Manifests::of(BASE);
    let process = seconds("crates/runtime/src/process.rs", "DRAIN") + seconds("crates/runtime/src/lifecycle.rs", "GRACE");
    let process = process
        + seconds("crates/runtime/src/trace/export.rs", "FLUSH_LIMIT")
        + seconds("crates/runtime/src/process.rs", "CLOSE");
    for service in services() {
        let server = base.server(&service);
        let pause = container(server)["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().expect("a pause");
        let given = server["spec"]["terminationGracePeriodSeconds"].as_u64().expect("seconds");
        assert!(given > pause + process, "{service}: {given} s for {pause} + {process} s");
    }
}

#[test]
fn no_release_and_no_drained_node_takes_the_last_pod() {
    let base = Manifests::of(BASE);
    for service in services() {
        let deployment = &base.get("Deployment", &service)["spec"];
        assert!(deployment["replicas"].as_u64() >= Some(2));
        assert_eq!(deployment["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
        assert_eq!(base.get("PodDisruptionBudget", &service)["spec"]["maxUnavailable"], 1);
    }
}

#[test]
fn a_migration_that_failed_is_tried_again_in_a_pod_of_its_own() {
    let base = Manifests::of(BASE);
    for service in services() {
        assert_eq!(base.migration(&service)["spec"]["restartPolicy"], "Never", "the log of a failure stays");
        assert!(base.get("Job", &migration_name(&service))["spec"]["backoffLimit"].as_u64() > Some(0));
    }
}
