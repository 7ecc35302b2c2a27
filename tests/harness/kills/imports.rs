//! The imports that go on while things are killed: one a realm, each a process of its own, with a credential of its realm.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use api::cabinet::identity::v1::CredentialKind;
use testkit::GuardedProcess;
use tokio::task::block_in_place;

use crate::{Cabinet, TestRealm, programs};

/// As often an import may give up. It gives up when Cabinet is away for longer than it is patient, which no kill here takes.
const RUNS: usize = 5;

pub(super) struct Imports {
    imports: Vec<Import>,
    ended_at: Option<Instant>,
}

/// An import into one realm.
struct Import {
    arguments: Vec<String>,
    /// What it says.
    output: PathBuf,
    process: Option<GuardedProcess>,
    runs: usize,
    // The mapping and the secret.
    _folder: tempfile::TempDir,
}

/// Where the requesters of a realm have their addresses.
pub(super) fn domain(realm: usize) -> String {
    format!("desk{realm}.example")
}

impl Imports {
    /// Opens the realms, each with the workflow of a service desk.
    pub(super) async fn prepare(
        cabinet: &Cabinet,
        realms: usize,
        file: &Path,
        rate: u32,
        output: &Path,
    ) -> (Self, Vec<TestRealm>) {
        let (mut imports, mut opened) = (Vec::new(), Vec::new());
        for number in 1..=realms {
            let realm = cabinet.open_realm(&format!("Desk{number}")).await;
            let (credential, secret) = cabinet.make_credential_in(realm.id, CredentialKind::ActingService).await;
            let desk = Desk { number, company: realm.company_id.to_string(), credential, secret };
            imports.push(Import::prepare(cabinet, &desk, file, rate, output));
            opened.push(realm);
        }
        (Self { imports, ended_at: None }, opened)
    }

    pub(super) fn start(&mut self) {
        self.imports.iter_mut().for_each(Import::start);
    }

    /// Runs those again that have given up; whether any is at work.
    pub(super) fn go_on(&mut self) -> bool {
        let at_work: Vec<bool> = self.imports.iter_mut().map(Import::goes_on).collect();
        let is_at_work = at_work.contains(&true);
        if !is_at_work {
            self.ended_at.get_or_insert_with(Instant::now);
        }
        is_at_work
    }

    /// When the last was seen to have come to its end.
    pub(super) const fn ended_at(&self) -> Option<Instant> {
        self.ended_at
    }

    /// How many runs there were beside the first of each.
    pub(super) fn run_again(&self) -> usize {
        self.imports.iter().map(|import| import.runs - 1).sum()
    }
}

/// A realm as its import knows it.
struct Desk {
    number: usize,
    company: String,
    credential: String,
    secret: String,
}

impl Import {
    fn prepare(cabinet: &Cabinet, desk: &Desk, file: &Path, rate: u32, output: &Path) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/import");
        let mapping = std::fs::read_to_string(examples.join("service-desk.toml")).expect("the example");
        let own = mapping.replace("@example.com\"", &format!("@{}\"", domain(desk.number)));
        assert_ne!(own, mapping, "addresses by realm");
        for (name, text) in [("mapping.toml", &own), ("secret", &desk.secret)] {
            std::fs::write(folder.path().join(name), text).expect("the temporary folder is writable");
        }
        let own = |name: &str| folder.path().join(name).display().to_string();
        let access = [
            ("--credential", desk.credential.clone()),
            ("--secret-file", own("secret")),
            ("--identity", cabinet.identity.grpc_url()),
            ("--case-monitoring", cabinet.case_monitoring.grpc_url()),
            ("--notification", cabinet.notification.grpc_url()),
        ];
        let access: Vec<String> = access.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        let workflow = examples.join("service-desk.workflow.toml").display().to_string();
        let replaced = block_in_place(|| import().args(["workflow", &workflow]).args(&access).status());
        assert!(replaced.expect("the program was built").success(), "the workflow of a service desk");

        let report = output.join(format!("realm{}.json", desk.number)).display().to_string();
        let (file, mapping, rate) = (file.display().to_string(), own("mapping.toml"), rate.to_string());
        let what = ["cases", &file, "--announce", "--mapping", &mapping, "--company", &desk.company, "--rate", &rate];
        let what = what.into_iter().chain(["--report", &report]).map(str::to_owned);
        Self {
            arguments: what.chain(access).collect(),
            output: output.join(format!("realm{}.log", desk.number)),
            process: None,
            runs: 0,
            _folder: folder,
        }
    }

    fn start(&mut self) {
        self.runs += 1;
        let output = File::options().create(true).append(true).open(&self.output).expect("the folder of the run is writable");
        let errors = output.try_clone().expect("an open file can be shared");
        let process = GuardedProcess::spawn(import().args(&self.arguments).stdout(output).stderr(errors));
        self.process = Some(process.expect("the program was built"));
    }

    fn goes_on(&mut self) -> bool {
        let Some(process) = &mut self.process else { return false };
        match process.child().try_wait().expect("a child can be asked") {
            None => true,
            Some(status) if status.success() => {
                self.process = None;
                false
            }
            Some(status) => {
                assert!(self.runs < RUNS, "an import ended with {status} again; see {}", self.output.display());
                self.start();
                true
            }
        }
    }
}

fn import() -> Command {
    let mut command = Command::new(programs().join("cabinet"));
    command.arg("import").stdin(Stdio::null());
    command
}
