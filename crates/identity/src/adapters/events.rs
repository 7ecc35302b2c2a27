//! Identity's facts as the contract writes them.

use api::cabinet::identity::events::v1 as pb;
use kernel::{Call, EventId, RealmId, Timestamp};
use messaging::{Aggregate, Lane, NewEvent};
use prost::Message as _;

use crate::domain::UserCreated;

const USER: &str = "user";

pub(crate) fn user_created(call: &Call, event_id: EventId, realm_id: RealmId, created: UserCreated, now: Timestamp) -> NewEvent {
    let payload = pb::UserCreated {
        user_id: created.user_id.to_string(),
        company_id: created.company_id.to_string(),
        version: created.version,
    };
    NewEvent {
        event_id,
        realm_id,
        aggregate: Aggregate { kind: USER, id: created.user_id.as_uuid(), version: created.version },
        lane: Lane::Normal,
        cause_id: call.command_id(),
        event_type: "identity.user.created.v1",
        payload: payload.encode_to_vec(),
        traceparent: call.traceparent().map(str::to_owned),
        occurred_at: now,
    }
}
