//! A realm's statuses and moves, read and replaced by calls.

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::case_monitoring::v1::workflow_service_client::WorkflowServiceClient;
use api::cabinet::r#type::v1::LocalizedText;
use cabinet_e2e::{Cabinet, is, new_id, reason, with_token};
use tonic::{Code, Status};

pub(crate) fn status(code: &str, category: pb::StatusCategory, moves_to: &[&str]) -> pb::WorkflowStatus {
    pb::WorkflowStatus {
        code: code.to_owned(),
        category: category.into(),
        staff_label: Some(LocalizedText { by_language: [("en".to_owned(), code.to_lowercase())].into() }),
        requester_label: None,
        moves_to: moves_to.iter().map(|code| (*code).to_owned()).collect(),
    }
}

async fn replace(cabinet: &Cabinet, realm_id: String, statuses: Vec<pb::WorkflowStatus>) -> Result<Vec<String>, Status> {
    let request =
        with_token(&cabinet.operator_token("olga"), pb::ReplaceWorkflowRequest { realm_id, statuses, etag: String::new() });
    let answer = WorkflowServiceClient::new(cabinet.case_monitoring.channel()).replace_workflow(request).await?;
    Ok(answer.into_inner().statuses.into_iter().map(|status| status.code).collect())
}

/// Rule C1.d: a realm's workflow is replaced at once, for the cases there are as for new ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_workflow_holds_at_once() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let case = cabinet.create_case(&anna.user_id).await;
    let statuses =
        vec![status("NEW", pb::StatusCategory::New, &["PARKED"]), status("PARKED", pb::StatusCategory::OnHold, &["*"])];
    let replaced = replace(&cabinet, cabinet.realm.id.to_string(), statuses).await.expect("a good workflow");
    assert_eq!(replaced, ["NEW", "PARKED"]);
    let token = cabinet.service_token();
    let gone = cabinet.change_status(&token, &case.case_id, "OPEN").await.expect_err("it is gone");
    assert_eq!(reason(&gone), is(Code::InvalidArgument, "STATUS_UNKNOWN"));
    cabinet.change_status(&token, &case.case_id, "PARKED").await.expect("a new move");
    let request = with_token(&token, pb::GetWorkflowRequest::default());
    let read =
        WorkflowServiceClient::new(cabinet.case_monitoring.channel()).get_workflow(request).await.expect("one's own realm");
    assert_eq!(read.into_inner().statuses.len(), 2);
}

/// Rule C1.d: a status that cases have cannot be left out, and what makes no workflow is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_would_strand_cases_is_refused() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.create_case(&anna.user_id).await;
    let realm_id = cabinet.realm.id.to_string();
    let refused =
        async |realm_id: &str, statuses| reason(&replace(&cabinet, realm_id.to_owned(), statuses).await.expect_err("a refusal"));
    let without_new = vec![status("OPEN", pb::StatusCategory::Open, &["*"])];
    assert_eq!(refused(&realm_id, without_new).await, is(Code::FailedPrecondition, "STATUS_IN_USE"));
    let nowhere = vec![status("NEW", pb::StatusCategory::New, &["SOMEWHERE"])];
    assert_eq!(refused(&realm_id, nowhere).await, is(Code::InvalidArgument, "WORKFLOW_INVALID"));
    let twice = vec![status("NEW", pb::StatusCategory::New, &[]), status("NEW", pb::StatusCategory::New, &[])];
    assert_eq!(refused(&realm_id, twice).await, is(Code::InvalidArgument, "WORKFLOW_INVALID"));
    let good = vec![status("NEW", pb::StatusCategory::New, &[])];
    let unknown = new_id::<kernel::of::Realm>().to_string();
    assert_eq!(refused(&unknown, good).await, is(Code::NotFound, "REALM_NOT_FOUND"));
}

/// Rule C1.d: a realm that nobody gave a workflow has the one of its preset.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_realm_has_the_workflow_of_its_preset() {
    let cabinet = Cabinet::start().await;
    cabinet.databases.case_monitoring.execute("DELETE FROM workflows");
    let request = with_token(&cabinet.service_token(), pb::GetWorkflowRequest::default());
    let read =
        WorkflowServiceClient::new(cabinet.case_monitoring.channel()).get_workflow(request).await.expect("one's own realm");
    let codes: Vec<_> = read.into_inner().statuses.into_iter().map(|status| status.code).collect();
    assert_eq!(codes, ["NEW", "OPEN", "WAITING", "RESOLVED", "CLOSED", "CANCELLED"]);
}

/// Rule C1.d: of two who replace the workflow they have read, the second is told that it is another by now.
#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_was_replaced_meanwhile_is_not_replaced_again() {
    let cabinet = Cabinet::start().await;
    let mut client = WorkflowServiceClient::new(cabinet.case_monitoring.channel());
    let token = cabinet.service_token();
    let read = client.get_workflow(with_token(&token, pb::GetWorkflowRequest::default())).await.expect("one's own realm");
    let etag = read.into_inner().etag;
    let mut replace = async |etag: &str| {
        let statuses = vec![status("NEW", pb::StatusCategory::New, &[])];
        let request = pb::ReplaceWorkflowRequest { realm_id: String::new(), statuses, etag: etag.to_owned() };
        client.replace_workflow(with_token(&token, request)).await
    };
    let first = replace(&etag).await.expect("the workflow that was read").into_inner();
    assert_ne!(first.etag, etag);
    for stale in [etag.as_str(), "hunter2"] {
        assert_eq!(reason(&replace(stale).await.expect_err("another by now")), is(Code::Aborted, "ETAG_MISMATCH"));
    }
    replace(&first.etag).await.expect("the present one");
}
