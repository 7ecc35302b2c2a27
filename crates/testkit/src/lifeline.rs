//! Nothing stays behind: the one path by which a server's processes end and its folder goes.
//!
//! A small shell waits at the end of a pipe whose other end only we hold. Whether we drop it, panic, or are killed with -9, the
//! pipe closes; then the shell ends the server it was told of and removes the folder. So the clean-up in a crash is the same
//! one every test exercises. (`PR_SET_PDEATHSIG` would not do: it follows the thread that started the child, not the process,
//! reaches direct children only, and removes no folder.)

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::programs::Account;

/// Reads lines `SIGNAL PID` (or `none`) until the pipe closes; the last one says how to end the server.
/// What is left after two seconds is killed. A process that has ended but not been waited for shows state Z.
const KEEPER: &str = r#"
trap '' INT TERM HUP QUIT
task=none
while read -r line; do task=$line; done
runs() { case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in ''|Z*) return 1;; esac; }
if [ "$task" != none ]; then
    signal=${task% *} target=${task#* }
    kill -s "$signal" -- "$target" 2>/dev/null
    leader=${target#-} tries=0
    while runs "$leader" && [ "$tries" -lt 100 ]; do sleep 0.02; tries=$((tries + 1)); done
    kill -s KILL -- "$target" 2>/dev/null
fi
[ -z "$1" ] || for try in 1 2 3 4 5; do rm -rf -- "$1" && break; sleep 0.1; done
"#;

/// Owns the end of a server: a private folder and the process that runs in it.
#[derive(Debug)]
pub(crate) struct Lifeline {
    keeper: Child,
    pipe: Option<ChildStdin>,
    folder: PathBuf,
}

impl Lifeline {
    /// Makes a private folder `cabinet-NAME-…` that belongs to `account`, and the shell that will remove it.
    pub(crate) fn with_folder(name: &str, account: Option<Account>) -> Self {
        Self::with_folder_in(&std::env::temp_dir(), name, account)
    }

    /// The same within another folder than the one for temporary files.
    pub(crate) fn with_folder_in(place: &Path, name: &str, account: Option<Account>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("cabinet-{name}-"))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(place)
            .expect("the folder for temporary files must be writable")
            .keep();
        let lifeline = Self::start(folder);
        if let Some(account) = account {
            chown(lifeline.folder(), Some(account.uid), Some(account.gid)).expect("root may give its folder away");
        }
        lifeline
    }

    /// Guards a process that needs no folder.
    pub(crate) fn without_folder() -> Self {
        Self::start(PathBuf::new())
    }

    fn start(folder: PathBuf) -> Self {
        let mut keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "cabinet-lifeline"])
            .arg(&folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("/bin/sh can be started");
        let pipe = keeper.stdin.take();
        Self { keeper, pipe, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Has `pid` ended by `signal` (then by KILL) when this goes.
    pub(crate) fn guard(&mut self, signal: &str, pid: u32) {
        self.tell(&format!("{signal} {pid}"));
    }

    /// The same for a whole process group.
    pub(crate) fn guard_group(&mut self, signal: &str, leader: u32) {
        self.tell(&format!("{signal} -{leader}"));
    }

    /// Forgets the process, because it was ended and its number may soon be another's.
    pub(crate) fn forget(&mut self) {
        self.tell("none");
    }

    fn tell(&mut self, line: &str) {
        let pipe = self.pipe.as_mut().expect("the pipe is open until drop");
        writeln!(pipe, "{line}").expect("the lifeline's shell lives as long as its pipe is open");
    }

    /// Ends the process, removes the folder and waits until that is done; the same happens on drop.
    pub(crate) fn end(&mut self) {
        drop(self.pipe.take());
        let _ = self.keeper.wait();
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.end();
    }
}
