//! What identity's binary can do beside serving.

use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use kernel::{Clock, RandomIds};
use runtime::command_line::ReadConfig;
use runtime::postgres::Pools;
use runtime::{DatabaseClock, StartError, postgres};

use crate::adapters::argon2::{Calibrated, Hashing, Memory, calibrate};
use crate::adapters::postgres::{AuditLog, PgAdministrators};
use crate::adapters::secrets::one_time_password;
use crate::domain::Password;
use crate::{Config, DATABASE};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes an administrator of the platform, or helps one who has lost his password: prints a one-time password, to be replaced within 24
    /// hours.
    Administrator {
        /// The name he signs in by.
        name: String,
        /// Removes him instead. An access token that he has stays good to its end, for five minutes at the most.
        #[arg(long)]
        remove: bool,
    },
    /// Finds by trying how much work a password's hash may be on this machine, and prints it as settings.
    CalibrateArgon2 {
        /// How long one password is to take, at the most; it takes longer where the least there may be does.
        #[arg(long, default_value_t = 100)]
        milliseconds: u64,
    },
}

impl Command {
    /// A command that needs no configuration reads none.
    pub async fn execute(self, read_config: ReadConfig<'_, Config>) -> Result<(), StartError> {
        match self {
            Self::Administrator { name, remove: true } => remove_administrator(&read_config()?, &name).await,
            Self::Administrator { name, remove: false } => put_administrator(&read_config()?, &name).await,
            Self::CalibrateArgon2 { milliseconds } => print_calibrated(Duration::from_millis(milliseconds)),
        }
    }
}

#[allow(clippy::print_stdout, reason = "the answer to an operator's question")]
fn print_calibrated(wanted: Duration) -> Result<(), StartError> {
    let Calibrated { memory_kib, passes, takes } = calibrate(wanted)?;
    println!("# {} ms here, one password on one core", takes.as_millis());
    println!("[passwords]\nmemory_kib = {memory_kib}\npasses = {passes}\nlanes = 1");
    Ok(())
}

async fn remove_administrator(config: &Config, name: &str) -> Result<(), StartError> {
    let pools = postgres::open(&config.database, DATABASE)?;
    let clock = Arc::new(DatabaseClock::start(pools.commands.clone()).await?);
    let is_removed = administrators(pools, clock).delete(name).await?;
    if is_removed { Ok(()) } else { Err("there is no such administrator".into()) }
}

#[allow(clippy::print_stdout, reason = "the answer to an operator's command, and the only time it is shown")]
async fn put_administrator(config: &Config, name: &str) -> Result<(), StartError> {
    let pools = postgres::open(&config.database, DATABASE)?;
    let clock: Arc<dyn Clock> = Arc::new(DatabaseClock::start(pools.commands.clone()).await?);
    let password = one_time_password();
    let hashing = Hashing::read(&config.hashing, clock.clone())?;
    let hash = hashing.hash(Password::new(password.expose()).expose(), &mut Memory::default())?;
    administrators(pools, clock.clone()).upsert(name, &hash, clock.now()).await?;
    println!("{}", password.expose());
    Ok(())
}

/// Of whom is written down what becomes of them.
fn administrators(pools: Pools, clock: Arc<dyn Clock>) -> PgAdministrators {
    PgAdministrators::new(pools.commands, AuditLog::new(Arc::new(RandomIds), clock))
}
