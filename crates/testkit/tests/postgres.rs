//! A private PostgreSQL server survives being killed, keeps its data and its port, and leaves nothing behind.

use cabinet_testkit::{PostgresOptions, PostgresServer};

#[test]
fn a_killed_server_comes_back_with_its_data_on_the_same_port() {
    let mut server = PostgresServer::start();
    let url = server.create_database("kept");
    server.execute("kept", "CREATE TABLE letter (id int); INSERT INTO letter VALUES (7)");

    server.kill();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.start_again();

    assert_eq!(server.value("kept", "SELECT id FROM letter"), "7");
    assert_eq!(server.url("kept"), url);
}

#[test]
fn a_stopped_server_comes_back_with_its_data() {
    let mut server = PostgresServer::start();
    server.create_database("kept");

    server.stop();
    server.start_again();

    assert_eq!(server.value("kept", "SELECT current_database()"), "kept");
}

#[test]
fn a_durable_server_waits_for_the_disk() {
    let server = PostgresOptions::default().durable().setting("work_mem", "8MB").start();

    assert_eq!(server.value("postgres", "SHOW fsync"), "on");
    assert_eq!(server.value("postgres", "SHOW work_mem"), "8MB");
}

#[test]
fn a_dropped_server_leaves_no_folder_and_no_listener() {
    let server = PostgresServer::start();
    let folder = server.value("postgres", "SHOW data_directory");
    let port = server.port();
    assert!(std::path::Path::new(&folder).exists());

    drop(server);

    assert!(!std::path::Path::new(&folder).exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
