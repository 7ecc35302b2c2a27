//! The production clock: the database's time, so that every replica agrees on it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use kernel::{Clock, Fault, Timestamp};
use sqlx::PgPool;

use crate::postgres;

const SAMPLE_EVERY: Duration = Duration::from_secs(1);

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
        clock.sample().await?;
        Ok(clock)
    }

    /// Samples until it is dropped. A sample that fails changes nothing.
    pub async fn run(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(SAMPLE_EVERY).await;
            if let Err(error) = self.sample().await {
                tracing::debug!(error = &error as &dyn std::error::Error, "clock not sampled");
            }
        }
    }

    async fn sample(&self) -> Result<(), Fault> {
        let before = self.started.elapsed();
        let time = sqlx::query_scalar::<_, jiff_sqlx::Timestamp>("SELECT clock_timestamp()")
            .fetch_one(&self.pool)
            .await
            .map_err(postgres::fault)?
            .to_jiff();
        let after = self.started.elapsed();
        // The database looked at its clock about half-way through the round trip.
        let halfway = (before + after) / 2;
        self.origin_micros.store(time.as_microsecond() - micros(halfway), Ordering::Relaxed);
        Ok(())
    }
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
