//! Facts that notification gave up: an operator looks at them and hands them back.

use std::collections::BTreeSet;

use api::cabinet::messaging::v1::DeadLetter;
use cabinet_e2e::{Cabinet, eventually, is, new_id, refused};
use kernel::{Caller, Component, Id, Role};
use serde_json::json;
use tonic::Code;

const STATUS_CHANGED: &str = "case_monitoring.case.status_changed.v1";
/// How often a message was put by that has had all its tiers: the next failure is its last.
const EVERY_TIER: u32 = 3;

/// Lets a fact arrive for the last time whose payload no consumer can read. Answers with its id.
pub(crate) async fn publish_garbage(cabinet: &Cabinet) -> String {
    let event_id = new_id::<()>().to_string();
    let headers = json!({
        "cloudEvents_id": event_id,
        "cloudEvents_specversion": "1.0",
        "cloudEvents_type": STATUS_CHANGED,
        "cloudEvents_source": "/cabinet/case_monitoring",
        "cloudEvents_time": "2026-01-01T00:00:00Z",
        "cloudEvents_realmid": cabinet.realm.id.to_string(),
        "cloudEvents_causeid": new_id::<()>().to_string(),
        "cabinet-attempt": EVERY_TIER,
    });
    eventually("notification to listen", || {
        cabinet.vhost.queue("notification.planner.normal")?;
        cabinet.vhost.publish("cabinet.events", STATUS_CHANGED, &headers, b"secret garbage").then_some(())
    })
    .await;
    event_id
}

pub(crate) async fn wait_for_dead_letters(cabinet: &Cabinet, count: usize) {
    eventually(&format!("{count} dead letters"), || {
        let dead = cabinet.databases.notification.value("SELECT count(*) FROM messaging.dead_letter");
        (dead == count.to_string()).then_some(())
    })
    .await;
}

fn ids(letters: &[DeadLetter]) -> Vec<&str> {
    letters.iter().map(|letter| letter.dead_letter_id.as_str()).collect()
}

/// Rule F6.b: what is listed says which fact died where and why, and nothing of its content.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_what_a_service_gave_up() {
    let cabinet = Cabinet::start().await;
    let event_id = publish_garbage(&cabinet).await;
    wait_for_dead_letters(&cabinet, 1).await;

    let listed = cabinet.list_dead_letters(&cabinet.operator_token("olga"), 0, "").await.expect("an operator may");

    let [letter] = listed.dead_letters.as_slice() else { panic!("one dead letter: {listed:?}") };
    assert_eq!((letter.consumer.as_str(), letter.event_type.as_str()), ("notification.planner", STATUS_CHANGED));
    assert_eq!(letter.event_id, event_id);
    assert!(!letter.reason.is_empty() && !format!("{letter:?}").contains("garbage"), "{letter:?}");
    assert!(letter.death_time.is_some() && listed.next_page_token.is_empty());
}

/// Rule F6.b: a fact whose fault is mended is told after all; handing it back twice changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_is_handed_back_is_told() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    cabinet.letters(1).await;
    cabinet.settled().await;
    publish_garbage(&cabinet).await;
    wait_for_dead_letters(&cabinet, 1).await;
    let operator = cabinet.operator_token("olga");
    let listed = cabinet.list_dead_letters(&operator, 0, "").await.expect("an operator may").dead_letters;

    // What was wrong with it is mended: here the fact itself, since its consumer cannot be.
    let payload = cabinet
        .databases
        .case_monitoring
        .value(&format!("SELECT encode(payload, 'hex') FROM messaging.outbox_archive WHERE type = '{STATUS_CHANGED}'"));
    let mend = format!("UPDATE messaging.dead_letter SET payload = decode('{payload}', 'hex')");
    cabinet.databases.notification.execute(&mend);
    let unknown = new_id::<()>().to_string();
    let wanted = [ids(&listed)[0], &unknown];
    let first = cabinet.replay_dead_letters(&operator, &wanted).await.expect("an operator may");
    let second = cabinet.replay_dead_letters(&operator, &wanted).await.expect("an operator may");

    assert_eq!((first.replayed_ids, first.skipped_ids), (vec![wanted[0].to_owned()], vec![unknown.clone()]));
    assert_eq!((second.replayed_ids.len(), second.skipped_ids), (0, vec![wanted[0].to_owned(), unknown]));
    assert_eq!(cabinet.letters(2).await.len(), 2);
    let left = cabinet.list_dead_letters(&operator, 0, "").await.expect("an operator may").dead_letters;
    assert_eq!(left, []);
}

/// Rule F6.b: pages are stable while letters are buried, and a token is good for its list and its bearer alone.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_page_by_page() {
    let cabinet = Cabinet::start().await;
    let mut event_ids = BTreeSet::new();
    for _ in 0..5 {
        event_ids.insert(publish_garbage(&cabinet).await);
    }
    wait_for_dead_letters(&cabinet, 5).await;
    let operator = cabinet.operator_token("olga");

    let first = cabinet.list_dead_letters(&operator, 2, "").await.expect("the first page");
    publish_garbage(&cabinet).await;
    wait_for_dead_letters(&cabinet, 6).await;
    let second = cabinet.list_dead_letters(&operator, 2, &first.next_page_token).await.expect("the second page");
    let third = cabinet.list_dead_letters(&operator, 2, &second.next_page_token).await.expect("the third page");

    assert_eq!([&first, &second, &third].map(|page| page.dead_letters.len()), [2, 2, 1]);
    assert_eq!(third.next_page_token, "");
    let all = [first.dead_letters, second.dead_letters, third.dead_letters].concat();
    assert!(ids(&all).is_sorted_by(|a, b| a > b), "the newest first: {all:?}");
    assert_eq!(all.into_iter().map(|letter| letter.event_id).collect::<BTreeSet<_>>(), event_ids);

    let invalid = is(Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let somebody_else = cabinet.operator_token("oleg");
    assert_eq!(refused(cabinet.list_dead_letters(&somebody_else, 2, &first.next_page_token).await), invalid);
    let shortened = &first.next_page_token[..first.next_page_token.len() - 2];
    for garbled in ["x", "!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", shortened] {
        assert_eq!(refused(cabinet.list_dead_letters(&operator, 2, garbled).await), invalid, "{garbled}");
    }
}

/// Rule F6.b: dead letters are of all realms, and nobody's who belongs to one.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_platform_admin_sees_and_replays_dead_letters() {
    let cabinet = Cabinet::start().await;
    let denied = is(Code::PermissionDenied, "PERMISSION_DENIED");
    let users = Role::ALL.map(|role| cabinet.user_token(Id::from_uuid(new_id::<()>().as_uuid()), role));
    let machines = [cabinet.service_token(), cabinet.token(&Caller::Component(Component::Notification))];
    let unknown = new_id::<()>().to_string();
    for token in users.iter().chain(&machines) {
        assert_eq!(refused(cabinet.list_dead_letters(token, 0, "").await), denied);
        assert_eq!(refused(cabinet.replay_dead_letters(token, &[&unknown]).await), denied);
    }
    let anonymous = is(Code::Unauthenticated, "UNAUTHENTICATED");
    assert_eq!(refused(cabinet.list_dead_letters("", 0, "").await), anonymous);
    assert_eq!(refused(cabinet.replay_dead_letters("", &[&unknown]).await), anonymous);
}
