//! How fast an import goes at the most.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Lets so many through a second, evenly. Time that was not used is not made up for.
pub(super) struct Pace(Option<Mutex<Interval>>);

impl Pace {
    pub(super) fn new(a_second: Option<u32>) -> Self {
        Self(a_second.map(|a_second| {
            let mut interval = interval(Duration::from_secs(1) / a_second.max(1));
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(interval)
        }))
    }

    pub(super) async fn wait(&self) {
        if let Some(interval) = &self.0 {
            interval.lock().await.tick().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn no_more_than_so_many_pass_in_a_second() {
        let pace = Pace::new(Some(100));
        let started = Instant::now();
        for _ in 0..21 {
            pace.wait().await;
        }
        // Whole milliseconds of the timer: a tick may come that much early.
        assert!(started.elapsed() >= Duration::from_millis(198), "{:?}", started.elapsed());
    }
}
