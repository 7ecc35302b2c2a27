//! What is to be killed while what is imported.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::victim::Victim;
use crate::Chance;

/// What is done; see [`run`](super::run).
pub struct KillPlan {
    pub seed: u64,
    pub log: EventLog,
    pub realms: usize,
    /// How long the imports last at least.
    pub length: Duration,
    /// Whom to kill, in the order that the seed makes of it.
    pub victims: Vec<Victim>,
    /// Over what time, from the first letter on.
    pub spread: Duration,
    /// How long a victim stays away.
    pub pause: RangeInclusive<Duration>,
    pub leases: Leases,
    /// Over how many letters of a hundred the mail server takes a second: time in which its client can be killed between a letter
    /// and its result. Its eight connections must do all the same.
    pub slow_letters: u8,
    pub showing: Showing,
    /// Where the log and what imports say is left; a folder that is there.
    pub output: PathBuf,
    /// Told of every kill when it is over.
    pub say: fn(&str),
}

/// What is imported.
pub enum EventLog {
    File(PathBuf),
    /// One of a service desk's form, made from the seed: so many calls a second and realm.
    Generated {
        a_second: u32,
    },
}

/// Whether kills have to show repeats: facts that a relay publishes again, letters that a dispatcher sends again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// They do, and there are more of them until they have.
    Wanted,
    /// They need not: on which side of a commit a kill falls is chance.
    Welcome,
}

/// What is done about the claims of a dispatcher that was killed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Leases {
    /// They end in their time.
    Wait,
    /// They are ended: a test does not have the two minutes.
    End,
}

/// Victims for so many kills: each once, then whom chance picks.
pub fn victims(seed: u64, kills: usize) -> Vec<Victim> {
    let mut chance = Chance::new(seed);
    let others = (Victim::ALL.len()..kills).map(|_| chance.pick(&Victim::ALL));
    Victim::ALL.into_iter().chain(others).collect()
}
