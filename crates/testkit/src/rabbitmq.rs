//! A private RabbitMQ server.
//!
//! Started without the ways a package would go, because each costs seconds or leaves something behind:
//!
//! - the port mapper `epmd` is a daemon that outlives the node: a node that nobody clusters with needs neither it nor a
//!   distribution port (Erlang: `-start_epmd false`, `-dist_listen false`);
//! - Debian's wrapper in `PATH` changes to the user rabbitmq: the real script next to the plugins does not;
//! - Erlang looks for every module in every plugin's folder: with the few plugins needed it starts in two thirds of the time.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::certificates::{Authority, IssuedCertificate};
use crate::lifeline::Lifeline;
use crate::management::{Management, QueueFacts};
use crate::ports::{free_port, free_port_where, is_free, is_open};
use crate::processes;
use crate::programs::{find_program, versioned_folders};
use crate::wait::wait_until;

const START_LIMIT: Duration = Duration::from_mins(1);
/// Connections are closed and queues stopped well within this; then the management plugin would idle for five seconds more.
const STOP_LIMIT: Duration = Duration::from_secs(2);
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A RabbitMQ node of its own with the management plugin, on loopback ports, for the user `guest` with the password `guest`.
#[derive(Debug)]
pub struct RabbitMqServer {
    lifeline: Lifeline,
    port: u16,
    management_port: u16,
    tls_port: Option<u16>,
    process: Option<Child>,
}

impl RabbitMqServer {
    /// Starts a node without any data and waits until it takes connections.
    ///
    /// # Panics
    /// When RabbitMQ is missing or does not start; the message ends with its log.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts a node that takes connections with TLS besides, at a port of their own, from clients of this authority.
    ///
    /// # Panics
    /// When RabbitMQ is missing or does not start; the message ends with its log.
    #[must_use]
    pub fn start_with_tls(certificate: &IssuedCertificate, clients: &Authority) -> Self {
        Self::start_with(Some((certificate, clients)))
    }

    fn start_with(tls: Option<(&IssuedCertificate, &Authority)>) -> Self {
        let mut server = Self {
            lifeline: Lifeline::with_folder("rabbitmq", None),
            // RabbitMQ's clients and tools take the distribution port to be this one plus 20,000.
            port: free_port_where(|port| is_free(port) && is_free(port + 20_000)),
            management_port: free_port(),
            tls_port: tls.map(|_| free_port()),
            process: None,
        };
        server.prepare_folder().expect("the server's own folder is writable");
        if let Some((certificate, clients)) = tls {
            server.keep_certificates(certificate, clients).expect("the server's own folder is writable");
        }
        server.start_again();
        server
    }

    /// The AMQP port, the same after every `start_again`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `amqp://guest:guest@127.0.0.1:PORT`, without a virtual host.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.port)
    }

    /// The connection string of one virtual host; `/` is there from the start.
    #[must_use]
    pub fn url(&self, vhost: &str) -> String {
        crate::management::amqp_url(&self.base_url(), vhost)
    }

    /// `amqps://guest:guest@127.0.0.1:PORT/VHOST`.
    ///
    /// # Panics
    /// When it was started without TLS.
    #[must_use]
    pub fn tls_url(&self, vhost: &str) -> String {
        let port = self.tls_port.expect("started with TLS");
        crate::management::amqp_url(&format!("amqps://guest:guest@127.0.0.1:{port}"), vhost)
    }

    /// `http://127.0.0.1:PORT` of the management API.
    #[must_use]
    pub fn management_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.management_port)
    }

    /// Creates a virtual host, lets `guest` do everything in it and returns its connection string.
    ///
    /// # Panics
    /// When the server is down.
    pub fn create_vhost(&self, name: &str) -> String {
        self.management().create_vhost(name);
        self.url(name)
    }

    /// What is in a queue, up to 200 ms old; `None` when it does not exist.
    #[must_use]
    pub fn queue(&self, vhost: &str, queue: &str) -> Option<QueueFacts> {
        self.management().queue(vhost, queue)
    }

    /// How many messages a queue holds, delivered but not acknowledged ones included; 0 when it does not exist.
    #[must_use]
    pub fn queue_depth(&self, vhost: &str, queue: &str) -> u64 {
        self.queue(vhost, queue).map_or(0, QueueFacts::depth)
    }

    /// Kills the node with -9, as a crash would.
    ///
    /// A quorum queue must be older than a second by then: only within that time does RabbitMQ 3.10 write down which folder
    /// belongs to a new queue (`ra_directory`, a dets table saved when idle); without that the queue comes back empty.
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let pids = processes::tree(process.id());
        processes::signal("KILL", &pids);
        let _ = process.wait();
        let gone = wait_until(KILL_LIMIT, || !pids.iter().any(|pid| processes::is_running(*pid)));
        assert!(gone, "killed RabbitMQ processes are still there");
        self.lifeline.forget();
    }

    /// Shuts the node down: clients are told, queues are stopped; what idles after two seconds is killed.
    pub fn stop(&mut self) {
        let Some(process) = self.process.as_mut() else {
            return;
        };
        processes::signal("TERM", &[process.id()]);
        wait_until(STOP_LIMIT, || process.try_wait().is_ok_and(|status| status.is_some()));
        self.kill();
    }

    /// Starts the node after [`kill`](Self::kill) or [`stop`](Self::stop), with the same data and ports.
    ///
    /// # Panics
    /// When it runs already or does not come up; the message ends with its log.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "RabbitMQ runs already");
        let mut process = self.launch();
        self.lifeline.guard("KILL", process.id());
        let management = self.management();
        let up = wait_until(START_LIMIT, || {
            let ended = process.try_wait().is_ok_and(|status| status.is_some());
            ended || (is_open(self.port) && self.tls_port.is_none_or(is_open) && management.is_up())
        });
        let ended = process.try_wait().is_ok_and(|status| status.is_some());
        self.process = Some(process);
        assert!(up && !ended, "RabbitMQ did not start; {}", self.log());
    }

    fn management(&self) -> Management {
        Management::new(&self.management_url())
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.lifeline.folder().join("log")).unwrap_or_default();
        format!("its log:\n{text}")
    }

    fn prepare_folder(&self) -> std::io::Result<()> {
        let folder = self.lifeline.folder();
        std::fs::write(folder.join("rabbitmq.conf"), self.settings() + &self.tls_settings())?;
        std::fs::write(folder.join("advanced.config"), ADVANCED_SETTINGS)?;
        std::fs::write(folder.join("enabled_plugins"), "[rabbitmq_management].\n")?;
        std::fs::write(folder.join("environment"), "")?;
        link_programs(&folder.join("programs"))
    }

    /// Clients must show a certificate.
    fn keep_certificates(&self, certificate: &IssuedCertificate, clients: &Authority) -> std::io::Result<()> {
        let folder = self.lifeline.folder();
        std::fs::write(folder.join("server.crt"), &certificate.certificate)?;
        std::fs::write(folder.join("server.key"), &certificate.key)?;
        std::fs::write(folder.join("clients.crt"), clients.pem())
    }

    fn tls_settings(&self) -> String {
        let Some(port) = self.tls_port else { return String::new() };
        let folder = self.lifeline.folder().display();
        format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\n\
             ssl_options.certfile = {folder}/server.crt\n\
             ssl_options.keyfile = {folder}/server.key\n\
             ssl_options.cacertfile = {folder}/clients.crt\n\
             ssl_options.verify = verify_peer\n\
             ssl_options.fail_if_no_peer_cert = true\n"
        )
    }

    /// Without the management plugin's statistics, which cost CPU and are five seconds old; the length of queues is known anyway.
    fn settings(&self) -> String {
        let (port, management_port) = (self.port, self.management_port);
        format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\n\
             management.tcp.ip = 127.0.0.1\n\
             management.tcp.port = {management_port}\n\
             management.disable_stats = true\n\
             management.enable_queue_totals = true\n\
             management_agent.disable_metrics_collector = true\n\
             disk_free_limit.absolute = 1MB\n\
             vm_memory_high_watermark.absolute = 1GB\n"
        )
    }

    /// Everything RabbitMQ would take from its system folders comes from ours.
    fn launch(&self) -> Child {
        let folder = self.lifeline.folder();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"));
        let log = log.expect("the server's own folder is writable");
        let errors = log.try_clone().expect("an open file can be shared");
        let node = format!("cabinet{}@localhost", self.port);
        Command::new(folder.join("programs/sbin/rabbitmq-server"))
            .current_dir(folder)
            .env("HOME", folder)
            .env("RABBITMQ_SCRIPTS_DIR", folder.join("programs/sbin"))
            .env("RABBITMQ_CONF_ENV_FILE", folder.join("environment"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_LOG_BASE", folder)
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_NODENAME", &node)
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", format!("-sname {node} -setcookie cabinet"))
            .env("ERL_ZFLAGS", flags_of_every_erlang(self.port))
            // Makes the script become the node instead of waiting for it, so that our signals reach the node itself.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .expect("rabbitmq-server can be run")
    }
}

impl Drop for RabbitMqServer {
    fn drop(&mut self) {
        self.lifeline.end();
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }
}

/// Quorum queues report their length every 200 ms (default 5 s), and their log takes 64 MB of memory (default 512 MB).
const ADVANCED_SETTINGS: &str = "[{rabbit, [{quorum_tick_interval, 200}]}, {ra, [{wal_max_size_bytes, 67108864}]}].\n";

/// No port mapper and no clustering, for the node and for what it starts: every minute it looks for a mapper, and without
/// this it would start one.
fn flags_of_every_erlang(port: u16) -> String {
    format!("-start_epmd false -dist_listen false -erl_epmd_port {}", port + 20_000)
}

/// Makes a home for RabbitMQ with its own scripts and only the plugins (and the libraries they bring) that are used.
fn link_programs(home: &Path) -> std::io::Result<()> {
    const PLUGINS: [&str; 4] =
        ["rabbitmq_prelaunch", "rabbitmq_management", "rabbitmq_management_agent", "rabbitmq_web_dispatch"];
    let installed = installed_home();
    std::fs::create_dir_all(home.join("plugins"))?;
    symlink(installed.join("sbin"), home.join("sbin"))?;
    symlink(installed.join("escript"), home.join("escript"))?;
    for plugin in std::fs::read_dir(installed.join("plugins"))? {
        let plugin = plugin?;
        let file_name = plugin.file_name();
        let name = file_name.to_string_lossy();
        let name = name.split('-').next().unwrap_or_default();
        if !name.starts_with("rabbitmq_") || PLUGINS.contains(&name) {
            symlink(plugin.path(), home.join("plugins").join(plugin.file_name()))?;
        }
    }
    Ok(())
}

/// The folder with `sbin` and `plugins`, `/usr/lib/rabbitmq/lib/rabbitmq_server-VERSION` in Debian.
fn installed_home() -> PathBuf {
    let folders = versioned_folders("/usr/lib/rabbitmq/lib", "sbin");
    let script = find_program("rabbitmq-server", folders, "rabbitmq-server");
    let script = script.canonicalize().expect("a program just found can be resolved");
    script.parent().and_then(Path::parent).expect("RabbitMQ's scripts lie in a folder `sbin`").to_owned()
}
