//! A real event log, imported into a Cabinet of its own and announced, twice: the letters at the mail server are those that a
//! program that knows nothing of Cabinet computes from the file (`expected_letters.py`). Run by `make import-incidents FILE=…`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use api::cabinet::identity::v1::CredentialKind;
use cabinet_e2e::{Cabinet, Setup, Told, expected_letters_program, programs, told};

#[tokio::main]
async fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1).filter(|file| !file.is_empty()) else {
        say("which file? make import-incidents FILE=…");
        return ExitCode::from(2);
    };
    let run = Run::start(PathBuf::from(file)).await;
    run.cabinet("workflow", &[&run.examples.join("service-desk.workflow.toml").display().to_string()]);
    let mut is_right = true;
    for round in ["first", "second"] {
        say(&format!("— {round} import"));
        let started = Instant::now();
        run.import(&run.output.join(format!("{round}.json")));
        run.system.settled().await;
        say(&format!("  the last letter was taken {:.1} s after the import began", started.elapsed().as_secs_f64()));
        is_right &= run.letters_are_right();
    }
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Run {
    file: PathBuf,
    system: Cabinet,
    credential: String,
    folder: tempfile::TempDir,
    examples: PathBuf,
    /// Where reports and letters are left.
    output: PathBuf,
}

impl Run {
    async fn start(file: PathBuf) -> Self {
        let system = Setup::default().unwatched().start().await;
        let (credential, secret) = system.make_credential(CredentialKind::ActingService).await;
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        std::fs::write(folder.path().join("secret"), secret).expect("the temporary folder is writable");
        let output = programs().parent().expect("in target").join("import");
        std::fs::create_dir_all(&output).expect("target is writable");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/import");
        Self { file, system, credential, folder, examples, output }
    }

    fn import(&self, report: &Path) {
        let mapping = self.examples.join("service-desk.toml");
        let (file, mapping, report) =
            (self.file.display().to_string(), mapping.display().to_string(), report.display().to_string());
        let company = self.system.realm.company_id.to_string();
        self.cabinet("cases", &[&file, "--mapping", &mapping, "--company", &company, "--announce", "--report", &report]);
    }

    fn cabinet(&self, command: &str, arguments: &[&str]) {
        let mut import = Command::new(programs().join("cabinet"));
        import.args(["import", command]).args(arguments).args(["--credential", &self.credential]);
        import.arg("--secret-file").arg(self.folder.path().join("secret"));
        import.args(["--identity", &self.system.identity.grpc_url()]);
        import.args(["--case-monitoring", &self.system.case_monitoring.grpc_url()]);
        import.args(["--notification", &self.system.notification.grpc_url()]);
        let status = tokio::task::block_in_place(|| import.status()).expect("the program was built");
        assert!(status.success(), "cabinet import {command}");
    }

    /// Compares the letters at the mail server with what the file says.
    fn letters_are_right(&self) -> bool {
        let letters: Vec<Told> = self.system.mail.letters().iter().map(told).collect();
        let path = self.output.join("letters.json");
        std::fs::write(&path, serde_json::to_vec(&letters).expect("texts")).expect("target is writable");
        Command::new("python3").arg(expected_letters_program()).arg(&self.file).arg(path).status().expect("python3").success()
    }
}

#[allow(clippy::print_stdout, reason = "the answer to whoever runs it")]
fn say(line: &str) {
    println!("{line}");
}
