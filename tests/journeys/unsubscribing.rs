//! The way out at the foot of a letter.

use api::cabinet::profile::v1 as profile;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{Cabinet, eventually, with_token};
use mail_parser::MessageParser;
use testkit::Letter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// Rule N10.a: opening the link changes nothing; posting to it, as a mail program does, takes back that one tick, as often as one
/// likes; the other stays.
#[tokio::test(flavor = "multi_thread")]
async fn one_click_unticks_that_kind_and_channel_and_only_when_posted() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    // As if she had had a phone once.
    cabinet.databases.notification.execute("UPDATE preferences SET status_change_sms = true");
    let path = unsubscribe_path(&told_of_a_change(&cabinet, &anna.user_id).await);

    let question = cabinet.notification.public(&path).await.expect("an answer");
    assert!(question.starts_with("HTTP/1.1 200") && question.contains("<form method=\"post\">"), "{question}");
    assert_eq!(ticks(&cabinet, &anna.user_id).await, (true, true), "a mail scanner opens links");
    let nothing = cabinet.notification.post_public(&path, "").await.expect("an answer");
    assert!(nothing.starts_with("HTTP/1.1 400"), "{nothing}");
    assert_eq!(ticks(&cabinet, &anna.user_id).await, (true, true));

    for _ in 0..2 {
        let done = cabinet.notification.post_public(&path, ONE_CLICK).await.expect("an answer");
        assert!(done.starts_with("HTTP/1.1 200") && done.contains("no more letters"), "{done}");
        assert_eq!(ticks(&cabinet, &anna.user_id).await, (false, true));
    }
    let remembered = cabinet.databases.notification.value("SELECT count(*) FROM preference_history");
    assert_eq!(remembered, "2", "the tick and its end: what changes nothing is not remembered");
}

/// Rule N10.a: who has unsubscribed is not sent what was waiting for the mail server either.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_not_sent_to_whom_has_unsubscribed() {
    let mut cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let path = unsubscribe_path(&told_of_a_change(&cabinet, &anna.user_id).await);
    let case = cabinet.create_case(&anna.user_id).await;
    cabinet.mail.stop();
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    let ledger = &cabinet.databases.notification;
    let waiting = "SELECT count(*) FROM deliveries WHERE state = 'PENDING' AND attempt > 1";
    eventually("the letter to wait", || (ledger.value(waiting) == "1").then_some(())).await;
    cabinet.notification.post_public(&path, ONE_CLICK).await.expect("an answer");
    cabinet.mail.start_again();
    cabinet.settled().await;
    let settled = cabinet.databases.notification.value("SELECT state || ' ' || reason FROM deliveries WHERE state <> 'SENT'");
    assert_eq!(settled, "SUPPRESSED UNTICKED");
    assert_eq!(cabinet.letters(1).await.len(), 1);
}

/// Rule N10.a: nobody unsubscribes anybody with a link that he was not sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_link_unsubscribes_nobody() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let path = unsubscribe_path(&told_of_a_change(&cabinet, &anna.user_id).await);
    let (known, last) = path.split_at(path.len() - 2);
    let other = if last == "AA" { "BA" } else { "AA" };
    let long = format!("/unsubscribe?token={}", "A".repeat(4000));
    for forged in [format!("{known}{other}"), "/unsubscribe".to_owned(), "/unsubscribe?token=%00%ff".to_owned(), long] {
        let answer = cabinet.notification.post_public(&forged, ONE_CLICK).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 4"), "{forged}: {answer}");
        let answer = cabinet.notification.public(&forged).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 4"), "{forged}: {answer}");
    }
    let flood = cabinet.notification.post_public(&path, &"List-Unsubscribe=One-Click&".repeat(1000)).await.expect("an answer");
    assert!(flood.starts_with("HTTP/1.1 413"), "{flood}");
    assert!(ticks(&cabinet, &anna.user_id).await.0);
}

/// Rule P4.a: the page speaks its reader's language.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_speaks_its_readers_language() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    speak_ukrainian(&cabinet, &anna.user_id).await;
    let path = unsubscribe_path(&told_of_a_change(&cabinet, &anna.user_id).await);
    let page = cabinet.notification.public(&path).await.expect("an answer");
    assert!(page.contains("lang=\"uk\"") && page.contains("Більше не надсилати"), "{page}");
    let strange = cabinet.notification.public("/unsubscribe?token=strange").await.expect("an answer");
    assert!(strange.starts_with("HTTP/1.1 404") && strange.contains("<p>This link is not valid.</p>"), "{strange}");
}

async fn told_of_a_change(cabinet: &Cabinet, user_id: &str) -> Letter {
    let case = cabinet.create_case(user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    cabinet.letters(1).await.remove(0)
}

/// The ticks of e-mail and SMS.
async fn ticks(cabinet: &Cabinet, user_id: &str) -> (bool, bool) {
    let sheet = cabinet.get_preferences(&cabinet.service_token(), user_id).await.expect("her preferences");
    let ticks = sheet.preferences.and_then(|preferences| preferences.status_change).expect("the contract promises them");
    (ticks.email, ticks.sms)
}

async fn speak_ukrainian(cabinet: &Cabinet, user_id: &str) {
    let wanted = profile::Profile { user_id: user_id.to_owned(), language: "uk".to_owned(), ..Default::default() };
    let request = profile::UpdateProfileRequest {
        profile: Some(wanted),
        update_mask: Some(prost_types::FieldMask { paths: vec!["language".to_owned()] }),
        etag: String::new(),
        ..Default::default()
    };
    let request = with_token(&cabinet.service_token(), request);
    ProfileServiceClient::new(cabinet.profile.channel()).update_profile(request).await.expect("a language of ours");
}

/// Where the letter's header leads, behind the realm's public address.
fn unsubscribe_path(letter: &Letter) -> String {
    let message = MessageParser::default().parse(&letter.raw).expect("RFC 5322");
    let post = message.header_raw("List-Unsubscribe-Post").expect("one click will do");
    assert_eq!(post.trim(), ONE_CLICK);
    let header = message.header_raw("List-Unsubscribe").expect("a letter that was ticked").replace(char::is_whitespace, "");
    let url = header.strip_prefix('<').and_then(|url| url.strip_suffix('>')).expect("an address in brackets");
    url[url.find("/unsubscribe?").expect("ours")..].to_owned()
}

/// Whoever does not say what he wants is let go, and keeps no process from ending.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_of_the_public_port_is_let_go() {
    let mut cabinet = Cabinet::start().await;
    let address = cabinet.notification.public_address().expect("it has a public port").to_owned();
    let mut silent = half_a_request(&address).await;
    let mut answer = String::new();
    silent.read_to_string(&mut answer).await.expect("closed, not reset");
    assert_eq!(answer, "");
    let _silent = half_a_request(&address).await;
    cabinet.notification.stop();
}

async fn half_a_request(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(b"POST /unsubscribe HTTP/1.1\r\nHost:").await.expect("it is read");
    stream
}
