//! The short form of `make kill`: everything on the path of a fact is killed while imports go on.

use std::time::Duration;

use cabinet_e2e::kills::{self, EventLog, KillPlan, Leases, Showing, Victim};

/// Rules F1, F2, F8, N4.a: while two realms import, the relay, the dispatcher, identity, RabbitMQ and PostgreSQL are killed, each
/// in the middle of its work. Every letter comes, and no other; if a relay repeats something it is absorbed, and what a dispatcher
/// repeats comes under the Message-ID it had, within the stated number.
#[tokio::test(flavor = "multi_thread")]
async fn imports_outlive_the_kill_of_everything_on_the_path() {
    let output = tempfile::tempdir().expect("the temporary folder is writable");
    let plan = KillPlan {
        seed: 1,
        log: EventLog::Generated { a_second: 5 },
        realms: 2,
        length: Duration::from_secs(90),
        victims: vec![Victim::CaseMonitoring, Victim::Notification, Victim::Identity, Victim::RabbitMq, Victim::PostgreSql],
        spread: Duration::ZERO,
        pause: Duration::from_secs(1)..=Duration::from_secs(2),
        leases: Leases::End,
        slow_letters: 20,
        showing: Showing::Welcome,
        output: output.path().to_owned(),
        say,
    };
    let report = kills::run(&plan).await;
    say(&report.to_string());
    assert!(report.problems.is_empty(), "{report}");
    assert_eq!((report.lost, report.unexpected), (0, 0));
    assert!(report.expected > 400 && report.recovered > 0, "{report}");
}

#[allow(clippy::print_stdout, reason = "shown when the test fails")]
fn say(line: &str) {
    println!("{line}");
}
