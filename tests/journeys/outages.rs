//! Something is away, frozen or killed in the middle of its work: nothing is lost, and little is repeated.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use cabinet_e2e::{Cabinet, ServiceProcess, Setup, case_request, eventually, reason};
use futures::future::join_all;
use testkit::{PostgresServer, RabbitMqServer, SinkOptions, SmtpMoment};
use tonic::Code;
use tonic_types::StatusExt as _;

/// Makes so many customers who ticked, with a case each, and waits until all of that is told.
async fn cases(cabinet: &Cabinet, count: usize) -> Vec<String> {
    let customer_with_case = async |number| {
        let customer = cabinet.create_customer_who_ticked(&format!("customer{number}@example.com")).await;
        cabinet.create_case(&customer.user_id).await.case_id
    };
    let cases = join_all((0..count).map(customer_with_case)).await;
    cabinet.settled().await;
    cases
}

/// Moves every case so many times, all cases at once.
async fn change_all(cabinet: &Cabinet, cases: &[String], times: usize) {
    let token = cabinet.service_token();
    let change = async |case: &String| {
        for status in ["OPEN", "RESOLVED"].iter().cycle().take(times) {
            cabinet.change_status(&token, case, status).await.expect("an allowed move");
        }
    };
    join_all(cases.iter().map(change)).await;
}

/// What the ledger of notification answers.
fn ledger(cabinet: &Cabinet, query: &str) -> String {
    cabinet.databases.notification.value(query)
}

fn sent(cabinet: &Cabinet) -> usize {
    ledger(cabinet, "SELECT count(*) FROM deliveries WHERE state = 'SENT'").parse().expect("a number")
}

/// Waits until every change was told, shows that each was, once in the ledger and with one Message-ID, and that nothing died.
/// Answers with how many letters came more than once.
async fn every_change_was_told(cabinet: &Cabinet, changes: usize) -> usize {
    eventually(&format!("{changes} letters"), || (sent(cabinet) >= changes).then_some(())).await;
    cabinet.settled().await;
    let sent_of_all = ledger(cabinet, "SELECT concat(count(*) FILTER (WHERE state = 'SENT'), ' of ', count(*)) FROM deliveries");
    assert_eq!(sent_of_all, format!("{changes} of {changes}"));
    assert_eq!(ledger(cabinet, "SELECT count(*) FROM messaging.dead_letter"), "0");
    let letters = cabinet.mail.letters();
    let ids: HashSet<&str> = letters.iter().map(|letter| letter.message_id.as_str()).collect();
    let of_deliveries = ledger(cabinet, "SELECT string_agg(format('<%s@cabinet.invalid>', delivery_id), ' ') FROM deliveries");
    assert_eq!(ids, of_deliveries.split(' ').collect(), "a letter for each delivery, under the id of its delivery");
    letters.len() - changes
}

/// Lets the time pass until deliveries may be claimed: the two minutes of a lease whose process was killed, or the seconds
/// until the next attempt. A test does not have it.
fn end_leases(cabinet: &Cabinet) {
    let end = "UPDATE deliveries SET claimable_at = created_at WHERE state IN ('PENDING', 'UNCERTAIN')";
    cabinet.databases.notification.execute(end);
}

/// Cuts the owner of the outbox off, as the server does with one that has fallen silent (`idle_session_timeout`: half a minute
/// that a test does not have). Until then a frozen process keeps its connection, and with it the lane.
fn cut_relay_off(cabinet: &Cabinet) {
    let cut = "SELECT count(pg_terminate_backend(pid))
               FROM pg_locks JOIN pg_stat_activity USING (pid)
               WHERE datname = current_database() AND application_name = 'relay'
                 AND locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted";
    assert_eq!(cabinet.databases.case_monitoring.value(cut), "1");
}

fn archived(cabinet: &Cabinet) -> usize {
    let archived = cabinet.databases.case_monitoring.value("SELECT count(*) FROM messaging.outbox_archive");
    archived.parse().expect("a number")
}

/// Rules F1, F5: the process that owns the outbox is frozen in the middle of its work, deposed, and thawed; three times, two
/// replicas in turn. It goes on where it was, on a lane that is not its own any more: every letter comes, and comes once.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_relay_is_deposed_and_repeats_nothing_that_anybody_sees() {
    let mut cabinet = Cabinet::start().await;
    let mut owner = cabinet.case_monitoring.replica();
    owner.start();
    owner.wait_until_ready().await;
    // The one that was there first owns the lane; commands go to the other.
    std::mem::swap(&mut owner, &mut cabinet.case_monitoring);
    let cases = cases(&cabinet, 20).await;

    for _ in 0..3 {
        let before = archived(&cabinet);
        let freeze = async {
            eventually("the owner to be at work", || (archived(&cabinet) > before + 20).then_some(())).await;
            owner.signal("STOP");
        };
        tokio::join!(change_all(&cabinet, &cases, 10), freeze);
        assert!(cabinet.databases.case_monitoring.value("SELECT count(*) FROM messaging.outbox") != "0", "frozen too late");

        cut_relay_off(&cabinet);
        eventually("the other to take over", || (archived(&cabinet) == before + 200).then_some(())).await;
        owner.signal("CONT");
        owner.wait_until_ready().await;
        std::mem::swap(&mut owner, &mut cabinet.case_monitoring);
    }

    assert_eq!(every_change_was_told(&cabinet, 600).await, 0, "letters that came twice");
}

/// Kills it with -9 and starts it again at once.
fn kill_and_start(service: &mut ServiceProcess) {
    service.kill();
    service.start();
}

/// Rules F1, F7: notification's database is away while facts queue up, and notification itself is killed again and again,
/// before and after it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_notification_loses_nothing_and_gives_nothing_up() {
    let mut postgres = PostgresServer::start();
    let mut cabinet = Setup::default().notification_on(&postgres).start().await;
    let cases = cases(&cabinet, 50).await;

    postgres.kill();
    change_all(&cabinet, &cases, 20).await;
    eventually("the facts to queue up", || (cabinet.vhost.queue_depth("notification.planner.normal") == 1000).then_some(()))
        .await;
    assert!(!cabinet.notification.is_ready().await && cabinet.case_monitoring.is_ready().await);
    for _ in 0..3 {
        kill_and_start(&mut cabinet.notification);
    }
    postgres.start_again();
    for _ in 0..3 {
        let before = sent(&cabinet);
        eventually("some letters", || (sent(&cabinet) > before).then_some(())).await;
        cabinet.notification.kill();
        end_leases(&cabinet);
        cabinet.notification.start();
    }

    every_change_was_told(&cabinet, 1000).await;
}

/// Rule F1: without a broker commands go on, and every service says that it is ready for them.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_commands_go_on_and_are_told_afterwards() {
    let mut broker = RabbitMqServer::start();
    let cabinet = Setup::default().broker(&broker).start().await;
    let cases = cases(&cabinet, 20).await;
    change_all(&cabinet, &cases, 2).await;
    cabinet.settled().await;
    // See `RabbitMqServer::kill`: only a queue older than that is sure to outlive its node.
    let settled = Instant::now();
    eventually("the queue to be old enough", || (settled.elapsed() > Duration::from_millis(1500)).then_some(())).await;

    broker.kill();
    change_all(&cabinet, &cases, 4).await;
    let more = cabinet.create_customer_who_ticked("late@example.com").await;
    let more = cabinet.create_case(&more.user_id).await;
    change_all(&cabinet, &[more.case_id], 1).await;
    for service in [&cabinet.identity, &cabinet.case_monitoring, &cabinet.notification] {
        assert!(service.is_ready().await);
    }
    assert_eq!(cabinet.databases.case_monitoring.value("SELECT count(*) FROM messaging.outbox"), "82");
    assert_eq!(sent(&cabinet), 40);

    broker.start_again();
    every_change_was_told(&cabinet, 121).await;
}

/// Rules F1, N13.a: a mail server that is away, and one that says "later", are tried again until the letter is out.
#[tokio::test(flavor = "multi_thread")]
async fn letters_wait_for_a_mail_server_that_is_away_or_busy() {
    let mut cabinet = Cabinet::start().await;
    let cases = cases(&cabinet, 3).await;
    let reasons = "SELECT string_agg(DISTINCT concat_ws(' ', state, reason), ',') FROM deliveries";

    cabinet.mail.stop();
    change_all(&cabinet, &cases, 1).await;
    eventually("nobody to answer", || (ledger(&cabinet, reasons) == "PENDING PROVIDER_AWAY").then_some(())).await;
    let away_at_the_door = [(SmtpMoment::Connect, "PENDING PROVIDER_AWAY")];
    let busy_later = [SmtpMoment::Mail, SmtpMoment::Rcpt, SmtpMoment::Dot].map(|moment| (moment, "PENDING PROVIDER_BUSY"));
    for (moment, expected) in away_at_the_door.into_iter().chain(busy_later) {
        cabinet.databases.notification.execute("UPDATE deliveries SET reason = NULL");
        cabinet.mail.start_again_with(SinkOptions::default().defer(moment));
        end_leases(&cabinet);
        eventually("a busy answer", || (ledger(&cabinet, reasons) == expected).then_some(())).await;
        cabinet.mail.stop();
    }
    let attempts = ledger(&cabinet, "SELECT min(attempt) FROM deliveries");
    cabinet.mail.start_again_with(SinkOptions::default());
    end_leases(&cabinet);

    every_change_was_told(&cabinet, 3).await;
    assert!(attempts.parse::<usize>().expect("a number") >= 4, "{attempts}");
}

/// Rule N13.a: what the mail server refuses for good is recorded with the reason, and never tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_refused_for_good_is_recorded_and_not_tried_again() {
    let mut cabinet = Cabinet::start().await;
    let cases = cases(&cabinet, 2).await;
    let refused = "SELECT string_agg(concat_ws(' ', state, reason, attempt), ',') FROM deliveries WHERE state <> 'SENT'";
    let mut expected = Vec::new();

    for moment in [SmtpMoment::Rcpt, SmtpMoment::Dot] {
        cabinet.mail.stop();
        cabinet.mail.start_again_with(SinkOptions::default().reject(moment));
        change_all(&cabinet, &cases, 1).await;
        expected.extend(["FAILED PROVIDER_REFUSED 1"; 2]);
        eventually("the refusals", || (ledger(&cabinet, refused) == expected.join(",")).then_some(())).await;
        // The same two changes the next time.
        let back = cases.iter().map(|case| async { cabinet.change_status(&cabinet.service_token(), case, "RESOLVED").await });
        assert!(join_all(back).await.iter().all(Result::is_ok));
        expected.extend(["FAILED PROVIDER_REFUSED 1"; 2]);
        eventually("the refusals", || (ledger(&cabinet, refused) == expected.join(",")).then_some(())).await;
    }
    cabinet.mail.stop();
    cabinet.mail.start_again_with(SinkOptions::default());
    change_all(&cabinet, &cases, 1).await;

    eventually("the next letters", || (sent(&cabinet) == 2).then_some(())).await;
    cabinet.settled().await;
    assert_eq!(ledger(&cabinet, refused), expected.join(","));
}

/// Rules F8, N13.a: the connection breaks after the final dot: nobody knows whether the letter is out. It is sent again as what
/// it was, so that a mail program shows one.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_without_an_answer_is_uncertain_and_sent_again_under_its_id() {
    let mut cabinet = Setup::default().mail(SinkOptions::default().disconnect(SmtpMoment::Dot)).start().await;
    let cases = cases(&cabinet, 1).await;
    change_all(&cabinet, &cases, 1).await;
    let state = "SELECT concat_ws(' ', state, reason) FROM deliveries";
    eventually("no answer", || (ledger(&cabinet, state) == "UNCERTAIN NO_ANSWER").then_some(())).await;

    cabinet.mail.stop();
    cabinet.mail.start_again_with(SinkOptions::default());

    every_change_was_told(&cabinet, 1).await;
}

/// Rule F1: what needs no answer of identity goes on, what does says when to come back; a letter to somebody of whom there is
/// news waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn without_identity_everything_goes_on_that_needs_no_answer_of_it() {
    let mut cabinet = Cabinet::start().await;
    let known = cases(&cabinet, 1).await;
    change_all(&cabinet, &known, 1).await;
    cabinet.letters(1).await;
    let moved = cabinet.create_customer_who_ticked("old@example.com").await;
    let case_of_moved = cabinet.create_case(&moved.user_id).await.case_id;
    cabinet.change_email(&cabinet.service_token(), &moved.user_id, "new@example.com").await.expect("a good address");
    // The old address was told, and he was asked about for it; of his first number nobody is told.
    cabinet.letters(2).await;
    cabinet.change_phone(&cabinet.service_token(), &moved.user_id, "+380671234567").await.expect("a good number");
    cabinet.settled().await;

    cabinet.identity.kill();
    let refused = cabinet.create_case_with(&cabinet.service_token(), case_request(&cabinet.realm, &moved.user_id)).await;
    let refused = refused.expect_err("nobody knows the requester");
    assert_eq!(reason(&refused).0, Code::Unavailable);
    assert!(refused.get_details_retry_info().is_some_and(|info| info.retry_delay.is_some()), "{refused:?}");
    for case in [&case_of_moved, &known[0]] {
        let status = if *case == known[0] { "RESOLVED" } else { "OPEN" };
        cabinet.change_status(&cabinet.service_token(), case, status).await.expect("an allowed move");
    }
    let waiting = "SELECT string_agg(concat_ws(' ', state, reason), ',') FROM deliveries WHERE state <> 'SENT'";
    eventually("the other letter to wait", || (ledger(&cabinet, waiting) == "PENDING IDENTITY_AWAY").then_some(())).await;
    let letters = cabinet.letters(3).await;
    let of_known = letters.iter().filter(|letter| letter.rcpt_to == ["customer0@example.com"]).count();
    assert_eq!((letters.len(), of_known), (3, 2));

    cabinet.identity.start();
    assert_eq!(every_change_was_told(&cabinet, 4).await, 0);
    assert!(cabinet.mail.letters().iter().any(|letter| letter.rcpt_to == ["new@example.com"]));
}

/// What a kill can repeat: letters being sent at the same time (`smtp.connections`), and results not yet written.
const CONNECTIONS: usize = 8;
const RESULTS: usize = 256;

/// Rules F1, F8: killed in the middle of a thousand letters, notification repeats no more than what was under way, each
/// under the Message-ID it had.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_letters_are_sent_repeats_a_stated_number_of_them() {
    const CHANGES: usize = 1000;
    let mut cabinet = Cabinet::start().await;
    let cases = cases(&cabinet, 50).await;
    cabinet.notification.stop();
    change_all(&cabinet, &cases, CHANGES / 50).await;

    cabinet.notification.start();
    eventually("letters on their way", || (cabinet.mail.accepted() > 200).then_some(())).await;
    cabinet.notification.kill();
    assert!(cabinet.mail.accepted() < CHANGES as u64, "killed too late to show anything");
    end_leases(&cabinet);
    cabinet.notification.start();

    let repeats = every_change_was_told(&cabinet, CHANGES).await;
    assert!(repeats <= CONNECTIONS + RESULTS, "{repeats} letters came twice");
}
