//! A program that never outlives the one that started it.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};

use crate::lifeline::Lifeline;
use crate::processes;

/// A running program in a process group of its own; on drop, or when we are killed, the group gets TERM and after two seconds
/// KILL.
#[derive(Debug)]
pub struct GuardedProcess {
    lifeline: Lifeline,
    child: Child,
}

impl GuardedProcess {
    /// Starts `command`.
    ///
    /// # Errors
    /// What [`Command::spawn`] returns.
    pub fn spawn(command: &mut Command) -> std::io::Result<Self> {
        let mut lifeline = Lifeline::without_folder();
        let child = command.process_group(0).spawn()?;
        lifeline.guard_group("TERM", child.id());
        Ok(Self { lifeline, child })
    }

    /// The process's number, which is also that of its group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The process's group, to be signalled while somebody else waits.
    #[must_use]
    pub fn group(&self) -> ProcessGroup {
        ProcessGroup { leader: self.id() }
    }

    /// The child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends a signal by name (`TERM`, `STOP`, `CONT` …) to the process alone.
    pub fn signal(&self, name: &str) {
        processes::signal(name, &[self.id()]);
    }

    /// Kills the whole group with -9 and waits for the process, which goes first, at this very moment.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        self.group().signal("KILL");
        let _ = self.child.wait();
        self.lifeline.forget();
    }

    /// Waits until the process ends by itself.
    ///
    /// # Errors
    /// What [`Child::wait`] returns.
    pub fn wait(mut self) -> std::io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for GuardedProcess {
    fn drop(&mut self) {
        self.lifeline.end();
        let _ = self.child.wait();
    }
}

/// A process and those it has started that have not left its group.
#[derive(Debug, Clone, Copy)]
pub struct ProcessGroup {
    leader: u32,
}

impl ProcessGroup {
    /// Sends a signal by name (`TERM`, `KILL` …) to all of them.
    pub fn signal(self, name: &str) {
        processes::signal_group(name, self.leader);
    }
}
