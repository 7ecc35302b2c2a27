//! The path of a fact over connections with TLS, to servers that only their own authority vouches for.

use cabinet_messaging::{Broker, SubscriptionSpec};
use kernel::{Fault, Secret};
use runtime::postgres::{self, DatabaseConfig};
use runtime::settings::Settings;
use runtime::tls::ClientTls;
use testkit::{Authority, PostgresOptions, PostgresServer, RabbitMqServer, SharedPostgres, SharedRabbitMq};

use crate::path::{FIRST, HAPPENED, Path, SECURITY, good};

/// Where the servers' certificates say that they are.
const HOST: &str = "127.0.0.1";

/// Servers with TLS, and the files of a client.
struct Secured {
    authority: Authority,
    postgres: PostgresServer,
    rabbitmq: RabbitMqServer,
    folder: tempfile::TempDir,
}

impl Secured {
    fn start(host: &str) -> Self {
        let authority = Authority::new("ours");
        let postgres = PostgresOptions::default().tls(&authority.issue("postgres", &[host])).start();
        let rabbitmq = RabbitMqServer::start_with_tls(&authority.issue("rabbitmq", &[host]), &authority);
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let secured = Self { authority, postgres, rabbitmq, folder };
        secured.keep("ours.pem", secured.authority.pem());
        secured.keep("theirs.pem", Authority::new("theirs").pem());
        let client = secured.authority.issue("client", &[]);
        secured.keep("client.pem", &client.certificate);
        secured.keep("client.key", &client.key);
        secured
    }

    fn keep(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the temporary folder is writable");
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn database_url(&self, url: &str, authority: &str) -> String {
        format!("{url}?sslmode=verify-full&sslrootcert={}", self.file(authority))
    }

    /// The broker, to a client who believes this authority.
    fn broker(&self, vhost: &str, authority: &str) -> Broker {
        let named = [("CA", authority), ("CERTIFICATE", "client.pem"), ("KEY", "client.key")];
        let named = named.map(|(name, file)| (format!("CABINET__BROKER__{name}_FILE"), self.file(file)));
        let tls = ClientTls::read(&mut Settings::load(&[], None, named), "broker");
        Broker::amqp(Secret::new(self.rabbitmq.tls_url(vhost)), tls)
    }

    async fn path(&self, consumers: &[SubscriptionSpec]) -> Path {
        let database = SharedPostgres::at(&self.postgres.base_url()).database();
        let vhost = SharedRabbitMq::at(&self.rabbitmq.base_url(), &self.rabbitmq.management_url()).vhost();
        let broker = self.broker(vhost.name(), "ours.pem");
        let database_url = self.database_url(database.url(), "ours.pem");
        Path::over(broker, vhost, database, database_url, consumers).await
    }
}

/// Asks the database of a path something, on a connection of the pools that services use.
async fn ask(url: String) -> Result<(), Fault> {
    let config = DatabaseConfig { url: Secret::new(url), max_connections: 1, max_worker_connections: 1 };
    let pools = postgres::open(&config, "test")?;
    sqlx::query("SELECT 1").execute(&pools.commands).await.map(drop).map_err(postgres::fault)
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_travel_where_every_connection_has_tls() {
    let secured = Secured::start(HOST);
    let path = secured.path(&[FIRST, SECURITY]).await;
    let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
    let _relays = path.start_relays();
    path.append(HAPPENED, &good(20)).await;
    path.settled(20).await;
    let open = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                WHERE datname = current_database() AND application_name LIKE 'relay%'";
    // The relays' own connections and their listeners'.
    assert_eq!(path.count(open).await, 4);
    let unsecured = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE datname = current_database() AND backend_type = 'client backend' AND NOT ssl";
    assert_eq!(path.count(unsecured).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_another_authority_vouches_for_are_not_believed() {
    let secured = Secured::start(HOST);
    let path = secured.path(&[FIRST]).await;
    assert!(ask(secured.database_url(path.database.url(), "ours.pem")).await.is_ok());
    let refused = ask(secured.database_url(path.database.url(), "theirs.pem")).await;
    // As if it were away: whoever waits for it goes on when it has shown another certificate.
    assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
    assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
    let refused = secured.broker(path.vhost.name(), "theirs.pem").subscribe(&FIRST, 1).await.err();
    assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_not_believed_under_a_name_that_is_not_theirs() {
    let secured = Secured::start("elsewhere.example");
    let database = SharedPostgres::at(&secured.postgres.base_url()).database();
    let refused = ask(secured.database_url(database.url(), "ours.pem")).await;
    assert!(format!("{refused:?}").contains("NotValidForName"), "{refused:?}");
    secured.rabbitmq.create_vhost("elsewhere");
    let refused = secured.broker("elsewhere", "ours.pem").subscribe(&FIRST, 1).await.err();
    assert!(format!("{refused:?}").contains("NotValidForName"), "{refused:?}");
}
