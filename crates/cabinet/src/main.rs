//! All services in one process, and clients of the public contracts. No rule of its own.

mod all_in_one;
mod commands;
mod import;
mod keys;
mod operators;
mod peers;
mod play;

fn main() -> std::process::ExitCode {
    runtime::command_line::run_with::<all_in_one::AllInOne, commands::Command>(commands::execute)
}
