//! Calls about cases and the workflow of their realm. Every case was asked for by the visit's own customer.

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::case_monitoring::v1::workflow_service_client::WorkflowServiceClient;
use tonic::Status;

use crate::visit::{Answer, Visit, no_call, with_token};

pub(crate) async fn call(visit: &Visit<'_>, method: &str, about: &str) -> Result<Answer, Status> {
    let mut client = CaseServiceClient::new(visit.stage.case_monitoring.clone());
    let kind = if about.ends_with("ORDER") { pb::CaseKind::Order } else { pb::CaseKind::Request };
    // What only a machine says that speaks for a source.
    let is_silent = about == "silently";
    match method {
        "CreateCase" => {
            let request = pb::CreateCaseRequest { silent: is_silent, ..visit.case(kind) };
            client.create_case(visit.request(request)).await.map(|_| Answer::Done)
        }
        "GetCase" => {
            let request = pb::GetCaseRequest { case_id: visit.case_id(kind).await };
            client.get_case(visit.request(request)).await.map(|_| Answer::Done)
        }
        "GetCaseChange" => {
            let request =
                pb::GetCaseChangeRequest { realm_id: visit.realm_id(), case_id: visit.case_id(kind).await, case_version: 1 };
            client.get_case_change(visit.request(request)).await.map(|_| Answer::Done)
        }
        "ChangeCaseStatus" => {
            let status = if about.starts_with("cancel") { "CANCELLED" } else { "OPEN" };
            let request = pb::ChangeCaseStatusRequest {
                case_id: visit.case_id(kind).await,
                status: status.into(),
                silent: is_silent,
                ..Default::default()
            };
            client.change_case_status(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

pub(crate) async fn call_workflows(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = WorkflowServiceClient::new(visit.stage.case_monitoring.clone());
    let realm_id = visit.realm_id();
    match method {
        "GetWorkflow" => client.get_workflow(visit.request(pb::GetWorkflowRequest { realm_id })).await.map(|_| Answer::Done),
        "ReplaceWorkflow" => {
            // By itself: other calls go on to use it.
            let present = pb::GetWorkflowRequest { realm_id: realm_id.clone() };
            let present = client.get_workflow(with_token(&visit.stage.service_token(), present)).await?;
            let request = pb::ReplaceWorkflowRequest { realm_id, statuses: present.into_inner().statuses, etag: String::new() };
            client.replace_workflow(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}
