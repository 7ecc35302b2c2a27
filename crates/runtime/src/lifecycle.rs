//! How a process lives and ends: named workers with one owner, and a shutdown in two steps.

use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::panics::TaskLost;

/// How long workers may take to finish what they hold.
/// Together with the drain less than the thirty seconds that Kubernetes gives by default.
const GRACE: Duration = Duration::from_secs(15);

/// What a worker ends with.
pub type WorkerResult = Result<(), Box<dyn Error + Send + Sync>>;

/// The background tasks of a process. Each has a name; none outlives this owner.
#[derive(Debug, Default)]
pub struct Workers {
    tasks: JoinSet<(&'static str, WorkerResult)>,
    stop: CancellationToken,
}

/// A worker ended although nobody had asked it to.
#[derive(Debug, thiserror::Error)]
#[error("worker {name} ended unasked")]
pub struct WorkerEnded {
    name: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl WorkerEnded {
    pub(crate) fn new(name: &str, result: WorkerResult) -> Self {
        Self { name: name.to_owned(), source: result.err() }
    }
}

impl Workers {
    /// Cancelled when workers are to finish what they hold and end.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a worker. It ends by itself only after [`Workers::stop_token`] was cancelled.
    pub fn spawn(&mut self, name: &'static str, worker: impl Future<Output = WorkerResult> + Send + 'static) {
        self.tasks.spawn(async move {
            // Of a worker that panicked nothing is used any more.
            let ended = AssertUnwindSafe(worker).catch_unwind().await;
            (name, ended.unwrap_or_else(|_| Err(TaskLost.into())))
        });
    }

    /// Starts a worker that holds nothing: it is dropped at the stop.
    pub fn spawn_endless(&mut self, name: &'static str, worker: impl Future<Output = std::convert::Infallible> + Send + 'static) {
        let stop = self.stop.clone();
        self.spawn(name, async move {
            tokio::select! {
                never = worker => match never {},
                () = stop.cancelled() => Ok(()),
            }
        });
    }

    /// Waits for the first worker that ends, which none should.
    pub async fn watch(&mut self) -> WorkerEnded {
        match self.tasks.join_next().await {
            Some(Ok((name, result))) => WorkerEnded::new(name, result),
            Some(Err(lost)) => WorkerEnded::new("unknown", Err(TaskLost::from(lost).into())),
            None => std::future::pending().await,
        }
    }

    /// Asks every worker to end and waits for them, up to the grace.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "workers did not end in time and are dropped");
        }
    }
}

/// Listens from now on for the operator asking the process to end (SIGTERM, or Ctrl-C); the future waits until he does.
pub fn asked_to_end() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Waits between two attempts: doubles from 100 ms to 5 s.
#[derive(Debug, Clone)]
pub struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    pub const fn new() -> Self {
        Self(Self::FIRST)
    }

    /// Waits, longer each time.
    pub async fn wait(&mut self) {
        let wait = self.0;
        self.0 = (wait * 2).min(Self::LONGEST);
        tokio::time::sleep(wait).await;
    }

    pub const fn reset(&mut self) {
        self.0 = Self::FIRST;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}
