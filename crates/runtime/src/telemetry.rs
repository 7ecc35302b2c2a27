//! Logs of a process. No personal data in them: ids, counts and durations only.

use std::str::FromStr;

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::settings::Settings;

/// How the log is written.
#[derive(Debug, Clone)]
pub(crate) struct LogConfig {
    filter: String,
    format: LogFormat,
}

#[derive(Debug, Clone, Copy)]
enum LogFormat {
    Text,
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be text or json"),
        }
    }
}

impl LogConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let filter: Option<String> = settings.value("log.filter");
        let format = settings.value("log.format");
        if let Some(Err(error)) = filter.as_deref().map(EnvFilter::try_new) {
            settings.problem("log.filter", error);
        }
        Some(Self { filter: filter?, format: format? })
    }
}

/// Starts the log. Called once, by the command line.
///
/// Only our own events are written: what libraries log at their discretion (frames, headers, statements) may carry personal
/// data. Their errors reach the log through ours.
pub(crate) fn start(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.filter).expect("the filter was parsed when the configuration was read");
    let is_ours = filter_fn(|event| event.target().starts_with("cabinet"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    match config.format {
        LogFormat::Text => registry.with(lines.with_filter(is_ours)).init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_filter(is_ours)).init(),
    }
}
