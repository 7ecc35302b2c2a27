//! The main job: a case's status changes, and its requester gets a letter if he ticked it.

use api::cabinet::identity::v1::Role as PbRole;
use cabinet_e2e::{Cabinet, user_id};
use kernel::Role;
use mail_parser::MessageParser;

/// Rule N1.a: the requester is told of a status change by the channel he ticked, without any subscription.
#[tokio::test(flavor = "multi_thread")]
async fn a_requester_who_ticked_e_mail_gets_one_letter_for_each_status_change() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let own_token = cabinet.user_token(user_id(&customer), Role::Customer);
    cabinet.update_preferences(&own_token, &customer.user_id, true, &["status_change"]).await.expect("her own tick");
    let agent = cabinet.create_user(&cabinet.service_token(), cabinet.realm.company_id, PbRole::Agent, "agent@example.com").await;
    let agent_token = cabinet.user_token(user_id(&agent.expect("a good agent")), Role::Agent);

    let case = cabinet.create_case(&customer.user_id).await;
    cabinet.change_status(&agent_token, &case.case_id, "OPEN").await.expect("an allowed move");
    cabinet.change_status(&agent_token, &case.case_id, "RESOLVED").await.expect("an allowed move");
    cabinet.letters(2).await;
    cabinet.settled().await;

    let letters = cabinet.mail.letters();
    let mut subjects: Vec<String> = letters.iter().map(|letter| subject(&letter.raw)).collect();
    subjects.sort();
    assert_eq!(subjects, ["Helpline: case 1 is now “In progress”", "Helpline: case 1 is now “Resolved”"]);
    assert!(
        letters.iter().all(|letter| letter.rcpt_to == ["anna@example.com"] && letter.mail_from == "noreply@helpline.example")
    );
}

/// Rule N1.b: a tick is off until it is set; the tick of one person tells nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_ticked_gets_nothing() {
    let cabinet = Cabinet::start().await;
    let silent = cabinet.create_customer("silent@example.com").await;
    let told = cabinet.create_customer_who_ticked("told@example.com").await;
    let undecided = cabinet.create_customer_who_ticked("undecided@example.com").await;
    cabinet
        .update_preferences(&cabinet.service_token(), &undecided.user_id, false, &["status_change.email"])
        .await
        .expect("unticked");

    for requester in [&silent, &undecided, &told] {
        let case = cabinet.create_case(&requester.user_id).await;
        cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    }
    cabinet.letters(1).await;
    cabinet.settled().await;

    let recipients: Vec<_> = cabinet.mail.letters().into_iter().flat_map(|letter| letter.rcpt_to).collect();
    assert_eq!(recipients, ["told@example.com"]);
}

/// Rule N9.a: a letter has the same content as text and as HTML; the moment of the change is in the realm's time zone.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_says_what_changed_when_and_where_to_look() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");

    let letter = cabinet.letters(1).await.remove(0);
    let parsed = MessageParser::default().parse(&letter.raw).expect("a good letter");
    let (text, html) = (parsed.body_text(0).expect("text"), parsed.body_html(0).expect("HTML"));
    let link = format!("https://helpline.example/cases/{}", case.case_id);
    let html = html.replace("&#x2f;", "/");
    for body in [text.as_ref(), &html] {
        assert!(body.contains("Printer on fire") && body.contains("In progress") && body.contains(&link), "{body}");
        assert!(body.contains("(EET)") || body.contains("(EEST)"), "{body}");
    }
    assert_eq!(parsed.header("Auto-Submitted").and_then(|header| header.as_text()), Some("auto-generated"));
}

/// A letter is known by its delivery: no two are the same.
#[tokio::test(flavor = "multi_thread")]
async fn every_letter_has_a_message_id_of_its_own() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    for status in ["OPEN", "RESOLVED", "CLOSED"] {
        cabinet.change_status(&cabinet.service_token(), &case.case_id, status).await.expect("an allowed move");
    }
    cabinet.letters(3).await;
    cabinet.settled().await;
    let mut ids: Vec<_> = cabinet.mail.letters().into_iter().map(|letter| letter.message_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

fn subject(raw: &[u8]) -> String {
    MessageParser::default().parse(raw).and_then(|message| message.subject().map(str::to_owned)).expect("a subject")
}
