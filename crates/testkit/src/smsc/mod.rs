//! An SMSC that takes SMS and keeps them, or misbehaves as told: npm's `smpp`, with a script of ours (`smsc.js`).

mod received;

use std::path::PathBuf;

use serde_json::{Value, json};

pub use self::received::{ReceivedSms, SmsSegment};
use crate::node_script::NodeScript;

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
    script: NodeScript,
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
        let mut smsc = Self { script: NodeScript::prepare("smsc", SCRIPT, "smpp") };
        smsc.start_again();
        smsc
    }

    /// The loopback port, the same after every `start_again`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.script.port()
    }

    /// Ends the SMSC at once: connections break; what it has taken stays.
    pub fn stop(&mut self) {
        self.script.stop();
    }

    /// Starts the SMSC after [`stop`](Self::stop), on the same port, with what it has. It takes everything.
    ///
    /// # Panics
    /// When it runs already or does not come up.
    pub fn start_again(&mut self) {
        let journal = self.journal();
        self.script.start(&[journal.to_str().expect("a path of ours is UTF-8")]);
    }

    /// From now on it answers like this.
    pub fn answer(&mut self, answer: SmscAnswer) {
        self.script.tell(&answer.order());
    }

    /// Tells whoever is bound what became of a segment (`DELIVRD`, `UNDELIV` …), and waits until he has acknowledged it.
    ///
    /// # Panics
    /// When nobody is bound, or he does not acknowledge it.
    pub fn send_receipt(&mut self, segment: &SmsSegment, stat: &str) {
        let SmsSegment { message_id, to, from, .. } = segment;
        self.script.tell(&json!({ "receipt": { "message_id": message_id, "to": to, "from": from, "stat": stat } }));
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

    fn journal(&self) -> PathBuf {
        self.script.folder().join("journal")
    }
}
