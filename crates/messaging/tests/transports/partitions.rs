//! The logs' daily partitions, over a clock that is moved by days.

use std::sync::Arc;
use std::time::Duration;

use cabinet_messaging::{Partitions, Retention};
use kernel::{IdSource as _, RandomIds, Timestamp};
use sqlx::PgPool;
use uuid::Uuid;

use crate::path::{ManualClock, Path, Transport};

const DAY: Duration = Duration::from_hours(24);

fn moment(text: &str) -> Timestamp {
    text.parse().expect("RFC 3339")
}

async fn days(pool: &PgPool, log: &str) -> Vec<String> {
    let query = "SELECT right(relname, 8)
                 FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                 WHERE inhparent = $1::text::regclass AND relname !~ '_other$'
                 ORDER BY relname";
    sqlx::query_scalar(query).bind(log).fetch_all(pool).await.expect("the catalogue answers")
}

/// Where a row of the inbox stands.
async fn home(pool: &PgPool, event_id: Uuid) -> Option<String> {
    let query = "SELECT tableoid::regclass::text FROM messaging.inbox WHERE event_id = $1";
    sqlx::query_scalar(query).bind(event_id).fetch_optional(pool).await.expect("the inbox answers")
}

async fn insert(pool: &PgPool, event_id: Uuid) {
    let query = "INSERT INTO messaging.inbox (event_id, consumer) VALUES ($1, 'test')";
    sqlx::query(query).bind(event_id).execute(pool).await.expect("there is always a partition");
}

#[tokio::test]
async fn partitions_reach_from_yesterday_to_a_week_ahead() {
    let Path { pool, database, .. } = Path::open(Transport::Local, &[]).await;
    let clock = Arc::new(ManualClock::at(moment("2026-03-01T23:59:59Z")));
    let partitions = Partitions::new(pool.clone(), clock.clone(), &[]);

    partitions.keep().await.expect("the database is there");
    let expected = ["28", "01", "02", "03", "04", "05", "06", "07", "08"];
    for log in ["messaging.outbox_archive", "messaging.inbox"] {
        let days = days(&pool, log).await;
        assert_eq!(days.iter().map(|day| &day[6..]).collect::<Vec<_>>(), expected, "{log}");
    }

    // Again, and by another replica: nothing changes.
    let before = days(&pool, "messaging.inbox").await;
    let twin = Partitions::new(pool.clone(), clock, &[]);
    let (first, second) = tokio::join!(partitions.keep(), twin.keep());
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(days(&pool, "messaging.inbox").await, before);
    drop(database);
}

#[tokio::test]
async fn a_row_stands_in_the_partition_of_its_day_and_leaves_with_it() {
    let Path { pool, database, .. } = Path::open(Transport::Local, &[]).await;
    let clock = Arc::new(ManualClock::at(moment("2026-03-01T12:00:00Z")));
    let partitions = Partitions::new(pool.clone(), clock.clone(), &[]);
    partitions.keep().await.expect("the database is there");

    let [last, first] = ["2026-03-01T23:59:59.999999Z", "2026-03-02T00:00:00Z"].map(|at| RandomIds.uuid_v7(moment(at)));
    let late = RandomIds.uuid_v7(moment("2026-02-20T12:00:00Z"));
    for id in [last, first, late] {
        insert(&pool, id).await;
    }
    assert_eq!(home(&pool, last).await.as_deref(), Some("messaging.inbox_20260301"));
    assert_eq!(home(&pool, first).await.as_deref(), Some("messaging.inbox_20260302"));
    assert_eq!(home(&pool, late).await.as_deref(), Some("messaging.inbox_other"), "older than any partition");

    // Ten days are kept: on the eleventh day after, yesterday's neighbour is still there.
    for _ in 0..10 {
        clock.advance(DAY);
        partitions.keep().await.expect("the database is there");
    }
    assert!(home(&pool, last).await.is_some() && home(&pool, first).await.is_some());
    assert_eq!(home(&pool, late).await, None);
    clock.advance(DAY);
    partitions.keep().await.expect("the database is there");
    assert_eq!((home(&pool, last).await, home(&pool, first).await.is_some()), (None, true));
    drop(database);
}

#[tokio::test]
async fn each_log_is_kept_for_its_own_time() {
    let Path { pool, database, .. } = Path::open(Transport::Local, &[]).await;
    let create = "CREATE TABLE history (change_id uuid PRIMARY KEY) PARTITION BY RANGE (change_id)";
    sqlx::query(create).execute(&pool).await.expect("an empty database");
    let create = "CREATE TABLE history_other PARTITION OF history DEFAULT";
    sqlx::query(create).execute(&pool).await.expect("an empty database");
    let clock = Arc::new(ManualClock::at(moment("2026-03-01T12:00:00Z")));
    let own = [Retention { table: "history", id_column: "change_id", days: 2 }];
    let partitions = Partitions::new(pool.clone(), clock.clone(), &own);

    for _ in 0..30 {
        partitions.keep().await.expect("the database is there");
        clock.advance(DAY);
    }

    // The last time was on 30 March.
    assert_eq!(days(&pool, "history").await.first().map(String::as_str), Some("20260328"));
    assert_eq!(days(&pool, "messaging.outbox_archive").await.first().map(String::as_str), Some("20260323"));
    assert_eq!(days(&pool, "messaging.inbox").await.first().map(String::as_str), Some("20260320"));
    assert_eq!(days(&pool, "history").await.last().map(String::as_str), Some("20260406"));
    drop(database);
}

#[tokio::test]
async fn dead_letters_are_forgotten_after_a_month() {
    let path = Path::open(Transport::Local, &[]).await;
    for (id, died_at) in [(1_u128, "2026-01-01T00:00:00Z"), (2, "2026-01-02T00:00:00Z")] {
        let insert = "INSERT INTO messaging.dead_letter (dead_letter_id, consumer, lane, type, payload, reason, died_at)
                      VALUES ($1, 'test', 'normal', 'test', '', '', $2::text::timestamptz)";
        sqlx::query(insert).bind(Uuid::from_u128(id)).bind(died_at).execute(&path.pool).await.expect("an empty table");
    }
    let clock = Arc::new(ManualClock::at(moment("2026-01-31T00:00:00Z")));
    let partitions = Partitions::new(path.pool.clone(), clock.clone(), &[]);
    partitions.keep().await.expect("the database is there");
    assert_eq!(path.dead().await, 2);
    clock.advance(DAY / 2);
    partitions.keep().await.expect("the database is there");
    assert_eq!(path.dead().await, 1);
}
