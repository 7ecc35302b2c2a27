//! The identity service as a process of its own.

fn main() -> std::process::ExitCode {
    runtime::command_line::run::<cabinet_identity::Identity>()
}
