//! What is said of a panic: where it happened, never its message.
//!
//! `expect` and `unwrap` put into that message the value that nobody had expected, and the standard hook writes it to standard
//! error: an address, a token, whatever was at hand.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use tokio::task::JoinError;
use tracing::field;

/// A task came to no end of its own. What it said when it panicked stays where it was said.
#[derive(Debug, thiserror::Error)]
#[error("a task panicked or was dropped")]
pub struct TaskLost;

impl From<JoinError> for TaskLost {
    fn from(_: JoinError) -> Self {
        Self
    }
}

/// From now on a panic is a line of the log, and of standard error where no log is written.
pub(crate) fn withhold_messages() {
    std::panic::set_hook(Box::new(report));
}

#[allow(clippy::print_stderr, reason = "there may be no log yet, or one that leaves errors out")]
fn report(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(field::display);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    // With RUST_BACKTRACE: names of functions, no values.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| field::display(backtrace));
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(place, thread, backtrace, "panicked");
    } else if let Some(place) = panic.location() {
        eprintln!("panicked at {place}");
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::process::{Command, Stdio};

    use tracing::Instrument as _;

    use super::*;
    use crate::command_line::fail;
    use crate::lifecycle::Workers;
    use crate::process::ProcessConfig;
    use crate::settings::Settings;
    use crate::telemetry::{self, LogConfig};

    const UNEXPECTED: &str = "solomiya@lantern.example";
    /// Tells a process of this test that it is the one that panics, and how its log is written.
    const PANICS: &str = "CABINET_TEST_PANICS";

    fn light() -> Result<(), &'static str> {
        Err(UNEXPECTED)
    }

    fn panic() {
        light().expect("nobody of that name");
    }

    /// Panics before there is a log, in a request, and in a worker.
    #[tokio::main]
    async fn panic_everywhere(format: String) {
        withhold_messages();
        tokio::spawn(async { panic() }).await.expect_err("it panicked");

        let mut settings = Settings::load(&[ProcessConfig::DEFAULTS], None, [("CABINET__LOG__FORMAT".to_owned(), format)]);
        telemetry::start(&LogConfig::read(&mut settings).expect("good settings"));
        let request = tracing::info_span!("rpc", request.id = "0af76519");
        let lost = tokio::spawn(async { panic() }.instrument(request)).await.expect_err("it panicked");
        fail(&TaskLost::from(lost));
        let mut workers = Workers::default();
        workers.spawn("lamplighter", async {
            panic();
            Ok(())
        });
        let ended: Box<dyn Error> = workers.watch().await.into();
        fail(ended.as_ref());
    }

    /// What a process of this test says that panics everywhere.
    fn said(format: &str, backtrace: &str) -> String {
        let mut process = Command::new(std::env::current_exe().expect("a process knows its own path"));
        process.args(["--exact", "panics::tests::a_panic_tells_its_place_and_not_its_message", "--nocapture"]);
        let output =
            process.env(PANICS, format).env("RUST_BACKTRACE", backtrace).stdin(Stdio::null()).output().expect("it runs already");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Rule F10.b: the log says where something panicked and in which request; nobody says what the panic said.
    #[test]
    fn a_panic_tells_its_place_and_not_its_message() {
        if let Ok(format) = std::env::var(PANICS) {
            return panic_everywhere(format);
        }
        for (format, backtrace) in [("text", "0"), ("json", "1")] {
            let said = said(format, backtrace);
            assert!(!said.contains("lantern") && !said.contains("of that name"), "{said}");
            let lines: Vec<_> = said.lines().filter(|line| line.contains("panicked") && line.contains(file!())).collect();
            let [before, request, worker] = lines[..] else { panic!("three panics: {said}") };
            assert!(before.starts_with("panicked at"), "{before}");
            assert!(request.contains("ERROR") && request.contains("0af76519"), "{request}");
            assert!(worker.contains("ERROR") && worker.contains("thread"), "{worker}");
            assert!(said.contains("\nworker lamplighter ended unasked: a task panicked or was dropped\n"), "{said}");
        }
    }
}
