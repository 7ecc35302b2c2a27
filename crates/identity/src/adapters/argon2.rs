//! Passwords hashed with argon2id (RFC 9106), on threads of their own: as many as there are cores, and of lower priority than
//! everything else, so that a storm of sign-ins slows down nothing but itself.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use async_trait::async_trait;
use kernel::Fault;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, TryAcquireError, oneshot};

use crate::application::{HashError, PasswordHasher, Waiting};
use crate::domain::Password;

/// OWASP's least for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// What a stored hash may ask for at the most: whoever wrote it does not decide how much memory a sign-in takes.
const MOST_MEMORY_KIB: u32 = 64 * 1024;
const MOST_PASSES: u32 = 8;
const MOST_LANES: u32 = 4;
/// How many wait for each that is at work: about a second.
const QUEUE_PER_CORE: usize = 32;
/// How much the threads give way to others (nice).
const GIVES_WAY: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Debug, thiserror::Error)]
#[error("a thread that looks at passwords ended")]
struct ThreadLost;

#[derive(Debug, thiserror::Error)]
#[error("a stored hash asks for more than passwords are hashed with")]
struct TooCostly;

#[derive(Clone)]
pub(crate) struct Argon2Hasher {
    argon2: Argon2<'static>,
    /// Compared with where there is nothing to compare with, so that the work is the same.
    decoy: Arc<str>,
    jobs: Sender<Job>,
    /// Places in the queue, those at work included.
    places: Arc<Semaphore>,
    /// As many of them as strangers may take: the other half is for those who are known.
    for_strangers: Arc<Semaphore>,
    looked_at: Counter,
}

impl Argon2Hasher {
    pub(crate) fn new(metrics: &mut Registry) -> Result<Self, Fault> {
        let argon2 = argon2()?;
        let decoy = hash(&argon2, "a password that nobody has")?;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..cores {
            let queue = queue.clone();
            let thread = std::thread::Builder::new().name(format!("passwords {number}"));
            thread.spawn(move || work(&queue)).map_err(Fault::internal)?;
        }
        let places = cores * (QUEUE_PER_CORE + 1);
        let (places, for_strangers) = (Arc::new(Semaphore::new(places)), Arc::new(Semaphore::new(places / 2)));
        let looked_at = Counter::default();
        metrics.register("passwords_looked_at", "Passwords that were compared with a hash", looked_at.clone());
        Ok(Self { argon2, decoy: decoy.into(), jobs, places, for_strangers, looked_at })
    }

    /// Does slow work when its turn has come; refuses when the queue is full.
    async fn slowly<T: Send + 'static>(
        &self,
        waiting: Waiting,
        work: impl FnOnce(Argon2<'static>, Arc<str>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, HashError> {
        let busy = |_: TryAcquireError| HashError::Busy;
        let place = self.places.clone().try_acquire_owned().map_err(busy)?;
        let among_strangers = match waiting {
            Waiting::Stranger => Some(self.for_strangers.clone().try_acquire_owned().map_err(busy)?),
            Waiting::Known => None,
        };
        let (argon2, decoy) = (self.argon2.clone(), self.decoy.clone());
        let (answer, answered) = oneshot::channel();
        let job = move || {
            // Nobody waits for it any more: somebody else has his turn.
            if !answer.is_closed() {
                let _ = answer.send(work(argon2, decoy));
            }
            drop((place, among_strangers));
        };
        self.jobs.send(Box::new(job)).map_err(|_| Fault::internal(ThreadLost))?;
        Ok(answered.await.map_err(|_| Fault::internal(ThreadLost))??)
    }
}

/// Takes one job after the other until nobody is left who could send one.
fn work(queue: &Mutex<Receiver<Job>>) {
    // On Linux it is the thread's own. Without the right to it, it goes on as it is.
    let _ = rustix::process::nice(GIVES_WAY);
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // Whoever waits for it is told that its thread is lost; the others go on.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

fn argon2() -> Result<Argon2<'static>, Fault> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Fault::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, Fault> {
    let hash = argon2.hash_password(password.as_bytes()).map_err(|error| Fault::internal(error.to_string()))?;
    Ok(hash.to_string())
}

/// A hash made at once, for whoever runs nothing else.
pub(crate) fn hash_now(password: &Password) -> Result<String, Fault> {
    hash(&argon2()?, password.expose())
}

fn verify(argon2: &Argon2<'_>, password: &Password, stored: &str) -> Result<bool, Fault> {
    let parsed = PasswordHash::new(stored).map_err(|error| Fault::internal(error.to_string()))?;
    let asked = Params::try_from(&parsed).map_err(|error| Fault::internal(error.to_string()))?;
    if asked.m_cost() > MOST_MEMORY_KIB || asked.t_cost() > MOST_PASSES || asked.p_cost() > MOST_LANES {
        return Err(Fault::internal(TooCostly));
    }
    Ok(argon2.verify_password(password.expose().as_bytes(), &parsed).is_ok())
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: Password) -> Result<String, HashError> {
        // Whoever sets a password has proven himself in another way.
        self.slowly(Waiting::Known, move |argon2, _| hash(&argon2, password.expose())).await
    }

    async fn verify(&self, password: Password, stored: Option<String>, waiting: Waiting) -> Result<bool, HashError> {
        let looked_at = self.looked_at.clone();
        self.slowly(waiting, move |argon2, decoy| {
            looked_at.inc();
            let is_right = verify(&argon2, &password, stored.as_deref().unwrap_or(&decoy))?;
            Ok(is_right && stored.is_some())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    fn password() -> Password {
        Password::new("correct horse battery staple")
    }

    /// Rule I23.b: strangers fill half of the queue; whoever is known finds a place.
    #[tokio::test]
    async fn strangers_leave_half_of_the_queue_to_the_known() {
        let hasher = Argon2Hasher::new(&mut Registry::default()).expect("the parameters are good");
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let half = cores * (QUEUE_PER_CORE + 1) / 2;
        // Each is asked once, in turn, before any of them is done.
        let strangers = join_all((0..=half).map(|_| hasher.verify(password(), None, Waiting::Stranger)));
        let known = hasher.verify(password(), None, Waiting::Known);
        let (strangers, known) = tokio::join!(strangers, known);
        let busy = strangers.iter().filter(|answer| matches!(answer, Err(HashError::Busy))).count();
        assert_eq!((busy, known.ok()), (1, Some(false)));
    }

    #[tokio::test]
    async fn a_hash_is_known_again_by_its_password_alone() {
        let hasher = Argon2Hasher::new(&mut Registry::default()).expect("the parameters are good");
        let stored = hasher.hash(password()).await.expect("a hash");
        let is = async |typed: &str| hasher.verify(Password::new(typed), Some(stored.clone()), Waiting::Stranger).await.ok();
        assert_eq!((is("correct horse battery staple").await, is("correct horse").await), (Some(true), Some(false)));
        assert_eq!(hasher.verify(Password::new("a password that nobody has"), None, Waiting::Stranger).await.ok(), Some(false));
    }

    #[test]
    fn a_stored_hash_does_not_say_how_much_memory_is_taken() {
        let argon2 = argon2().expect("the parameters are good");
        let stored = hash(&argon2, "correct horse battery staple").expect("a hash");
        assert_eq!(verify(&argon2, &password(), &stored).ok(), Some(true));
        for costly in [stored.replace("m=19456", "m=4194304"), stored.replace("t=2", "t=900"), stored.replace("p=1", "p=64")] {
            assert!(verify(&argon2, &password(), &costly).is_err(), "{costly}");
        }
    }
}
