//! Passwords hashed with argon2id (RFC 9106), on threads of their own, no more at once than there are cores.

use std::num::NonZero;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use async_trait::async_trait;
use kernel::Fault;
use runtime::TaskLost;
use tokio::sync::Semaphore;

use crate::application::{HashError, PasswordHasher};
use crate::domain::Password;

/// OWASP's least for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// How many wait for each that is at work: about a second.
const QUEUE_PER_CORE: usize = 32;

#[derive(Clone)]
pub(crate) struct Argon2Hasher {
    argon2: Argon2<'static>,
    /// Compared with where there is nothing to compare with, so that the work is the same.
    decoy: Arc<str>,
    at_work: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Argon2Hasher {
    pub(crate) fn new() -> Result<Self, Fault> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Fault::internal(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash(&argon2, "a password that nobody has")?;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let at_work = Arc::new(Semaphore::new(cores));
        let waiting = Arc::new(Semaphore::new(cores * (QUEUE_PER_CORE + 1)));
        Ok(Self { argon2, decoy: decoy.into(), at_work, waiting })
    }

    /// A hash made at once, for whoever runs nothing else.
    pub(crate) fn hash_now(&self, password: &Password) -> Result<String, Fault> {
        hash(&self.argon2, password.expose())
    }

    /// Does slow work when its turn has come; refuses when the queue is full.
    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce(Argon2<'static>, Arc<str>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, HashError> {
        let _place = self.waiting.try_acquire().map_err(|_| HashError::Busy)?;
        let turn = self.at_work.clone().acquire_owned().await.map_err(Fault::internal)?;
        let (argon2, decoy) = (self.argon2.clone(), self.decoy.clone());
        let done = tokio::task::spawn_blocking(move || {
            let result = work(argon2, decoy);
            // Held until the work is done, also when nobody waits for it any more.
            drop(turn);
            result
        });
        Ok(done.await.map_err(|lost| Fault::internal(TaskLost::from(lost)))??)
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, Fault> {
    let hash = argon2.hash_password(password.as_bytes()).map_err(|error| Fault::internal(error.to_string()))?;
    Ok(hash.to_string())
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: Password) -> Result<String, HashError> {
        self.slowly(move |argon2, _| hash(&argon2, password.expose())).await
    }

    async fn verify(&self, password: Password, stored: Option<String>) -> Result<bool, HashError> {
        self.slowly(move |argon2, decoy| {
            let text = stored.as_deref().unwrap_or(&decoy);
            let parsed = PasswordHash::new(text).map_err(|error| Fault::internal(error.to_string()))?;
            let is_right = argon2.verify_password(password.expose().as_bytes(), &parsed).is_ok();
            Ok(is_right && stored.is_some())
        })
        .await
    }
}
