//! Load: so many clients at once, or so many calls a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// As many clients as the budgets name; each has a connection of its own.
pub(crate) const CLIENTS: usize = 16;

/// How many calls a second all clients together get answered, each calling again as soon as it was.
pub(crate) async fn throughput(duration: Duration, call: impl AsyncFn(usize) + Sync) -> f64 {
    let done = AtomicUsize::new(0);
    let started = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let (done, call) = (&done, &call);
        async move {
            while started.elapsed() < duration {
                call(client).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    futures::future::join_all(clients).await;
    rate(done.into_inner(), started.elapsed())
}

/// Calls for each of `0..count`, by all clients together; answers how many a second that were.
pub(crate) async fn each(count: usize, call: impl AsyncFn(usize, usize) + Sync) -> f64 {
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let (next, call) = (&next, &call);
        async move {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return;
                }
                call(client, index).await;
            }
        }
    });
    futures::future::join_all(clients).await;
    rate(count, started.elapsed())
}

/// Begins `per_second` calls a second, whether or not earlier ones were answered; waits for all of them. A call is told when it was due.
pub(crate) async fn paced<F>(per_second: usize, count: usize, call: impl Fn(usize, Instant) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..count {
        let due = started + Duration::from_secs_f64(seconds(index) / seconds(per_second));
        tokio::time::sleep_until(due.into()).await;
        tasks.spawn(call(index, due));
    }
    tasks.join_all().await;
}

/// Waits until it is so, up to a bound; answers whether it came to be.
pub(crate) async fn until(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while !is_so() {
        if started.elapsed() > patience {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    true
}

pub(crate) fn rate(count: usize, duration: Duration) -> f64 {
    seconds(count) / duration.as_secs_f64()
}

#[allow(clippy::cast_precision_loss, reason = "counts here are far below what a double holds exactly")]
pub(crate) fn seconds(count: usize) -> f64 {
    count as f64
}

/// Shared between tasks that record moments by index.
pub(crate) type Moments = Arc<Vec<std::sync::OnceLock<Instant>>>;

pub(crate) fn moments(count: usize) -> Moments {
    Arc::new((0..count).map(|_| std::sync::OnceLock::new()).collect())
}
