//! Tests that share servers each get a place of their own, and give it back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cabinet_testkit::{PostgresServer, QueueFacts, RabbitMqServer, SharedPostgres, SharedRabbitMq};

#[test]
fn a_test_database_is_its_own_and_goes_with_its_test() {
    let server = PostgresServer::start();
    let shared = SharedPostgres::at(&server.base_url());
    let count = || server.value("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'test%'");

    let (one, other) = (shared.database(), shared.database());

    assert_ne!(one.name(), other.name());
    assert_eq!(count(), "2");
    drop((one, other));
    assert_eq!(count(), "0");
}

#[test]
fn a_database_is_prepared_once_and_copied() {
    let server = PostgresServer::start();
    let shared = SharedPostgres::at(&server.base_url());
    let prepared = AtomicU32::new(0);
    let copy_of = |version: &str| {
        shared.database_like("letters", version, |url| {
            let first = url.rsplit_once('/').expect("a database").1;
            server.execute(first, "CREATE TABLE letter (id int); INSERT INTO letter VALUES (7)");
            prepared.fetch_add(1, Ordering::Relaxed);
        })
    };

    // Those who come at the same time may each prepare one, and one of these is the original.
    let at_once: Vec<_> = std::thread::scope(|scope| {
        [(); 3].map(|()| scope.spawn(|| copy_of("1"))).map(|thread| thread.join().expect("a copy")).into()
    });
    let tries = prepared.load(Ordering::Relaxed);
    assert!((1..=3).contains(&tries), "prepared {tries} times");
    let later = copy_of("1");

    assert_eq!(prepared.load(Ordering::Relaxed), tries);
    assert_eq!(server.value("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'test%'"), "4");
    later.execute("DELETE FROM letter");
    for database in at_once {
        assert_eq!(database.value("SELECT id FROM letter"), "7");
    }

    let next = copy_of("2");
    assert_eq!((next.value("SELECT id FROM letter").as_str(), prepared.load(Ordering::Relaxed)), ("7", tries + 1));
    let originals = "SELECT string_agg(datname, ',') FROM pg_database WHERE datname LIKE 'letters%'";
    assert_eq!(server.value("postgres", originals), "letters 2", "the original before is gone");
}

#[test]
fn a_test_virtual_host_is_its_own_and_goes_with_its_test() {
    let server = RabbitMqServer::start();
    let shared = SharedRabbitMq::at(&server.base_url(), &server.management_url());

    let (one, other) = (shared.vhost(), shared.vhost());

    assert_ne!(one.name(), other.name());
    assert_eq!(one.url(), server.url(one.name()));
    let gone = one.name().to_owned();
    declare_queue(&server, &gone);
    assert_eq!(one.queue("letters").map(QueueFacts::depth), Some(0));
    drop(one);
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.queue(&gone, "letters").is_some() {
        assert!(Instant::now() < deadline, "the virtual host is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn declare_queue(server: &RabbitMqServer, vhost: &str) {
    let url = format!("{}/api/queues/{vhost}/letters", server.management_url());
    let request = ureq::put(url).header("authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=");
    assert_eq!(request.send(r#"{"durable": true}"#).expect("the broker answers").status(), 201);
}
