//! Between the contract's messages and notification's own types.

use api::cabinet::notification::v1 as pb;
use kernel::Authorized;
use runtime::grpc::{Problem, id, timestamp};

use crate::application::{ExplainDelivery, Explanation, PreferenceSheet, UpdatePreferences};
use crate::domain::{Channel, DeliveryRecord, DeliveryState, Kind, Preference, Preferences, Unavailable, Verdict};

/// A path of the mask is no preference, or there is none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mask names preferences: status_change, status_change.email, status_change.sms")]
pub(super) struct UnknownPath;

pub(super) fn update_preferences(request: pb::UpdatePreferencesRequest) -> Result<UpdatePreferences, Problem> {
    let wanted = request.preferences.unwrap_or_default();
    let paths = request.update_mask.unwrap_or_default().paths;
    let named: Result<Vec<Vec<Preference>>, UnknownPath> = paths.iter().map(|path| named_by(path)).collect();
    let named = named?.concat();
    if named.is_empty() {
        return Err(UnknownPath.into());
    }
    let status_change = wanted.status_change.unwrap_or_default();
    Ok(UpdatePreferences {
        wanted: Preferences {
            user_id: id("preferences.user_id", &wanted.user_id)?,
            status_change_email: status_change.email,
            status_change_sms: status_change.sms,
        },
        named,
    })
}

fn named_by(path: &str) -> Result<Vec<Preference>, UnknownPath> {
    match path {
        "status_change" => Ok(vec![Preference::StatusChangeEmail, Preference::StatusChangeSms]),
        _ => path.parse().map(|preference| vec![preference]).map_err(|()| UnknownPath),
    }
}

pub(super) fn updated(preferences: Authorized<Preferences>) -> pb::UpdatePreferencesResponse {
    pb::UpdatePreferencesResponse { preferences: Some(preferences_of(preferences.into_inner())) }
}

pub(super) fn sheet(sheet: Authorized<PreferenceSheet>) -> pb::GetPreferencesResponse {
    let PreferenceSheet { preferences, user_id, channels } = sheet.into_inner();
    let standing = |(channel, availability)| pb::ChannelStanding {
        channel: pb_channel(channel).into(),
        availability: pb_availability(availability).into(),
    };
    pb::GetPreferencesResponse {
        ever_set: preferences.is_some(),
        preferences: Some(preferences_of(preferences.unwrap_or(Preferences::none(user_id)))),
        channels: channels.into_iter().map(standing).collect(),
    }
}

fn preferences_of(preferences: Preferences) -> pb::Preferences {
    let status_change = pb::ChannelTicks { email: preferences.status_change_email, sms: preferences.status_change_sms };
    pb::Preferences { user_id: preferences.user_id.to_string(), status_change: Some(status_change) }
}

const fn pb_channel(channel: Channel) -> pb::Channel {
    match channel {
        Channel::Email => pb::Channel::Email,
        Channel::Sms => pb::Channel::Sms,
    }
}

const fn pb_availability(availability: Result<(), Unavailable>) -> pb::ChannelAvailability {
    match availability {
        Ok(()) => pb::ChannelAvailability::Available,
        Err(Unavailable::ContactMissing) => pb::ChannelAvailability::ContactMissing,
        Err(Unavailable::ContactUnconfirmed) => pb::ChannelAvailability::ContactUnconfirmed,
        Err(Unavailable::ChannelNotConfigured) => pb::ChannelAvailability::ChannelNotConfigured,
    }
}

pub(super) fn explain_delivery(request: &pb::ExplainDeliveryRequest) -> Result<ExplainDelivery, Problem> {
    let channel = match request.channel() {
        pb::Channel::Email => Channel::Email,
        pb::Channel::Sms => Channel::Sms,
        pb::Channel::Unspecified => {
            return Err(Problem::field_invalid("channel", "must be one of the values the contract defines"));
        }
    };
    Ok(ExplainDelivery {
        user_id: id("user_id", &request.user_id)?,
        case_id: id("case_id", &request.case_id)?,
        case_version: request.case_version,
        channel,
    })
}

pub(super) fn explanation(explanation: Authorized<Explanation>) -> pb::ExplainDeliveryResponse {
    let Explanation { verdict, change } = explanation.into_inner();
    let (verdict, recorded) = match verdict {
        Verdict::Recorded(record) => (pb::DeliveryVerdict::Recorded, Some(delivery(record))),
        Verdict::NotConcerned => (pb::DeliveryVerdict::NotConcerned, None),
        Verdict::NobodyTold => (pb::DeliveryVerdict::NobodyTold, None),
        Verdict::NotTicked => (pb::DeliveryVerdict::NotTicked, None),
        Verdict::UnderWay => (pb::DeliveryVerdict::UnderWay, None),
        Verdict::Forgotten => (pb::DeliveryVerdict::Forgotten, None),
    };
    pb::ExplainDeliveryResponse { verdict: verdict.into(), delivery: recorded, change_time: Some(timestamp(change.at)) }
}

pub(super) fn delivery(record: DeliveryRecord) -> pb::Delivery {
    pb::Delivery {
        delivery_id: record.delivery_id.to_string(),
        user_id: record.user_id.to_string(),
        kind: pb_kind(record.kind).into(),
        channel: pb_channel(record.channel).into(),
        state: pb_state(record.state).into(),
        reason: record.reason.unwrap_or_default(),
        object_id: record.object_id.to_string(),
        attempt: record.attempt,
        create_time: Some(timestamp(record.created_at)),
        settle_time: record.settled_at.map(timestamp),
        expire_time: record.expires_at.map(timestamp),
        receipt: record.receipt.unwrap_or_default(),
    }
}

const fn pb_kind(kind: Kind) -> pb::DeliveryKind {
    match kind {
        Kind::StatusChange => pb::DeliveryKind::StatusChange,
        Kind::Invitation => pb::DeliveryKind::Invitation,
        Kind::PasswordReset => pb::DeliveryKind::PasswordReset,
        Kind::PasswordChanged => pb::DeliveryKind::PasswordChanged,
        Kind::SessionCompromised => pb::DeliveryKind::SessionCompromised,
        Kind::AccountBlocked => pb::DeliveryKind::AccountBlocked,
        Kind::PhoneCode => pb::DeliveryKind::PhoneCode,
        Kind::PhoneChange => pb::DeliveryKind::PhoneChange,
        Kind::EmailChange => pb::DeliveryKind::EmailChange,
        Kind::EmailReplaced => pb::DeliveryKind::EmailReplaced,
        Kind::PhoneReplaced => pb::DeliveryKind::PhoneReplaced,
        Kind::Registration => pb::DeliveryKind::Registration,
        Kind::RegistrationRepeated => pb::DeliveryKind::RegistrationRepeated,
        Kind::SecondFactorChanged => pb::DeliveryKind::SecondFactorChanged,
        Kind::SocialAccountChanged => pb::DeliveryKind::SocialAccountChanged,
    }
}

const fn pb_state(state: DeliveryState) -> pb::DeliveryState {
    match state {
        DeliveryState::Pending => pb::DeliveryState::Pending,
        DeliveryState::Sent => pb::DeliveryState::Sent,
        DeliveryState::Failed => pb::DeliveryState::Failed,
        DeliveryState::Suppressed => pb::DeliveryState::Suppressed,
        DeliveryState::Uncertain => pb::DeliveryState::Uncertain,
        DeliveryState::Expired => pb::DeliveryState::Expired,
    }
}
