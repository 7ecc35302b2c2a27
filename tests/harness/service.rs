//! One service as a process of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use testkit::{GuardedProcess, SharedPostgres, TestDatabase, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::transport::Channel;

use crate::{Kind, PATIENCE, Watch, channel_with};

pub(crate) const PUBLIC_ADDRESS: &str = "CABINET__PUBLIC__ADDRESS";

/// How long a process that is about to end may take to say its metrics; a frozen one does not say them.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub struct ServiceProcess {
    program: &'static str,
    settings: Vec<(&'static str, String)>,
    /// How its clients know it, where it has TLS.
    client_settings: Vec<(String, String)>,
    grpc_port: u16,
    admin_port: u16,
    process: Option<GuardedProcess>,
    /// To the process that was started last.
    channel: OnceLock<Channel>,
    /// Hears what it says, to its end.
    watch: Arc<Watch>,
}

impl ServiceProcess {
    pub(crate) fn prepare(program: &'static str, settings: Vec<(&'static str, String)>, watch: Arc<Watch>) -> Self {
        Self {
            program,
            settings,
            client_settings: Vec::new(),
            grpc_port: free_port(),
            admin_port: free_port(),
            process: None,
            channel: OnceLock::new(),
            watch,
        }
    }

    /// With TLS, if its clients have settings for it.
    pub(crate) fn known_by(mut self, client_settings: Vec<(String, String)>) -> Self {
        self.client_settings = client_settings;
        self
    }

    /// Another process of the same service, on the same database; not started.
    #[must_use]
    pub fn replica(&self) -> Self {
        let mut settings = self.settings.clone();
        for (name, value) in &mut settings {
            if *name == PUBLIC_ADDRESS {
                *value = format!("127.0.0.1:{}", free_port());
            }
        }
        Self::prepare(self.program, settings, self.watch.clone()).known_by(self.client_settings.clone())
    }

    pub fn grpc_url(&self) -> String {
        let scheme = if self.client_settings.is_empty() { "http" } else { "https" };
        format!("{scheme}://{}", self.grpc_address())
    }

    pub fn grpc_address(&self) -> String {
        format!("127.0.0.1:{}", self.grpc_port)
    }

    /// Connects when it is first used.
    pub fn channel(&self) -> Channel {
        let connect = || channel_with(&self.grpc_url(), self.client_settings.clone()).expect("good settings");
        self.channel.get_or_init(connect).clone()
    }

    /// From its next start on.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    /// A database as this service migrates it, on a server; from its next start on it uses that one.
    pub(crate) fn migrate(&mut self, setting: &'static str, server: &SharedPostgres) -> TestDatabase {
        let built = std::fs::metadata(programs().join(self.program)).and_then(|file| file.modified());
        let built = built.expect("the program was built by `make test`").duration_since(UNIX_EPOCH).expect("after 1970");
        let database = server.database_like(self.program, &built.as_nanos().to_string(), |empty| {
            self.set(setting, empty);
            self.run_migrate();
        });
        self.set(setting, database.url());
        database
    }

    fn run_migrate(&self) {
        let status = self.heard(self.command("migrate")).status().expect("the program was built by `make test`");
        assert!(status.success(), "{} migrate", self.program);
    }

    pub fn start(&mut self) {
        let process = GuardedProcess::spawn(&mut self.heard(self.command("serve")));
        self.process = Some(process.expect("the program was built by `make test`"));
        self.channel = OnceLock::new();
    }

    /// The number of its process.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// Kills it with -9, wherever it is.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) {
        self.hear_metrics();
        let process = self.process.take().expect("it runs");
        process.signal("TERM");
        let status = process.wait().expect("a child can be waited for");
        assert!(status.success(), "{} ended with {status}", self.program);
    }

    /// Sends a signal by name: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        self.process.as_ref().expect("it runs").signal(name);
    }

    pub async fn wait_until_ready(&self) {
        let ready = async {
            while !self.is_ready().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.unwrap_or_else(|_| panic!("{} is not ready", self.program));
    }

    /// What the operators' endpoint answers, headers and body; nothing if it does not.
    pub async fn admin(&self, path: &str) -> Option<String> {
        fetch(&format!("127.0.0.1:{}", self.admin_port), path).await
    }

    /// What the public endpoint answers, headers and body; nothing if it does not.
    pub async fn public(&self, path: &str) -> Option<String> {
        fetch(self.public_address()?, path).await
    }

    /// Where its public endpoint is, if it has one.
    pub fn public_address(&self) -> Option<&str> {
        self.settings.iter().find(|(name, _)| *name == PUBLIC_ADDRESS).map(|(_, address)| address.as_str())
    }

    /// The head and body of the answer to a form that is posted to the public HTTP port.
    pub async fn post_public(&self, path: &str, form: &str) -> Option<String> {
        let address = self.public_address()?;
        let length = form.len();
        let headers = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n");
        ask(address, &format!("POST {path} HTTP/1.1\r\n{headers}"), form).await
    }

    /// What the program says to a command that is not `serve`.
    pub fn answer_of(&self, arguments: &[&str]) -> String {
        let (command, rest) = arguments.split_first().expect("a command");
        let output = self.output_of(self.command(command).args(rest));
        assert!(output.status.success(), "{} {arguments:?}: {output:?}", self.program);
        let answer = String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned();
        // It is for whoever asked, and for nobody else.
        self.watch.canary(Kind::Secret, &answer);
        answer
    }

    pub async fn is_ready(&self) -> bool {
        self.admin("/readyz").await.is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// The sum of a counter over all its labels: `cabinet_consumer_done_total`.
    pub async fn counter(&self, name: &str) -> u64 {
        self.metric(name).await.unwrap_or_default()
    }

    /// The sum of a counter, or of a gauge of whole things, over all its labels; nothing if the process does not answer.
    pub async fn metric(&self, name: &str) -> Option<u64> {
        let metrics = self.admin("/metrics").await?;
        let samples = metrics.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        Some(samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// A command of the program, with the settings of this service.
    pub fn command(&self, command: &str) -> Command {
        let mut process = Command::new(programs().join(self.program));
        process.arg(command).stdin(Stdio::null());
        process.env("CABINET__GRPC__ADDRESS", self.grpc_address());
        process.env("CABINET__ADMIN__ADDRESS", format!("127.0.0.1:{}", self.admin_port));
        process.envs(self.settings.iter().map(|(name, value)| (*name, value.as_str())));
        process
    }

    /// Runs a command of the program to its end; what it complains of is heard.
    pub fn output_of(&self, command: &mut Command) -> Output {
        let output = command.output().expect("the program was built by `make test`");
        self.watch.hear(self.program, &output.stderr);
        output
    }

    /// The same process, whose log is heard, of whatever level.
    fn heard(&self, mut process: Command) -> Command {
        if !self.watch.is_off() {
            let ear = self.watch.ear(self.program);
            process.env("CABINET__LOG__FILTER", "trace");
            process.stdout(ear.try_clone().expect("it is open")).stderr(ear);
        }
        process
    }

    /// Its metrics are said for all to hear, too.
    fn hear_metrics(&self) {
        if self.process.is_some() && !self.watch.is_off() && !std::thread::panicking() {
            let said = self.metrics_in_time().unwrap_or_default();
            self.watch.hear(&format!("{} /metrics", self.program), &said);
        }
    }

    fn metrics_in_time(&self) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin_port))?;
        stream.set_read_timeout(Some(LAST_WORDS))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said)?;
        Ok(said)
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        self.hear_metrics();
    }
}

/// What an HTTP server answers, headers and body.
async fn fetch(address: &str, path: &str) -> Option<String> {
    ask(address, &format!("GET {path} HTTP/1.1\r\n"), "").await
}

async fn ask(address: &str, head: &str, body: &str) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
    let request = format!("{head}Host: localhost\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// The folder of the programs: `target/<profile>`, where whoever asks is himself, or in `deps` if he is a test.
pub fn programs() -> PathBuf {
    let asking = std::env::current_exe().expect("a process knows its own path");
    let folder = asking.parent().expect("a program is in a folder");
    if folder.ends_with("deps") { folder.parent().expect("deps is in a folder").to_owned() } else { folder.to_owned() }
}
