//! The notification service as a process of its own.

fn main() -> std::process::ExitCode {
    runtime::command_line::run::<cabinet_notification::Notification>()
}
