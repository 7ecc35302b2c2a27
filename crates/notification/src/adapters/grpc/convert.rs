//! Between the contract's messages and notification's own types.

use api::cabinet::notification::v1 as pb;
use kernel::Authorized;
use runtime::grpc::{Problem, id};

use crate::application::{PreferenceSheet, UpdatePreferences};
use crate::domain::{Channel, Preference, Preferences, Unavailable};

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
    let PreferenceSheet { preferences, channels } = sheet.into_inner();
    let standing = |(channel, availability)| pb::ChannelStanding {
        channel: pb_channel(channel).into(),
        availability: pb_availability(availability).into(),
    };
    pb::GetPreferencesResponse {
        preferences: Some(preferences_of(preferences)),
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
