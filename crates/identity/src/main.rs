//! The identity service as a process of its own.

use cabinet_identity::{Command, Identity};

fn main() -> std::process::ExitCode {
    runtime::command_line::run_with::<Identity, Command>(async |command, read_config| command.execute(read_config).await)
}
