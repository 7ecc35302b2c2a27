//! A FreeRADIUS that serves a site under test, and the client of a VPN server that asks it: Debian's, with `radclient`.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::lifeline::Lifeline;
use crate::ports::free_udp_port;
use crate::programs::find_program;
use crate::wait::wait_until;

const START_LIMIT: Duration = Duration::from_secs(20);
const MODULES: &str = "/usr/lib/freeradius";
const DICTIONARY: &str = "/usr/share/freeradius/dictionary";
/// What a VPN server and FreeRADIUS know each other by.
const SHARED_SECRET: &str = "what both of them know";

/// What a [`RadiusServer`] is to serve.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RadiusSite {
    /// The site's file, and the name of its virtual server.
    pub file: PathBuf,
    pub virtual_server: String,
    /// The file of a module it uses.
    pub module: PathBuf,
    /// What both of them read of the environment.
    pub environment: Vec<(String, String)>,
}

/// How a VPN server is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RadiusAnswer {
    Accept,
    Reject,
    Silence,
}

/// A FreeRADIUS on a loopback port.
#[derive(Debug)]
pub struct RadiusServer {
    lifeline: Lifeline,
    port: u16,
    process: Child,
}

impl RadiusServer {
    /// Starts a server and waits until it takes requests.
    ///
    /// # Panics
    /// When FreeRADIUS or its module `rest` is missing, or it does not start with this site.
    #[must_use]
    pub fn start(site: &RadiusSite) -> Self {
        let program = find_program("freeradius", [PathBuf::from("/usr/sbin")], "freeradius");
        let rest = Path::new(MODULES).join("rlm_rest.so");
        assert!(rest.is_file(), "rlm_rest not found; run: deploy/local/install-packages freeradius-rest");
        let (mut lifeline, port) = (Lifeline::with_folder("radius", None), free_udp_port());
        let folder = lifeline.folder().to_owned();
        write(&folder.join("radiusd.conf"), &configuration(&folder, port, site));
        write(&folder.join("dictionary"), &format!("$INCLUDE {DICTIONARY}\n"));
        let log = File::create(folder.join("log")).expect("the server's own folder is writable");
        let mut process = Command::new(program)
            .args(["-f", "-l", "stdout", "-d"])
            .arg(&folder)
            .envs(site.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("it is open"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("freeradius can be run");
        lifeline.guard("KILL", process.id());
        let has_ended = |process: &mut Child| process.try_wait().is_ok_and(|status| status.is_some());
        let up = wait_until(START_LIMIT, || said(&folder).contains("Ready to process requests") || has_ended(&mut process));
        assert!(up && !has_ended(&mut process), "FreeRADIUS did not start: {}", said(&folder));
        Self { lifeline, port, process }
    }

    /// Everything it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        said(self.lifeline.folder())
    }

    /// Asks as a VPN server does, once, with attributes as `radclient` reads them (`User-Name = "anna"`), and waits so long.
    ///
    /// # Panics
    /// When `radclient` is missing, or does not understand the attributes.
    #[must_use]
    pub fn ask(&self, attributes: &[String], patience: Duration) -> RadiusAnswer {
        let mut client = Command::new(find_program("radclient", [], "freeradius-utils"))
            .arg("-d")
            .arg(self.lifeline.folder())
            .args(["-x", "-r", "1", "-t", &patience.as_secs_f64().to_string()])
            .args([&format!("127.0.0.1:{}", self.port), "auth", SHARED_SECRET])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("radclient can be run");
        let mut input = client.stdin.take().expect("piped above");
        writeln!(input, "{}", attributes.join(", ")).expect("radclient reads what it is told");
        drop(input);
        let output = client.wait_with_output().expect("a child can be waited for");
        let answered = String::from_utf8_lossy(&output.stdout);
        match () {
            () if answered.contains("Received Access-Accept") => RadiusAnswer::Accept,
            () if answered.contains("Received Access-Reject") => RadiusAnswer::Reject,
            () if answered.contains("Sent Access-Request") => RadiusAnswer::Silence,
            () => panic!("radclient asked nothing: {output:?}"),
        }
    }
}

impl Drop for RadiusServer {
    fn drop(&mut self) {
        self.lifeline.end();
        let _ = self.process.wait();
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the server's own folder is writable");
}

fn said(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// As little as there has to be around a site.
fn configuration(folder: &Path, port: u16, site: &RadiusSite) -> String {
    let (folder, module, file) = (folder.display(), site.module.display(), site.file.display());
    let virtual_server = &site.virtual_server;
    format!(
        "name = radiusd\n\
         libdir = {MODULES}\n\
         logdir = {folder}\n\
         run_dir = {folder}\n\
         correct_escapes = true\n\
         log {{\n destination = stdout\n}}\n\
         security {{\n reject_delay = 0\n}}\n\
         thread pool {{\n start_servers = 1\n max_servers = 4\n min_spare_servers = 1\n max_spare_servers = 2\n}}\n\
         client tests {{\n ipaddr = 127.0.0.1\n secret = \"{SHARED_SECRET}\"\n}}\n\
         listen {{\n type = auth\n ipaddr = 127.0.0.1\n port = {port}\n virtual_server = {virtual_server}\n}}\n\
         modules {{\n always reject {{\n rcode = reject\n}}\n always handled {{\n rcode = handled\n}}\n $INCLUDE {module}\n}}\n\
         $INCLUDE {file}\n"
    )
}
