//! `make bench`: what Cabinet does in a second, beside what the machine could do, both measured in the same run.
//!
//! Everything runs as it would in earnest: four processes, built for release, over PostgreSQL that waits for its disk, RabbitMQ
//! and SMTP. Nothing is asserted here; whoever reads the report judges.

mod alike;
mod all_in_one;
mod bare;
mod calls;
mod cpu;
mod limits;
mod listing;
mod load;
mod memory;
mod path;
mod ranks;
mod report;
mod signing_in;
mod sink;
mod stage;
mod tokens;

use clap::{Parser, ValueEnum};

use crate::report::Report;
use crate::signing_in::Accounts;
use crate::stage::Stage;

/// Measures Cabinet and writes target/bench/report.json.
#[derive(Debug, Parser)]
pub(crate) struct Bench {
    /// One short round of everything: to see that it works, not to claim anything.
    #[arg(long)]
    quick: bool,
    /// Only these measurements.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Measurement>,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench/report.json")]
    report: std::path::PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    Memory,
    Tokens,
    SignIn,
    Refresh,
    Alike,
    Read,
    Write,
    Latency,
    Security,
    Drain,
    Sustained,
    List,
}

/// How long and how much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) rounds: usize,
    /// Seconds of one round.
    pub(crate) seconds: u64,
    /// Seconds of what must hold for a while.
    pub(crate) long_seconds: u64,
    /// People, each with a case of his own.
    pub(crate) people: usize,
    /// Calls of each class that must not be told apart.
    pub(crate) alike: usize,
}

impl Bench {
    const fn scale(&self) -> Scale {
        if self.quick {
            Scale { rounds: 1, seconds: 2, long_seconds: 5, people: 2000, alike: 40 }
        } else {
            Scale { rounds: 5, seconds: 5, long_seconds: 60, people: 20_000, alike: 300 }
        }
    }

    fn wants(&self, measurement: Measurement) -> bool {
        self.only.is_empty() || self.only.contains(&measurement)
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    bare::serve_if_asked().await;
    let bench = Bench::parse();
    let scale = bench.scale();
    let mut stage = Stage::start(scale).await;
    let mut report = Report::default();
    if bench.wants(Measurement::Memory) {
        memory::idle(&stage, scale, &mut report).await;
        report.write(&bench.report)?;
    }
    if bench.wants(Measurement::Tokens) {
        tokens::verifying(scale, &mut report).await;
        report.write(&bench.report)?;
    }
    if bench.wants(Measurement::SignIn) || bench.wants(Measurement::Refresh) {
        let accounts = Accounts::add(&stage).await;
        if bench.wants(Measurement::SignIn) {
            signing_in::signing_in(&stage, &accounts, scale, &mut report).await;
            signing_in::isolation(&stage, &accounts, scale, &mut report).await;
            report.write(&bench.report)?;
        }
        if bench.wants(Measurement::Refresh) {
            signing_in::refreshing(&stage, &accounts, scale, &mut report).await;
            report.write(&bench.report)?;
        }
    }
    if bench.wants(Measurement::Alike) {
        alike::alike(&stage, scale, &mut report).await;
        report.write(&bench.report)?;
    }
    stage.populate().await;
    if bench.wants(Measurement::Read) {
        calls::read_get_case(&stage, scale, &mut report).await;
        calls::read_get_profile(&stage, scale, &mut report).await;
        report.write(&bench.report)?;
    }
    if bench.wants(Measurement::Write) {
        calls::write_change_status(&mut stage, scale, &mut report).await;
        report.write(&bench.report)?;
    }
    if bench.wants(Measurement::Latency) {
        path::latency(&mut stage, scale, &mut report).await;
        report.write(&bench.report)?;
    }
    if bench.wants(Measurement::Security) {
        path::security_latency(&mut stage, scale, &mut report).await;
        report.write(&bench.report)?;
    }
    if bench.wants(Measurement::Drain) {
        path::drain(&mut stage, scale, &mut report).await;
        report.write(&bench.report)?;
    }
    if bench.wants(Measurement::Sustained) {
        path::sustained(&mut stage, scale, &mut report).await;
        report.write(&bench.report)?;
    }
    if bench.wants(Measurement::List) {
        listing::list_users(&stage, scale, &mut report).await;
        report.write(&bench.report)?;
    }
    Ok(())
}
