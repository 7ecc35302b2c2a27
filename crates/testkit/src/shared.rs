//! Servers shared by many tests: started once by `with-servers`, found through the environment. Each test gets a place of its
//! own in them (a database, a virtual host) and gives it back on drop.

use serde_json::Value;

use crate::management::{Management, QueueFacts, QueuedMessage, amqp_url};
use crate::psql::Psql;

/// Names the variable that holds `postgres://postgres@127.0.0.1:PORT`.
pub const POSTGRES_URL: &str = "CABINET_TEST_POSTGRES_URL";

/// Names the variable that holds `amqp://guest:guest@127.0.0.1:PORT`.
pub const AMQP_URL: &str = "CABINET_TEST_AMQP_URL";
/// Names the variable that holds `http://127.0.0.1:PORT` of RabbitMQ's management API.
pub const AMQP_MANAGEMENT_URL: &str = "CABINET_TEST_AMQP_MANAGEMENT_URL";

/// Returns the PostgreSQL server that `make test` has started.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn shared_postgres() -> SharedPostgres {
    let base_url = variable(POSTGRES_URL);
    SharedPostgres { psql: Psql::new(&base_url), base_url }
}

/// The PostgreSQL server all tests share.
#[derive(Debug, Clone)]
pub struct SharedPostgres {
    psql: Psql,
    base_url: String,
}

impl SharedPostgres {
    /// Uses the server at `postgres://postgres@HOST:PORT`.
    #[must_use]
    pub fn at(base_url: &str) -> Self {
        Self { psql: Psql::new(base_url), base_url: base_url.to_owned() }
    }

    /// Creates an empty database for one test.
    #[must_use]
    pub fn database(&self) -> TestDatabase {
        self.new_database(None)
    }

    /// Creates a copy of a kind of database in a version of it, quicker than preparing an empty one each time. Whoever wants the first
    /// copy makes the original: he prepares an empty database, whose connection string he is given, and leaves it. Originals of other
    /// versions go.
    #[must_use]
    pub fn database_like(&self, kind: &str, version: &str, prepare: impl FnOnce(&str)) -> TestDatabase {
        let original = format!("{kind} {version}");
        if !self.psql.has_database(&original) {
            let first = self.database();
            prepare(first.url());
            // Of several who prepare one at the same time, one gives it the name; what the others made goes with them.
            self.psql.rename_database(first.name(), &original);
            for other in self.psql.databases(&format!("{kind} ")).iter().filter(|other| **other != original) {
                self.psql.drop_database(other);
            }
        }
        self.new_database(Some(&original))
    }

    fn new_database(&self, template: Option<&str>) -> TestDatabase {
        let name = unique_name("test");
        self.psql.create_database(&name, template);
        TestDatabase { psql: self.psql.clone(), url: format!("{}/{name}", self.base_url), name }
    }
}

/// A database of one test, dropped with this value, whoever is still connected to it.
#[derive(Debug)]
pub struct TestDatabase {
    psql: Psql,
    name: String,
    url: String,
}

impl TestDatabase {
    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The superuser's connection string.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs SQL as the superuser; for setting the stage.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn execute(&self, sql: &str) {
        self.psql.execute(&self.name, sql);
    }

    /// Asks for one value, such as a count, as text.
    ///
    /// # Panics
    /// When the server refuses the query.
    #[must_use]
    pub fn value(&self, sql: &str) -> String {
        self.psql.value(&self.name, sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.psql.drop_database(&self.name);
    }
}

/// Returns the RabbitMQ node that `make test` has started.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn shared_rabbitmq() -> SharedRabbitMq {
    SharedRabbitMq::at(&variable(AMQP_URL), &variable(AMQP_MANAGEMENT_URL))
}

/// The RabbitMQ node all tests share.
#[derive(Debug, Clone)]
pub struct SharedRabbitMq {
    management: Management,
    base_url: String,
}

impl SharedRabbitMq {
    /// Uses the node at `amqp://guest:guest@HOST:PORT` whose management API is at `http://HOST:PORT`.
    #[must_use]
    pub fn at(base_url: &str, management_url: &str) -> Self {
        Self { base_url: base_url.to_owned(), management: Management::new(management_url) }
    }

    /// Creates an empty virtual host for one test.
    #[must_use]
    pub fn vhost(&self) -> TestVhost {
        let name = unique_name("test");
        self.management.create_vhost(&name);
        let url = amqp_url(&self.base_url, &name);
        TestVhost { management: self.management.clone(), name, url }
    }
}

/// A virtual host of one test, deleted with this value; its connections are closed.
#[derive(Debug)]
pub struct TestVhost {
    management: Management,
    name: String,
    url: String,
}

impl TestVhost {
    /// The virtual host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection string of `guest`, who may do everything in it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The queues that an exchange passes messages with exactly this routing key to; none when there is no such exchange.
    #[must_use]
    pub fn bound_queues(&self, exchange: &str, routing_key: &str) -> Vec<String> {
        self.management.bound_queues(&self.name, exchange, routing_key)
    }

    /// What is in a queue, up to 200 ms old; `None` when it does not exist.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<QueueFacts> {
        self.management.queue(&self.name, name)
    }

    /// How many messages a queue holds, delivered but not acknowledged ones included; 0 when it does not exist.
    #[must_use]
    pub fn queue_depth(&self, name: &str) -> u64 {
        self.queue(name).map_or(0, QueueFacts::depth)
    }

    /// What is ready in a queue, at most so many messages; they stay there.
    ///
    /// # Panics
    /// When the server is down, or there is no such queue.
    #[must_use]
    pub fn messages(&self, queue: &str, most: u32) -> Vec<QueuedMessage> {
        self.management.messages(&self.name, queue, most)
    }

    /// Throws away what is in a queue that nobody consumes now, as if it were still on its way.
    ///
    /// # Panics
    /// When the server is down, or there is no such queue.
    pub fn purge(&self, queue: &str) {
        self.management.purge(&self.name, queue);
    }

    /// Publishes a persistent message as some other program would; says whether any queue got it. `headers` is a JSON object,
    /// whole numbers being 64 bits long; the exchange without a name puts the message into the queue called `routing_key`.
    ///
    /// # Panics
    /// When the server is down, or there is no such exchange.
    #[must_use]
    pub fn publish(&self, exchange: &str, routing_key: &str, headers: &Value, payload: &[u8]) -> bool {
        self.management.publish(&self.name, exchange, routing_key, headers, payload)
    }

    /// Lets a queue hold no more than so many messages; the broker counts loosely and takes a moment.
    ///
    /// # Panics
    /// When the server is down.
    pub fn limit_length(&self, queue: &str, messages: u32) {
        self.management.limit_length(&self.name, queue, messages);
    }
}

impl Drop for TestVhost {
    fn drop(&mut self) {
        self.management.delete_vhost(&self.name);
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run through `make test` (or `with-servers`)"))
}

/// Unique among all test programs that share the servers: one process may run many tests, and numbers of processes come again.
fn unique_name(prefix: &str) -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{prefix}_{:016x}", RandomState::new().hash_one(std::process::id()))
}
