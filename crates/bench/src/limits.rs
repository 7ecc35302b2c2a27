//! What the machine could do: PostgreSQL's own benchmark, on the very server Cabinet uses.

use std::process::Command;

use testkit::SharedPostgres;

use crate::Scale;
use crate::report::Limit;

/// What design §7 measured: PostgreSQL 15, TPC-B-like, 8 clients.
const TPC_B_REFERENCE: f64 = 5300.0;

/// TPC-B-like transactions of pgbench in a database of its own.
pub(crate) struct TpcB {
    database: testkit::TestDatabase,
    program: std::path::PathBuf,
    seconds: u64,
    values: Vec<f64>,
}

impl TpcB {
    pub(crate) fn prepare(server: &SharedPostgres, scale: Scale) -> Self {
        let limit = Self { database: server.database(), program: pgbench(), seconds: scale.seconds, values: Vec::new() };
        limit.pgbench(&["--initialize", "--scale=20", "--quiet"]);
        limit
    }

    pub(crate) fn measure(&mut self) -> f64 {
        let time = format!("--time={}", self.seconds);
        let answer = self.pgbench(&["--client=8", "--jobs=2", "--protocol=prepared", "--no-vacuum", &time]);
        let rate = answer.lines().find_map(|line| line.strip_prefix("tps = ")).and_then(|rest| rest.split(' ').next());
        let rate = rate.and_then(|rate| rate.parse().ok()).expect("pgbench prints its rate");
        self.values.push(rate);
        rate
    }

    pub(crate) fn limit(&self) -> Limit {
        let command = format!("pgbench --client=8 --jobs=2 --protocol=prepared --scale=20 --time={}", self.seconds);
        Limit { values: self.values.clone(), command, reference: Some(TPC_B_REFERENCE) }
    }

    fn pgbench(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program).args(arguments).arg(self.database.url()).output().expect("pgbench can be run");
        assert!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn pgbench() -> std::path::PathBuf {
    testkit::postgres_program("pgbench")
}
