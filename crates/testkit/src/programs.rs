//! Finds the programs of servers, and the account to run them under.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Looks for `program` in `folders`, then in `PATH`.
///
/// # Panics
/// When it is nowhere, naming the Debian `package` that brings it.
pub(crate) fn find_program(program: &str, folders: impl IntoIterator<Item = PathBuf>, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
        .unwrap_or_else(|| panic!("{program} not found; run: deploy/local/install-packages {package}"))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

/// Lists the folders `parent/*/child`, the highest version first.
pub(crate) fn versioned_folders(parent: &str, child: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path().join(child)).collect();
    folders.sort();
    folders.reverse();
    folders
}

/// The user and group a server runs as when we are root and it must not be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The first of `names` that exists; `None` when we are not root, because then a server runs as ourselves.
    pub(crate) fn unprivileged(names: &[&str]) -> Option<Self> {
        if !runs_as_root() {
            return None;
        }
        let accounts = std::fs::read_to_string("/etc/passwd").expect("every Unix has a readable list of users");
        let found = names.iter().find_map(|name| Self::find(&accounts, name));
        Some(found.unwrap_or_else(|| panic!("none of the users {names:?} exists, and root must not run this server")))
    }

    fn find(accounts: &str, name: &str) -> Option<Self> {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    }
}

fn runs_as_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|facts| facts.uid() == 0)
}
