//! The bare handler beside which reading a case is measured: the same SELECT through the same libraries, and nothing else.
//! It runs in a process of its own, as the service does: this program again.

use std::process::{Command, Stdio};

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::case_monitoring::v1::case_service_server::{CaseService, CaseServiceServer};
use kernel::RealmId;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::types::Uuid;
use testkit::{GuardedProcess, TestDatabase, free_port};
use tonic::{Request, Response, Status};

const DATABASE: &str = "CABINET_BENCH_BARE_DATABASE";
const REALM: &str = "CABINET_BENCH_BARE_REALM";
const PORT: &str = "CABINET_BENCH_BARE_PORT";
/// As many connections as case-monitoring has for commands by default.
const CONNECTIONS: u32 = 16;

pub(crate) struct BareServer {
    port: u16,
    _process: GuardedProcess,
}

impl BareServer {
    pub(crate) async fn start(database: &TestDatabase, realm_id: RealmId) -> Self {
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().expect("a program knows its own path"));
        command.env(DATABASE, database.url()).env(REALM, realm_id.to_string()).env(PORT, port.to_string());
        let process = GuardedProcess::spawn(command.stdin(Stdio::null())).expect("this program can be run again");
        let server = Self { port, _process: process };
        while CaseServiceClient::connect(server.url()).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Serves, if this process was started to; never comes back then.
pub(crate) async fn serve_if_asked() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let variable = |name: &str| std::env::var(name).expect("the bench sets it");
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(&url).await.expect("the bench's database");
    let bare = Bare { pool, realm_id: variable(REALM).parse().expect("a UUID") };
    let address = format!("127.0.0.1:{}", variable(PORT)).parse().expect("an address");
    let served = tonic::transport::Server::builder().add_service(CaseServiceServer::new(bare)).serve(address).await;
    served.expect("a free port");
}

struct Bare {
    pool: PgPool,
    realm_id: Uuid,
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

fn moment(at: jiff_sqlx::Timestamp) -> prost_types::Timestamp {
    let at = at.to_jiff();
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

#[tonic::async_trait]
impl CaseService for Bare {
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
