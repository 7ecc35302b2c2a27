//! What the `cabinet` binary can do beside serving.

use std::path::PathBuf;

use clap::Subcommand;
use runtime::StartError;

use crate::{keys, play};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes a new key pair (signing.pem, public.pem) into a folder, unless there is one already.
    Keys { folder: PathBuf },
    /// Plays the main job against a running Cabinet and shows the letter: a customer ticks e-mail, his case changes its status.
    Play(play::Play),
}

pub(crate) async fn execute(command: Command) -> Result<(), StartError> {
    match command {
        Command::Keys { folder } => keys::write(&folder),
        Command::Play(play) => play.run().await,
    }
}
