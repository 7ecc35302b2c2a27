//! How much work a password's hash may be on this machine: what takes about as long as an operator wants somebody to wait.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use kernel::Fault;

use super::hashing::{LEAST_MEMORY_KIB, LEAST_PASSES, MOST_MEMORY_KIB, MOST_PASSES};

/// A clock that something else disturbs now and then: the middle one of so many.
const ROUNDS: usize = 5;

/// How passwords can be hashed, and how long one takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calibrated {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) takes: Duration,
}

/// As much work as takes about so long, and never less than the least there may be. First memory, which costs those most who guess with
/// many machines at once; then passes.
pub(crate) fn calibrate(wanted: Duration) -> Result<Calibrated, Fault> {
    let least = measure(LEAST_MEMORY_KIB, LEAST_PASSES)?;
    let times = wanted.as_secs_f64() / least.as_secs_f64();
    let (memory_kib, passes) = work(times);
    Ok(Calibrated { memory_kib, passes, takes: measure(memory_kib, passes)? })
}

/// So many times the least.
fn work(times: f64) -> (u32, u32) {
    let memory_kib = whole(f64::from(LEAST_MEMORY_KIB) * times).clamp(LEAST_MEMORY_KIB, MOST_MEMORY_KIB);
    let rest = times * f64::from(LEAST_MEMORY_KIB) / f64::from(memory_kib);
    (memory_kib, whole(f64::from(LEAST_PASSES) * rest).clamp(LEAST_PASSES, MOST_PASSES))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, and is clamped to what is allowed")]
fn whole(number: f64) -> u32 {
    number as u32
}

fn measure(memory_kib: u32, passes: u32) -> Result<Duration, Fault> {
    let params = Params::new(memory_kib, passes, 1, None).map_err(|error| Fault::internal(error.to_string()))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        argon2.hash_password(b"a password that nobody has").map_err(|error| Fault::internal(error.to_string()))?;
        taken.push(started.elapsed());
    }
    taken.sort_unstable();
    Ok(taken[ROUNDS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_memory_first_and_stays_within_its_bounds() {
        assert_eq!([0.0, 0.5, 1.0].map(work), [(LEAST_MEMORY_KIB, LEAST_PASSES); 3], "never less");
        assert_eq!(work(2.0), (2 * LEAST_MEMORY_KIB, LEAST_PASSES));
        assert_eq!(work(2.0 * f64::from(MOST_MEMORY_KIB) / f64::from(LEAST_MEMORY_KIB)), (MOST_MEMORY_KIB, 2 * LEAST_PASSES));
        assert_eq!(work(1e9), (MOST_MEMORY_KIB, MOST_PASSES), "never more");
    }
}
