//! The profile service as a process of its own.

fn main() -> std::process::ExitCode {
    runtime::command_line::run::<cabinet_profile::Profile>()
}
