//! What the `cabinet` binary can do beside serving.

use std::path::PathBuf;

use clap::Subcommand;
use runtime::StartError;
use runtime::command_line::ReadConfig;

use crate::all_in_one::Config;
use crate::import::Import;
use crate::operators::{LiftLimit, ReplacePassword, Sessions};
use crate::{keys, play};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes new keys and secrets into a folder, unless there are some already; what a folder of an older release lacks is added.
    Keys { folder: PathBuf },
    /// Adds the key that is to sign next to a folder of signing keys (`keys.folder`), and removes those of which no token can be alive.
    /// Done again before its moment, it changes nothing.
    RotateKeys { folder: PathBuf },
    /// Plays the main job against a running Cabinet and shows the letters: a realm is opened, its owner accepts the invitation, a
    /// customer ticks e-mail, his case changes its status.
    Play(play::Play),
    /// Brings what another system has recorded, as a SERVICE of the realm.
    #[command(subcommand)]
    Import(Import),
    /// Lists and ends the sessions of a user, as a PLATFORM_ADMIN. Ended, they lose access everywhere within a second.
    #[command(subcommand)]
    Sessions(Sessions),
    /// Gives an administrator another password, also in place of the one-time password that `administrator NAME` has printed.
    AdministratorPassword(ReplacePassword),
    /// Lifts the limits that keep a user, or everybody behind an address, waiting, as a PLATFORM_ADMIN. Says how many counts there were.
    LiftLimit(LiftLimit),
    #[command(flatten)]
    Identity(identity::Command),
}

pub(crate) async fn execute(command: Command, read_config: ReadConfig<'_, Config>) -> Result<(), StartError> {
    match command {
        Command::Keys { folder } => keys::write(&folder),
        Command::RotateKeys { folder } => keys::rotate(&folder),
        Command::Play(play) => play.run().await,
        Command::Import(import) => import.run().await,
        Command::Sessions(sessions) => sessions.run().await,
        Command::AdministratorPassword(replace_password) => replace_password.run().await,
        Command::LiftLimit(lift_limit) => lift_limit.run().await,
        Command::Identity(command) => command.execute(&|| Ok(read_config()?.identity)).await,
    }
}
