//! What `make tools` has installed from npm and PyPI, each into a folder of its own below `target`.

use std::path::{Path, PathBuf};

use crate::programs::find_program;

const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

/// Node.js itself, which comes with the system.
///
/// # Panics
/// When it is nowhere.
#[must_use]
pub fn node() -> PathBuf {
    find_program("node", [], "nodejs")
}

/// The folder of npm's packages, for `NODE_PATH`.
///
/// # Panics
/// When `package` is not among them.
#[must_use]
pub fn node_modules(package: &str) -> PathBuf {
    let modules = Path::new(TARGET).join("npm/node_modules");
    assert!(modules.join(package).is_dir(), "npm's {package} is not in target/npm; run: make tools");
    modules
}

/// A Python that has PyPI's packages.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn python() -> PathBuf {
    let python = Path::new(TARGET).join("pypi/bin/python");
    assert!(python.is_file(), "there is no Python in target/pypi; run: make tools");
    python
}
