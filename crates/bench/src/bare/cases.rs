//! Cases, read by a bare handler.

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::case_monitoring::v1::case_service_server::CaseService;
use sqlx::PgPool;
use sqlx::types::Uuid;
use tonic::{Request, Response, Status};

use super::moment;

pub(super) struct BareCases {
    pub(super) pool: PgPool,
    pub(super) realm_id: Uuid,
}

#[derive(sqlx::FromRow)]
struct CaseRow {
    case_id: Uuid,
    company_id: Uuid,
    number: i64,
    subject: String,
    status: String,
    requester_id: Uuid,
    version: i64,
    created_at: jiff_sqlx::Timestamp,
    updated_at: jiff_sqlx::Timestamp,
}

#[tonic::async_trait]
impl CaseService for BareCases {
    async fn get_case(&self, request: Request<pb::GetCaseRequest>) -> Result<Response<pb::GetCaseResponse>, Status> {
        let case_id: Uuid = request.get_ref().case_id.parse().map_err(|_| Status::invalid_argument("case_id"))?;
        let row: CaseRow = sqlx::query_as(
            "SELECT cases.realm_id, case_id, company_id, number, kind, subject, status, requester_id,
                 source, external_id, source_position, cases.version, created_at, updated_at, workflows.version AS workflow_version
             FROM cases
             JOIN workflows ON workflows.realm_id = cases.realm_id
             WHERE cases.realm_id = $1
               AND case_id = $2",
        )
        .bind(self.realm_id)
        .bind(case_id)
        .fetch_one(&self.pool)
        .await
        .map_err(|error| Status::internal(error.to_string()))?;
        let case = pb::Case {
            case_id: row.case_id.to_string(),
            company_id: row.company_id.to_string(),
            number: row.number,
            kind: pb::CaseKind::Request.into(),
            subject: row.subject,
            status: Some(pb::Status { code: row.status, ..Default::default() }),
            requester_id: row.requester_id.to_string(),
            version: row.version,
            create_time: Some(moment(row.created_at)),
            update_time: Some(moment(row.updated_at)),
            allowed_actions: Vec::new(),
        };
        Ok(Response::new(pb::GetCaseResponse { case: Some(case) }))
    }

    async fn create_case(&self, _: Request<pb::CreateCaseRequest>) -> Result<Response<pb::CreateCaseResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn change_case_status(
        &self,
        _: Request<pb::ChangeCaseStatusRequest>,
    ) -> Result<Response<pb::ChangeCaseStatusResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_case_change(&self, _: Request<pb::GetCaseChangeRequest>) -> Result<Response<pb::GetCaseChangeResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
