//! An SMSC that takes SMS and keeps them, or misbehaves as told: npm's `smpp`, with a script of ours (`smsc.js`).

mod received;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

pub use self::received::{ReceivedSms, SmsSegment};
use crate::installed::{node, node_modules};
use crate::lifeline::Lifeline;
use crate::ports::{free_port, is_open};
use crate::processes;
use crate::wait::wait_until;

const START_LIMIT: Duration = Duration::from_secs(20);
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/smsc/smsc.js");

/// How an SMSC answers a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmscAnswer {
    /// Takes it.
    Take,
    /// ESME_RTHROTTLED: too much at once.
    Throttle,
    /// ESME_RMSGQFUL: its queue is full.
    QueueFull,
    /// ESME_RINVDSTADR: there is no such number.
    InvalidDestination,
    /// ESME_RSUBMITFAIL: for whatever reason.
    Refuse,
    /// Says nothing.
    Silence,
}

impl SmscAnswer {
    fn order(self) -> Value {
        let answer = match self {
            Self::Take => json!(0x00),
            Self::Throttle => json!(0x58),
            Self::QueueFull => json!(0x14),
            Self::InvalidDestination => json!(0x0b),
            Self::Refuse => json!(0x45),
            Self::Silence => Value::Null,
        };
        json!({ "answer": answer })
    }
}

/// An SMSC on a loopback port.
#[derive(Debug)]
pub struct Smsc {
    lifeline: Lifeline,
    port: u16,
    process: Option<Running>,
}

/// The process with the pipe by which it is told and the one by which it answers.
#[derive(Debug)]
struct Running {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Smsc {
    /// The password that lets a client in, whatever its `system_id`.
    pub const PASSWORD: &str = "0pen sms";

    /// Starts an SMSC and waits until it takes connections.
    ///
    /// # Panics
    /// When Node.js or npm's `smpp` is missing, or the SMSC does not start.
    #[must_use]
    pub fn start() -> Self {
        let mut smsc = Self { lifeline: Lifeline::with_folder("smsc", None), port: free_port(), process: None };
        smsc.start_again();
        smsc
    }

    /// The loopback port, the same after every `start_again`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the SMSC at once: connections break; what it has taken stays.
    pub fn stop(&mut self) {
        let Some(mut running) = self.process.take() else {
            return;
        };
        processes::signal("KILL", &[running.child.id()]);
        let _ = running.child.wait();
        self.lifeline.forget();
    }

    /// Starts the SMSC after [`stop`](Self::stop), on the same port, with what it has. It takes everything.
    ///
    /// # Panics
    /// When it runs already or does not come up.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the SMSC runs already");
        let mut running = self.launch();
        self.lifeline.guard("KILL", running.child.id());
        let up = wait_until(START_LIMIT, || is_open(self.port) || has_ended(&mut running.child));
        let ended = has_ended(&mut running.child);
        self.process = Some(running);
        assert!(up && !ended, "the SMSC did not start: {}", self.errors());
    }

    /// From now on it answers like this.
    pub fn answer(&mut self, answer: SmscAnswer) {
        self.tell(&answer.order());
    }

    /// Tells whoever is bound what became of a segment (`DELIVRD`, `UNDELIV` …), and waits until he has acknowledged it.
    ///
    /// # Panics
    /// When nobody is bound, or he does not acknowledge it.
    pub fn send_receipt(&mut self, segment: &SmsSegment, stat: &str) {
        let SmsSegment { message_id, to, from, .. } = segment;
        self.tell(&json!({ "receipt": { "message_id": message_id, "to": to, "from": from, "stat": stat } }));
    }

    /// Everything that was submitted, whatever it was answered, in the order it came.
    ///
    /// # Panics
    /// When the journal cannot be read.
    #[must_use]
    pub fn submitted(&self) -> Vec<SmsSegment> {
        let journal = std::fs::read_to_string(self.journal()).unwrap_or_default();
        // A line that is just being written is no line yet.
        let whole = journal.rsplit_once('\n').map(|(whole, _)| whole).unwrap_or_default();
        whole.lines().map(SmsSegment::from_line).collect()
    }

    /// What phones show: every SMS that was taken with all of its segments.
    #[must_use]
    pub fn received(&self) -> Vec<ReceivedSms> {
        received::put_together(self.submitted())
    }

    fn tell(&mut self, order: &Value) {
        let running = self.process.as_mut().expect("the SMSC runs");
        writeln!(running.orders, "{order}").expect("the SMSC reads its orders");
        let mut answer = String::new();
        running.answers.read_line(&mut answer).expect("the SMSC answers");
        assert_eq!(answer, "understood\n", "the SMSC: {}", self.errors());
    }

    fn launch(&self) -> Running {
        let errors = File::create(self.lifeline.folder().join("errors")).expect("the SMSC's own folder is writable");
        let mut child = Command::new(node())
            .arg(SCRIPT)
            .arg(self.port.to_string())
            .arg(self.journal())
            .env("NODE_PATH", node_modules("smpp"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .spawn()
            .expect("node can be run");
        let orders = child.stdin.take().expect("piped above");
        let answers = BufReader::new(child.stdout.take().expect("piped above"));
        Running { child, orders, answers }
    }

    fn journal(&self) -> PathBuf {
        self.lifeline.folder().join("journal")
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.lifeline.folder().join("errors")).unwrap_or_default()
    }
}

impl Drop for Smsc {
    fn drop(&mut self) {
        self.lifeline.end();
        if let Some(mut running) = self.process.take() {
            let _ = running.child.wait();
        }
    }
}

fn has_ended(child: &mut Child) -> bool {
    child.try_wait().is_ok_and(|status| status.is_some())
}
