//! The production clock: the database's time, so that every replica agrees on it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use kernel::{Clock, Fault, Timestamp};
use sqlx::PgPool;

use crate::postgres;

const SAMPLE_EVERY: Duration = Duration::from_secs(1);
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(2);
/// A sample is wrong by half its round trip at the worst.
const LONGEST_ROUND_TRIP: Duration = Duration::from_millis(200);

/// The database's time, sampled every second and carried on by the process's monotonic clock.
///
/// Between two samples it runs on without asking; while the database is away it goes on from the last sample.
#[derive(Debug)]
pub struct DatabaseClock {
    pool: PgPool,
    started: Instant,
    /// The database's time at `started`, in microseconds since 1970.
    origin_micros: AtomicI64,
}

impl DatabaseClock {
    /// Asks the database once; there is no clock before it has answered.
    pub async fn start(pool: PgPool) -> Result<Self, Fault> {
        let clock = Self { pool, started: Instant::now(), origin_micros: AtomicI64::new(0) };
        let sample = clock.sample().await?;
        clock.origin_micros.store(sample.origin_micros, Ordering::Relaxed);
        Ok(clock)
    }

    /// Samples until it is dropped. A sample that fails, or that took too long to be exact, changes nothing.
    pub async fn run(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(SAMPLE_EVERY).await;
            match tokio::time::timeout(SAMPLE_TIMEOUT, self.sample()).await {
                Ok(Ok(sample)) if sample.round_trip <= LONGEST_ROUND_TRIP => {
                    self.origin_micros.store(sample.origin_micros, Ordering::Relaxed);
                }
                Ok(Ok(_)) | Err(_) => tracing::debug!("clock not sampled in time"),
                Ok(Err(error)) => tracing::debug!(error = &error as &dyn std::error::Error, "clock not sampled"),
            }
        }
    }

    async fn sample(&self) -> Result<Sample, Fault> {
        // Waiting for a connection is no part of the round trip.
        let mut connection = self.pool.acquire().await.map_err(postgres::fault)?;
        let before = self.started.elapsed();
        let time = sqlx::query_scalar::<_, jiff_sqlx::Timestamp>("SELECT clock_timestamp()")
            .fetch_one(&mut *connection)
            .await
            .map_err(postgres::fault)?
            .to_jiff();
        let after = self.started.elapsed();
        // The database looked at its clock about half-way through the round trip.
        let halfway = (before + after) / 2;
        Ok(Sample { origin_micros: time.as_microsecond() - micros(halfway), round_trip: after.saturating_sub(before) })
    }
}

/// What the database said of the time.
struct Sample {
    origin_micros: i64,
    round_trip: Duration,
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let micros = self.origin_micros.load(Ordering::Relaxed) + micros(self.started.elapsed());
        Timestamp::from_microsecond(micros).expect("the database's time is within jiff's ten thousand years")
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).expect("a process does not run for 292,000 years")
}
