//! What operators do by the command line.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::audit_service_client::AuditServiceClient;
use cabinet_e2e::{Cabinet, Kind, ServiceProcess, eventually_async, new_id, programs, reason, with_token};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::decode_header;

/// How the files of keys are named, each after the moment since which it signs.
pub(crate) fn name(signs_from: Timestamp) -> String {
    format!("{}.pem", signs_from.strftime("%Y%m%dT%H%M%SZ"))
}

pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).expect("it is readable");
    files.map(|file| file.expect("it is readable").file_name().into_string().expect("UTF-8")).collect()
}

pub(crate) fn rotate(folder: &Path) -> Output {
    let mut rotate = Command::new(programs().join("cabinet"));
    let output = rotate.arg("rotate-keys").arg(folder).output().expect("built by `make test`");
    assert!(output.status.success(), "{output:?}");
    output
}

/// The names of the keys that identity publishes.
pub(crate) async fn published(identity: &ServiceProcess) -> BTreeSet<String> {
    let answer = identity.public("/.well-known/jwks.json").await.expect("it answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("headers and a body");
    let jwks: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let keys = jwks["keys"].as_array().expect("keys").iter();
    keys.map(|key| format!("{}.pem", key["kid"].as_str().expect("a name"))).collect()
}

async fn is_published(cabinet: &Cabinet, names: &BTreeSet<String>) {
    eventually_async("keys to be read again", async || (published(&cabinet.identity).await == *names).then_some(())).await;
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

/// An administrator of the platform, as he calls from a command line.
struct Operator<'a> {
    cabinet: &'a Cabinet,
    password_file: tempfile::NamedTempFile,
}

impl<'a> Operator<'a> {
    const NAME: &'static str = "olga";

    /// He begins with a one-time password, with which nothing can be done but to replace it.
    fn of(cabinet: &'a Cabinet) -> Self {
        let lasting = "a long enough password";
        cabinet.watch.canary(Kind::Password, lasting);
        let file_of = |password: &str| {
            let file = tempfile::NamedTempFile::new().expect("the temporary folder is writable");
            std::fs::write(file.path(), format!("{password}\n")).expect("it is writable");
            file
        };
        let once = Self { cabinet, password_file: file_of(&cabinet.identity.answer_of(&["administrator", Self::NAME])) };
        let user_id = new_id::<kernel::of::User>().to_string();
        let (code, _, wrong) = once.run("sessions list", &["--user", &user_id]);
        assert_eq!(code, Some(1), "{wrong}");
        let operator = Self { cabinet, password_file: file_of(lasting) };
        let nothing = file_of("");
        let (code, _, wrong) =
            once.run_in_no_realm("administrator-password", &["--new-password-file", &nothing.path().display().to_string()]);
        assert!(code == Some(1) && wrong.contains("holds no password"), "{wrong}");
        let new_password_file = operator.password_file.path().display().to_string();
        let (code, _, wrong) = once.run_in_no_realm("administrator-password", &["--new-password-file", &new_password_file]);
        assert_eq!((code, wrong.as_str()), (Some(0), ""));
        operator
    }

    /// The exit code, and what was said: as an answer, or of what went wrong.
    fn run(&self, command: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let realm_id = self.cabinet.realm.id.to_string();
        self.run_in_no_realm(command, &[&["--realm", &realm_id], arguments].concat())
    }

    fn run_in_no_realm(&self, command: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut cabinet = Command::new(programs().join("cabinet"));
        cabinet.args(command.split(' ')).args(["--identity", &self.cabinet.identity.grpc_url()]);
        cabinet.args(["--administrator", Self::NAME, "--password-file"]).arg(self.password_file.path());
        cabinet.args(arguments);
        let output = tokio::task::block_in_place(|| cabinet.output()).expect("built by `make test`");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// What is answered to one that succeeds.
    fn answer(&self, command: &str, arguments: &[&str]) -> String {
        let (code, answer, wrong) = self.run(command, arguments);
        assert_eq!((code, wrong.as_str()), (Some(0), ""), "{command}");
        answer
    }
}

/// Rules I24.f, I26.a: a command lists and ends the sessions of a user, as whoever runs the platform: in the log stands who did. What was
/// refused is said with its reason, and told by the exit code.
#[tokio::test(flavor = "multi_thread")]
async fn operators_end_sessions_by_a_command() {
    let cabinet = Cabinet::start().await;
    let operator = Operator::of(&cabinet);
    let anna = cabinet.create_customer("anna@example.com").await;
    let tokens = cabinet.signed_in(&anna).await;
    let of_anna = ["--user", &anna.user_id];

    let listed = operator.answer("sessions list", &of_anna);
    assert!(listed.starts_with(&tokens.session_id) && listed.lines().count() == 1, "{listed}");
    assert!(listed.contains("from \"127.0.0.1\"  \"a test\""), "{listed}");
    assert_eq!(operator.answer("sessions end", &["--user", &anna.user_id, "--all"]), "sessions ended: 1\n");
    cabinet.refused_everywhere(&tokens.access_token, &anna.user_id).await;
    assert_eq!(operator.answer("sessions list", &of_anna), "");
    assert_eq!(
        operator.answer("sessions end", &["--user", &anna.user_id, "--session", &tokens.session_id]),
        "sessions ended: 0\n"
    );

    let ended = pb::ListAuditEntriesRequest {
        realm_id: cabinet.realm.id.to_string(),
        act: pb::AuditAct::SessionsEnded.into(),
        ..Default::default()
    };
    let request = with_token(&cabinet.operator_token("another"), ended);
    let entries = AuditServiceClient::new(cabinet.identity.channel()).list_audit_entries(request).await.expect("he may");
    let entries = entries.into_inner().entries;
    let told: Vec<_> = entries.iter().map(|entry| (&*entry.object_id, &*entry.detail, &*entry.actor_name)).collect();
    assert_eq!(told, [(&*anna.user_id, "1", Operator::NAME)]);

    let (code, _, wrong) = operator.run("sessions list", &["--user", &tokens.session_id]);
    assert!(code == Some(1) && wrong.starts_with("USER_NOT_FOUND: "), "{wrong}");
    let (code, _, wrong) = operator.run("sessions end", &of_anna);
    assert!(code == Some(2) && wrong.contains("--session <SESSION>|--all"), "{wrong}");
    std::fs::write(operator.password_file.path(), "another").expect("it is writable");
    let (code, _, wrong) = operator.run("sessions end", &["--user", &anna.user_id, "--all"]);
    assert!(code == Some(1) && wrong.starts_with("SIGN_IN_REFUSED: "), "{wrong}");
}

/// Rule I23.f: a command lifts what keeps a user waiting, or everybody behind an address.
#[tokio::test(flavor = "multi_thread")]
async fn operators_lift_limits_by_a_command() {
    let cabinet = Cabinet::start().await;
    let operator = Operator::of(&cabinet);
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let guess = async || reason(&cabinet.sign_in("anna@example.com", "a wrong password").await.expect_err("it is wrong")).1;
    for _ in 0..10 {
        assert_eq!(guess().await, "SIGN_IN_REFUSED");
    }
    assert_eq!(guess().await, "ATTEMPTS_LIMITED");

    assert_eq!(operator.answer("lift-limit", &["--user", &anna.user_id]), "counts lifted: 1\n");
    cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("her password");
    // Ten guesses at her password, and a link to set it.
    assert_eq!(operator.answer("lift-limit", &["--address", "127.0.0.1"]), "counts lifted: 2\n");
    assert_eq!(operator.answer("lift-limit", &["--address", "127.0.0.1"]), "counts lifted: 0\n");
    let (code, _, wrong) = operator.run("lift-limit", &["--address", "somewhere"]);
    assert!(code == Some(1) && wrong.contains("address"), "{wrong}");
}
