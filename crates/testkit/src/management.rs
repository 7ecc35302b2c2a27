//! The few calls of RabbitMQ's management API that set the stage for a test or look at what is left in a queue.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use ureq::Agent;

/// `guest:guest` (RFC 7617): the account every new node has, good for loopback only.
const CREDENTIALS: &str = "Basic Z3Vlc3Q6Z3Vlc3Q=";

/// What a queue holds. (How many consumers it has, an AMQP client learns from a passive declare.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFacts {
    /// Messages waiting for a consumer.
    pub ready: u64,
    /// Messages delivered and not yet acknowledged.
    pub unacknowledged: u64,
}

impl QueueFacts {
    /// All messages in the queue.
    #[must_use]
    pub fn depth(self) -> u64 {
        self.ready + self.unacknowledged
    }
}

/// A message as it lies in a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedMessage {
    /// The routing key and the properties, headers among them.
    pub envelope: Value,
    pub payload: Vec<u8>,
}

/// Talks to the management API of one node.
#[derive(Debug, Clone)]
pub(crate) struct Management {
    agent: Agent,
    base_url: String,
}

impl Management {
    pub(crate) fn new(base_url: &str) -> Self {
        let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).http_status_as_error(false).build();
        Self { agent: config.into(), base_url: base_url.to_owned() }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.get("/api/whoami").is_some()
    }

    pub(crate) fn create_vhost(&self, name: &str) {
        let name = encoded(name);
        self.put(&format!("/api/vhosts/{name}"), &json!({}));
        let everything = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.put(&format!("/api/permissions/{name}/guest"), &everything);
    }

    /// Best effort, because the server may be gone already.
    pub(crate) fn delete_vhost(&self, name: &str) {
        let url = format!("{}/api/vhosts/{}", self.base_url, encoded(name));
        let _ = self.agent.delete(url).header("authorization", CREDENTIALS).call();
    }

    /// Publishes and says whether any queue got it.
    pub(crate) fn publish(&self, vhost: &str, exchange: &str, routing_key: &str, headers: &Value, payload: &[u8]) -> bool {
        let exchange = if exchange.is_empty() { "amq.default" } else { exchange };
        let url = format!("{}/api/exchanges/{}/{}/publish", self.base_url, encoded(vhost), encoded(exchange));
        let body = json!({
            "properties": {"delivery_mode": 2, "headers": headers},
            "routing_key": routing_key,
            "payload": BASE64.encode(payload),
            "payload_encoding": "base64",
        });
        let request = self.agent.post(&url).header("authorization", CREDENTIALS);
        let response = request.content_type("application/json").send(body.to_string());
        let mut response = response.unwrap_or_else(|error| panic!("POST {url} failed: {error}"));
        let text = response.body_mut().read_to_string().unwrap_or_default();
        assert!(response.status().is_success(), "POST {url} failed: {text}");
        serde_json::from_str::<Value>(&text).is_ok_and(|answer| answer["routed"] == true)
    }

    /// From now on the queue holds so many messages, more or less; what becomes of others is in the queue's own arguments.
    pub(crate) fn limit_length(&self, vhost: &str, queue: &str, messages: u32) {
        let policy = json!({"pattern": format!("^{queue}$"), "definition": {"max-length": messages}, "apply-to": "queues"});
        self.put(&format!("/api/policies/{}/{}", encoded(vhost), encoded(queue)), &policy);
    }

    /// Throws away what is ready in a queue.
    pub(crate) fn purge(&self, vhost: &str, queue: &str) {
        let url = format!("{}/api/queues/{}/{}/contents", self.base_url, encoded(vhost), encoded(queue));
        let response = self.agent.delete(&url).header("authorization", CREDENTIALS).call();
        let response = response.unwrap_or_else(|error| panic!("DELETE {url} failed: {error}"));
        assert!(response.status().is_success(), "DELETE {url} failed: {}", response.status());
    }

    /// Reads what is ready in a queue, at most so many; all of it stays there.
    pub(crate) fn messages(&self, vhost: &str, queue: &str, most: u32) -> Vec<QueuedMessage> {
        let url = format!("{}/api/queues/{}/{}/get", self.base_url, encoded(vhost), encoded(queue));
        // "auto" would give as text what happens to be UTF-8; this gives bytes as they are.
        let body = json!({"count": most, "ackmode": "ack_requeue_true", "encoding": "base64"});
        let request = self.agent.post(&url).header("authorization", CREDENTIALS);
        let response = request.content_type("application/json").send(body.to_string());
        let mut response = response.unwrap_or_else(|error| panic!("POST {url} failed: {error}"));
        let text = response.body_mut().read_to_string().unwrap_or_default();
        assert!(response.status().is_success(), "POST {url} failed: {text}");
        let messages: Vec<Value> = serde_json::from_str(&text).expect("RabbitMQ answers in JSON");
        messages.iter().map(queued).collect()
    }

    /// The list of queues counts messages even where statistics are off; the page of a single queue does not.
    pub(crate) fn queue(&self, vhost: &str, queue: &str) -> Option<QueueFacts> {
        let queues = self.get(&format!("/api/queues/{}", encoded(vhost)))?;
        let facts = queues.as_array()?.iter().find(|facts| facts["name"] == queue)?;
        let count = |name: &str| facts[name].as_u64().unwrap_or_default();
        Some(QueueFacts { ready: count("messages_ready"), unacknowledged: count("messages_unacknowledged") })
    }

    /// The queues that an exchange passes messages with this routing key to.
    pub(crate) fn bound_queues(&self, vhost: &str, exchange: &str, routing_key: &str) -> Vec<String> {
        let path = format!("/api/exchanges/{}/{}/bindings/source", encoded(vhost), encoded(exchange));
        let bindings = self.get(&path).unwrap_or_default();
        let bindings = bindings.as_array().into_iter().flatten().filter(|binding| binding["routing_key"] == routing_key);
        bindings.filter_map(|binding| binding["destination"].as_str().map(str::to_owned)).collect()
    }

    fn get(&self, path: &str) -> Option<Value> {
        let url = format!("{}{path}", self.base_url);
        let mut response = self.agent.get(url).header("authorization", CREDENTIALS).call().ok()?;
        if !response.status().is_success() {
            return None;
        }
        serde_json::from_str(&response.body_mut().read_to_string().ok()?).ok()
    }

    fn put(&self, path: &str, body: &Value) {
        let url = format!("{}{path}", self.base_url);
        let request = self.agent.put(url).header("authorization", CREDENTIALS);
        let response = request.content_type("application/json").send(body.to_string());
        let response = response.unwrap_or_else(|error| panic!("PUT {path} failed: {error}"));
        assert!(response.status().is_success(), "PUT {path} failed: {}", response.status());
    }
}

fn queued(message: &Value) -> QueuedMessage {
    let payload = message["payload"].as_str().expect("a payload");
    let payload = BASE64.decode(payload).expect("base64 was asked for");
    QueuedMessage { envelope: json!([message["routing_key"], message["properties"]]), payload }
}

/// An AMQP URI (`/` in a virtual host's name must be escaped there).
pub(crate) fn amqp_url(base_url: &str, vhost: &str) -> String {
    format!("{base_url}/{}", encoded(vhost))
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte.into());
        } else {
            write!(text, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    text
}
