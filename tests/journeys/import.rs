//! `cabinet import cases`: an event log becomes requesters, cases, changes, and letters if it is announced (C12).

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use api::cabinet::identity::v1::CredentialKind;
use cabinet_e2e::{Cabinet, Setup, Watch, eventually, programs};
use mail_parser::MessageParser;
use serde::Deserialize;

const MAPPING: &str = r#"
    source = "desk"
    kind = "REQUEST"
    subject = "Incident {number}"
    unknown = "?"
    columns = { external_id = "number", status = "state", time = "at" }
    time = { format = "%d-%m-%Y %H:%M", zone = "Europe/Kyiv" }
    requesters = { email = "{caller}@example.com", ticks = ["status_change.email"] }
    statuses = { New = "NEW", Active = "OPEN", Resolved = "RESOLVED", Closed = "CLOSED" }
"#;

/// An event log as they are: a byte order mark, line ends of Windows, and rows that lie.
const LOG: &str = "\u{feff}number,state,caller,at\r\n\
    A-1,New,Caller 1,01-03-2016 08:00\r\n\
    A-2,Active,Caller 2,01-03-2016 08:01\r\n\
    A-1,New,Caller 1,01-03-2016 08:02\r\n\
    A-1,Active,Caller 1,01-03-2016 08:03\r\n\
    A-1,Lost,Caller 1,01-03-2016 08:04\r\n\
    A-3,New,?,01-03-2016 08:05\r\n\
    A-2,Resolved,?,01-03-2016 08:06\r\n\
    A-1,Resolved,Caller 1,yesterday\r\n\
    A-2,New,Caller 2,01-03-2016 08:08\r\n\
    A-1,Resolved,Caller 1\r\n\
    A-1,Resolved,Caller 1,01-03-2016 08:10\r\n\
    A-4,New,Caller 2,01-03-2999 08:11\r\n\
    A-5,Closed,Caller@3,01-03-2016 08:12\r\n\
    A-2,Resolved,Caller 2,01-03-2016 08:13\r\n";

/// The letters it brings about.
const LETTERS: [(&str, &str, &str); 3] = [
    ("caller-1@example.com", "Incident A-1", "In progress"),
    ("caller-1@example.com", "Incident A-1", "Resolved"),
    ("caller-2@example.com", "Incident A-2", "Resolved"),
];

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Report {
    rows: u64,
    users: u64,
    cases: u64,
    changes: u64,
    updates: u64,
    already_there: u64,
    refused: Vec<Refused>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Refused {
    line: u64,
    reason: String,
}

/// Files of an import, and the credential it is done with.
struct Desk {
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    credential: String,
    watch: Arc<Watch>,
}

impl Desk {
    async fn of(cabinet: &Cabinet, log: &str) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        for (name, text) in [("log.csv", log), ("mapping.toml", MAPPING)] {
            std::fs::write(folder.path().join(name), text).expect("the temporary folder is writable");
        }
        let credential = new_credential(cabinet, CredentialKind::ActingService, &folder.path().join("secret")).await;
        let addresses = [
            ("--identity", cabinet.identity.grpc_url()),
            ("--case-monitoring", cabinet.case_monitoring.grpc_url()),
            ("--notification", cabinet.notification.grpc_url()),
            ("--company", cabinet.realm.company_id.to_string()),
        ];
        let arguments = addresses.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        Self { folder, arguments, credential, watch: cabinet.watch.clone() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(programs().join("cabinet"));
        command.args(["import", "cases"]).arg(self.file("log.csv")).arg("--mapping").arg(self.file("mapping.toml"));
        command.arg("--secret-file").arg(self.file("secret")).arg("--report").arg(self.file("report.json"));
        command.args(["--credential", &self.credential]).args(&self.arguments).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    fn run(&self, more: &[&str]) -> Report {
        let output = tokio::task::block_in_place(|| self.command(more).output()).expect("built by `make test`");
        self.watch.hear("cabinet import", said(&output).as_bytes());
        assert!(output.status.success(), "{}", said(&output));
        report(&self.file("report.json"))
    }
}

/// A credential whose secret is in the file.
async fn new_credential(cabinet: &Cabinet, kind: CredentialKind, secret_file: &Path) -> String {
    let (credential, secret) = cabinet.make_credential(kind).await;
    std::fs::write(secret_file, secret).expect("the temporary folder is writable");
    credential
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn report(path: &Path) -> Report {
    let text = std::fs::read(path).expect("an import writes its report");
    serde_json::from_slice(&text).expect("a report")
}

fn refused(line: u64, reason: &str) -> Refused {
    Refused { line, reason: reason.to_owned() }
}

/// To whom, about what, and the new status, of every letter at the sink.
fn letters(cabinet: &Cabinet) -> Vec<(String, String, String)> {
    let read = |letter: testkit::Letter| {
        let parsed = MessageParser::default().parse(&letter.raw).expect("a good letter");
        let text = parsed.body_text(0).expect("text").into_owned();
        let case = text.split_whitespace().skip_while(|word| !word.ends_with("Incident")).nth(1).unwrap_or_default();
        let case: String = case.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '-').collect();
        let status = parsed.subject().and_then(|subject| subject.split(['“', '”']).nth(1).map(str::to_owned));
        (letter.rcpt_to.join(","), format!("Incident {case}"), status.expect("a subject names the status"))
    };
    let mut letters: Vec<_> = cabinet.mail.letters().into_iter().map(read).collect();
    letters.sort();
    letters
}

fn owned(letters: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    letters.iter().map(|(to, case, status)| ((*to).to_owned(), (*case).to_owned(), (*status).to_owned())).collect()
}

/// Rule C12.b: an announced import tells requesters of what changed, and of nothing else; every row that lies is named with its
/// line; the same file again changes nothing and tells nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_log_becomes_cases_changes_and_letters_once() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet, LOG).await;
    let first = desk.run(&["--announce"]);
    let lies = || {
        vec![
            refused(6, "UNKNOWN_STATUS"),
            refused(7, "MISSING_VALUE"),
            refused(9, "TIME_UNREADABLE"),
            refused(10, "TRANSITION_NOT_ALLOWED"),
            refused(11, "WRONG_COLUMN_COUNT"),
            refused(13, "SOURCE_TIME_IN_FUTURE"),
            refused(14, "REQUESTER_UNREADABLE"),
        ]
    };
    let expected = Report { rows: 14, users: 2, cases: 2, changes: 3, updates: 2, already_there: 0, refused: lies() };
    assert_eq!(first, expected);
    cabinet.letters(3).await;
    cabinet.settled().await;
    assert_eq!(letters(&cabinet), owned(&LETTERS));

    let second = desk.run(&["--announce"]);
    assert_eq!(second, Report { users: 0, cases: 0, changes: 0, already_there: 5, ..expected });
    cabinet.settled().await;
    assert_eq!(letters(&cabinet), owned(&LETTERS));
    assert_eq!(cabinet.databases.case_monitoring.value("SELECT count(*) FROM case_history"), "5");
}

/// Rule C12.b: without being announced an import tells nobody, and a later one of the same file does not either.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_import_tells_nobody() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet, LOG).await;
    assert_eq!(desk.run(&[]).changes, 3);
    assert_eq!(desk.run(&["--announce"]).changes, 0);
    cabinet.settled().await;
    assert_eq!(letters(&cabinet), []);
    let times = "SELECT min(source_time AT TIME ZONE 'UTC')::text FROM case_history";
    assert_eq!(cabinet.databases.case_monitoring.value(times), "2016-03-01 06:00:00", "eight in Kyiv");
}

/// Rule C12.b: who has unticked since the first import is not ticked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_tick_taken_back_stays_taken_back() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet, LOG).await;
    desk.run(&[]);
    let caller = cabinet.databases.identity.value("SELECT user_id FROM users WHERE email = 'caller-1@example.com'");
    let token = cabinet.service_token();
    let ticked = async || {
        let sheet = cabinet.get_preferences(&token, &caller).await.expect("a service may");
        sheet.preferences.expect("preferences").status_change.expect("ticks").email
    };
    assert!(ticked().await);
    cabinet.update_preferences(&token, &caller, false, &["status_change.email"]).await.expect("unticked");
    desk.run(&[]);
    assert!(!ticked().await);
}

/// Rules C12.b, N14.a: ticks are set in their owners' names; an import that may not do so says it, and is finished by one that may.
#[tokio::test(flavor = "multi_thread")]
async fn ticks_are_set_in_their_owners_names() {
    let cabinet = Cabinet::start().await;
    let mut desk = Desk::of(&cabinet, LOG).await;
    let trusted = desk.credential.clone();
    let secret = std::fs::read(desk.file("secret")).expect("the secret");
    desk.credential = new_credential(&cabinet, CredentialKind::Service, &desk.file("secret")).await;
    let output = tokio::task::block_in_place(|| desk.command(&[]).output()).expect("built by `make test`");
    assert!(!output.status.success() && said(&output).contains("a credential of the kind ACTING_SERVICE"), "{}", said(&output));
    let ticks = "SELECT count(*) FROM preference_history";
    assert_eq!(cabinet.databases.notification.value(ticks), "0");

    desk.credential = trusted;
    std::fs::write(desk.file("secret"), secret).expect("the temporary folder is writable");
    assert_eq!(desk.run(&["--announce"]).changes, 3);
    cabinet.letters(3).await;
    assert_eq!(letters(&cabinet), owned(&LETTERS));
}

/// Rule C12.b: an import killed in the middle is finished by running it again; so is one whose services were killed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_killed_in_the_middle_is_finished_by_the_next() {
    let mut cabinet = Cabinet::start().await;
    let states = ["New", "Active", "Resolved", "Closed", "Active"];
    let rows =
        states.iter().flat_map(|state| (1..=30).map(move |case| format!("B-{case},{state},Caller {case},01-03-2016 08:00\n")));
    let log: String = std::iter::once("number,state,caller,at\n".to_owned()).chain(rows).collect();
    let desk = Desk::of(&cabinet, &log).await;
    let changes = |cabinet: &Cabinet| -> u64 {
        let count = "SELECT count(*) FROM case_history WHERE old_status IS NOT NULL";
        cabinet.databases.case_monitoring.value(count).parse().expect("a count")
    };
    let mut killed = desk.command(&["--announce", "--rate", "60"]).spawn().expect("built by `make test`");
    eventually("some changes", || (changes(&cabinet) > 10).then_some(())).await;
    killed.kill().expect("it runs");
    killed.wait().expect("a child can be waited for");
    let before = changes(&cabinet);
    assert!(before < 120, "it was killed in the middle: {before}");

    let again = desk.command(&["--announce", "--rate", "60"]).spawn().expect("built by `make test`");
    eventually("more changes", || (changes(&cabinet) > before + 10).then_some(())).await;
    cabinet.case_monitoring.kill();
    cabinet.case_monitoring.start();
    let output = tokio::task::block_in_place(|| again.wait_with_output()).expect("a child can be waited for");
    assert!(output.status.success(), "{}", said(&output));
    let second = report(&desk.file("report.json"));
    assert_eq!((second.rows, second.refused), (150, vec![]));
    assert_eq!(second.cases + second.changes + second.already_there, 150);
    assert_eq!(changes(&cabinet), 120);
    cabinet.letters(120).await;
    cabinet.settled().await;
    assert_eq!(cabinet.mail.letters().len(), 120);
}

/// An import that cannot be carried out says why, and brings nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_be_carried_out_brings_nothing() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet, LOG).await;
    let failed = |because: &str| {
        let output = tokio::task::block_in_place(|| desk.command(&[]).output()).expect("built by `make test`");
        assert!(!output.status.success() && said(&output).contains(because), "{}", said(&output));
    };
    std::fs::write(desk.file("mapping.toml"), MAPPING.replace("\"OPEN\"", "\"AWAITING_VENDOR\"")).expect("writable");
    failed("the realm's workflow has no AWAITING_VENDOR");
    std::fs::write(desk.file("mapping.toml"), MAPPING.replace("caller}", "customer}")).expect("writable");
    failed("the file has no column customer");
    std::fs::write(desk.file("mapping.toml"), MAPPING).expect("writable");
    std::fs::write(desk.file("secret"), "guessed").expect("writable");
    failed("the credential or its secret is wrong");
    assert_eq!(cabinet.databases.identity.value("SELECT count(*) FROM users"), "0");
}

/// The workflow for logs of a service desk, and its mapping, fit each other.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_is_imported_into_the_workflow_beside_it() {
    let cabinet = Cabinet::start().await;
    let log = "number,incident_state,caller_id,sys_updated_at,category,subcategory\n\
        INC1,Closed,Caller 12,29-02-2016 04:40,Category 1,?\n\
        INC1,Awaiting User Info,Caller 12,29-02-2016 04:57,Category 1,?\n";
    let desk = Desk::of(&cabinet, log).await;
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/import");
    std::fs::copy(examples.join("service-desk.toml"), desk.file("mapping.toml")).expect("the example");
    let mut replacing = Command::new(programs().join("cabinet"));
    replacing.args(["import", "workflow"]).arg(examples.join("service-desk.workflow.toml"));
    replacing.arg("--secret-file").arg(desk.file("secret")).args(["--credential", &desk.credential]);
    replacing.args(["--identity", &cabinet.identity.grpc_url(), "--case-monitoring", &cabinet.case_monitoring.grpc_url()]);
    let output = tokio::task::block_in_place(|| replacing.output()).expect("built by `make test`");
    assert!(output.status.success(), "{}", said(&output));
    let report = desk.run(&["--announce"]);
    assert_eq!((report.cases, report.changes, report.refused), (1, 1, vec![]));
    let letter = cabinet.letters(1).await.remove(0);
    let parsed = MessageParser::default().parse(&letter.raw).expect("a good letter");
    assert!(parsed.subject().expect("a subject").contains("Waiting for you"));
}

/// An import goes where every service wants to see a certificate, as one service goes to another.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_shows_its_certificate() {
    let cabinet = Setup::default().tls().start().await;
    let desk = Desk::of(&cabinet, LOG).await;
    let certificates = cabinet.certificates.as_ref().expect("asked for");
    let with = |certificate: Option<&str>| {
        let mut import = desk.command(&["--announce", "--patience", "1"]);
        tokio::task::block_in_place(|| import.envs(certificates.client(certificate)).output()).expect("built by `make test`")
    };
    let output = with(Some("client"));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(cabinet.letters(LETTERS.len()).await.len(), LETTERS.len());
    assert!(!with(None).status.success(), "nobody is let in without one");
}
