//! What a letter and the ledger say in less usual moments.

use std::time::Duration;

use cabinet_e2e::{Cabinet, Setup, eventually};
use mail_parser::MessageParser;
use testkit::{SinkOptions, SmtpMoment};

/// Rule F12: a letter that comes late says when its change was made, and that the status has changed again since.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_letter_says_that_there_is_a_newer_status() {
    let mut cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    cabinet.mail.stop();
    for status in ["OPEN", "RESOLVED"] {
        cabinet.change_status(&cabinet.service_token(), &case.case_id, status).await.expect("an allowed move");
    }
    // Both changes are planned, and each letter is written afresh after that.
    let attempts = "SELECT count(*), min(attempt) FROM deliveries";
    let ledger = &cabinet.databases.notification;
    let planned = eventually("both changes to be planned", || ledger.value(attempts).strip_prefix("2|").map(str::to_owned)).await;
    eventually("both letters to be tried again", || (ledger.value(attempts) != format!("2|{planned}")).then_some(())).await;
    cabinet.mail.start_again();
    let letters = cabinet.letters(2).await;

    let bodies: Vec<String> = letters.iter().map(|letter| text(&letter.raw)).collect();
    let of = |label: &str| bodies.iter().find(|body| body.contains(label)).expect("a letter for each change");
    assert!(of("In progress").contains("The status has changed again since then."));
    assert!(!of("Resolved").contains("The status has changed again since then."));
}

/// Rule I21.a: whoever notification has never heard of is asked of identity.
#[tokio::test(flavor = "multi_thread")]
async fn a_tick_can_be_set_for_a_user_nobody_has_told_of() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    cabinet.settled().await;
    cabinet.databases.notification.execute("DELETE FROM people");
    let ticked = cabinet.update_preferences(&cabinet.service_token(), &customer.user_id, true, &["status_change.email"]).await;
    assert!(ticked.expect("a user of identity").status_change.expect("ticks").email);
}

/// Rule N12.a: every delivery is in the ledger with its state; of the address, a hash alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_remembers_what_was_sent_and_not_to_which_address() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    cabinet.letters(1).await;
    cabinet.settled().await;

    let ledger = &cabinet.databases.notification;
    let row = ledger.value("SELECT concat_ws(' ', kind, channel, state, user_id, octet_length(address_hash)) FROM deliveries");
    assert_eq!(row, format!("STATUS_CHANGE EMAIL SENT {} 32", customer.user_id));
    assert_eq!(ledger.value("SELECT count(*) FROM deliveries AS delivery WHERE delivery::text LIKE '%anna@%'"), "0");
}

/// Rule N13.d: while a slow mail server takes its time, nobody else sends the same letter.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_mail_server_gets_each_letter_once() {
    let slow = SinkOptions::default().delay(SmtpMoment::Dot, Duration::from_secs(4));
    let cabinet = Setup::default().mail(slow).start().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    cabinet.settled().await;
    assert_eq!(cabinet.mail.accepted(), 1);
    assert_eq!(cabinet.databases.notification.value("SELECT state || ' ' || attempt FROM deliveries"), "SENT 1");
}

fn text(raw: &[u8]) -> String {
    let message = MessageParser::default().parse(raw).expect("a good letter");
    message.body_text(0).expect("text").replace("\r\n", "\n")
}
