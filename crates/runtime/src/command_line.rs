//! The command line of every binary: `serve`, `migrate`, `config check`, `health`.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::process::{self, ProcessConfig, Service, StartError};
use crate::settings::{self, InvalidSettings, Settings};
use crate::{panics, telemetry, tls};

#[derive(Debug, Parser)]
#[command(version, about, subcommand_required = true)]
struct CommandLine<Own: Subcommand> {
    /// A file of settings (TOML), over the defaults and under the environment (`CABINET__SECTION__KEY`).
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command<Own>,
}

#[derive(Debug, Subcommand)]
enum Command<Own: Subcommand> {
    /// Serves until SIGTERM or Ctrl-C.
    Serve,
    /// Brings the databases to this release's schema.
    Migrate,
    /// Looks at the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Asks the running process whether it is ready; for probes without an HTTP client.
    Health,
    #[command(flatten)]
    Own(Own),
}

/// A binary that can do nothing beside serving.
#[derive(Debug, Subcommand)]
enum NothingElse {}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Says everything that is wrong, or how many database connections a replica takes.
    Check,
}

/// Runs a binary. Everything it says on the way out is one line.
pub fn run<S: Service>() -> ExitCode {
    run_with::<S, NothingElse>(async |nothing, _| match nothing {})
}

/// Reads the configuration of a command that needs it.
pub type ReadConfig<'a, Config> = &'a dyn Fn() -> Result<Config, StartError>;

/// Runs a binary that has commands of its own.
pub fn run_with<S: Service, Own: Subcommand>(
    own: impl AsyncFnOnce(Own, ReadConfig<'_, S::Config>) -> Result<(), StartError>,
) -> ExitCode {
    panics::withhold_messages();
    tls::install_cryptography();
    let arguments = CommandLine::<Own>::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(execute::<S, Own>(arguments, own)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

async fn execute<S: Service, Own: Subcommand>(
    arguments: CommandLine<Own>,
    own: impl AsyncFnOnce(Own, ReadConfig<'_, S::Config>) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let file = arguments.config.map(std::fs::read_to_string).transpose()?;
    let read = || read_config::<S>(file.as_deref(), settings::environment()?);
    let command = match arguments.command {
        Command::Own(command) => return own(command, &|| Ok(read()?.1)).await,
        command => command,
    };
    let (shared, config) = read()?;
    match command {
        Command::Serve => {
            telemetry::start(&shared.log);
            process::serve::<S>(shared, config).await
        }
        Command::Migrate => {
            telemetry::start(&shared.log);
            process::migrate(S::databases(&config)).await
        }
        Command::Config { command: ConfigCommand::Check } => {
            print_connection_budget::<S>(&config);
            Ok(())
        }
        Command::Health => health(shared.admin_address.port()).await,
        Command::Own(_) => unreachable!("commands of its own were done above"),
    }
}

fn read_config<S: Service>(
    file: Option<&str>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(ProcessConfig, S::Config), InvalidSettings> {
    let mut defaults = vec![ProcessConfig::DEFAULTS];
    defaults.extend(S::defaults());
    let mut settings = Settings::load(&defaults, file, environment);
    let shared = ProcessConfig::read(&mut settings);
    let config = S::read_config(&mut settings);
    settings.finish(shared.zip(config))
}

#[allow(clippy::print_stdout, reason = "the answer to an operator's question")]
fn print_connection_budget<S: Service>(config: &S::Config) {
    println!("{}: the configuration is valid", S::NAME);
    for database in S::databases(config) {
        let (commands, workers) = (database.config.max_connections, database.config.max_worker_connections);
        // One more asks for readiness.
        let direct = database.direct_connections + 1;
        let all = commands + workers + direct;
        println!(
            "database {}: at most {all} connections a replica ({commands} for commands, {workers} for workers, {direct} beside them)",
            database.name
        );
    }
}

async fn health(admin_port: u16) -> Result<(), StartError> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", admin_port)).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err("the process is not ready".into()) }
}

#[allow(clippy::print_stderr, reason = "the last word of a process whose log may not have started")]
pub(crate) fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    eprintln!("{line}");
    ExitCode::FAILURE
}
