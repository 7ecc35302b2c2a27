//! What operators do by the command line.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use cabinet_e2e::{Cabinet, eventually_async, programs};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::decode_header;

/// How the files of keys are named, each after the moment since which it signs.
fn name(signs_from: Timestamp) -> String {
    format!("{}.pem", signs_from.strftime("%Y%m%dT%H%M%SZ"))
}

fn names(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).expect("it is readable");
    files.map(|file| file.expect("it is readable").file_name().into_string().expect("UTF-8")).collect()
}

fn rotate(folder: &Path) -> Output {
    let mut rotate = Command::new(programs().join("cabinet"));
    let output = rotate.arg("rotate-keys").arg(folder).output().expect("built by `make test`");
    assert!(output.status.success(), "{output:?}");
    output
}

/// The names of the keys that identity publishes.
async fn published(cabinet: &Cabinet) -> BTreeSet<String> {
    let answer = cabinet.identity.public("/.well-known/jwks.json").await.expect("it answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("headers and a body");
    let jwks: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let keys = jwks["keys"].as_array().expect("keys").iter();
    keys.map(|key| format!("{}.pem", key["kid"].as_str().expect("a name"))).collect()
}

async fn is_published(cabinet: &Cabinet, names: &BTreeSet<String>) {
    eventually_async("keys to be read again", async || (published(cabinet).await == *names).then_some(())).await;
}

/// Rule I24.b: a command adds the next key, which signs once everybody has had time to learn of it, and takes the one before away when
/// no token of it can be alive. Done too often it changes nothing, and no token is refused meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_without_one_rejected_token() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let folder = cabinet.keys_folder.path();
    let first = names(folder);
    let kid = |token: &str| format!("{}.pem", decode_header(token).expect("a JWT").kid.expect("it names its key"));

    let (before, _, after) = (Timestamp::now(), rotate(folder), Timestamp::now());
    let both = names(folder);
    let next: Vec<&String> = both.difference(&first).collect();
    let [next] = next[..] else { panic!("one key is added: {both:?}") };
    let notice = SignedDuration::from_mins(15);
    assert!((name(before + notice)..=name(after + notice)).contains(next), "{next}");
    rotate(folder);
    assert_eq!(names(folder), both, "one is waiting already");
    is_published(&cabinet, &both).await;
    let old = cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("her password").access_token;
    assert!(first.contains(&kid(&old)), "the next one does not sign yet");

    // As if it had been done half an hour ago.
    let signing = name(Timestamp::now() - notice);
    std::fs::rename(folder.join(next), folder.join(&signing)).expect("it is writable");
    is_published(&cabinet, &first.iter().cloned().chain([signing.clone()]).collect()).await;
    let new = cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("her password").access_token;
    assert_eq!(kid(&new), signing);
    for token in [&old, &new] {
        cabinet.accepted_everywhere(token, &anna.user_id).await;
    }
    rotate(folder);
    let now = names(folder);
    assert!(now.is_disjoint(&first) && now.contains(&signing) && now.len() == 2, "{now:?}");
    is_published(&cabinet, &now).await;
    // Half an hour was skipped and not lived through: what services hold of the first key is younger than that.
    cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("her password");
}

/// Rule I10.c: a command says how much work passwords may be on a machine. It is never less than the least, and settings that are valid.
#[tokio::test(flavor = "multi_thread")]
async fn the_work_of_a_password_is_found_by_trying() {
    let cabinet = Cabinet::start().await;
    let calibrated = |milliseconds: &str| -> (u32, u32) {
        let mut calibrate = Command::new(programs().join("cabinet-identity"));
        // It needs no configuration.
        let output = calibrate.args(["calibrate-argon2", "--milliseconds", milliseconds]).env_clear().output();
        let said = String::from_utf8(output.expect("built by `make test`").stdout).expect("UTF-8");
        let said: toml::Table = said.parse().expect("settings");
        let number = |key: &str| said["passwords"][key].as_integer().and_then(|number| number.try_into().ok()).expect("a number");
        assert_eq!(number("lanes"), 1);
        (number("memory_kib"), number("passes"))
    };
    assert_eq!(calibrated("1"), (19456, 2), "however fast the machine");
    let (memory_kib, passes) = calibrated("10000");
    assert_eq!((memory_kib, passes), (65536, 8), "however slow the machine");
    let mut check = cabinet.identity.command("config");
    check.arg("check").env("CABINET__PASSWORDS__MEMORY_KIB", memory_kib.to_string());
    let checked = cabinet.identity.output_of(check.env("CABINET__PASSWORDS__PASSES", passes.to_string()));
    assert!(checked.status.success(), "{checked:?}");
}
