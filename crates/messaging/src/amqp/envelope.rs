//! Facts as AMQP messages: CloudEvents 1.0, binary content mode of the AMQP binding (headers `cloudEvents_…`; the form
//! `cloudEvents:…` is read too).

use kernel::{Id, Timestamp};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::message::{Malformed, Message};
use crate::outbox::OutboxRow;

const CONTENT_TYPE: &str = "application/protobuf";
const SPEC_VERSION: &str = "1.0";
const PERSISTENT: u8 = 2;
const LONGEST_ATTRIBUTE: usize = 255;
/// Our own count of the times a message was given up for later; absent on the first way.
const ATTEMPT: &str = "cabinet-attempt";
/// CloudEvents' own extension for it.
const EXPIRY: &str = "expirytime";

/// The properties of a fact that leaves the outbox.
pub(super) fn properties(row: &OutboxRow) -> BasicProperties {
    let mut headers = FieldTable::default();
    let mut attribute = |name: &str, value: String| {
        headers.insert(format!("cloudEvents_{name}").into(), AMQPValue::LongString(value.into()));
    };
    attribute("id", row.event_id.to_string());
    attribute("specversion", SPEC_VERSION.to_owned());
    attribute("type", row.event_type.clone());
    attribute("source", format!("/cabinet/{}", row.event_type.split('.').next().unwrap_or_default()));
    attribute("time", row.occurred_at.to_string());
    if let Some(expires_at) = row.expires_at {
        attribute(EXPIRY, expires_at.to_string());
    }
    attribute("realmid", row.realm_id.to_string());
    attribute("causeid", row.cause_id.to_string());
    if let Some(traceparent) = &row.traceparent {
        headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.as_str().into()));
    }
    BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(row.event_id.to_string().into())
        .with_headers(headers)
}

/// The properties of a message that is sent round again, made afresh: brokers before 4.0 silently drop a message whose
/// `x-death` history looks like a cycle.
pub(super) fn properties_for_retry(message: &Message, attempt: u32) -> BasicProperties {
    let properties = properties(&OutboxRow {
        event_id: message.event_id,
        realm_id: message.realm_id,
        cause_id: message.cause_id,
        event_type: message.event_type.clone(),
        payload: Vec::new(),
        traceparent: message.traceparent.clone(),
        occurred_at: message.occurred_at,
        expires_at: message.expires_at,
    });
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert(ATTEMPT.into(), AMQPValue::LongUInt(attempt));
    properties.with_headers(headers)
}

/// Reads an envelope; a malformed one keeps what is needed to look at it.
pub(super) fn read(routing_key: &ShortString, properties: &BasicProperties, payload: Vec<u8>) -> Result<Message, Malformed> {
    match read_message(properties) {
        Some(message) => Ok(Message { payload, ..message }),
        None => Err(Malformed { routing_key: routing_key.to_string(), payload }),
    }
}

fn read_message(properties: &BasicProperties) -> Option<Message> {
    let headers = properties.headers().as_ref()?;
    if attribute(headers, "specversion")? != SPEC_VERSION {
        return None;
    }
    let expires_at = match raw_attribute(headers, EXPIRY) {
        Some(value) => Some(moment(&string(value)?)?),
        None => None,
    };
    Some(Message {
        event_id: id(headers, "id")?,
        realm_id: id(headers, "realmid")?,
        cause_id: id(headers, "causeid")?,
        event_type: attribute(headers, "type").filter(|text| is_plain(text))?,
        occurred_at: moment(&attribute(headers, "time")?)?,
        expires_at,
        payload: Vec::new(),
        traceparent: headers.inner().get("traceparent").and_then(string).filter(|text| is_plain(text)),
        attempt: attempt(headers),
    })
}

/// A moment before 1970 is none of ours, and may be one that PostgreSQL cannot keep.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|at| *at >= Timestamp::UNIX_EPOCH)
}

fn id<Of>(headers: &FieldTable, name: &str) -> Option<Id<Of>> {
    attribute(headers, name)?.parse().ok()
}

fn attribute(headers: &FieldTable, name: &str) -> Option<String> {
    raw_attribute(headers, name).and_then(string)
}

fn raw_attribute<'a>(headers: &'a FieldTable, name: &str) -> Option<&'a AMQPValue> {
    let value = headers.inner().get(format!("cloudEvents_{name}").as_str());
    value.or_else(|| headers.inner().get(format!("cloudEvents:{name}").as_str()))
}

/// Visible ASCII of a reasonable length.
fn is_plain(text: &str) -> bool {
    text.len() <= LONGEST_ATTRIBUTE && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn string(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn attempt(headers: &FieldTable) -> u32 {
    match headers.inner().get(ATTEMPT) {
        Some(AMQPValue::LongUInt(attempt)) => *attempt,
        Some(AMQPValue::LongInt(attempt)) => u32::try_from(*attempt).unwrap_or(0),
        Some(AMQPValue::LongLongInt(attempt)) => u32::try_from(*attempt).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn row() -> OutboxRow {
        OutboxRow {
            event_id: Id::from_uuid(Uuid::from_u128(1)),
            realm_id: Id::from_uuid(Uuid::from_u128(2)),
            cause_id: Id::from_uuid(Uuid::from_u128(3)),
            event_type: "case_monitoring.case.status_changed.v1".to_owned(),
            payload: vec![],
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            occurred_at: Timestamp::from_microsecond(1_700_000_000_123_456).expect("in range"),
            expires_at: Some(Timestamp::from_microsecond(1_700_000_900_123_456).expect("in range")),
        }
    }

    fn headers(properties: &BasicProperties) -> FieldTable {
        properties.headers().clone().expect("there are headers")
    }

    #[test]
    fn what_is_written_is_read() {
        let row = row();
        let message = read(&"key".into(), &properties(&row), b"fact".to_vec()).expect("well-formed");
        assert_eq!(message.event_id, row.event_id);
        assert_eq!(message.realm_id, row.realm_id);
        assert_eq!(message.cause_id, row.cause_id);
        assert_eq!(message.event_type, row.event_type);
        assert_eq!(message.occurred_at, row.occurred_at);
        assert_eq!(message.expires_at, row.expires_at);
        assert_eq!(message.traceparent, row.traceparent);
        assert_eq!(message.payload, b"fact");
        assert_eq!(message.attempt, 0);
    }

    #[test]
    fn a_fact_need_not_expire() {
        let row = OutboxRow { expires_at: None, ..row() };
        assert_eq!(read(&"key".into(), &properties(&row), vec![]).expect("well-formed").expires_at, None);
    }

    #[test]
    fn the_colon_form_is_read_too() {
        let mut colons = FieldTable::default();
        for (name, value) in &headers(&properties(&row())) {
            colons.insert(name.as_str().replace("cloudEvents_", "cloudEvents:").into(), value.clone());
        }
        assert!(read(&"key".into(), &BasicProperties::default().with_headers(colons), vec![]).is_ok());
    }

    #[test]
    fn a_retry_is_the_same_fact_with_its_attempt_counted() {
        let message = read(&"key".into(), &properties(&row()), vec![]).expect("well-formed");
        let again = read(&"key".into(), &properties_for_retry(&message, 2), vec![]).expect("well-formed");
        assert_eq!(again, Message { attempt: 2, ..message });
    }

    #[test]
    fn what_cannot_be_kept_is_malformed() {
        for (name, value) in [
            ("type", "case\0created"),
            ("type", "with space"),
            ("time", "-009999-01-01T00:00:00Z"),
            ("expirytime", "-009999-01-01T00:00:00Z"),
            ("expirytime", "soon"),
        ] {
            let mut table = headers(&properties(&row()));
            table.insert(format!("cloudEvents_{name}").into(), AMQPValue::LongString(value.into()));
            assert!(read(&"key".into(), &BasicProperties::default().with_headers(table), vec![]).is_err(), "{name} = {value:?}");
        }
    }

    #[test]
    fn an_envelope_that_lacks_anything_is_malformed_and_keeps_its_payload() {
        for missing in ["id", "specversion", "type", "time", "realmid", "causeid"] {
            let mut table = FieldTable::default();
            for (name, value) in &headers(&properties(&row())) {
                if name.as_str() != format!("cloudEvents_{missing}") {
                    table.insert(name.clone(), value.clone());
                }
            }
            let outcome = read(&"key".into(), &BasicProperties::default().with_headers(table), b"kept".to_vec());
            assert_eq!(outcome, Err(Malformed { routing_key: "key".into(), payload: b"kept".to_vec() }), "{missing}");
        }
        assert!(read(&"key".into(), &BasicProperties::default(), vec![]).is_err());
    }
}
