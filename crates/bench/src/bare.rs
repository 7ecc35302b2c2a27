//! The bare handlers beside which reading is measured: the same SELECTs through the same libraries, and nothing else. They run in processes
//! of their own, as the services do: this program again.

mod cases;
mod profiles;

use std::process::{Command, Stdio};

use api::cabinet::case_monitoring::v1::case_service_server::CaseServiceServer;
use api::cabinet::profile::v1::profile_service_server::ProfileServiceServer;
use kernel::RealmId;
use sqlx::postgres::PgPoolOptions;
use testkit::{GuardedProcess, TestDatabase, free_port};
use tonic::transport::{Endpoint, Server};

use self::cases::BareCases;
use self::profiles::BareProfiles;

const SUBJECT: &str = "CABINET_BENCH_BARE_SUBJECT";
const DATABASE: &str = "CABINET_BENCH_BARE_DATABASE";
const REALM: &str = "CABINET_BENCH_BARE_REALM";
const PORT: &str = "CABINET_BENCH_BARE_PORT";
/// As many connections as a service has for commands by default.
const CONNECTIONS: u32 = 16;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Cases,
    Profiles,
}

impl Subject {
    const ALL: [Self; 2] = [Self::Cases, Self::Profiles];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Cases => "cases",
            Self::Profiles => "profiles",
        }
    }
}

pub(crate) struct BareServer {
    port: u16,
    _process: GuardedProcess,
}

impl BareServer {
    pub(crate) async fn start(subject: Subject, database: &TestDatabase, realm_id: RealmId) -> Self {
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().expect("a program knows its own path"));
        command.env(SUBJECT, subject.as_str()).env(DATABASE, database.url());
        command.env(REALM, realm_id.to_string()).env(PORT, port.to_string());
        let process = GuardedProcess::spawn(command.stdin(Stdio::null())).expect("this program can be run again");
        let server = Self { port, _process: process };
        let endpoint = Endpoint::from_shared(server.url()).expect("a URL");
        while endpoint.connect().await.is_err() {
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
    let Ok(asked) = std::env::var(SUBJECT) else { return };
    let variable = |name: &str| std::env::var(name).expect("the bench sets it");
    let pool =
        PgPoolOptions::new().max_connections(CONNECTIONS).connect(&variable(DATABASE)).await.expect("the bench's database");
    let realm_id = variable(REALM).parse().expect("a UUID");
    let address = format!("127.0.0.1:{}", variable(PORT)).parse().expect("an address");
    let subject = Subject::ALL.into_iter().find(|subject| subject.as_str() == asked).expect("the bench names one");
    let server = match subject {
        Subject::Cases => Server::builder().add_service(CaseServiceServer::new(BareCases { pool, realm_id })),
        Subject::Profiles => Server::builder().add_service(ProfileServiceServer::new(BareProfiles { pool, realm_id })),
    };
    server.serve(address).await.expect("a free port");
}

fn moment(at: jiff_sqlx::Timestamp) -> prost_types::Timestamp {
    let at = at.to_jiff();
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}
