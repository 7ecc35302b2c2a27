//! What identity's binary can do beside serving.

use std::sync::Arc;

use clap::Subcommand;
use runtime::{DatabaseClock, StartError, postgres};

use crate::adapters::argon2::Hashing;
use crate::adapters::postgres::PgAdministrators;
use crate::adapters::secrets::one_time_password;
use crate::domain::Password;
use crate::{Config, DATABASE};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes an administrator of the platform, or helps one who has lost his password: prints a one-time password.
    Administrator {
        /// The name he signs in by.
        name: String,
        /// Removes him instead.
        #[arg(long)]
        remove: bool,
    },
}

impl Command {
    pub async fn execute(self, config: &Config) -> Result<(), StartError> {
        match self {
            Self::Administrator { name, remove: true } => remove_administrator(config, &name).await,
            Self::Administrator { name, remove: false } => put_administrator(config, &name).await,
        }
    }
}

async fn remove_administrator(config: &Config, name: &str) -> Result<(), StartError> {
    let pools = postgres::open(&config.database, DATABASE)?;
    if PgAdministrators::new(pools.commands).remove(name).await? { Ok(()) } else { Err("there is no such administrator".into()) }
}

#[allow(clippy::print_stdout, reason = "the answer to an operator's command, and the only time it is shown")]
async fn put_administrator(config: &Config, name: &str) -> Result<(), StartError> {
    let pools = postgres::open(&config.database, DATABASE)?;
    let clock = DatabaseClock::start(pools.commands.clone()).await?;
    let password = one_time_password();
    let now = kernel::Clock::now(&clock);
    let hashing = Hashing::read(&config.hashing, Arc::new(clock))?;
    let hash = hashing.hash(Password::new(password.expose()).expose())?;
    PgAdministrators::new(pools.commands).put(name, &hash, now).await?;
    println!("{}", password.expose());
    Ok(())
}
