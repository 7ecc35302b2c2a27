//! One process: options → build → run. A service says what it needs and what it serves; the order of things is here.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Clock, Fault, IdSource, RandomIds};
use prometheus_client::registry::Registry;
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tonic::service::RoutesBuilder;

use crate::access::Access;
use crate::admin::{self, Admin};
use crate::clock::DatabaseClock;
use crate::grpc::{self, ErrorTexts, GrpcConfig, ServerMetrics, Stack};
use crate::http_server;
use crate::lifecycle::{self, Backoff, WorkerEnded, Workers};
use crate::panics::TaskLost;
use crate::postgres::{self, DatabaseConfig, Pools};
use crate::settings::Settings;
use crate::telemetry::LogConfig;
use crate::tls::{Acceptor, FileProblem, HTTP1, HTTP2, ServerTls};
use crate::trace::{Export, TelemetryConfig, Tracer};

/// How long connections to databases may take to be given back at the end.
const CLOSE: Duration = Duration::from_secs(2);
/// How long requests under way may take to finish once the process drains.
const DRAIN: Duration = Duration::from_secs(8);
/// Begins the name of every metric and of every process, as operators know them.
const PRODUCT: &str = "cabinet";

/// Why a process could not start or go on.
pub type StartError = Box<dyn Error + Send + Sync>;

/// A database that a process uses, with the schema it must have.
pub struct Database {
    /// The service that owns it.
    pub name: &'static str,
    pub config: DatabaseConfig,
    /// Connections beside the pools: a relay's own and its listener's.
    pub direct_connections: u32,
    pub migrators: Vec<Migrator>,
}

/// A service, or several in one process.
#[async_trait]
pub trait Service: 'static {
    /// As operators call it: `case-monitoring`.
    const NAME: &'static str;

    /// Its configuration; everything it needs, checked.
    type Config: Clone + Send + Sync;

    /// The embedded defaults (TOML), which name every key.
    fn defaults() -> Vec<&'static str>;

    /// Reads its configuration; problems are kept by `settings`.
    fn read_config(settings: &mut Settings) -> Option<Self::Config>;

    /// Its databases. The first one's clock is the process's clock.
    fn databases(config: &Self::Config) -> Vec<Database>;

    /// Adds its RPCs and workers to the process.
    async fn start(config: Self::Config, process: &mut Process) -> Result<(), StartError>;
}

/// What is handed to a service at its start, and what it adds to.
pub struct Process {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    /// Who still has access. A service that is not identity follows it ([`crate::access::follow_identity`]).
    pub access: Access,
    pub workers: Workers,
    pub routes: RoutesBuilder,
    /// What people read of the reasons that its RPCs answer with.
    pub error_texts: ErrorTexts,
    pub metrics: Registry,
    pub tracer: Tracer,
    /// What the services of one process have together, whichever comes first; each thing by its type.
    pub shared: tonic::Extensions,
    /// What is fetched over HTTP by anybody.
    pub public: Option<axum::Router>,
    /// What machines ask over HTTP that show a credential: at an address of its own, with gRPC's TLS.
    pub for_machines: Option<(SocketAddr, axum::Router)>,
    /// Cancelled when requests under way are to finish: streams without an end of their own end then.
    pub draining: CancellationToken,
    databases: Vec<(&'static str, Pools)>,
}

impl Process {
    /// The pools of one of the databases that [`Service::databases`] named.
    pub fn pools(&self, name: &str) -> Pools {
        let found = self.databases.iter().find(|(owner, _)| *owner == name);
        found.map(|(_, pools)| pools.clone()).expect("a service asks only for databases it has named")
    }
}

/// What every process reads, whatever it serves.
#[derive(Debug, Clone)]
pub(crate) struct ProcessConfig {
    pub(crate) log: LogConfig,
    pub(crate) grpc: GrpcConfig,
    pub(crate) admin_address: SocketAddr,
    public_address: SocketAddr,
    pub(crate) telemetry: TelemetryConfig,
}

impl ProcessConfig {
    pub(crate) const DEFAULTS: &str = include_str!("process.toml");

    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let log = LogConfig::read(settings);
        let grpc = GrpcConfig::read(settings);
        let admin_address = settings.value("admin.address");
        let public_address = settings.value("public.address");
        let telemetry = TelemetryConfig::read(settings);
        Some(Self {
            log: log?,
            grpc: grpc?,
            admin_address: admin_address?,
            public_address: public_address?,
            telemetry: telemetry?,
        })
    }
}

/// Serves until the operator asks the process to end, or until a worker ends unasked, which is an error.
pub(crate) async fn serve<S: Service>(shared: ProcessConfig, config: S::Config) -> Result<(), StartError> {
    let mut asked_to_end = std::pin::pin!(lifecycle::asked_to_end()?);
    let databases = tokio::select! {
        databases = open_databases(S::databases(&config)) => databases?,
        () = &mut asked_to_end => return Ok(()),
    };
    let clock = Arc::new(DatabaseClock::start(databases.first().ok_or("a service has a database")?.1.commands.clone()).await?);
    let draining = CancellationToken::new();
    let (export, tracer) = Export::start(&shared.telemetry, &telemetry_name(S::NAME), &RandomIds, clock.now())?;
    let mut process = Process {
        clock: clock.clone(),
        ids: Arc::new(RandomIds),
        access: Access::default(),
        workers: Workers::default(),
        routes: RoutesBuilder::default(),
        error_texts: ErrorTexts::common()?,
        metrics: Registry::with_prefix(PRODUCT),
        tracer,
        shared: tonic::Extensions::default(),
        public: None,
        for_machines: None,
        draining: draining.clone(),
        databases,
    };
    process.workers.spawn_endless("clock", async move { clock.run().await });
    let (health_reporter, health) = tonic_health::server::health_reporter();
    process.routes.add_service(health);
    if shared.grpc.reflection {
        add_reflection(&mut process.routes)?;
    }
    S::start(config, &mut process).await?;

    let serving = Arc::new(AtomicBool::new(false));
    let methods = api::methods();
    let stack = Stack {
        clock: process.clock.clone(),
        ids: process.ids.clone(),
        access: process.access.clone(),
        metrics: ServerMetrics::register(&mut process.metrics, methods.keys()),
        methods,
        error_texts: process.error_texts,
        tracer: process.tracer,
    };
    let admin = Admin {
        metrics: process.metrics,
        databases: process.databases.iter().map(|(_, pools)| pools.probe.clone()).collect(),
        access: process.access,
        serving: serving.clone(),
    };
    let tls = shared.grpc.tls.as_ref().map(|tls| acceptor(tls, HTTP2, &mut process.workers)).transpose()?;
    let closing = CancellationToken::new();
    let grpc_listener = TcpListener::bind(shared.grpc.address).await?;
    let admin_listener = TcpListener::bind(shared.admin_address).await?;
    tracing::info!(service = S::NAME, grpc.address = %grpc_listener.local_addr()?, admin.address = %admin_listener.local_addr()?, "serving");
    let mut admin_server = tokio::spawn(admin::serve(admin_listener, admin, closing.clone().cancelled_owned()));
    if let Some(routes) = process.public {
        serve_http(&mut process.workers, "public HTTP", shared.public_address, None, routes).await?;
    }
    if let Some((address, routes)) = process.for_machines {
        let tls = shared.grpc.tls.as_ref().map(|tls| acceptor(tls, HTTP1, &mut process.workers)).transpose()?;
        serve_http(&mut process.workers, "HTTP for machines", address, tls, routes).await?;
    }
    let mut grpc_server =
        tokio::spawn(grpc::serve(grpc_listener, tls, process.routes.routes(), stack, draining.clone().cancelled_owned()));
    serving.store(true, Ordering::Relaxed);

    let mut workers = process.workers;
    let ended: Result<(), StartError> = tokio::select! {
        () = &mut asked_to_end => Ok(()),
        ended = workers.watch() => Err(ended.into()),
        ended = &mut grpc_server => Err(server_ended("gRPC server", ended)),
        ended = &mut admin_server => Err(server_ended("admin server", ended)),
    };
    serving.store(false, Ordering::Relaxed);
    health_reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    draining.cancel();
    if !grpc_server.is_finished() && tokio::time::timeout(DRAIN, &mut grpc_server).await.is_err() {
        tracing::warn!("requests under way did not finish in time");
        grpc_server.abort();
    }
    workers.stop().await;
    // First: a statement that does not end keeps its pool open, and of that very incident the spans would be lost.
    export.finish().await;
    let close_pools = async {
        for (_, pools) in &process.databases {
            pools.workers.close().await;
            pools.commands.close().await;
            pools.probe.close().await;
        }
    };
    if tokio::time::timeout(CLOSE, close_pools).await.is_err() {
        tracing::warn!("connections to databases are still in use");
    }
    closing.cancel();
    if !admin_server.is_finished() {
        let _ = admin_server.await;
    }
    tracing::info!(service = S::NAME, "ended");
    ended
}

async fn serve_http(
    workers: &mut Workers,
    name: &'static str,
    address: SocketAddr,
    tls: Option<Acceptor>,
    routes: axum::Router,
) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(worker = name, http.address = %listener.local_addr()?, "serving");
    let stop = workers.stop_token();
    workers.spawn(name, http_server::serve(listener, tls, routes, stop));
    Ok(())
}

/// Takes clients in that speak this protocol, with the certificate as it is by then.
fn acceptor(tls: &ServerTls, protocol: &'static [u8], workers: &mut Workers) -> Result<Acceptor, FileProblem> {
    let acceptor = Acceptor::new(tls.clone(), protocol)?;
    workers.spawn_endless("TLS certificate", acceptor.clone().keep_reading());
    Ok(acceptor)
}

/// What it means that a server came to an end nobody had asked for.
fn server_ended<E: Into<StartError>>(name: &str, ended: Result<Result<(), E>, JoinError>) -> StartError {
    let result = match ended {
        Ok(result) => result.map_err(Into::into),
        Err(lost) => Err(TaskLost::from(lost).into()),
    };
    WorkerEnded::new(name, result).into()
}

/// As collectors know a process: `cabinet-identity`, or `cabinet` where all are in one.
fn telemetry_name(service: &str) -> String {
    if service == PRODUCT { service.to_owned() } else { format!("{PRODUCT}-{service}") }
}

/// Lets tools ask for the contract, in both versions of the protocol.
fn add_reflection(routes: &mut RoutesBuilder) -> Result<(), StartError> {
    let contract = || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(api::DESCRIPTOR_SET);
    routes.add_service(contract().build_v1()?);
    routes.add_service(contract().build_v1alpha()?);
    Ok(())
}

/// Brings every database to this release's schema.
pub(crate) async fn migrate(databases: Vec<Database>) -> Result<(), StartError> {
    for database in databases {
        postgres::migrate(&database.config, database.migrators).await?;
        tracing::info!(database = database.name, "migrated");
    }
    Ok(())
}

/// Opens the pools, waits for databases that are away, refuses those whose schema is older than this release.
async fn open_databases(databases: Vec<Database>) -> Result<Vec<(&'static str, Pools)>, StartError> {
    let mut opened = Vec::new();
    for database in databases {
        let pools = postgres::open(&database.config, database.name)?;
        wait_for_schema(&pools, &database).await?;
        opened.push((database.name, pools));
    }
    Ok(opened)
}

async fn wait_for_schema(pools: &Pools, database: &Database) -> Result<(), Fault> {
    let mut backoff = Backoff::new();
    loop {
        match postgres::require_current_schema(&pools.commands, &database.migrators).await {
            Err(Fault::Unavailable(error)) => {
                tracing::warn!(database = database.name, error = error.as_ref() as &dyn Error, "waiting for the database");
                backoff.wait().await;
            }
            result => return result,
        }
    }
}
