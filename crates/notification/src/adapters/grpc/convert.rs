//! Between the contract's messages and notification's own types.

use api::cabinet::notification::v1 as pb;
use kernel::Authorized;
use runtime::grpc::{Problem, id};

use crate::application::UpdatePreferences;
use crate::domain::{Preference, Preferences};

/// A path of the mask is no preference, or there is none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mask names preferences: status_change, status_change.email")]
pub(super) struct UnknownPath;

pub(super) fn update_preferences(request: pb::UpdatePreferencesRequest) -> Result<UpdatePreferences, Problem> {
    let wanted = request.preferences.unwrap_or_default();
    let paths = request.update_mask.unwrap_or_default().paths;
    let named: Result<Vec<Preference>, UnknownPath> = paths.iter().map(|path| preference(path)).collect();
    let named = named?;
    if named.is_empty() {
        return Err(UnknownPath.into());
    }
    Ok(UpdatePreferences {
        wanted: Preferences {
            user_id: id("preferences.user_id", &wanted.user_id)?,
            status_change_email: wanted.status_change.unwrap_or_default().email,
        },
        named,
    })
}

fn preference(path: &str) -> Result<Preference, UnknownPath> {
    match path {
        "status_change" | "status_change.email" => Ok(Preference::StatusChangeEmail),
        _ => Err(UnknownPath),
    }
}

pub(super) fn preferences(preferences: Authorized<Preferences>) -> pb::Preferences {
    let preferences = preferences.into_inner();
    pb::Preferences {
        user_id: preferences.user_id.to_string(),
        status_change: Some(pb::ChannelTicks { email: preferences.status_change_email }),
    }
}
