//! An SMTP server that accepts letters and keeps them, or misbehaves as told: postfix's `smtp-sink`.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::letter::Letter;
use crate::lifeline::Lifeline;
use crate::ports::{free_port, is_open};
use crate::processes;
use crate::programs::{Account, find_program};
use crate::wait::wait_until;

const START_LIMIT: Duration = Duration::from_secs(10);

/// A moment of an SMTP dialogue at which a sink can misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpMoment {
    /// The client has connected.
    Connect,
    /// `EHLO`.
    Ehlo,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`, before the letter.
    Data,
    /// The dot that ends the letter.
    Dot,
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
}

impl SmtpMoment {
    fn command(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Ehlo => "ehlo",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Dot => ".",
            Self::Rset => "rset",
            Self::Noop => "noop",
            Self::Quit => "quit",
        }
    }
}

/// How a [`SmtpSink`] behaves; by default it accepts and keeps everything.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SinkOptions {
    arguments: Vec<String>,
    discards: bool,
}

impl SinkOptions {
    /// Throws letters away and only counts them; for measurements, where files would be the limit.
    pub fn discard(mut self) -> Self {
        self.discards = true;
        self
    }

    /// Answers with a final refusal (5xx).
    pub fn reject(self, at: SmtpMoment) -> Self {
        self.with("-f", at.command())
    }

    /// Answers "try again later" (4xx).
    pub fn defer(self, at: SmtpMoment) -> Self {
        self.with("-r", at.command())
    }

    /// Closes the connection without an answer.
    pub fn disconnect(self, at: SmtpMoment) -> Self {
        self.with("-q", at.command())
    }

    /// Answers 421 and closes the connection.
    pub fn close(self, at: SmtpMoment) -> Self {
        self.with("-Q", at.command())
    }

    /// Waits before it answers; the sink knows whole seconds only.
    pub fn delay(self, at: SmtpMoment, delay: Duration) -> Self {
        let seconds = delay.as_secs();
        self.with("-W", &format!("{}:{seconds}", at.command()))
    }

    /// Waits a second before so many answers of a hundred, and now and then another one.
    pub fn delay_some(self, at: SmtpMoment, percent: u8) -> Self {
        self.with("-W", &format!("{}:1:{percent}", at.command()))
    }

    /// Words the answers of [`reject`](Self::reject), such as `550 5.1.1 no such user`.
    pub fn reject_reply(self, reply: &str) -> Self {
        self.with("-B", reply)
    }

    /// Words the answers of [`defer`](Self::defer), such as `451 4.7.1 greylisted`.
    pub fn defer_reply(self, reply: &str) -> Self {
        self.with("-b", reply)
    }

    fn with(mut self, option: &str, value: &str) -> Self {
        self.arguments.extend([option.to_owned(), value.to_owned()]);
        self
    }
}

/// An SMTP server on a loopback port, without authentication or TLS.
#[derive(Debug)]
pub struct SmtpSink {
    lifeline: Lifeline,
    account: Option<Account>,
    options: SinkOptions,
    port: u16,
    process: Option<Child>,
}

impl SmtpSink {
    /// Starts a sink and waits until it takes connections.
    ///
    /// # Panics
    /// When postfix is missing or the sink does not start.
    #[must_use]
    pub fn start(options: SinkOptions) -> Self {
        let account = Account::unprivileged(&["nobody"]);
        let lifeline = Lifeline::with_folder("smtp-sink", account);
        let mut sink = Self { lifeline, account, options, port: free_port(), process: None };
        sink.start_again();
        sink
    }

    /// The loopback port, the same after every `start_again`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the sink at once: connections break, letters not yet accepted are forgotten, accepted ones stay.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        // Halted first, so that no letter is accepted between looking and killing.
        processes::signal("STOP", &[process.id()]);
        let unfinished = self.unfinished_files(process.id());
        processes::signal("KILL", &[process.id()]);
        let _ = process.wait();
        self.lifeline.forget();
        for file in unfinished {
            let _ = std::fs::remove_file(file);
        }
    }

    /// Starts the sink after [`stop`](Self::stop), on the same port, with the letters it has.
    ///
    /// # Panics
    /// When it runs already or does not come up.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the SMTP sink runs already");
        let mut process = self.launch();
        self.lifeline.guard("KILL", process.id());
        let up = wait_until(START_LIMIT, || is_open(self.port) || process.try_wait().is_ok_and(|status| status.is_some()));
        let ended = process.try_wait().is_ok_and(|status| status.is_some());
        self.process = Some(process);
        assert!(up && !ended, "smtp-sink did not start: {}", self.errors());
    }

    /// Starts the sink after [`stop`](Self::stop) with another behaviour.
    pub fn start_again_with(&mut self, options: SinkOptions) {
        self.options = options;
        self.start_again();
    }

    /// The letters accepted so far, in the order they were; none if they are discarded.
    ///
    /// A client may have its 250 a moment before the letter is here: see [`wait_for_letters`](Self::wait_for_letters).
    #[must_use]
    pub fn letters(&self) -> Vec<Letter> {
        self.dated_letters().into_iter().map(|(_, letter)| letter).collect()
    }

    /// The same, each with the moment at which it was accepted.
    #[must_use]
    pub fn dated_letters(&self) -> Vec<(SystemTime, Letter)> {
        let files = finished_first(&self.files());
        let unfinished = self.process.as_ref().map(|process| self.unfinished_files(process.id()));
        let unfinished = unfinished.unwrap_or_default();
        let finished = files.iter().filter(|file| !unfinished.contains(*file));
        // A file that cannot be read any more was a letter taken back when its client went away.
        let read = |file: &PathBuf| Some((last_change(file)?, Letter::from_dump(&std::fs::read(file).ok()?)));
        finished.filter_map(read).collect()
    }

    /// Waits until there are `count` letters or more, at most `limit`, and returns those there are.
    #[must_use]
    pub fn wait_for_letters(&self, count: usize, limit: Duration) -> Vec<Letter> {
        let mut letters = self.letters();
        wait_until(limit, || {
            letters = self.letters();
            letters.len() >= count
        });
        letters
    }

    /// How many letters were accepted since the sink was last started, also where they are discarded.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        let counters = tail(&self.lifeline.folder().join("counters"), 200);
        // The last whole record of "sess=1 quit=1 mesg=1\r…" (smtp-sink -c).
        let number = counters.rsplit_once("mesg=").map(|(_, rest)| rest.trim());
        number.and_then(|number| number.parse().ok()).unwrap_or_default()
    }

    fn launch(&self) -> Child {
        let folder = self.lifeline.folder();
        let create = |name: &str| File::create(folder.join(name)).expect("the sink's own folder is writable");
        let mut command = Command::new(find_program("smtp-sink", system_folders(), "postfix"));
        command.args(["-4", "-c", "-m", "1000"]).args(&self.options.arguments);
        if !self.options.discards {
            command.args(["-d", "letters/%H%M%S."]);
        }
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
            .args([format!("127.0.0.1:{}", self.port), "1000".to_owned()])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(create("counters"))
            .stderr(create("errors"))
            .process_group(0)
            .spawn()
            .expect("smtp-sink can be run")
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.lifeline.folder().join("errors")).unwrap_or_default()
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.lifeline.folder().join("letters"));
        entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }

    /// The letters still being received: the sink has their files open.
    fn unfinished_files(&self, pid: u32) -> HashSet<PathBuf> {
        let entries = std::fs::read_dir(format!("/proc/{pid}/fd"));
        let open = entries.into_iter().flatten().flatten();
        open.filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .filter(|file| file.starts_with(self.lifeline.folder().join("letters")))
            .collect()
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.lifeline.end();
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }
}

/// Debian puts it with the daemons, which are not in everybody's `PATH`.
fn system_folders() -> [PathBuf; 2] {
    ["/usr/sbin".into(), "/usr/local/sbin".into()]
}

/// Orders files by their last change, which is when their letter was accepted.
fn finished_first(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut dated: Vec<_> = files.iter().map(|file| (last_change(file), file.clone())).collect();
    dated.sort();
    dated.into_iter().map(|(_, file)| file).collect()
}

fn last_change(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|facts| facts.modified()).ok()
}

fn tail(file: &Path, length: u64) -> String {
    let Ok(file) = File::open(file) else {
        return String::new();
    };
    let size = file.metadata().map(|facts| facts.len()).unwrap_or_default();
    let start = size.saturating_sub(length);
    let mut bytes = vec![0; usize::try_from(size - start).expect("a few hundred bytes")];
    let read = file.read_at(&mut bytes, start).unwrap_or_default();
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}
