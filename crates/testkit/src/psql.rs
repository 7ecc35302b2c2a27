//! SQL for setting the stage, through `psql`, so that this crate needs no PostgreSQL client library.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::programs::{find_program, versioned_folders};

/// Talks to one server as its superuser.
#[derive(Debug, Clone)]
pub(crate) struct Psql {
    program: PathBuf,
    base_url: String,
}

impl Psql {
    pub(crate) fn new(base_url: &str) -> Self {
        let program = find_program("psql", versioned_folders("/usr/lib/postgresql", "bin"), "postgresql");
        Self { program, base_url: base_url.to_owned() }
    }

    /// Creates a database, a copy of `template` where one is given. Nobody may be connected to the template.
    pub(crate) fn create_database(&self, name: &str, template: Option<&str>) {
        let template = template.map(|template| format!(" TEMPLATE {}", quoted(template))).unwrap_or_default();
        self.execute("postgres", &format!("CREATE DATABASE {}{template}", quoted(name)));
    }

    pub(crate) fn has_database(&self, name: &str) -> bool {
        self.value("postgres", &format!("SELECT count(*) FROM pg_database WHERE datname = {}", literal(name))) == "1"
    }

    /// The names of all databases that begin in this way.
    pub(crate) fn databases(&self, prefix: &str) -> Vec<String> {
        let sql = format!("SELECT datname FROM pg_database WHERE starts_with(datname, {})", literal(prefix));
        self.value("postgres", &sql).lines().map(str::to_owned).collect()
    }

    /// Gives a database another name, unless there is one of that name. Nobody may be connected to it.
    pub(crate) fn rename_database(&self, name: &str, new_name: &str) {
        let sql = format!("ALTER DATABASE {} RENAME TO {}", quoted(name), quoted(new_name));
        let output = self.command("postgres", &sql).output().expect("psql can be run");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || self.has_database(new_name), "`{sql}` failed: {complaint}");
    }

    /// Drops a database and disconnects whoever still uses it; best effort, because the server may be gone already.
    pub(crate) fn drop_database(&self, name: &str) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
        let _ = self.command("postgres", &sql).output();
    }

    pub(crate) fn execute(&self, database: &str, sql: &str) {
        self.value(database, sql);
    }

    /// Asks for one value, such as a count.
    pub(crate) fn value(&self, database: &str, sql: &str) -> String {
        let output = self.command(database, sql).output().expect("psql can be run");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{sql}` failed: {complaint}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn command(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"])
            .args(["--set=ON_ERROR_STOP=1", "--command", sql])
            .arg(format!("--dbname={}/{database}", self.base_url))
            .stdin(Stdio::null());
        command
    }
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
