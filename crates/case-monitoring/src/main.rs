//! The case-monitoring service as a process of its own.

fn main() -> std::process::ExitCode {
    runtime::command_line::run::<cabinet_case_monitoring::CaseMonitoring>()
}
