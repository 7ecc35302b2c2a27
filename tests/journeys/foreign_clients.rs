//! Cabinet as teams meet it that work in other languages: their programs (`tests/foreign`) know the contract and nothing else of us.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use api::cabinet::identity::v1::CredentialKind;
use cabinet_e2e::{Cabinet, PATIENCE, ServiceProcess};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

const FOREIGN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/foreign");

/// A program of another team.
struct Program {
    interpreter: PathBuf,
    script: PathBuf,
    settings: Vec<(&'static str, OsString)>,
}

impl Program {
    fn in_python(script: &str) -> Self {
        // Nothing is left beside the sources.
        let settings = vec![("PYTHONDONTWRITEBYTECODE", "1".into())];
        Self { interpreter: testkit::python(), script: Path::new(FOREIGN).join("python").join(script), settings }
    }

    fn in_node(script: &str) -> Self {
        let settings = vec![("NODE_PATH", testkit::node_modules("@grpc/grpc-js").into())];
        Self { interpreter: testkit::node(), script: Path::new(FOREIGN).join("node").join(script), settings }
    }

    fn knowing(mut self, setting: &'static str, value: impl Into<OsString>) -> Self {
        self.settings.push((setting, value.into()));
        self
    }

    /// Everything a team is told to begin with: where the services are, a credential of its own, its company.
    async fn introduced_to(self, cabinet: &Cabinet) -> Self {
        let (credential_id, secret) = cabinet.make_credential(CredentialKind::Service).await;
        self.knowing("CABINET_IDENTITY", address(&cabinet.identity))
            .knowing("CABINET_CASE_MONITORING", address(&cabinet.case_monitoring))
            .knowing("CABINET_NOTIFICATION", address(&cabinet.notification))
            .knowing("CABINET_CREDENTIAL_ID", credential_id)
            .knowing("CABINET_CREDENTIAL_SECRET", secret)
            .knowing("CABINET_COMPANY_ID", cabinet.realm.company_id.to_string())
    }

    /// What it prints.
    async fn run(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(&self.interpreter);
        command.arg(&self.script).args(arguments).envs(self.settings.iter().cloned()).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").expect("it can be run");
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {errors}", self.script.display());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said} {errors}"))
    }
}

fn address(service: &ServiceProcess) -> String {
    service.grpc_url().replace("http://", "")
}

/// The contract as Python code.
async fn stubs() -> TempDir {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let generate = Path::new(FOREIGN).join("python/generate");
    let output = Command::new(generate).arg(folder.path()).env("PYTHON", testkit::python()).output().await;
    let output = output.expect("part of the repository");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// The program adds a customer who ticks e-mail, and moves a case of his; his letter arrives, and a refused call is understood.
async fn does_the_main_job(program: Program) {
    let cabinet = Cabinet::start().await;
    let program = program.introduced_to(&cabinet).await;

    let report = program.run(&["play", "anna@example.com"]).await;
    let case_id = report["case_id"].as_str().unwrap_or_else(|| panic!("it printed {report}"));
    let case = cabinet.get_case(&cabinet.service_token(), case_id).await.expect("its case");
    assert_eq!(case.status.expect("a status").code, "OPEN");
    let expected = json!({
        "user_id": case.requester_id,
        "ticked": true,
        "case_id": case.case_id,
        "number": 1,
        "status": "OPEN",
        "version": 2,
        "refusals": {
            "address taken": refusal("ALREADY_EXISTS", "EMAIL_TAKEN", "identity.cabinet", &["email"]),
            "no such move": refusal("FAILED_PRECONDITION", "TRANSITION_NOT_ALLOWED", "case-monitoring.cabinet", &[]),
            "no such case": refusal("NOT_FOUND", "CASE_NOT_FOUND", "case-monitoring.cabinet", &[]),
            "two wrong fields": refusal("INVALID_ARGUMENT", "REQUEST_INVALID", "cabinet", &["requester_id", "subject"]),
            "no token": refusal("UNAUTHENTICATED", "UNAUTHENTICATED", "cabinet", &[]),
        },
    });
    assert_eq!(report, expected);
    let recipients: Vec<_> = cabinet.letters(1).await.into_iter().flat_map(|letter| letter.rcpt_to).collect();
    assert_eq!(recipients, ["anna@example.com"]);

    cabinet.case_monitoring.signal("STOP");
    let unanswered = program.knowing("CABINET_DEADLINE", "2").run(&["read", &case.case_id]).await;
    cabinet.case_monitoring.signal("CONT");
    assert_eq!(unanswered, refusal("DEADLINE_EXCEEDED", "", "", &[]));
}

fn refusal(code: &str, reason: &str, domain: &str, fields: &[&str]) -> Value {
    json!({ "code": code, "reason": reason, "domain": domain, "fields": fields })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_python_does_the_main_job() {
    let stubs = stubs().await;
    does_the_main_job(Program::in_python("main_job.py").knowing("PYTHONPATH", stubs.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_node_does_the_main_job() {
    does_the_main_job(Program::in_node("main_job.js")).await;
}

/// Reflection gives all that a call needs: the program has nothing of the contract.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_without_the_contract_asks_for_it() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;

    let program = Program::in_python("by_reflection.py")
        .knowing("CABINET_CASE_MONITORING", address(&cabinet.case_monitoring))
        .knowing("CABINET_TOKEN", cabinet.service_token());
    let answer = program.run(&[&case.case_id]).await;
    assert_eq!(answer["case"]["subject"], "Printer on fire");
    assert_eq!(answer["case"]["requester_id"], customer.user_id);
}
