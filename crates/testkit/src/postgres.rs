//! A private PostgreSQL server.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::certificates::IssuedCertificate;
use crate::lifeline::Lifeline;
use crate::ports::free_port;
use crate::processes;
use crate::programs::{Account, find_program, versioned_folders};
use crate::psql::Psql;
use crate::wait::wait_until;

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Where Linux has files in memory.
const MEMORY: &str = "/dev/shm";
/// In bytes.
const LEAST_MEMORY: u64 = 4 << 30;

/// How a [`PostgresServer`] is set up.
#[derive(Debug, Clone)]
#[must_use]
pub struct PostgresOptions {
    settings: Vec<(String, String)>,
    certificate: Option<IssuedCertificate>,
    place: PathBuf,
}

impl Default for PostgresOptions {
    /// Fast and forgetful: a crash of the machine may lose data, a killed server does not.
    fn default() -> Self {
        Self { settings: Vec::new(), certificate: None, place: std::env::temp_dir() }
            .setting("max_connections", "400")
            .setting("shared_buffers", "128MB")
            .setting("fsync", "off")
            .setting("full_page_writes", "off")
    }
}

impl PostgresOptions {
    /// Waits for the disk as a production server does; for measurements and kill tests.
    pub fn durable(self) -> Self {
        self.setting("fsync", "on").setting("full_page_writes", "on").setting("synchronous_commit", "on")
    }

    /// Keeps its files in memory, if the machine has room there for a thousand databases that come and go, and nobody has said where
    /// temporary files are to be: making and removing files by the thousand is most of what tests ask of a disk.
    pub fn in_memory(self) -> Self {
        let has_room = |place: &Path| {
            rustix::fs::statvfs(place).is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) > LEAST_MEMORY)
        };
        let memory = Path::new(MEMORY);
        if std::env::var_os("TMPDIR").is_some() || !has_room(memory) || available_memory() < LEAST_MEMORY {
            return self;
        }
        Self { place: memory.to_owned(), ..self }.setting("max_wal_size", "256MB")
    }

    /// Sets any parameter of `postgresql.conf`; the last value of a name counts.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Offers TLS, which clients may take or leave.
    pub fn tls(self, certificate: &IssuedCertificate) -> Self {
        let with_files = self.setting("ssl", "on").setting("ssl_cert_file", "server.crt").setting("ssl_key_file", "server.key");
        Self { certificate: Some(certificate.clone()), ..with_files }
    }

    /// Makes a cluster and waits until it accepts connections.
    ///
    /// # Panics
    /// When PostgreSQL is missing or does not start; the message ends with its log.
    #[must_use]
    pub fn start(self) -> PostgresServer {
        let account = Account::unprivileged(&["postgres", "nobody"]);
        let lifeline = Lifeline::with_folder_in(&self.place, "postgres", account);
        let programs = Programs { folder: server_programs(), account };
        programs.make_cluster(lifeline.folder());
        if let Some(certificate) = &self.certificate {
            programs.keep_certificate(lifeline.folder(), certificate);
        }
        let mut server = PostgresServer { programs, lifeline, port: free_port(), settings: self.settings, process: None };
        server.start_again();
        server
    }
}

/// A PostgreSQL server with a cluster of its own: loopback TCP only, superuser `postgres` without a password, UTF-8.
#[derive(Debug)]
pub struct PostgresServer {
    programs: Programs,
    lifeline: Lifeline,
    port: u16,
    settings: Vec<(String, String)>,
    process: Option<Child>,
}

impl PostgresServer {
    /// Starts a fast server for tests; see [`PostgresOptions`] for other kinds.
    ///
    /// # Panics
    /// When PostgreSQL is missing or does not start.
    #[must_use]
    pub fn start() -> Self {
        PostgresOptions::default().start()
    }

    /// The loopback port, the same after every `start_again`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `postgres://postgres@127.0.0.1:PORT`, without a database.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// The connection string of one database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.base_url())
    }

    /// Creates an empty database and returns its connection string.
    ///
    /// # Panics
    /// When it exists already or the server is down.
    pub fn create_database(&self, name: &str) -> String {
        self.psql().create_database(name, None);
        self.url(name)
    }

    /// Runs SQL as the superuser; for setting the stage, not for what a test is about.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn execute(&self, database: &str, sql: &str) {
        self.psql().execute(database, sql);
    }

    /// Asks for one value, such as a count, as text.
    ///
    /// # Panics
    /// When the server refuses the query.
    #[must_use]
    pub fn value(&self, database: &str, sql: &str) -> String {
        self.psql().value(database, sql)
    }

    /// Kills the server and all its sessions with -9, as a crash would, and waits until they are gone.
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let pids = processes::tree(process.id());
        processes::signal("KILL", &pids);
        let _ = process.wait();
        // The next start refuses while one of the old sessions still holds the shared memory.
        let gone = wait_until(STOP_LIMIT, || !pids.iter().any(|pid| processes::is_running(*pid)));
        assert!(gone, "killed PostgreSQL processes are still there");
        self.lifeline.forget();
    }

    /// Shuts the server down cleanly; open sessions are disconnected.
    ///
    /// # Panics
    /// When it has not ended after half a minute.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        processes::signal("INT", &[process.id()]);
        let ended = wait_until(STOP_LIMIT, || process.try_wait().is_ok_and(|status| status.is_some()));
        assert!(ended, "PostgreSQL did not stop; {}", self.log());
        self.lifeline.forget();
    }

    /// Starts the server after [`kill`](Self::kill) or [`stop`](Self::stop), on the same data and port.
    ///
    /// # Panics
    /// When it runs already or does not come up; the message ends with its log.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "PostgreSQL runs already");
        let mut process = self.programs.launch(self.lifeline.folder(), self.port, &self.settings);
        self.lifeline.guard("QUIT", process.id());
        let pid = process.id();
        let up = wait_until(START_LIMIT, || self.reports_ready(pid) || process.try_wait().is_ok_and(|status| status.is_some()));
        self.process = Some(process);
        assert!(up && self.reports_ready(pid), "PostgreSQL did not start; {}", self.log());
    }

    /// What `pg_ctl -w` looks at: the last line of `postmaster.pid`. A file left by a killed server names another process.
    fn reports_ready(&self, pid: u32) -> bool {
        let text = std::fs::read_to_string(self.lifeline.folder().join("data/postmaster.pid")).unwrap_or_default();
        text.lines().next() == Some(&pid.to_string()) && text.lines().last().map(str::trim) == Some("ready")
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.lifeline.folder().join("log")).unwrap_or_default();
        format!("its log:\n{text}")
    }

    fn psql(&self) -> Psql {
        Psql::new(&self.base_url())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.lifeline.end();
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }
}

/// In bytes, as Linux sees it; none elsewhere.
fn available_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes =
        text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kibibytes.unwrap_or(0_u64) << 10
}

/// A program of the newest PostgreSQL there is: `pgbench`.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn postgres_program(name: &str) -> PathBuf {
    find_program(name, versioned_folders("/usr/lib/postgresql", "bin"), "postgresql")
}

/// The folder that holds `initdb` and `postgres` of the same version.
fn server_programs() -> PathBuf {
    let program = postgres_program("initdb");
    let program = program.canonicalize().expect("a program just found can be resolved");
    program.parent().expect("a file has a folder").to_owned()
}

/// The server's programs, run as a user that is not root.
#[derive(Debug)]
struct Programs {
    folder: PathBuf,
    account: Option<Account>,
}

impl Programs {
    /// C.UTF-8 orders by code point, the same on every machine, and still folds the case of Cyrillic and Polish letters.
    fn make_cluster(&self, folder: &Path) {
        let output = self
            .command("initdb", folder)
            .args(["--pgdata=data", "--username=postgres", "--auth=trust"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"])
            .output()
            .expect("initdb can be run");
        assert!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The server refuses a key that others can read, or that is another's.
    fn keep_certificate(&self, folder: &Path, certificate: &IssuedCertificate) {
        for (name, text) in [("server.crt", &certificate.certificate), ("server.key", &certificate.key)] {
            let path = folder.join("data").join(name);
            std::fs::write(&path, text).expect("the server's own folder is writable");
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a file just written is ours");
            if let Some(account) = self.account {
                chown(&path, Some(account.uid), Some(account.gid)).expect("root may give its file away");
            }
        }
    }

    fn launch(&self, folder: &Path, port: u16, settings: &[(String, String)]) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"));
        let mut command = self.command("postgres", folder);
        command
            .args(["-D", "data", "-p", &port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
            // Files in the cluster's folder instead of /dev/shm, where a killed server would leave them.
            .args(["-c", "dynamic_shared_memory_type=mmap"])
            .args(settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]))
            .stderr(log.expect("the server's own folder is writable"));
        command.spawn().expect("postgres can be run")
    }

    fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.current_dir(folder).process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }
}
