//! Profile's facts as the contract writes them.

use api::cabinet::profile::events::v1 as pb;
use kernel::{Call, EventId};
use messaging::{Aggregate, Lane, NewEvent};
use prost::Message as _;

use crate::domain::{Profile, ProfileChanged};

const PROFILE: &str = "profile";

/// Says that there is something new to ask for, and nothing of what it is.
pub(crate) fn profile_changed(call: &Call, event_id: EventId, profile: &Profile, changed: ProfileChanged) -> NewEvent {
    let payload = pb::ProfileChanged { user_id: profile.user_id().to_string(), version: changed.version };
    NewEvent {
        event_id,
        realm_id: profile.realm_id(),
        aggregate: Aggregate { kind: PROFILE, id: profile.user_id().as_uuid(), version: changed.version },
        lane: Lane::Normal,
        cause_id: call.command_id(),
        event_type: "profile.profile.changed.v1",
        payload: payload.encode_to_vec(),
        traceparent: call.traceparent().map(str::to_owned),
        occurred_at: changed.at,
        expires_at: None,
    }
}
