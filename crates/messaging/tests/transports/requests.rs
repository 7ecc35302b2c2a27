//! What is remembered of commands that their clients named, over a clock that is moved by hours.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cabinet_messaging::{Partitions, requests};
use kernel::{Call, Caller, CaseId, Component, Id, NamedRequest, RepeatError, Timestamp};
use sqlx::PgPool;
use uuid::Uuid;

use crate::path::{ManualClock, Path, Transport};

const HOUR: Duration = Duration::from_hours(1);

fn moment(text: &str) -> Timestamp {
    text.parse().expect("RFC 3339")
}

/// A call by a named command; `content` is what it asks for.
fn call(name: u8, content: u8) -> Call {
    let call = Call::new(Caller::Component(Component::Identity), Id::from_uuid(Uuid::nil()), None, Instant::now());
    call.for_request(NamedRequest::new([name; 32], [content; 32]))
}

async fn remember(pool: &PgPool, call: &Call, resource: u128, now: Timestamp) -> Result<(), sqlx::Error> {
    let request = call.named_request().expect("it has a name");
    let remember = "SELECT messaging.remember_request($1, $2, $3, $4::text::timestamptz)";
    let query = sqlx::query(remember).bind(request.key()).bind(request.content()).bind(Uuid::from_u128(resource));
    query.bind(now.to_string()).execute(pool).await.map(|_| ())
}

async fn done(pool: &PgPool, call: &Call, now: Timestamp) -> Option<u128> {
    let done: Option<CaseId> = requests::done(pool, call, now).await.expect("the database is there");
    done.map(|id| id.as_uuid().as_u128())
}

async fn hours(pool: &PgPool) -> Vec<String> {
    let query = "SELECT right(relname, 4)
                 FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                 WHERE inhparent = 'messaging.request'::regclass AND relname !~ '_other$'
                 ORDER BY relname";
    sqlx::query_scalar(query).fetch_all(pool).await.expect("the catalogue answers")
}

/// Rule F15.e: for 24 hours a request is recognised, wherever its row stands; then it is forgotten, and may be used anew.
#[tokio::test]
async fn a_request_is_remembered_for_a_day_and_forgotten_with_its_hour() {
    let Path { pool, database, .. } = Path::open(Transport::Local, &[]).await;
    let start = moment("2026-03-01T22:59:59Z");
    let clock = Arc::new(ManualClock::at(start));
    let partitions = Partitions::new(pool.clone(), clock.clone(), &[]);
    partitions.keep().await.expect("the database is there");
    assert_eq!(hours(&pool).await, ["0121", "0122", "0123", "0200", "0201", "0202", "0203", "0204"]);

    remember(&pool, &call(1, 1), 7, start).await.expect("new");
    // Before any partition was made for its hour: as if upkeep had failed for a while.
    remember(&pool, &call(2, 2), 8, start + 12 * HOUR).await.expect("new");
    for _ in 0..24 {
        assert_eq!(done(&pool, &call(1, 1), start + HOUR).await, Some(7));
        clock.advance(HOUR);
        partitions.keep().await.expect("the database is there");
    }
    let a_day_later = start + 24 * HOUR;
    assert_eq!(done(&pool, &call(1, 1), a_day_later).await, None, "its time is over");
    assert_eq!(done(&pool, &call(2, 2), a_day_later).await, Some(8));
    remember(&pool, &call(1, 1), 9, a_day_later).await.expect("forgotten");
    assert_eq!(done(&pool, &call(1, 1), a_day_later).await, Some(9));

    for _ in 0..26 {
        clock.advance(HOUR);
        partitions.keep().await.expect("the database is there");
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM messaging.request").fetch_one(&pool).await.expect("a count");
    assert_eq!(left, 0);
    assert_eq!(hours(&pool).await.len(), 24 + 1 + 6, "a day, this hour, and those to come");
    drop(database);
}

/// Rule F15.a: of those that come at once, on both sides of the hour at which another partition begins, one is remembered.
#[tokio::test]
async fn the_same_request_is_remembered_once_also_across_the_hour() {
    let Path { pool, database, .. } = Path::open(Transport::Local, &[]).await;
    let before = moment("2026-03-01T22:59:59.999Z");
    Partitions::new(pool.clone(), Arc::new(ManualClock::at(before)), &[]).keep().await.expect("the database is there");
    let at_once = (0..20_u32).map(|number| {
        let pool = pool.clone();
        async move { remember(&pool, &call(1, 1), u128::from(number), before + number * Duration::from_millis(1)).await }
    });
    let (remembered, refused): (Vec<_>, Vec<_>) = futures::future::join_all(at_once).await.into_iter().partition(Result::is_ok);
    assert_eq!((remembered.len(), refused.len()), (1, 19));
    for outcome in refused {
        let error = outcome.expect_err("a refusal");
        assert_eq!(error.as_database_error().and_then(|error| error.constraint()), Some(requests::DONE_ONCE));
    }
    drop(database);
}

/// Rule F15.b: the same name with another content is told apart.
#[tokio::test]
async fn another_request_of_the_same_name_is_told_apart() {
    let Path { pool, database, .. } = Path::open(Transport::Local, &[]).await;
    let now = moment("2026-03-01T12:00:00Z");
    remember(&pool, &call(1, 1), 7, now).await.expect("new");
    let other: Result<Option<CaseId>, _> = requests::done(&pool, &call(1, 2), now).await;
    assert!(matches!(other, Err(RepeatError::IdReused)));
    assert_eq!(done(&pool, &call(2, 1), now).await, None);
    drop(database);
}
