//! The path from a committed change to a letter that a mail server has taken.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1::RequestPasswordResetRequest;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use cabinet_e2e::with_token;
use tonic::Code;

use crate::Scale;
use crate::cpu;
use crate::limits::TpcB;
use crate::load::{Moments, moments, paced, rate, seconds, until};
use crate::report::{Report, percentile};
use crate::stage::{GUESTS, Stage, email, guest};

/// How long the last letters may take before they count as lost.
const PATIENCE: Duration = Duration::from_mins(3);
const LATENCY_RATE: usize = 200;
/// Resets a second while others queue.
const RESET_RATE: usize = 40;
/// What the sustained rate is to keep.
const SUSTAINED_P99: f64 = 1000.0;
/// Nobody asks for more.
const MOST: usize = 20_000;

/// `path.latency`: from the answer to the change to the letter taken, at a modest rate.
pub(crate) async fn latency(stage: &mut Stage, scale: Scale, report: &mut Report) {
    let count = (LATENCY_RATE * usize::try_from(scale.long_seconds).expect("a minute")).min(stage.people);
    let delays = told(stage, LATENCY_RATE, count, Since::Answer).await;
    report.figure("path.latency.p50", &[percentile(&delays, 0.5)], "ms");
    report.figure("path.latency.p99", &[percentile(&delays, 0.99)], "ms");
}

/// From when on the time to a letter counts.
#[derive(Clone, Copy)]
enum Since {
    /// The change was answered: it is committed.
    Answer,
    /// The change was to be made: a service that falls behind has nobody wait unseen.
    Due,
}

/// Changes the cases of the first people at a pace; answers how many milliseconds each letter took. A letter that never came
/// counts as the longest that was waited for.
async fn told(stage: &Stage, per_second: usize, count: usize, since: Since) -> Vec<f64> {
    stage.sink.clear();
    let committed = moments(count);
    let token = stage.cabinet.service_token();
    paced(per_second, count, |person, due| {
        let (token, change) = (token.clone(), stage.next_change(person));
        let mut client = CaseServiceClient::new(stage.case_monitoring[person % stage.case_monitoring.len()].clone());
        let committed = committed.clone();
        async move {
            // A server closes connections of a certain age: who is about to ask on one then has not been answered.
            while let Err(status) = client.change_case_status(with_token(&token, change.clone())).await {
                assert_eq!(status.code(), Code::Cancelled, "an allowed move: {status:?}");
            }
            let _ = committed[person].set(match since {
                Since::Answer => Instant::now(),
                Since::Due => due,
            });
        }
    })
    .await;
    until(PATIENCE, || stage.sink.count() == count).await;
    delays(&committed, &stage.sink.taken(), email)
}

/// Milliseconds between what was committed and what was taken.
fn delays(committed: &Moments, taken: &HashMap<String, Instant>, address: impl Fn(usize) -> String) -> Vec<f64> {
    let begun = committed.iter().enumerate().filter_map(|(index, at)| Some((index, *at.get()?)));
    let delay = |(index, at): (usize, Instant)| {
        let delay = taken.get(&address(index)).map_or(PATIENCE, |taken| taken.saturating_duration_since(at));
        delay.as_secs_f64() * 1000.0
    };
    begun.map(delay).collect()
}

/// `security.latency`: a letter about an account, first by itself, then while many others queue.
pub(crate) async fn security_latency(stage: &mut Stage, scale: Scale, report: &mut Report) {
    let half = GUESTS / 2;
    stage.sink.clear();
    let committed = moments(GUESTS);
    let idle = usize::try_from(scale.long_seconds).expect("a minute").min(half / RESET_RATE) * RESET_RATE;
    paced(RESET_RATE, idle, |number, _| reset(stage, number, &committed)).await;
    until(PATIENCE, || stage.sink.count() == idle).await;
    let alone = delays(&committed, &stage.sink.taken(), guest);

    stage.cabinet.notification.stop();
    stage.change_each(stage.people).await;
    stage.sink.clear();
    let committed = moments(GUESTS);
    stage.cabinet.notification.start();
    stage.cabinet.notification.wait_until_ready().await;
    let (sink, people) = (stage.sink.clone(), stage.people);
    let drained: OnceLock<Instant> = OnceLock::new();
    // As many as it takes to see them while the others drain; what came later says nothing.
    let resets = paced(RESET_RATE, half, |number, _| reset(stage, half + number, &committed));
    let watch = async {
        until(PATIENCE, || sink.count_of("person") >= people).await;
        let _ = drained.set(Instant::now());
    };
    tokio::join!(resets, watch);
    until(PATIENCE, || stage.sink.count() == people + half).await;
    let end = drained.get().copied().unwrap_or_else(Instant::now);
    let during: Moments = std::sync::Arc::new(
        committed
            .iter()
            .map(|at| at.get().filter(|at| **at < end).map_or_else(OnceLock::new, |at| OnceLock::from(*at)))
            .collect(),
    );
    let busy = delays(&during, &stage.sink.taken(), guest);
    report.figure("security.latency.idle.p99", &[percentile(&alone, 0.99)], "ms");
    let remark = format!("{} letters while {people} others were sent", busy.len());
    report.remarked("security.latency.p99", &[percentile(&busy, 0.99)], "ms", remark);
}

fn reset(stage: &Stage, number: usize, committed: &Moments) -> impl Future<Output = ()> + Send + 'static + use<> {
    let request =
        RequestPasswordResetRequest { realm_id: stage.cabinet.realm.id.to_string(), email: guest(number), ..Default::default() };
    let mut client = LinkServiceClient::new(stage.cabinet.identity.channel());
    let committed = committed.clone();
    async move {
        client.request_password_reset(request).await.expect("always the same answer");
        let _ = committed[number].set(Instant::now());
    }
}

/// `path.drain`: changes that were committed while nothing could leave, then everything at once.
pub(crate) async fn drain(stage: &mut Stage, scale: Scale, report: &mut Report) {
    let mut limit = TpcB::prepare(&stage.server, scale);
    let mut values = Vec::new();
    let mut spent = String::new();
    for _ in 0..scale.rounds {
        limit.measure();
        stage.cabinet.settled().await;
        stage.stop_path();
        stage.change_each(stage.people).await;
        stage.sink.clear();
        let first_confirm = first_confirm(stage.cabinet.databases.case_monitoring.url(), stage.people);
        let before = cpu::used();
        stage.start_path().await;
        let first_confirm = first_confirm.await.expect("it does not panic");
        until(PATIENCE, || stage.sink.count() == stage.people).await;
        let last = stage.sink.taken().into_values().max().unwrap_or(first_confirm);
        values.push(rate(stage.sink.count(), last.saturating_duration_since(first_confirm)));
        spent = format!("{}, broker and notification starting", cpu::told(&before, seconds(stage.people)));
    }
    report.against("path.drain", &values, "1/s", &limit.limit());
    report.remarked("path.drain.letters", &[seconds(stage.sink.count())], "of the last round", spent);
}

/// Looks from now on, so that the clock does not start late: the relay is back before notification is ready.
fn first_confirm(database: &str, count: usize) -> tokio::task::JoinHandle<Instant> {
    let url = database.to_owned();
    tokio::spawn(async move {
        let pool = sqlx::PgPool::connect(&url).await.expect("the database runs");
        let count = i64::try_from(count).expect("a count");
        loop {
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM messaging.outbox").fetch_one(&pool).await.expect("a count");
            if left < count {
                return Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
}

/// `path.sustained`: the highest rate at which nearly every letter is there within a second.
pub(crate) async fn sustained(stage: &mut Stage, scale: Scale, report: &mut Report) {
    let mut limit = TpcB::prepare(&stage.server, scale);
    limit.measure();
    let mut kept = 0;
    let mut step = 800;
    let mut next = step;
    // By steps until it fails, then by halves of them: within a hundred a second.
    while step >= 100 && kept < MOST {
        let count = (next * usize::try_from(scale.long_seconds).expect("a minute")).min(stage.people);
        let delays = told(stage, next, count, Since::Due).await;
        stage.cabinet.settled().await;
        if percentile(&delays, 0.99) <= SUSTAINED_P99 {
            kept = next;
        } else {
            step /= 2;
        }
        next = kept + step;
    }
    limit.measure();
    let remark = "a person is written to once a try: at higher rates a try is shorter than its minute".to_owned();
    report.against("path.sustained", &[seconds(kept)], "1/s", &limit.limit());
    report.remarked("path.sustained.people", &[seconds(stage.people)], "people", remark);
}
