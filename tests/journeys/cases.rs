//! Cases as each side sees them, and many hands on one case.

use api::cabinet::case_monitoring::v1::Case;
use cabinet_e2e::{Cabinet, reason, user_id};
use kernel::Role;
use tonic::Code;

/// Rule C1.b: a status has a label for the staff and one for the requester; each side sees its own.
#[tokio::test(flavor = "multi_thread")]
async fn staff_and_requester_each_see_their_own_label() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    let seen_by_staff = cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    let requester = cabinet.user_token(user_id(&customer), Role::Customer);
    let seen_by_requester = cabinet.get_case(&requester, &case.case_id).await.expect("her own case");
    assert_eq!((label(seen_by_staff), label(seen_by_requester)), ("Assigned".to_owned(), "In progress".to_owned()));
}

/// Rule F11: of many who move one case at once, one succeeds; what is told is what was committed, no more and no less.
#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_who_move_a_case_at_once_one_succeeds_and_one_letter_leaves() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    let token = cabinet.service_token();
    let moves = (0..20).map(|_| cabinet.change_status(&token, &case.case_id, "OPEN"));
    let outcomes = futures::future::join_all(moves).await;

    let (moved, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(moved.len(), 1);
    for outcome in refused {
        let refused = reason(&outcome.expect_err("a refusal"));
        assert_eq!(refused, (Code::FailedPrecondition, "TRANSITION_NOT_ALLOWED".to_owned()));
    }
    cabinet.letters(1).await;
    cabinet.settled().await;
    assert_eq!(cabinet.mail.letters().len(), 1);
    let told = "SELECT count(*) FROM messaging.outbox_archive WHERE type = 'case_monitoring.case.status_changed.v1'";
    assert_eq!(cabinet.databases.case_monitoring.value(told), "1");
    assert_eq!(cabinet.databases.case_monitoring.value("SELECT count(*) FROM case_history WHERE old_status IS NOT NULL"), "1");
}

fn label(case: Case) -> String {
    let label = case.status.expect("a status").label.expect("a label");
    label.by_language.get("en").expect("an English label").clone()
}
