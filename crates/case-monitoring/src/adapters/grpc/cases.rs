//! `cabinet.case_monitoring.v1.CaseService`.

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::case_monitoring::v1::case_service_server::{CaseService, CaseServiceServer};
use runtime::grpc::{Problem, id, open};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::CaseUseCases;

pub(crate) struct CaseGrpc {
    cases: CaseUseCases,
}

impl CaseGrpc {
    pub(crate) fn server(cases: CaseUseCases) -> CaseServiceServer<Self> {
        CaseServiceServer::new(Self { cases })
    }
}

#[tonic::async_trait]
impl CaseService for CaseGrpc {
    async fn create_case(&self, request: Request<pb::CreateCaseRequest>) -> Result<Response<pb::CreateCaseResponse>, Status> {
        let (call, request) = open(request)?;
        let case = self.cases.create(&call, convert::create_case(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::CreateCaseResponse { case: Some(convert::case(&call, case)) }))
    }

    async fn get_case(&self, request: Request<pb::GetCaseRequest>) -> Result<Response<pb::GetCaseResponse>, Status> {
        let (call, request) = open(request)?;
        let case = self.cases.get(&call, id("case_id", &request.case_id)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::GetCaseResponse { case: Some(convert::case(&call, case)) }))
    }

    async fn change_case_status(
        &self,
        request: Request<pb::ChangeCaseStatusRequest>,
    ) -> Result<Response<pb::ChangeCaseStatusResponse>, Status> {
        let (call, request) = open(request)?;
        let changed = self.cases.change_status(&call, convert::change_case_status(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(convert::changed_case(&call, changed)))
    }

    async fn get_case_change(
        &self,
        request: Request<pb::GetCaseChangeRequest>,
    ) -> Result<Response<pb::GetCaseChangeResponse>, Status> {
        let (call, request) = open(request)?;
        let change = self.cases.recorded_change(&call, convert::get_case_change(&request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::GetCaseChangeResponse { change: Some(convert::case_change(change)) }))
    }
}
