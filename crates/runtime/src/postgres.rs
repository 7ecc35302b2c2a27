//! PostgreSQL: pools, migrations, and what a failed query means.

use std::time::Duration;

use kernel::{Fault, Secret};
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgPool};

use crate::settings::Settings;
use crate::tls::PemFile;

/// 15.0, as servers count.
const LEAST_SERVER_VERSION: u32 = 150_000;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection counts as good that was good when it was given back.
const TESTED_FOR: Duration = Duration::from_secs(1);

/// Where a service's database is and how many connections it may take.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    pub url: Secret<String>,
    /// Connections for commands and queries.
    pub max_connections: u32,
    /// Connections for background workers, apart, so that a backlog never starves a command.
    pub max_worker_connections: u32,
}

impl DatabaseConfig {
    /// Reads the section `section`.
    pub fn read(settings: &mut Settings, section: &str) -> Option<Self> {
        let key = format!("{section}.url");
        let url = settings.secret(&key);
        match url.as_ref().map(|url| url.expose().parse::<PgConnectOptions>()) {
            Some(Ok(options)) => look_at_authorities(settings, &key, &options),
            Some(Err(error)) => settings.problem(&key, error),
            None => {}
        }
        let max_connections = settings.number(&format!("{section}.max_connections"), 1..=1000);
        let max_worker_connections = settings.number(&format!("{section}.max_worker_connections"), 1..=1000);
        Some(Self { url: url?, max_connections: max_connections?, max_worker_connections: max_worker_connections? })
    }
}

/// Reports a file of authorities (`sslrootcert`) that cannot be used. It is read again for every connection.
fn look_at_authorities(settings: &mut Settings, key: &str, options: &PgConnectOptions) {
    let url = options.to_url_lossy();
    let Some((_, path)) = url.query_pairs().find(|(name, _)| name == "sslrootcert") else { return };
    if let Err(problem) = PemFile::new(format!("{key}: sslrootcert"), &*path).certificates() {
        problem.tell(settings);
    }
}

/// The pools of a service.
#[derive(Debug, Clone)]
pub struct Pools {
    /// For commands and queries: generic plans, prepared once.
    pub commands: PgPool,
    /// For workers: plans made for the values at hand, because a plan cached while a queue was empty stays a sequential
    /// scan when it is full; and no JIT, whose compilation costs more than a batch.
    pub workers: PgPool,
    /// For the readiness probe alone: a busy service is ready.
    pub(crate) probe: PgPool,
}

/// Opens the pools without connecting: a database that is away is met by the first query.
pub fn open(config: &DatabaseConfig, application_name: &str) -> Result<Pools, Fault> {
    let options = connect_options(&config.url)?.application_name(application_name);
    let pool = |options, max| pool_of(max).connect_lazy_with(options);
    let for_workers = options.clone().options([("plan_cache_mode", "force_custom_plan"), ("jit", "off")]);
    Ok(Pools {
        commands: pool(options.clone(), config.max_connections),
        workers: pool(for_workers, config.max_worker_connections),
        probe: pool(options, 1),
    })
}

/// A pool of one connection, for what must not queue behind anything else.
pub fn open_apart(config: &DatabaseConfig, application_name: &str) -> Result<PgPool, Fault> {
    let options = connect_options(&config.url)?.application_name(application_name);
    Ok(pool_of(1).connect_lazy_with(options))
}

/// A process that is paused in the middle of a transaction holds its locks no longer than this.
const ABANDONED: &str = "SET idle_in_transaction_session_timeout = '5s'";

/// A connection is tested when it is given back. It is tested again before it is taken only if it has lain idle since: a question
/// before each statement would be a third of all round trips.
fn pool_of(max_connections: u32) -> PgPoolOptions {
    let options =
        PgPoolOptions::new().max_connections(max_connections).acquire_timeout(ACQUIRE_TIMEOUT).test_before_acquire(false);
    let options = options.after_connect(|connection, _| {
        Box::pin(async move {
            connection.execute(ABANDONED).await?;
            Ok(())
        })
    });
    options.before_acquire(|connection, about| {
        Box::pin(async move {
            if about.idle_for > TESTED_FOR {
                connection.ping().await?;
            }
            Ok(true)
        })
    })
}

/// Options of a single connection to the same database, for those that must hold one (a relay's lock, LISTEN).
pub fn connect_options(url: &Secret<String>) -> Result<PgConnectOptions, Fault> {
    let options: PgConnectOptions = url.expose().parse().map_err(Fault::internal)?;
    // Statements are not events: one line a request is (design §6), and they may carry personal data.
    Ok(options.disable_statement_logging())
}

/// What a query that failed means to its caller.
pub fn fault(error: sqlx::Error) -> Fault {
    if is_unavailable(&error) { Fault::unavailable(error) } else { Fault::internal(error) }
}

/// True if the database is away, shutting down, or out of room for us: the same statement may succeed later.
fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        // `Protocol` is a connection cut in the middle of a message; `Tls` one that was never opened.
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => true,
        // 08 connection exception, 25006 a standby, 28 our credentials, 40 a deadlock, 42501 our rights, 53 insufficient
        // resources, 55P03 a lock, 57 operator intervention: none of them says anything about the statement's values.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            let is_one_of = |codes: &[&str]| codes.iter().any(|prefix| code.starts_with(prefix));
            is_one_of(&["08", "25006", "28", "40", "42501", "53", "55P03", "57"])
        }),
        _ => false,
    }
}

/// The name of the constraint that a statement broke, if that is why it failed.
pub fn violated_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint)
}

/// Brings the database to this release's schema. What a later release has added is left alone, so that one may go back.
pub async fn migrate(config: &DatabaseConfig, migrators: Vec<Migrator>) -> Result<(), Fault> {
    // Whoever holds a table is not waited for while everybody else queues behind us: the migration is tried again later.
    let options = connect_options(&config.url)?.application_name("migrate").options([("lock_timeout", "5s")]);
    let pool = pool_of(1).connect_lazy_with(options);
    let version = pool.acquire().await.map_err(fault)?.server_version_num();
    require_server(version).map_err(Fault::internal)?;
    for mut migrator in migrators {
        migrator.set_ignore_missing(true).run(&pool).await.map_err(migrate_fault)?;
    }
    pool.close().await;
    Ok(())
}

/// The server lacks what our schemas ask for: `ON DELETE SET NULL` of one column came with 15.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL {found} is too old: 15 or newer is needed")]
pub struct ServerTooOld {
    found: u32,
}

/// A server that does not say how old it is is tried.
fn require_server(version: Option<u32>) -> Result<(), ServerTooOld> {
    match version {
        Some(found) if found < LEAST_SERVER_VERSION => Err(ServerTooOld { found: found / 10_000 }),
        _ => Ok(()),
    }
}

/// The schema is older than this release: somebody must run `migrate` first.
#[derive(Debug, thiserror::Error)]
#[error("the database's schema is older than this release: {missing} migrations are missing; run `migrate`")]
pub struct SchemaTooOld {
    missing: usize,
}

/// Refuses a database whose schema is older than this release. A newer one is welcome: migrations expand first and
/// contract a release later, so that the release before can run on.
pub async fn require_current_schema(pool: &PgPool, migrators: &[Migrator]) -> Result<(), Fault> {
    let mut connection = pool.acquire().await.map_err(fault)?;
    let mut missing = 0;
    for migrator in migrators {
        let applied = connection.list_applied_migrations(&migrator.table_name).await;
        // A database that was never migrated has no table of migrations.
        let applied = match applied {
            Ok(applied) => applied,
            Err(sqlx::migrate::MigrateError::Execute(error)) if is_undefined_table(&error) => Vec::new(),
            Err(error) => return Err(migrate_fault(error)),
        };
        missing += migrator.iter().filter(|wanted| !applied.iter().any(|have| have.version == wanted.version)).count();
    }
    if missing > 0 { Err(Fault::internal(SchemaTooOld { missing })) } else { Ok(()) }
}

fn is_undefined_table(error: &sqlx::Error) -> bool {
    // 42P01 undefined table, 3F000 undefined schema
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "42P01" || code == "3F000")
}

fn migrate_fault(error: sqlx::migrate::MigrateError) -> Fault {
    match error {
        sqlx::migrate::MigrateError::Execute(error) => fault(error),
        other => Fault::internal(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_server_is_named() {
        let refused = require_server(Some(140_011)).expect_err("14.11 is too old");
        assert_eq!(refused.to_string(), "PostgreSQL 14 is too old: 15 or newer is needed");
        for good in [Some(150_000), Some(180_001), None] {
            assert!(require_server(good).is_ok(), "{good:?}");
        }
    }
}
