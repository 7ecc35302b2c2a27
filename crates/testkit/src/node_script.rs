//! A server that is a script of ours for Node.js: told what to do by its standard input, a line each (JSON), which it answers by
//! `understood` when it holds.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::installed::{node, node_modules};
use crate::lifeline::Lifeline;
use crate::ports::{free_port, is_open};
use crate::processes;
use crate::wait::wait_until;

const START_LIMIT: Duration = Duration::from_mins(1);

/// A script that listens on a loopback port, the same after every start.
#[derive(Debug)]
pub(crate) struct NodeScript {
    /// What it is called where something is wrong with it.
    name: &'static str,
    /// Its path. It is run with its port and what else it wants to be told.
    path: &'static str,
    /// The package of npm that it is made of.
    package: &'static str,
    lifeline: Lifeline,
    port: u16,
    running: Option<Running>,
}

/// The process with the pipe by which it is told and the one by which it answers.
#[derive(Debug)]
struct Running {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl NodeScript {
    pub(crate) fn prepare(name: &'static str, path: &'static str, package: &'static str) -> Self {
        Self { name, path, package, lifeline: Lifeline::with_folder(name, None), port: free_port(), running: None }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// A folder of its own, which goes when it does.
    pub(crate) fn folder(&self) -> &Path {
        self.lifeline.folder()
    }

    /// Starts it and waits until it takes connections.
    pub(crate) fn start(&mut self, arguments: &[&str]) {
        assert!(self.running.is_none(), "{} runs already", self.name);
        let mut running = self.launch(arguments);
        self.lifeline.guard("KILL", running.child.id());
        let up = wait_until(START_LIMIT, || is_open(self.port) || has_ended(&mut running.child));
        let ended = has_ended(&mut running.child);
        self.running = Some(running);
        assert!(up && !ended, "{} did not start: {}", self.name, self.errors());
    }

    /// Ends it at once: connections break.
    pub(crate) fn stop(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        processes::signal("KILL", &[running.child.id()]);
        let _ = running.child.wait();
        self.lifeline.forget();
    }

    /// Gives an order, and waits until it holds.
    pub(crate) fn tell(&mut self, order: &Value) {
        let (name, errors) = (self.name, self.errors());
        let running = self.running.as_mut().unwrap_or_else(|| panic!("{name} does not run"));
        writeln!(running.orders, "{order}").unwrap_or_else(|_| panic!("{name} does not read its orders: {errors}"));
        let mut answer = String::new();
        running.answers.read_line(&mut answer).expect("a line of text");
        assert_eq!(answer, "understood\n", "{name}: {}", self.errors());
    }

    fn launch(&self, arguments: &[&str]) -> Running {
        let errors = File::create(self.folder().join("errors")).expect("its own folder is writable");
        let mut child = Command::new(node())
            .arg(self.path)
            .arg(self.port.to_string())
            .args(arguments)
            .env("NODE_PATH", node_modules(self.package))
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

    fn errors(&self) -> String {
        std::fs::read_to_string(self.folder().join("errors")).unwrap_or_default()
    }
}

impl Drop for NodeScript {
    fn drop(&mut self) {
        self.lifeline.end();
        if let Some(mut running) = self.running.take() {
            let _ = running.child.wait();
        }
    }
}

fn has_ended(child: &mut Child) -> bool {
    child.try_wait().is_ok_and(|status| status.is_some())
}
