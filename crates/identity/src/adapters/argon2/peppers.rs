//! Peppers: secrets that go into every hash of a password and stand in no database, so that whoever has stolen one cannot even begin to
//! guess. Files of a folder, `<moment>.key` (at least 32 random bytes, base64), each used from its moment (UTC) on.
//!
//! To change the pepper, an operator adds a file for a moment ahead, and restarts every replica of identity before it has come. A pepper stays as long as a
//! hash needs it: until all of its users have signed in, or for good.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kernel::{Fault, Secret, Timestamp};

/// How a pepper's moment is written in the name of its file (UTC).
const MOMENT: &str = "%Y%m%dT%H%M%SZ";
const SHORTEST: usize = 32;

/// The second from which on a pepper is used: stands in every hash that was made with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PepperName(i64);

impl PepperName {
    pub(super) const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(i64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

#[derive(Clone)]
pub(super) struct Pepper {
    pub(super) name: PepperName,
    pub(super) secret: Secret<Vec<u8>>,
}

/// The oldest first. The folder is read again when a hash names one that is not there: another process may have had it first.
#[derive(Default)]
pub(super) struct Peppers {
    folder: Option<PathBuf>,
    known: RwLock<Vec<Pepper>>,
}

/// Why peppers cannot be used.
#[derive(Debug, thiserror::Error)]
enum PeppersError {
    #[error("{0} is not named after a moment, as 20261122T000000Z.key is")]
    Name(String),
    #[error("{0} has no 32 bytes or more in base64")]
    Secret(String),
}

impl Peppers {
    pub(super) fn read(folder: &Path) -> Result<Self, Fault> {
        Ok(Self { folder: Some(folder.to_owned()), known: RwLock::new(read(folder)?) })
    }

    /// The one that goes into hashes made now.
    pub(super) fn newest(&self, now: Timestamp) -> Option<Pepper> {
        self.known().iter().rfind(|pepper| pepper.name.0 <= now.as_second()).cloned()
    }

    pub(super) fn get(&self, name: PepperName) -> Option<Pepper> {
        self.find(name).or_else(|| {
            let again = read(self.folder.as_deref()?);
            match again {
                Ok(peppers) => *self.known.write().unwrap_or_else(PoisonError::into_inner) = peppers,
                Err(fault) => tracing::error!(error = &fault as &dyn std::error::Error, "peppers not read again"),
            }
            self.find(name)
        })
    }

    fn find(&self, name: PepperName) -> Option<Pepper> {
        self.known().iter().find(|pepper| pepper.name == name).cloned()
    }

    fn known(&self) -> RwLockReadGuard<'_, Vec<Pepper>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(folder: &Path) -> Result<Vec<Pepper>, Fault> {
    let mut peppers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Fault::internal)? {
        let path = entry.map_err(Fault::internal)?.path();
        if path.extension().is_none_or(|extension| extension != "key") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = name(&stem).ok_or_else(|| Fault::internal(PeppersError::Name(stem.clone())))?;
        let text = std::fs::read_to_string(&path).map_err(Fault::internal)?;
        let secret = BASE64.decode(text.trim()).ok().filter(|secret| secret.len() >= SHORTEST);
        let secret = Secret::new(secret.ok_or_else(|| Fault::internal(PeppersError::Secret(stem)))?);
        peppers.push(Pepper { name, secret });
    }
    peppers.sort_by_key(|pepper| pepper.name);
    Ok(peppers)
}

fn name(stem: &str) -> Option<PepperName> {
    let moment = jiff::civil::DateTime::strptime(MOMENT, stem).ok()?;
    Some(PepperName(jiff::tz::TimeZone::UTC.to_timestamp(moment).ok()?.as_second()))
}

/// The name of the file of a pepper that is used from this moment on.
pub fn pepper_file_name(used_from: Timestamp) -> String {
    format!("{}.key", used_from.strftime(MOMENT))
}

#[cfg(test)]
impl Peppers {
    /// Of these seconds since 1970, in their order.
    pub(super) fn of(peppers: impl IntoIterator<Item = (i64, Vec<u8>)>) -> Self {
        let pepper = |(second, secret)| Pepper { name: PepperName(second), secret: Secret::new(secret) };
        Self { folder: None, known: RwLock::new(peppers.into_iter().map(pepper).collect()) }
    }
}
