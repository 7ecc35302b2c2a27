//! Between the contract's messages and profile's own types.

use std::collections::BTreeSet;

use api::cabinet::profile::v1 as pb;
use kernel::{Authorized, NameField, UserId};
use runtime::grpc::{Problem, id, optional_id, timestamp};

use crate::application::{BatchGetProfiles, ProfileView, ProfilesFound, UpdateProfile};
use crate::domain::{Etag, Field, Language, ProposedValue, TimeZoneName, WebSite};

/// A path of the mask is no field that can be changed, or there is none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the mask names fields: full_name, last_name, first_name, middle_name, initials, job_title, organisation, web_site, time_zone, \
     language"
)]
pub(super) struct UnknownPath;

pub(super) fn batch_get_profiles(request: &pb::BatchGetProfilesRequest) -> Result<BatchGetProfiles, Problem> {
    let user_ids: Result<_, _> = request.user_ids.iter().map(|text| id("user_ids", text)).collect();
    Ok(BatchGetProfiles { realm_id: optional_id("realm_id", &request.realm_id)?, user_ids: user_ids? })
}

pub(super) fn update_profile(request: pb::UpdateProfileRequest) -> Result<UpdateProfile, Problem> {
    let wanted = request.profile.unwrap_or_default();
    let fields = fields(&request.update_mask.unwrap_or_default())?;
    Ok(UpdateProfile {
        user_id: id("profile.user_id", &wanted.user_id)?,
        proposed: fields.into_iter().map(|field| ProposedValue { field, text: text_of(&wanted, field).to_owned() }).collect(),
        etag: etag(request.etag),
    })
}

/// An empty one fits every state.
pub(super) fn etag(shown: String) -> Option<Etag> {
    if shown.is_empty() { None } else { Some(Etag::shown(shown)) }
}

/// A field that is named twice is meant once.
fn fields(mask: &prost_types::FieldMask) -> Result<BTreeSet<Field>, UnknownPath> {
    let fields: Result<BTreeSet<Field>, UnknownPath> =
        mask.paths.iter().map(|path| path.parse().map_err(|()| UnknownPath)).collect();
    fields.and_then(|fields| if fields.is_empty() { Err(UnknownPath) } else { Ok(fields) })
}

fn text_of(profile: &pb::Profile, field: Field) -> &str {
    match field {
        Field::Name(NameField::Full) => &profile.full_name,
        Field::Name(NameField::Last) => &profile.last_name,
        Field::Name(NameField::First) => &profile.first_name,
        Field::Name(NameField::Middle) => &profile.middle_name,
        Field::Initials => &profile.initials,
        Field::JobTitle => &profile.job_title,
        Field::Organisation => &profile.organisation,
        Field::WebSite => &profile.web_site,
        Field::TimeZone => &profile.time_zone,
        Field::Language => &profile.language,
    }
}

pub(super) fn profile(view: Authorized<ProfileView>) -> pb::Profile {
    let ProfileView { profile, label } = view.into_inner();
    let values = profile.values();
    pb::Profile {
        user_id: profile.user_id().to_string(),
        full_name: values.name.full.as_str().to_owned(),
        last_name: values.name.last.as_str().to_owned(),
        first_name: values.name.first.as_str().to_owned(),
        middle_name: values.name.middle.as_str().to_owned(),
        organisation: values.organisation.as_str().to_owned(),
        web_site: values.web_site.as_ref().map_or("", WebSite::as_str).to_owned(),
        job_title: values.job_title.as_str().to_owned(),
        time_zone: values.time_zone.as_ref().map_or("", TimeZoneName::as_str).to_owned(),
        language: values.language.map_or("", Language::as_str).to_owned(),
        display_label: label.text().to_owned(),
        initials: label.initials().to_owned(),
        etag: profile.etag().as_str().to_owned(),
        version: profile.version(),
        update_time: profile.updated_at().map(timestamp),
        avatar_id: profile.avatar_id().map(|id| id.to_string()).unwrap_or_default(),
    }
}

pub(super) fn profiles_found(found: ProfilesFound) -> pb::BatchGetProfilesResponse {
    pb::BatchGetProfilesResponse {
        profiles: found.profiles.into_iter().map(profile).collect(),
        missing_user_ids: found.missing.iter().map(UserId::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;

    fn read(paths: &[&str]) -> Result<Vec<Field>, UnknownPath> {
        let mask = FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
        fields(&mask).map(|fields| fields.into_iter().collect())
    }

    #[test]
    fn a_mask_names_fields_that_can_be_changed() {
        assert_eq!(read(&["language", "full_name", "language"]), Ok(vec![Field::Name(NameField::Full), Field::Language]));
        for paths in [&[][..], &[""], &["*"], &["full_name", "shoe_size"], &["profile.full_name"], &["display_label"], &["etag"]]
        {
            assert_eq!(read(paths), Err(UnknownPath), "{paths:?}");
        }
    }

    /// Rule P2: a value that the mask does not name is not looked at.
    #[test]
    fn values_without_a_path_are_left_out() {
        let profile = pb::Profile {
            user_id: uuid::Uuid::nil().to_string(),
            job_title: "Lawyer".to_owned(),
            time_zone: "Mars/Olympus".to_owned(),
            ..pb::Profile::default()
        };
        let update_mask = Some(FieldMask { paths: vec!["job_title".to_owned(), "full_name".to_owned()] });
        let request = pb::UpdateProfileRequest { profile: Some(profile), update_mask, etag: String::new(), ..Default::default() };
        let Ok(command) = update_profile(request) else { panic!("a good request") };
        let proposed: Vec<_> = command.proposed.iter().map(|value| (value.field, value.text.as_str())).collect();
        assert_eq!(proposed, [(Field::Name(NameField::Full), ""), (Field::JobTitle, "Lawyer")]);
        assert_eq!(command.etag, None);
    }
}
