//! The settings of the manifests, told to the programs themselves: `config check`, with secrets made up where the pods would have
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use cabinet_e2e::programs;
use regex::Regex;
use runtime::sealing::SealingPair;
use serde_json::Value;
use tempfile::TempDir;

use super::{BASE, EXAMPLE, Manifests, container, list, services};
use crate::workspace::root;

/// What a pod finds: its settings, and the files of its secrets below a folder that stands for the root.
struct Place {
    program: String,
    settings: BTreeMap<String, String>,
    root: TempDir,
}

impl Place {
    fn of(pod: &Value, manifests: &Manifests) -> Self {
        let (container, secrets) = (container(pod), secrets());
        let root = tempfile::tempdir().expect("the temporary folder is writable");
        for mount in list(&container["volumeMounts"]) {
            let folder = below(root.path(), mount["mountPath"].as_str().expect("a path"));
            std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
            for key in secrets_in(pod, &mount["name"]).flat_map(|secret| &secrets[secret]) {
                std::fs::write(folder.join(key), made_up(key)).expect("the temporary folder is writable");
            }
        }
        let settings = container["envFrom"][0]["configMapRef"]["name"].as_str().expect("settings");
        let settings = manifests.get("ConfigMap", settings)["data"].as_object().expect("settings").clone();
        let settings = settings.into_iter().map(|(name, value)| (name, value.as_str().expect("text").to_owned())).collect();
        let program = container["command"][0].as_str().and_then(|path| path.rsplit('/').next()).expect("a program").to_owned();
        Self { program, settings, root }
    }

    /// What the program says against its configuration; nothing if it is content.
    fn problems(&self) -> String {
        self.check().err().unwrap_or_default()
    }

    /// What `config check` says of these settings, or against them.
    fn check(&self) -> Result<String, String> {
        let settings = self.settings.iter().map(|(name, value)| {
            (name, if value.starts_with('/') { below(self.root.path(), value).display().to_string() } else { value.clone() })
        });
        let mut check = Command::new(programs().join(&self.program));
        let output = check.args(["config", "check"]).env_clear().envs(settings).output().expect("built by `make test`");
        let text = |said: Vec<u8>| String::from_utf8(said).expect("UTF-8").trim().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// The setting whose value ends with the name of a file, as the program calls it.
    fn setting_of(&self, file: &str) -> String {
        let found = self.settings.iter().find(|(_, value)| value.ends_with(&format!("/{file}")));
        let name = found.unwrap_or_else(|| panic!("{}: no setting names {file}", self.program)).0;
        name.trim_start_matches("CABINET__").to_lowercase().replace("__", ".")
    }
}

fn below(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// The names of the secrets in one volume of a pod.
fn secrets_in<'a>(pod: &'a Value, volume: &Value) -> impl Iterator<Item = &'a str> {
    let volume = list(&pod["spec"]["volumes"]).find(|each| each["name"] == *volume).expect("what is mounted is there");
    let projected = list(&volume["projected"]["sources"]).map(|source| source["secret"]["name"].as_str().expect("a secret"));
    volume["secret"]["secretName"].as_str().into_iter().chain(projected)
}

/// What an operator is told to put into each secret: the table in the README of the manifests.
fn secrets() -> BTreeMap<String, Vec<String>> {
    let readme = readme();
    let table = readme.lines().skip_while(|line| !line.starts_with("| Secret |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|')).map(|row| {
        let mut cells = row.split('|').skip(1);
        let mut quoted = || -> Vec<String> {
            let cell = cells.next().expect("a cell");
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        (quoted().remove(0), quoted())
    });
    rows.collect()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("deploy/kustomize/README.md")).expect("the manifests have a README")
}

fn made_up(key: &str) -> String {
    let sealing = SealingPair::generate();
    match key {
        "database.url" => "postgres://cabinet:secret@postgres/cabinet".to_owned(),
        "amqp.url" => "amqp://cabinet:secret@rabbitmq/cabinet".to_owned(),
        "components.secret" => "what the components share".to_owned(),
        "refresh.key" | "second-factor.key" | "unsubscribe.key" => "a2V5cyBhcmUgYXQgbGVhc3QgdGhpcnR5LXR3byBieXRlcw==".to_owned(),
        "sealing.key" => sealing.sealing_key,
        "opening.key" => sealing.opening_key.expose().clone(),
        "smpp.password" | "bucket.id" | "bucket.key" => "secret".to_owned(),
        // Read when they are used, not before.
        "20261122T000000Z.pem" | "20261122T000000Z.key" => String::new(),
        _ => panic!("the README names {key}, which no setting does"),
    }
}

#[test]
fn the_settings_of_the_example_are_valid_for_every_program() {
    let example = Manifests::of(EXAMPLE);
    for service in services() {
        assert_eq!(Place::of(example.server(&service), &example).problems(), "", "{service}");
        assert_eq!(Place::of(example.migration(&service), &example).problems(), "", "{service} migrate");
    }
}

#[test]
fn the_base_leaves_open_only_where_mail_goes_and_where_avatars_are() {
    let base = Manifests::of(BASE);
    for service in services() {
        let open = match service.as_str() {
            "notification" => "configuration: smtp.server: must be set",
            "profile" => "configuration: avatars.s3.endpoint: must be set",
            _ => "",
        };
        assert_eq!(Place::of(base.server(&service), &base).problems(), open, "{service}");
    }
}

#[test]
fn a_setting_that_the_program_does_not_know_is_found() {
    let example = Manifests::of(EXAMPLE);
    let mut place = Place::of(example.server("profile"), &example);
    place.settings.insert("CABINET__MESSAGING__URL_FILE".to_owned(), "/etc/cabinet/secrets/amqp.url".to_owned());
    assert_eq!(place.problems(), "configuration: messaging.url_file: unknown key");
}

/// The README asks for no secret in vain, and one that is forgotten is told by its setting.
#[test]
fn every_secret_of_the_readme_is_missed_when_it_is_not_there() {
    let example = Manifests::of(EXAMPLE);
    for service in services() {
        let pod = example.server(&service);
        let place = Place::of(pod, &example);
        for key in secrets_in(pod, &Value::from("secrets")).flat_map(|secret| secrets()[secret].clone()) {
            let file = below(place.root.path(), "/etc/cabinet/secrets").join(&key);
            let content = std::fs::read(&file).expect("it was made up");
            std::fs::remove_file(&file).expect("it is there");
            assert_eq!(place.problems(), format!("configuration: {}: entity not found", place.setting_of(&key)), "{service}");
            std::fs::write(&file, content).expect("the temporary folder is writable");
        }
    }
}

#[test]
fn the_readme_names_the_secrets_that_pods_want() {
    let example = Manifests::of(EXAMPLE);
    let services = services();
    let pods = services.iter().map(|service| example.server(service));
    let wanted = pods.flat_map(|pod| list(&pod["spec"]["volumes"]).flat_map(|volume| secrets_in(pod, &volume["name"])));
    let named = secrets();
    assert_eq!(named.keys().map(String::as_str).collect::<BTreeSet<_>>(), wanted.collect());
}

#[test]
fn identity_has_its_keys_and_peppers_from_secrets_of_their_own() {
    let base = Manifests::of(BASE);
    let pod = base.server("identity");
    let settings = Place::of(pod, &base).settings;
    let folders = [
        ("signing-keys", "identity-signing-keys", "CABINET__KEYS__FOLDER"),
        ("peppers", "identity-peppers", "CABINET__KEYS__PEPPERS_FOLDER"),
    ];
    for (volume, secret, setting) in folders {
        let mount = list(&container(pod)["volumeMounts"]).find(|mount| mount["name"] == volume).expect("it is mounted");
        assert_eq!(secrets_in(pod, &mount["name"]).collect::<Vec<_>>(), [secret]);
        assert_eq!(mount["mountPath"], *settings[setting]);
    }
}

/// More than PostgreSQL lets in by default, if one server has all four databases.
#[test]
fn the_readme_says_how_many_connections_all_of_it_takes() {
    let example = Manifests::of(EXAMPLE);
    let budget = Regex::new(r"at most (\d+) connections a replica").expect("a good expression");
    let taken_by = |service: &String| -> u64 {
        let said = Place::of(example.server(service), &example).check().expect("a valid configuration");
        let a_replica: u64 = budget.captures(&said).expect("the budget")[1].parse().expect("a number");
        let deployment = &example.get("Deployment", service)["spec"];
        let replicas = [&deployment["replicas"], &deployment["strategy"]["rollingUpdate"]["maxSurge"]];
        a_replica * replicas.map(|number| number.as_u64().expect("a number")).iter().sum::<u64>()
    };
    let all: u64 = services().iter().map(taken_by).sum();
    assert!(readme().contains(&format!("at most {all} connections")), "it takes at most {all}");
}
