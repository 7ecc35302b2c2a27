//! Starts servers, runs one command with their addresses in its environment, and stops them again:
//!
//! ```text
//! with-servers [--postgres] [--rabbitmq] -- COMMAND ARGS…
//! ```
//!
//! The command's exit code is passed on, 128 + N if signal N ended it. INT and TERM go to the command's process group; what has not
//! ended ten seconds later is killed.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::Duration;

use cabinet_testkit::{AMQP_MANAGEMENT_URL, AMQP_URL, POSTGRES_URL};
use cabinet_testkit::{GuardedProcess, PostgresOptions, PostgresServer, RabbitMqServer};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

const GRACE: Duration = Duration::from_secs(10);
const USAGE: &str = "usage: with-servers [--postgres] [--rabbitmq] -- COMMAND ARGS…";

fn main() -> ExitCode {
    let Some(wishes) = Wishes::parse(std::env::args().skip(1)) else {
        say(USAGE);
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    ExitCode::from(runtime.block_on(run(wishes)))
}

struct Wishes {
    postgres: bool,
    rabbitmq: bool,
    program: String,
    arguments: Vec<String>,
}

impl Wishes {
    fn parse(mut given: impl Iterator<Item = String>) -> Option<Self> {
        let (mut postgres, mut rabbitmq) = (false, false);
        loop {
            match given.next()?.as_str() {
                "--postgres" => postgres = true,
                "--rabbitmq" => rabbitmq = true,
                "--" => break,
                _ => return None,
            }
        }
        Some(Self { postgres, rabbitmq, program: given.next()?, arguments: given.collect() })
    }
}

async fn run(wishes: Wishes) -> u8 {
    let mut stop = StopSignals::listen();
    let (postgres, rabbitmq) = (wishes.postgres, wishes.rabbitmq);
    let servers = tokio::select! {
        servers = spawn_blocking(move || Servers::start(postgres, rabbitmq)) => servers,
        // The servers' own guards clean up what was started so far.
        name = stop.next() => std::process::exit(code_of(name).into()),
    };
    let Ok(servers) = servers else { return 1 };

    let mut command = Command::new(&wishes.program);
    command.args(&wishes.arguments).envs(servers.environment());
    let process = match GuardedProcess::spawn(&mut command) {
        Ok(process) => process,
        Err(error) => {
            say(&format!("cannot run {}: {error}", wishes.program));
            return 127;
        }
    };
    exit_code(&wait_for(process, &mut stop).await)
}

struct Servers {
    postgres: Option<PostgresServer>,
    rabbitmq: Option<RabbitMqServer>,
}

impl Servers {
    /// Starts them side by side; RabbitMQ takes the longer.
    fn start(postgres: bool, rabbitmq: bool) -> Self {
        std::thread::scope(|threads| {
            let rabbitmq = rabbitmq.then(|| threads.spawn(RabbitMqServer::start));
            let postgres = postgres.then(|| PostgresOptions::default().in_memory().start());
            let rabbitmq = rabbitmq.map(|thread| thread.join().expect("RabbitMQ must start"));
            Self { postgres, rabbitmq }
        })
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = Vec::new();
        if let Some(postgres) = &self.postgres {
            environment.push((POSTGRES_URL, postgres.base_url()));
        }
        if let Some(rabbitmq) = &self.rabbitmq {
            environment.push((AMQP_URL, rabbitmq.base_url()));
            environment.push((AMQP_MANAGEMENT_URL, rabbitmq.management_url()));
        }
        environment
    }
}

/// Waits for the command's end and hands signals on to its group meanwhile.
async fn wait_for(process: GuardedProcess, stop: &mut StopSignals) -> std::io::Result<ExitStatus> {
    let group = process.group();
    let mut end = spawn_blocking(move || process.wait());
    let name = tokio::select! {
        status = &mut end => return status.expect("waiting for a process does not panic"),
        name = stop.next() => name,
    };
    group.signal(name);
    if let Ok(status) = tokio::time::timeout(GRACE, &mut end).await {
        return status.expect("waiting for a process does not panic");
    }
    group.signal("KILL");
    end.await.expect("waiting for a process does not panic")
}

fn exit_code(status: &std::io::Result<ExitStatus>) -> u8 {
    let Ok(status) = status else { return 1 };
    let code = status.code().or_else(|| status.signal().map(|number| 128 + number));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn say(line: &str) {
    // Nobody is left to tell when even the error output is closed.
    let _ = writeln!(std::io::stderr(), "with-servers: {line}");
}

fn code_of(signal: &str) -> u8 {
    if signal == "INT" { 130 } else { 143 }
}

/// What asks us to stop.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn listen() -> Self {
        let listen = |kind| signal(kind).expect("signals can be listened to");
        Self { interrupt: listen(SignalKind::interrupt()), terminate: listen(SignalKind::terminate()) }
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "INT",
            _ = self.terminate.recv() => "TERM",
        }
    }
}
