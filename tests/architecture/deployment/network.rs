//! Who finds whom, at which port, and who is let in.

use std::collections::BTreeSet;

use serde_json::Value;
use toml::Table;

use super::{BASE, Manifests, container, defaults, list, name_of, services};
use crate::workspace::assert_none;

/// The port of an address in the settings every process reads; of FreeRADIUS's, which has no default, in those of the base.
fn port_of(base: &Manifests, section: &str) -> u64 {
    let every_process = defaults("crates/runtime/src/process.toml");
    let address = every_process.get(section).map(|section| section["address"].as_str().expect("an address").to_owned());
    let address = address.unwrap_or_else(|| {
        let setting = format!("CABINET__{}__ADDRESS", section.to_uppercase());
        let set = base.of_kind("ConfigMap").find_map(|settings| settings["data"][&setting].as_str());
        set.unwrap_or_else(|| panic!("the base does not set {setting}")).to_owned()
    });
    address.rsplit_once(':').expect("an address has a port").1.parse().expect("a number")
}

/// Whom a service asks, and where, if nobody says otherwise.
fn peers(service: &str) -> Vec<(String, String)> {
    let settings = defaults(&format!("crates/{service}/src/config.toml"));
    let peers = settings.get("peers").and_then(toml::Value::as_table).cloned().unwrap_or_else(Table::new);
    peers.into_iter().filter_map(|(peer, address)| Some((peer.replace('_', "-"), address.as_str()?.to_owned()))).collect()
}

/// Whether a selector of Kubernetes means somebody with these labels; without a selector nobody is meant.
fn means(selector: &Value, labels: &Value) -> bool {
    if selector.is_null() {
        return false;
    }
    let mut exact = selector["matchLabels"].as_object().into_iter().flatten();
    exact.all(|(key, value)| labels[key] == *value)
        && list(&selector["matchExpressions"]).all(|expression| {
            assert_eq!(expression["operator"], "In", "no other is used");
            let value = &labels[expression["key"].as_str().expect("a label")];
            list(&expression["values"]).any(|each| each == value)
        })
}

/// Whether a pod of the same namespace may connect to a port of another one: forbidden to all, then allowed to some.
fn lets_in(base: &Manifests, from: &Value, to: &Value, port: &str) -> bool {
    let (from, to) = (&from["metadata"]["labels"], &to["metadata"]["labels"]);
    let about_it = || base.of_kind("NetworkPolicy").filter(|policy| means(&policy["spec"]["podSelector"], to));
    assert!(about_it().any(|policy| policy["spec"]["ingress"].is_null()), "whoever is not named is let in");
    about_it().flat_map(|policy| list(&policy["spec"]["ingress"])).any(|rule| {
        // What a rule does not name is not limited.
        (rule["ports"].is_null() || list(&rule["ports"]).any(|each| each["port"] == port))
            && (rule["from"].is_null() || list(&rule["from"]).any(|peer| means(&peer["podSelector"], from)))
    })
}

#[test]
fn ports_are_those_at_which_processes_listen() {
    let base = Manifests::of(BASE);
    let mut findings = Vec::new();
    for service in services() {
        for port in list(&container(base.server(&service))["ports"]) {
            let listens = port_of(&base, port["name"].as_str().expect("a port has a name"));
            if port["containerPort"] != listens {
                findings.push(format!("{service}: {port}, and it listens at {listens}"));
            }
        }
    }
    for port in base.of_kind("Service").flat_map(|service| list(&service["spec"]["ports"])) {
        let section = port["targetPort"].as_str().expect("ports are named");
        if port["port"] != port_of(&base, section) {
            findings.push(format!("{port} is another port than {section}"));
        }
    }
    assert_none(&findings);
}

#[test]
fn services_and_budgets_mean_the_servers_of_one_service() {
    let base = Manifests::of(BASE);
    let mut pods = Vec::new();
    for service in services() {
        pods.push((format!("{service} server"), &base.server(&service)["metadata"]["labels"]));
        pods.push((format!("{service} migration"), &base.migration(&service)["metadata"]["labels"]));
    }
    let meant_by = |selector: &dyn Fn(&Value) -> bool| -> Vec<String> {
        pods.iter().filter(|(_, labels)| selector(labels)).map(|(name, _)| name.clone()).collect()
    };
    for service in services() {
        let server = [format!("{service} server")];
        assert_eq!(meant_by(&|labels| means(&base.get("Deployment", &service)["spec"]["selector"], labels)), server);
        assert_eq!(meant_by(&|labels| means(&base.get("PodDisruptionBudget", &service)["spec"]["selector"], labels)), server);
        for spread in list(&base.server(&service)["spec"]["topologySpreadConstraints"]) {
            assert_eq!(meant_by(&|labels| means(&spread["labelSelector"], labels)), server);
        }
    }
    for service in base.of_kind("Service") {
        let selector = service["spec"]["selector"].as_object().expect("a selector");
        let meant = meant_by(&|labels| selector.iter().all(|(key, value)| labels[key] == *value));
        let of = name_of(service).trim_end_matches("-public").trim_end_matches("-radius");
        assert_eq!(meant, [format!("{of} server")]);
    }
}

/// A client that resolves the name sees every pod, and not one address that connections stick to.
#[test]
fn services_that_speak_grpc_have_no_address_of_their_own() {
    let base = Manifests::of(BASE);
    for service in base.of_kind("Service") {
        let is_grpc = list(&service["spec"]["ports"]).any(|port| port["targetPort"] == "grpc");
        assert_eq!(is_grpc, service["spec"]["clusterIP"] == "None", "{}", name_of(service));
    }
}

#[test]
fn every_peer_stands_where_it_is_looked_for() {
    let base = Manifests::of(BASE);
    for service in services() {
        for (peer, address) in peers(&service) {
            let port = &base.get("Service", &peer)["spec"]["ports"][0]["port"];
            assert_eq!(address, format!("http://{peer}:{port}"), "{service} asks {peer}");
        }
    }
}

#[test]
fn only_whoever_has_a_question_is_let_in() {
    let base = Manifests::of(BASE);
    let mut asks = BTreeSet::new();
    let mut may = BTreeSet::new();
    for service in services() {
        asks.extend(peers(&service).into_iter().map(|(peer, _)| format!("{service} → {peer}")));
        for peer in services() {
            if lets_in(&base, base.server(&service), base.server(&peer), "grpc") {
                may.insert(format!("{service} → {peer}"));
            }
            for port in ["admin", "public", "radius"] {
                assert!(!lets_in(&base, base.server(&service), base.server(&peer), port), "{service} → {peer}, {port}");
            }
            assert!(!lets_in(&base, base.migration(&service), base.server(&peer), "grpc"), "a migration asks nobody");
        }
    }
    // Replicas of identity are pods of one service.
    may.remove("identity → identity");
    assert_eq!(may, asks);
}
