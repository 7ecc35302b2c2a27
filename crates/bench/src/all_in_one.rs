//! All services in one process, without a broker and with letters as files, as it is run by whoever tries it out.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cabinet_e2e::{Cabinet, programs};
use testkit::{GuardedProcess, SharedPostgres, TestDatabase, free_port};
use tonic::transport::{Channel, Endpoint};

use crate::load::until;

/// How long it may take to begin.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct AllInOne {
    process: GuardedProcess,
    grpc_url: String,
    // Dropped after the process.
    _databases: Vec<TestDatabase>,
    _folder: tempfile::TempDir,
}

impl AllInOne {
    /// Starts it on databases of its own. It believes whoever is believed by the four processes: it has their signing keys.
    pub(crate) async fn start(server: &SharedPostgres, four: &Cabinet) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let databases: Vec<TestDatabase> = (0..4).map(|_| server.database()).collect();
        let grpc = format!("127.0.0.1:{}", free_port());
        let settings = settings(folder.path(), &databases, &grpc, four.keys_folder.path());
        for arguments in [&["keys", &folder.path().display().to_string()][..], &["migrate"]] {
            let done = program(&settings).args(arguments).status().expect("the program was built");
            assert!(done.success(), "cabinet {arguments:?}");
        }
        let process = GuardedProcess::spawn(program(&settings).arg("serve")).expect("the program was built");
        let is_well = || program(&settings).arg("health").output().is_ok_and(|answer| answer.status.success());
        assert!(until(PATIENCE, is_well).await, "cabinet serve");
        Self { process, grpc_url: format!("http://{grpc}"), _databases: databases, _folder: folder }
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(self.grpc_url.clone()).expect("a URL").connect_lazy()
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }
}

fn program(settings: &[(String, String)]) -> Command {
    let mut program = Command::new(programs().join("cabinet"));
    program.envs(settings.iter().map(|(name, value)| (name, value)));
    program
}

fn settings(folder: &Path, databases: &[TestDatabase], grpc: &str, signing_keys: &Path) -> Vec<(String, String)> {
    let file = |name: &str| folder.join(name).display().to_string();
    let local = || format!("127.0.0.1:{}", free_port());
    let mut settings = vec![
        ("KEYS__FOLDER", signing_keys.display().to_string()),
        ("KEYS__REFRESH_KEY_FILE", file("refresh.key")),
        ("KEYS__SECOND_FACTOR_KEY_FILE", file("second-factor.key")),
        ("SEALING__SEALING_KEY_FILE", file("sealing.key")),
        ("SEALING__OPENING_KEY_FILE", file("opening.key")),
        ("UNSUBSCRIBE__KEY_FILE", file("unsubscribe.key")),
        ("COMPONENTS__SECRET_FILE", file("components.secret")),
        ("MAIL__TRANSPORT", "files".to_owned()),
        ("MAIL__FOLDER", folder.display().to_string()),
        ("SMS__TRANSPORT", "files".to_owned()),
        ("SMS__FOLDER", folder.display().to_string()),
        ("AVATARS__FOLDER", folder.join("avatars").display().to_string()),
        ("GRPC__ADDRESS", grpc.to_owned()),
        ("ADMIN__ADDRESS", local()),
        ("PUBLIC__ADDRESS", local()),
        ("LOG__FILTER", "warn".to_owned()),
    ];
    let peers = ["PEERS__IDENTITY", "PEERS__PROFILE", "PEERS__CASE_MONITORING"];
    settings.extend(peers.map(|peer| (peer, format!("http://{grpc}"))));
    let names =
        ["IDENTITY__DATABASE__URL", "PROFILE__DATABASE__URL", "CASE_MONITORING__DATABASE__URL", "NOTIFICATION__DATABASE__URL"];
    settings.extend(names.into_iter().zip(databases).map(|(name, database)| (name, database.url().to_owned())));
    settings.into_iter().map(|(name, value)| (format!("CABINET__{name}"), value)).collect()
}
