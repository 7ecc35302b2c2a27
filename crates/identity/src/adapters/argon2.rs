//! Passwords hashed on threads of their own: as many as there are cores, and of lower priority than everything else, so that a storm of
//! sign-ins slows down nothing but itself.

mod calibration;
mod hashing;
mod peppers;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kernel::{Fault, UserId};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub(crate) use self::calibration::{Calibrated, calibrate};
pub(crate) use self::hashing::{
    Hashing, HashingConfig, LEAST_MEMORY_KIB, LEAST_PASSES, MOST_LANES, MOST_MEMORY_KIB, MOST_PASSES, Memory,
};
pub use self::peppers::pepper_file_name;
use crate::application::{HashError, PasswordHasher, Waiting};
use crate::domain::Password;

/// How many wait for each that is at work: about a second.
const QUEUE_PER_CORE: usize = 32;
/// Which part of the places one user takes in each half of the queue.
const SHARE_OF_USER: usize = 16;
/// How much the threads give way to others (nice).
const GIVES_WAY: i32 = 10;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

#[derive(Debug, thiserror::Error)]
#[error("a thread that looks at passwords ended")]
struct ThreadLost;

#[derive(Clone)]
pub(crate) struct Argon2Hasher {
    hashing: Arc<Hashing>,
    /// Compared with where there is nothing to compare with, so that the work is the same.
    decoy: Arc<str>,
    jobs: Sender<Job>,
    /// Places in the queue, those at work included.
    places: Arc<Semaphore>,
    /// As many of them as strangers may take: the other half is for those who are known.
    for_strangers: Arc<Semaphore>,
    of_users: Arc<PlacesOfUsers>,
    looked_at: Counter,
    refused_busy: Counter,
}

impl Argon2Hasher {
    pub(crate) fn new(metrics: &mut Registry, hashing: Hashing) -> Result<Self, Fault> {
        let decoy = hashing.hash("a password that nobody has", &mut Memory::default())?;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..cores {
            let queue = queue.clone();
            let thread = std::thread::Builder::new().name(format!("passwords {number}"));
            thread.spawn(move || work(&queue)).map_err(Fault::internal)?;
        }
        let places = cores * (QUEUE_PER_CORE + 1);
        let of_users = Arc::new(PlacesOfUsers { share: places / SHARE_OF_USER, taken: Mutex::default() });
        let (places, for_strangers) = (Arc::new(Semaphore::new(places)), Arc::new(Semaphore::new(places / 2)));
        let looked_at = Counter::default();
        metrics.register("passwords_looked_at", "Passwords that were compared with a hash", looked_at.clone());
        let refused_busy = Counter::default();
        metrics.register("passwords_busy", "Passwords that there was no room for in the queue", refused_busy.clone());
        Ok(Self {
            hashing: Arc::new(hashing),
            decoy: decoy.into(),
            jobs,
            places,
            for_strangers,
            of_users,
            looked_at,
            refused_busy,
        })
    }

    fn place(&self, waiting: Waiting) -> Option<Place> {
        let of_user = match waiting {
            Waiting::KnownUser(user_id) => Some(self.of_users.take(user_id)?),
            Waiting::Stranger | Waiting::Known => None,
        };
        let is_among_strangers = of_user.as_ref().map_or(waiting == Waiting::Stranger, |place| place.is_among_strangers);
        let among_strangers = if is_among_strangers { Some(self.for_strangers.clone().try_acquire_owned().ok()?) } else { None };
        let in_queue = self.places.clone().try_acquire_owned().ok()?;
        Some(Place { _in_queue: in_queue, _among_strangers: among_strangers, _of_user: of_user })
    }

    /// Does slow work when its turn has come; refuses when the queue is full.
    async fn slowly<T: Send + 'static>(
        &self,
        waiting: Waiting,
        work: impl FnOnce(&Hashing, &str, &mut Memory) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = self.place(waiting).ok_or_else(|| {
            self.refused_busy.inc();
            HashError::Busy
        })?;
        let (hashing, decoy) = (self.hashing.clone(), self.decoy.clone());
        let (answer, answered) = oneshot::channel();
        let job = move |memory: &mut Memory| {
            // Nobody waits for it any more: somebody else has his turn.
            let done = (!answer.is_closed()).then(|| work(&hashing, &decoy, memory));
            // Whoever is answered may ask for another place at once.
            drop(place);
            if let Some(done) = done {
                let _ = answer.send(done);
            }
        };
        self.jobs.send(Box::new(job)).map_err(|_| Fault::internal(ThreadLost))?;
        Ok(answered.await.map_err(|_| Fault::internal(ThreadLost))??)
    }
}

/// A place in the queue, kept until the work is done.
struct Place {
    _in_queue: OwnedSemaphorePermit,
    _among_strangers: Option<OwnedSemaphorePermit>,
    _of_user: Option<PlaceOfUser>,
}

/// How many places each known user has, of those that are kept for the known and of those for anybody.
struct PlacesOfUsers {
    /// The most of each.
    share: usize,
    taken: Mutex<HashMap<UserId, [usize; 2]>>,
}

struct PlaceOfUser {
    all: Arc<PlacesOfUsers>,
    user_id: UserId,
    is_among_strangers: bool,
}

impl PlacesOfUsers {
    fn take(self: &Arc<Self>, user_id: UserId) -> Option<PlaceOfUser> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = taken.entry(user_id).or_default();
        let half = counts.iter().position(|count| *count < self.share)?;
        counts[half] += 1;
        Some(PlaceOfUser { all: self.clone(), user_id, is_among_strangers: half == 1 })
    }
}

impl Drop for PlaceOfUser {
    fn drop(&mut self) {
        let mut taken = self.all.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut counts) = taken.entry(self.user_id) {
            counts.get_mut()[usize::from(self.is_among_strangers)] -= 1;
            if *counts.get() == [0, 0] {
                counts.remove();
            }
        }
    }
}

/// Takes one job after the other until nobody is left who could send one.
fn work(queue: &Mutex<Receiver<Job>>) {
    // On Linux it is the thread's own. Without the right to it, it goes on as it is.
    let _ = rustix::process::nice(GIVES_WAY);
    let mut memory = Memory::default();
    while let Some(job) = next(queue, &mut memory) {
        // Whoever waits for it is told that its thread is lost; the others go on.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
    }
}

/// The next job. Where nobody has one at once, memory is not kept for it.
fn next(queue: &Mutex<Receiver<Job>>, memory: &mut Memory) -> Option<Job> {
    if let Ok(queue) = queue.try_lock()
        && let Ok(job) = queue.try_recv()
    {
        return Some(job);
    }
    memory.free();
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: Password, waiting: Waiting) -> Result<String, HashError> {
        self.slowly(waiting, move |hashing, _, memory| hashing.hash(password.expose(), memory)).await
    }

    async fn verify(&self, password: Password, stored: Option<String>, waiting: Waiting) -> Result<bool, HashError> {
        let looked_at = self.looked_at.clone();
        self.slowly(waiting, move |hashing, decoy, memory| {
            looked_at.inc();
            let is_right = hashing.verify(password.expose(), stored.as_deref().unwrap_or(decoy), memory)?;
            Ok(is_right && stored.is_some())
        })
        .await
    }

    fn is_outdated(&self, stored: &str) -> bool {
        self.hashing.is_outdated(stored)
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
        let hasher = Argon2Hasher::new(&mut Registry::default(), Hashing::any()).expect("the parameters are good");
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let half = cores * (QUEUE_PER_CORE + 1) / 2;
        // Each is asked once, in turn, before any of them is done.
        let strangers = join_all((0..=half).map(|_| hasher.verify(password(), None, Waiting::Stranger)));
        let known = hasher.verify(password(), None, Waiting::Known);
        let (strangers, known) = tokio::join!(strangers, known);
        let busy = strangers.iter().filter(|answer| matches!(answer, Err(HashError::Busy))).count();
        assert_eq!((busy, known.ok()), (1, Some(false)));
    }

    /// Rule I23.b: one user, on however many devices, takes a few places of each half, and they are his again when he is done.
    #[tokio::test]
    async fn one_user_leaves_the_queue_to_others() {
        let hasher = Argon2Hasher::new(&mut Registry::default(), Hashing::any()).expect("the parameters are good");
        let [anna, bela] = [1, 2].map(|number| Waiting::KnownUser(UserId::from_uuid(uuid::Uuid::from_u128(number))));
        let share = hasher.of_users.share;
        for round in 0..2 {
            let annas = join_all((0..3 * share).map(|_| hasher.verify(password(), None, anna)));
            let others = join_all([bela, Waiting::Stranger, Waiting::Known].map(|other| hasher.verify(password(), None, other)));
            let (annas, others) = tokio::join!(annas, others);
            let busy = annas.iter().filter(|answer| matches!(answer, Err(HashError::Busy))).count();
            assert_eq!((busy, others.iter().filter(|answer| answer.is_ok()).count()), (share, 3), "round {round}");
        }
        assert!(hasher.of_users.taken.lock().expect("nobody panics while holding it").is_empty());
    }

    /// Rule I23.b: where strangers have filled their half, a user has his share of the other, and not theirs.
    #[tokio::test]
    async fn beyond_his_share_a_user_waits_among_strangers() {
        let hasher = Argon2Hasher::new(&mut Registry::default(), Hashing::any()).expect("the parameters are good");
        let anna = Waiting::KnownUser(UserId::from_uuid(uuid::Uuid::nil()));
        let half = hasher.for_strangers.available_permits();
        let strangers = join_all((0..half).map(|_| hasher.verify(password(), None, Waiting::Stranger)));
        let annas = join_all((0..2 * hasher.of_users.share).map(|_| hasher.verify(password(), None, anna)));
        let (strangers, annas) = tokio::join!(strangers, annas);
        assert!(strangers.iter().all(Result::is_ok));
        assert_eq!(annas.iter().filter(|answer| answer.is_ok()).count(), hasher.of_users.share);
    }

    #[tokio::test]
    async fn a_hash_is_known_again_by_its_password_alone() {
        let hasher = Argon2Hasher::new(&mut Registry::default(), Hashing::any()).expect("the parameters are good");
        let stored = hasher.hash(password(), Waiting::Known).await.expect("a hash");
        let is = async |typed: &str| hasher.verify(Password::new(typed), Some(stored.clone()), Waiting::Stranger).await.ok();
        assert_eq!((is("correct horse battery staple").await, is("correct horse").await), (Some(true), Some(false)));
        assert_eq!(hasher.verify(Password::new("a password that nobody has"), None, Waiting::Stranger).await.ok(), Some(false));
    }
}
