//! Identity's facts as the contract writes them.

use api::cabinet::identity::events::v1 as pb;
use kernel::{Call, EventId, RealmId, Timestamp};
use messaging::{Aggregate, Lane, NewEvent};
use prost::Message as _;

use crate::domain::{StandingChange, StandingChanged, UserCreated, UserEmailChanged};

const USER: &str = "user";

pub(crate) fn user_created(call: &Call, event_id: EventId, realm_id: RealmId, created: UserCreated, now: Timestamp) -> NewEvent {
    let payload = pb::UserCreated {
        user_id: created.user_id.to_string(),
        company_id: created.company_id.to_string(),
        version: created.version,
    };
    let aggregate = Aggregate { kind: USER, id: created.user_id.as_uuid(), version: created.version };
    event(call, event_id, realm_id, aggregate, "identity.user.created.v1", payload.encode_to_vec(), now)
}

pub(crate) fn user_email_changed(call: &Call, event_id: EventId, realm_id: RealmId, changed: UserEmailChanged) -> NewEvent {
    let payload = pb::UserEmailChanged {
        user_id: changed.user_id.to_string(),
        company_id: changed.company_id.to_string(),
        version: changed.version,
    };
    let aggregate = Aggregate { kind: USER, id: changed.user_id.as_uuid(), version: changed.version };
    event(call, event_id, realm_id, aggregate, "identity.user.email_changed.v1", payload.encode_to_vec(), changed.at)
}

pub(crate) fn standing_changed(call: &Call, event_id: EventId, realm_id: RealmId, changed: StandingChanged) -> NewEvent {
    let (user_id, company_id, version) = (changed.user_id.to_string(), changed.company_id.to_string(), changed.version);
    let (event_type, payload) = match changed.change {
        StandingChange::Role => {
            ("identity.user.role_changed.v1", pb::UserRoleChanged { user_id, company_id, version }.encode_to_vec())
        }
        StandingChange::Blocked => ("identity.user.blocked.v1", pb::UserBlocked { user_id, company_id, version }.encode_to_vec()),
        StandingChange::Unblocked => {
            ("identity.user.unblocked.v1", pb::UserUnblocked { user_id, company_id, version }.encode_to_vec())
        }
    };
    let aggregate = Aggregate { kind: USER, id: changed.user_id.as_uuid(), version: changed.version };
    event(call, event_id, realm_id, aggregate, event_type, payload, changed.at)
}

fn event(
    call: &Call,
    event_id: EventId,
    realm_id: RealmId,
    aggregate: Aggregate,
    event_type: &'static str,
    payload: Vec<u8>,
    at: Timestamp,
) -> NewEvent {
    NewEvent {
        event_id,
        realm_id,
        aggregate,
        lane: Lane::Normal,
        cause_id: call.command_id(),
        event_type,
        payload,
        traceparent: call.traceparent().map(str::to_owned),
        occurred_at: at,
    }
}
