//! A private RabbitMQ node survives being killed, keeps its durable queues, and leaves nothing behind.

use std::time::{Duration, Instant};

use cabinet_testkit::{QueueFacts, RabbitMqServer};

#[test]
fn a_killed_node_comes_back_with_what_its_quorum_queues_held() {
    let mut server = RabbitMqServer::start();
    let url = server.create_vhost("one/test");
    declare_quorum_queue(&server, "one%2Ftest", "letters");
    publish(&server, "one%2Ftest", "letters");
    wait_for_depth(&server, 1);
    std::thread::sleep(NEW_QUEUE_IS_SAFE_AFTER);

    server.kill();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.start_again();

    wait_for_depth(&server, 1);
    let expected = QueueFacts { ready: 1, unacknowledged: 0 };
    assert_eq!(server.queue("one/test", "letters"), Some(expected));
    assert_eq!(server.url("one/test"), url);
    assert_eq!(server.queue("one/test", "unknown"), None);
}

#[test]
fn a_stopped_node_comes_back_with_its_virtual_hosts() {
    let mut server = RabbitMqServer::start();
    server.create_vhost("kept");

    server.stop();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.start_again();

    declare_quorum_queue(&server, "kept", "letters");
    assert_eq!(server.queue_depth("kept", "letters"), 0);
}

fn declare_quorum_queue(server: &RabbitMqServer, vhost: &str, queue: &str) {
    let url = format!("{}/api/queues/{vhost}/{queue}", server.management_url());
    let body = r#"{"durable": true, "arguments": {"x-queue-type": "quorum"}}"#;
    let response = ureq::put(url).header("authorization", GUEST).send(body);
    assert_eq!(response.expect("the broker answers").status(), 201);
}

fn publish(server: &RabbitMqServer, vhost: &str, queue: &str) {
    let url = format!("{}/api/exchanges/{vhost}/amq.default/publish", server.management_url());
    let body = format!(
        r#"{{"routing_key": "{queue}", "payload": "x", "payload_encoding": "string", "properties": {{"delivery_mode": 2}}}}"#
    );
    let response = ureq::post(url).header("authorization", GUEST).send(body);
    assert_eq!(response.expect("the broker answers").status(), 200);
}

/// See [`RabbitMqServer::kill`].
const NEW_QUEUE_IS_SAFE_AFTER: Duration = Duration::from_millis(1_500);
const GUEST: &str = "Basic Z3Vlc3Q6Z3Vlc3Q=";

fn wait_for_depth(server: &RabbitMqServer, depth: u64) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.queue_depth("one/test", "letters") != depth {
        assert!(Instant::now() < deadline, "the queue does not hold {depth} messages");
        std::thread::sleep(Duration::from_millis(20));
    }
}
