//! The path from a committed change to a letter that a mail server has taken.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1::RequestPasswordResetRequest;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use cabinet_e2e::with_token;

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
const RESET_RATE: usize = 20;
/// What the sustained rate is to keep.
const SUSTAINED_P99: f64 = 1000.0;

/// `path.latency`: from the answer to the change to the letter taken, at a modest rate.
pub(crate) async fn latency(stage: &mut Stage, scale: Scale, report: &mut Report) {
    let count = (LATENCY_RATE * usize::try_from(scale.long_seconds).expect("a minute")).min(stage.people);
    let delays = told(stage, LATENCY_RATE, count).await;
    report.figure("path.latency.p50", &[percentile(&delays, 0.5)], "ms");
    report.figure("path.latency.p99", &[percentile(&delays, 0.99)], "ms");
}

/// Changes the cases of the first people at a pace; answers how many milliseconds each letter took. A letter that never came
/// counts as the longest that was waited for.
async fn told(stage: &Stage, per_second: usize, count: usize) -> Vec<f64> {
    stage.sink.clear();
    let committed = moments(count);
    let token = stage.cabinet.service_token();
    paced(per_second, count, |person| {
        let request = with_token(&token, stage.next_change(person));
        let mut client = CaseServiceClient::new(stage.case_monitoring[person % stage.case_monitoring.len()].clone());
        let committed = committed.clone();
        async move {
            client.change_case_status(request).await.expect("an allowed move");
            let _ = committed[person].set(Instant::now());
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
    paced(RESET_RATE, idle, |number| reset(stage, number, &committed)).await;
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
    let resets = paced(4 * RESET_RATE, half, |number| reset(stage, half + number, &committed));
    let watch = async {
        until(PATIENCE, || sink.count() >= people).await;
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
    let request = RequestPasswordResetRequest { realm_id: stage.cabinet.realm.id.to_string(), email: guest(number) };
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
        let before = cpu::used();
        let archived = "SELECT count(*) FROM messaging.outbox";
        stage.start_path().await;
        let waiting = || stage.cabinet.databases.case_monitoring.value(archived).parse::<usize>().unwrap_or_default();
        until(PATIENCE, || waiting() < stage.people).await;
        let first_confirm = Instant::now();
        until(PATIENCE, || stage.sink.count() == stage.people).await;
        let last = stage.sink.taken().into_values().max().unwrap_or(first_confirm);
        values.push(rate(stage.sink.count(), last.saturating_duration_since(first_confirm)));
        spent = cpu::told(&before, seconds(stage.people));
    }
    report.against("path.drain", &values, "1/s", &limit.limit());
    report.remarked("path.drain.letters", &[seconds(stage.sink.count())], "of the last round", spent);
}

/// `path.sustained`: the highest rate at which nearly every letter is there within a second.
pub(crate) async fn sustained(stage: &mut Stage, scale: Scale, report: &mut Report) {
    let mut limit = TpcB::prepare(&stage.server, scale);
    limit.measure();
    let mut kept = 0;
    let mut step = 800;
    let mut next = step;
    // Doubles until it fails, then halves the step: within a hundred a second in a dozen tries.
    while step >= 100 {
        let count = (next * usize::try_from(scale.long_seconds).expect("a minute")).min(stage.people);
        let delays = told(stage, next, count).await;
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
