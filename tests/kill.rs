//! Kills services, RabbitMQ and PostgreSQL while an event log is imported into many realms, and holds the letters against the file.
//! Run by `make kill`; what is promised and how it is counted: `cabinet_e2e::kills`.

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use cabinet_e2e::kills::{self, EventLog, KillPlan, Leases, Showing, Victim};
use cabinet_e2e::programs;

/// Cases and changes a second and realm, of a log that is made.
const A_SECOND: u32 = 4;

#[tokio::main]
async fn main() -> ExitCode {
    let plan = match plan(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(problem) => {
            say(&problem);
            return ExitCode::from(2);
        }
    };
    say(&format!("seed {}", plan.seed));
    let report = kills::run(&plan).await;
    let json = serde_json::to_vec_pretty(&report).expect("a report is JSON");
    std::fs::write(plan.output.join("report.json"), json).expect("target is writable");
    say(&format!("\n{report}"));
    if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Settings are given as `name=value`; one without a value is as good as none.
fn plan(arguments: impl Iterator<Item = String>) -> Result<KillPlan, String> {
    let (mut file, mut seed, mut minutes, mut realms, mut kills) = (None, None, None, None, None);
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or_else(|| format!("{argument}: not of the form name=value"))?;
        match name {
            _ if value.is_empty() => {}
            "file" => file = Some(PathBuf::from(value)),
            "seed" => seed = Some(number::<u64>(name, value)?),
            "minutes" => minutes = Some(number::<u64>(name, value)?),
            "realms" => realms = Some(number::<usize>(name, value)?),
            "kills" => kills = Some(number::<usize>(name, value)?),
            _ => return Err(format!("{name}: there are file, seed, minutes, realms and kills")),
        }
    }
    let kills = kills.unwrap_or(10);
    if kills < Victim::ALL.len() {
        return Err(format!("kills: at least {}, one for each who is killed", Victim::ALL.len()));
    }
    let length = Duration::from_mins(minutes.unwrap_or(15).max(1));
    // The same for every run of one seed; another one each time if none is given.
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()) % 1_000_000);
    Ok(KillPlan {
        seed,
        log: file.map_or(EventLog::Generated { a_second: A_SECOND }, EventLog::File),
        realms: realms.unwrap_or(12).max(1),
        length,
        victims: kills::victims(seed, kills),
        // What is repeated after a kill is seen two minutes later, and is to be sought again if it is not.
        spread: length.mul_f64(0.7),
        pause: Duration::from_secs(1)..=Duration::from_secs(10),
        leases: Leases::Wait,
        showing: Showing::Wanted,
        slow_letters: 10,
        output: programs().parent().expect("in target").join("kill"),
        say,
    })
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{name}: {value} is no number"))
}

#[allow(clippy::print_stdout, reason = "the answer to whoever runs it")]
fn say(line: &str) {
    println!("{line}");
}
