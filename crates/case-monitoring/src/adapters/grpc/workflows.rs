//! `cabinet.case_monitoring.v1.WorkflowService`.

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::case_monitoring::v1::workflow_service_server::{WorkflowService, WorkflowServiceServer};
use runtime::grpc::{Problem, open, optional_id};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::WorkflowUseCases;

pub(crate) struct WorkflowGrpc {
    workflows: WorkflowUseCases,
}

impl WorkflowGrpc {
    pub(crate) fn server(workflows: WorkflowUseCases) -> WorkflowServiceServer<Self> {
        WorkflowServiceServer::new(Self { workflows })
    }
}

#[tonic::async_trait]
impl WorkflowService for WorkflowGrpc {
    async fn get_workflow(&self, request: Request<pb::GetWorkflowRequest>) -> Result<Response<pb::GetWorkflowResponse>, Status> {
        let (call, request) = open(request)?;
        let realm_id = optional_id("realm_id", &request.realm_id)?;
        let workflow = self.workflows.get(&call, realm_id).await.map_err(Problem::from)?;
        let (statuses, etag) = convert::workflow(workflow);
        Ok(Response::new(pb::GetWorkflowResponse { statuses, etag }))
    }

    async fn replace_workflow(
        &self,
        request: Request<pb::ReplaceWorkflowRequest>,
    ) -> Result<Response<pb::ReplaceWorkflowResponse>, Status> {
        let (call, request) = open(request)?;
        let workflow = self.workflows.replace(&call, convert::replace_workflow(request)?).await.map_err(Problem::from)?;
        let (statuses, etag) = convert::workflow(workflow);
        Ok(Response::new(pb::ReplaceWorkflowResponse { statuses, etag }))
    }
}
