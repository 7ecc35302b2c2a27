//! A change in a database that is not committed before somebody waits for it: what was read before is decided on after.

use std::process::{Child, Command};

use testkit::TestDatabase;

use crate::eventually;

pub struct Held(Child);

impl Held {
    /// Makes this change. Its rows are held until somebody waits for them, or half a minute has passed.
    pub async fn by(database: &TestDatabase, change: &str) -> Self {
        let hold = format!(
            "DO $$ BEGIN
                 {change};
                 FOR look IN 1..3000 LOOP
                     EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid);
                     PERFORM pg_sleep(0.01);
                 END LOOP;
             END $$"
        );
        let arguments = [database.url(), "--quiet", "--set=ON_ERROR_STOP=1", "--command", &hold];
        let holder = Self(Command::new("psql").args(arguments).spawn().expect("psql is installed"));
        let holding = "SELECT count(*)
             FROM pg_stat_activity
             WHERE datname = current_database()
               AND query LIKE 'DO $$ BEGIN%pg_current_xact_id%'
               AND wait_event = 'PgSleep'";
        eventually("the rows to be held", || (database.value(holding) == "1").then_some(())).await;
        holder
    }

    /// Waits for the commit, which somebody who waited has brought about.
    pub fn committed(mut self) {
        assert!(self.0.wait().expect("a child can be waited for").success());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
