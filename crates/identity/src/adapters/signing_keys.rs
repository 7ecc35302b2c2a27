//! The keys that sign access tokens: files of a folder, `<moment>.pem` (PKCS#8), each signing from its moment on.
//!
//! All of them are published, also those whose moment is still to come; the last whose moment has come signs. To rotate, an
//! operator adds a file for a moment some minutes ahead, and removes an old one some minutes after it has signed last (`rotation`): no
//! token is refused meanwhile (I24). Files are read again while the process runs.

mod rotation;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use kernel::{Caller, Clock, Fault, Secret, Timestamp};
use runtime::token::{ACCESS_TOKEN_TTL, KeySet, Signer};

pub use self::rotation::{SigningKeyRotation, signing_key_rotation};
use crate::application::{AccessToken, AccessTokens, PublishedKey};
use crate::domain::Proof;

const RELOAD_INTERVAL: Duration = Duration::from_secs(5);
/// How a key's moment is written in the name of its file (UTC).
const MOMENT: &str = "%Y%m%dT%H%M%SZ";

#[derive(Debug, Clone)]
struct Key {
    signer: Signer,
    signs_from: Timestamp,
}

#[derive(Clone)]
pub(crate) struct SigningKeys {
    folder: PathBuf,
    /// The oldest first; never empty.
    keys: Arc<RwLock<Vec<Key>>>,
}

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeysError {
    #[error("the folder of signing keys cannot be read")]
    Folder(#[from] std::io::Error),
    #[error("{0} is not named after a moment, as 20261122T000000Z.pem is")]
    Name(String),
    #[error("{0} has no Ed25519 key in PEM (PKCS#8)")]
    Key(String),
    #[error("no signing key, or none whose moment has come")]
    None,
}

impl SigningKeys {
    pub(crate) fn read(folder: &Path, now: Timestamp) -> Result<Self, SigningKeysError> {
        let keys = read(folder, now)?;
        Ok(Self { folder: folder.to_owned(), keys: Arc::new(RwLock::new(keys)) })
    }

    /// Reads the folder again and again; what cannot be used changes nothing.
    pub(crate) async fn keep_reading(self, clock: Arc<dyn Clock>, learn: impl Fn(KeySet) + Send) -> Infallible {
        loop {
            tokio::time::sleep(RELOAD_INTERVAL).await;
            match read(&self.folder, clock.now()) {
                Ok(keys) => {
                    *self.keys.write().expect("nobody panics while holding the keys") = keys;
                    learn(self.key_set());
                }
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "signing keys not read again"),
            }
        }
    }

    pub(crate) fn key_set(&self) -> KeySet {
        let keys = self.keys();
        KeySet::new(keys.iter().map(|key| (key.signer.kid().to_owned(), key.signer.public_key().as_slice())))
    }

    fn keys(&self) -> Vec<Key> {
        self.keys.read().expect("nobody panics while holding the keys").clone()
    }
}

impl AccessTokens for SigningKeys {
    fn issue(&self, caller: &Caller, generation: i64, proof: Option<Proof>, now: Timestamp) -> Result<AccessToken, Fault> {
        let keys = self.keys();
        let key = keys.iter().rfind(|key| key.signs_from <= now).ok_or_else(|| Fault::internal(SigningKeysError::None))?;
        let methods = proof.map_or_else(Vec::new, Proof::methods);
        let token = key
            .signer
            .sign_shown(caller, generation, &methods, now)
            .ok_or_else(|| Fault::internal("a stranger needs no token"))?;
        let expires_at = Timestamp::from_second(now.as_second()).map_err(Fault::internal)?;
        Ok(AccessToken { token, expires_at: expires_at.saturating_add(ACCESS_TOKEN_TTL).map_err(Fault::internal)? })
    }

    fn published(&self) -> Vec<PublishedKey> {
        let published = |key: Key| PublishedKey {
            kid: key.signer.kid().to_owned(),
            public_key: key.signer.public_key().to_vec(),
            signs_from: key.signs_from,
        };
        self.keys().into_iter().map(published).collect()
    }
}

/// The name of the file of a key that signs from this moment on.
pub fn file_name(signs_from: Timestamp) -> String {
    format!("{}.pem", signs_from.strftime(MOMENT))
}

/// The keys of a folder, one of which signs now.
fn read(folder: &Path, now: Timestamp) -> Result<Vec<Key>, SigningKeysError> {
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "pem") {
            continue;
        }
        let kid = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let moment = jiff::civil::DateTime::strptime(MOMENT, &kid).map_err(|_| SigningKeysError::Name(kid.clone()))?;
        let signs_from = jiff::tz::TimeZone::UTC.to_timestamp(moment).map_err(|_| SigningKeysError::Name(kid.clone()))?;
        let pem = Secret::new(std::fs::read_to_string(&path)?);
        let signer = Signer::from_pem(kid.clone(), &pem).map_err(|_| SigningKeysError::Key(kid))?;
        keys.push(Key { signer, signs_from });
    }
    keys.sort_by_key(|key| key.signs_from);
    if keys.first().is_none_or(|first| first.signs_from > now) { Err(SigningKeysError::None) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kernel::{Component, PlatformAdminCaller};
    use runtime::token::generate_signing_key;

    use super::*;

    fn folder_with(moments: &[Timestamp]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        for moment in moments {
            std::fs::write(folder.path().join(file_name(*moment)), generate_signing_key().expose()).expect("it is writable");
        }
        folder
    }

    /// Rule I24.b: a key is published before it signs, and the tokens of the one before are good after.
    #[test]
    fn a_key_is_published_before_it_signs() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24);
        let soon = now + SignedDuration::from_mins(10);
        let folder = folder_with(&[Timestamp::UNIX_EPOCH, soon]);
        let keys = SigningKeys::read(folder.path(), now).expect("two good keys");
        let caller = Caller::Component(Component::Notification);
        let verify = |token: &AccessToken, at| keys.key_set().verify(token.token.expose(), at).is_ok();

        let old = keys.issue(&caller, 0, None, soon - SignedDuration::from_secs(1)).expect("a token");
        let new = keys.issue(&caller, 0, None, soon).expect("a token");
        assert_eq!(keys.published().len(), 2);
        assert!(verify(&old, soon) && verify(&new, soon));
        let kid = |token: &AccessToken| jsonwebtoken::decode_header(token.token.expose()).expect("a JWT").kid;
        assert_ne!(kid(&old), kid(&new));
    }

    #[test]
    fn a_folder_without_a_key_that_signs_is_refused() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(SigningKeys::read(folder_with(&[]).path(), now).is_err());
        assert!(SigningKeys::read(folder_with(&[now + SignedDuration::from_secs(1)]).path(), now).is_err());
        let folder = folder_with(&[now]);
        std::fs::write(folder.path().join("mine.pem"), "not a key").expect("it is writable");
        assert!(SigningKeys::read(folder.path(), now).is_err());
    }

    /// Kubernetes mounts a secret as links into a hidden folder, which it replaces as a whole.
    #[test]
    fn a_folder_that_kubernetes_mounts_is_read() {
        let now = Timestamp::UNIX_EPOCH;
        let folder = folder_with(&[]);
        let hidden = folder.path().join("..2026_11_22_00_00_00.1234567890");
        std::fs::rename(folder_with(&[now]).keep(), &hidden).expect("it is writable");
        std::os::unix::fs::symlink(&hidden, folder.path().join("..data")).expect("it is writable");
        let linked = Path::new("..data").join(file_name(now));
        std::os::unix::fs::symlink(linked, folder.path().join(file_name(now))).expect("it is writable");
        assert_eq!(SigningKeys::read(folder.path(), now).expect("a good key").published().len(), 1);
    }

    #[test]
    fn a_token_ends_when_it_says() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(500);
        let keys = SigningKeys::read(folder_with(&[Timestamp::UNIX_EPOCH]).path(), now).expect("a good key");
        let caller = Caller::PlatformAdmin(PlatformAdminCaller { name: "olga".to_owned() });
        let token = keys.issue(&caller, 0, None, now).expect("a token");
        let just_before = token.expires_at - SignedDuration::from_micros(1);
        assert!(keys.key_set().verify(token.token.expose(), just_before).is_ok());
        assert!(keys.key_set().verify(token.token.expose(), token.expires_at).is_err());
    }
}
