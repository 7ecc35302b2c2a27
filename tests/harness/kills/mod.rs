//! Kills in the middle of imports: an event log is imported into several realms at once and announced, while services, RabbitMQ
//! and PostgreSQL are killed with -9 at moments that a seed chooses, each while it is seen at work. Every letter that the log
//! calls for comes, no other does, and few come twice.
//!
//! What is killed when is chosen by the seed; what it is in the middle of is not, since that is up to the machine. So every kill
//! says what was seen of it, and those that are to be seen are sought until they are.

mod event_log;
mod imports;
mod letters;
mod plan;
mod readers;
mod report;
mod verdict;
mod victim;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use testkit::TestDatabase;
use tokio::task::block_in_place;
use tokio::time::sleep;

use self::imports::Imports;
pub use self::plan::{EventLog, KillPlan, Leases, Showing, victims};
use self::readers::Readers;
use self::report::Kill;
pub use self::report::KillReport;
use self::victim::Stage;
pub use self::victim::Victim;
use crate::{Chance, Databases, TestRealm, eventually, expected_letters};

/// How long a victim is looked at for work before another moment is sought, and how often.
const LOOKS: Duration = Duration::from_secs(30);
const MOST_IN_VAIN: usize = 10;
/// How many kills more there may be to see what has to be seen.
const MOST_MORE: usize = 12;
/// How long a repeat may take to be seen, leases apart.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// How long a process keeps what it has claimed, if it dies (two minutes), and a little more.
const LEASE: Duration = Duration::from_secs(125);
/// How much longer than planned imports may last, and how long it may take until nothing is under way any more.
const IMPORTS_OVERDUE: Duration = Duration::from_mins(10);
const SETTLED_WITHIN: Duration = Duration::from_mins(10);
/// How often imports are looked after.
const TICK: Duration = Duration::from_millis(100);

/// Carries a plan out on servers of its own.
pub async fn run(plan: &KillPlan) -> KillReport {
    let mut run = Run::start(plan).await;
    run.kill_all().await;
    run.finish().await;
    run.report()
}

struct Run<'a> {
    plan: &'a KillPlan,
    chance: Chance,
    file: PathBuf,
    rate: u32,
    stage: Stage,
    imports: Imports,
    realms: Vec<TestRealm>,
    started: Instant,
    kills: Vec<Kill>,
    in_vain: Vec<Victim>,
    repeats: InboxRepeats,
}

/// Facts that arrived again, as notification counts them: a counter that begins anew with its process.
#[derive(Default)]
struct InboxRepeats {
    of_former_processes: u64,
    last: u64,
}

impl InboxRepeats {
    async fn read(&mut self, stage: &Stage) -> u64 {
        if let Some(count) = stage.cabinet.notification.metric("cabinet_inbox_repeats_total").await {
            self.last = count;
        }
        self.of_former_processes + self.last
    }

    fn process_ended(&mut self) {
        self.of_former_processes += std::mem::take(&mut self.last);
    }
}

impl<'a> Run<'a> {
    async fn start(plan: &'a KillPlan) -> Self {
        let file = match &plan.log {
            EventLog::File(file) => file.clone(),
            EventLog::Generated { a_second } => {
                let file = plan.output.join("log.csv");
                let calls = u64::from(*a_second) * plan.length.as_secs();
                event_log::write(&file, plan.seed, usize::try_from(calls).expect("some thousands"));
                file
            }
        };
        let count = expected_letters(&file, "example.com").count;
        let a_second = u64::try_from(count.cases + count.changes).expect("a count") / plan.length.as_secs().max(1);
        let rate = u32::try_from(a_second.max(1)).expect("not that many");
        let stage = Stage::start(plan.slow_letters).await;
        let (mut imports, realms) = Imports::prepare(&stage.cabinet, plan.realms, &file, rate, &plan.output).await;
        imports.start();
        Self {
            plan,
            chance: Chance::new(plan.seed),
            file,
            rate,
            stage,
            imports,
            realms,
            started: Instant::now(),
            kills: Vec::new(),
            in_vain: Vec::new(),
            repeats: InboxRepeats::default(),
        }
    }

    async fn kill_all(&mut self) {
        while self.stage.cabinet.mail.accepted() == 0 {
            self.wait(TICK).await;
        }
        let end = Instant::now() + self.plan.spread;
        let mut victims = self.plan.victims.clone();
        self.chance.shuffle(&mut victims);
        let mut victims = VecDeque::from(victims);
        while let Some(victim) = victims.pop_front() {
            // Who was not killed by then is missed in the report.
            if !self.imports.go_on() {
                break;
            }
            let share = end.saturating_duration_since(Instant::now()) / u32::try_from(victims.len() + 1).expect("a few");
            let moment = self.chance.within(&(Duration::ZERO..=share));
            self.wait(moment).await;
            if !self.kill(victim).await && self.in_vain.len() < MOST_IN_VAIN {
                self.in_vain.push(victim);
                victims.push_back(victim);
            }
        }
        // A repeat of either kind is to be seen.
        let most_more = if self.plan.showing == Showing::Wanted { MOST_MORE } else { 0 };
        for _ in 0..most_more {
            let unseen = if !self.facts_were_repeated() {
                Victim::CaseMonitoring
            } else if !self.letters_were_repeated().await {
                Victim::Notification
            } else {
                break;
            };
            if !self.imports.go_on() {
                break;
            }
            self.kill(unseen).await;
        }
    }

    /// Kills a victim while it is at work, has it away for a time, and waits until facts flow again. False, and it is not
    /// killed, if it was not seen at work; also if it was, and nobody waited for its answers.
    async fn kill(&mut self, victim: Victim) -> bool {
        let repeats = self.repeats.read(&self.stage).await;
        let Some(mut kill) = self.strike(victim).await else { return false };
        self.wait(Duration::from_secs_f64(kill.pause_seconds)).await;
        if victim == Victim::CaseMonitoring {
            kill.unarchived = self.published_and_unarchived();
        }
        kill.started_at = Timestamp::now();
        let starting = Instant::now();
        self.stage.start_again(victim).await;
        self.facts_flow().await;
        kill.flowing_after_seconds = starting.elapsed().as_secs_f64();
        kill.facts_repeated = self.repeats_since(repeats, kill.unarchived).await;
        (self.plan.say)(&kill.to_string());
        let was_at_work = kill.was_at_work();
        self.kills.push(kill);
        was_at_work
    }

    /// Kills a victim at the moment at which it is seen at work.
    async fn strike(&mut self, victim: Victim) -> Option<Kill> {
        let readers = Readers::of(&self.stage.cabinet, &self.realms[0], victim).await;
        let in_flight = self.stage.work_of(victim, LOOKS).await?;
        let killed_at = Timestamp::now();
        self.stage.kill(victim);
        let at_seconds = self.started.elapsed().as_secs_f64();
        if victim == Victim::Notification {
            self.repeats.process_ended();
            if self.plan.leases == Leases::End {
                end_leases(&self.stage.cabinet.databases.notification);
            }
        }
        let unanswered = readers.unanswered(killed_at).await;
        let pause_seconds = self.chance.within(&self.plan.pause).as_secs_f64();
        Some(Kill { at_seconds, in_flight, unanswered, pause_seconds, ..Kill::new(victim, killed_at) })
    }

    /// What has happened until now leaves its outbox, and letters go out.
    async fn facts_flow(&mut self) {
        let database = &self.stage.cabinet.databases.case_monitoring;
        let newest = block_in_place(|| database.value("SELECT event_id FROM messaging.outbox ORDER BY event_id DESC LIMIT 1"));
        if !newest.is_empty() {
            let older = format!("SELECT count(*) FROM messaging.outbox WHERE event_id <= '{newest}'");
            eventually("facts to leave the outbox", || (database.value(&older) == "0").then_some(())).await;
        }
        let before = self.stage.cabinet.mail.accepted();
        let (mail, imports) = (&self.stage.cabinet.mail, &mut self.imports);
        eventually("letters to go out", || (mail.accepted() > before || !imports.go_on()).then_some(())).await;
    }

    /// How many facts of the outbox have arrived: while its relay is dead, those that it had published and not archived.
    fn published_and_unarchived(&self) -> u64 {
        let Databases { case_monitoring, notification, .. } = &self.stage.cabinet.databases;
        block_in_place(|| {
            // Of a batch, not of whatever waits behind it.
            let batch = "SELECT string_agg(quote_literal(event_id), ',')
                FROM (SELECT event_id FROM messaging.outbox ORDER BY event_id LIMIT 1000) AS batch";
            let ids = case_monitoring.value(batch);
            if ids.is_empty() {
                return 0;
            }
            let arrived = format!("SELECT count(DISTINCT event_id) FROM messaging.inbox WHERE event_id IN ({ids})");
            notification.value(&arrived).parse().expect("a count")
        })
    }

    /// How many facts came again since then. Those that a relay is about to repeat are waited for.
    async fn repeats_since(&mut self, before: u64, awaited: u64) -> u64 {
        let started = Instant::now();
        loop {
            let repeats = self.repeats.read(&self.stage).await.saturating_sub(before);
            if repeats >= awaited || started.elapsed() > SEEN_WITHIN {
                return repeats;
            }
            self.wait(TICK).await;
        }
    }

    fn facts_were_repeated(&self) -> bool {
        self.kills.iter().any(Kill::shows_repeated_facts)
    }

    /// Whether a letter has come twice because its dispatcher was killed: it comes when the claim on it has ended.
    async fn letters_were_repeated(&mut self) -> bool {
        let (patience, between) = match self.plan.leases {
            Leases::Wait => (LEASE, LEASE / 10),
            Leases::End => (SEEN_WITHIN, SEEN_WITHIN / 10),
        };
        let started = Instant::now();
        loop {
            if block_in_place(|| letters::any_came_again(&self.stage.cabinet.mail)) {
                return true;
            }
            if started.elapsed() > patience {
                return false;
            }
            self.wait(between).await;
        }
    }

    /// Lets the imports come to their end, and everything that they brought about.
    async fn finish(&mut self) {
        let latest = self.started + self.plan.length * 2 + IMPORTS_OVERDUE;
        while self.imports.go_on() {
            assert!(Instant::now() < latest, "the imports do not end");
            self.wait(TICK).await;
        }
        let latest = Instant::now() + SETTLED_WITHIN;
        while !block_in_place(|| self.stage.cabinet.is_settled()) {
            assert!(Instant::now() < latest, "something is still under way");
            self.wait(Duration::from_secs(1)).await;
        }
    }

    /// Lets time pass; meanwhile no import stays ended that has not done its work.
    async fn wait(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            self.imports.go_on();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            sleep(left.min(TICK)).await;
        }
    }
}

/// What a dispatcher has claimed that is dead is free for the next.
fn end_leases(notification: &TestDatabase) {
    block_in_place(|| {
        notification.execute("UPDATE deliveries SET claimable_at = created_at WHERE settled_at IS NULL");
    });
}
