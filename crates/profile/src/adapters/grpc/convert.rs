//! Between the contract's messages and profile's own types.

use std::collections::BTreeSet;

use api::cabinet::profile::v1 as pb;
use kernel::{Authorized, NameField, UserId};
use runtime::grpc::{Problem, id, optional_id, timestamp};

use crate::application::{BatchGetProfiles, ProfileView, ProfilesFound, ShownAttribute, UpdateProfile};
use crate::domain::{Etag, Field, Language, ProposedAttribute, ProposedValue, TimeZoneName, WebSite};

/// A path of the mask is no field that can be changed, or there is none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the mask names fields: full_name, last_name, first_name, middle_name, initials, job_title, organisation, web_site, time_zone, \
     language, department_id, and attributes that there are, such as attributes.shoe_size"
)]
pub(super) struct UnknownPath;

pub(super) fn batch_get_profiles(request: &pb::BatchGetProfilesRequest) -> Result<BatchGetProfiles, Problem> {
    let user_ids: Result<_, _> = request.user_ids.iter().map(|text| id("user_ids", text)).collect();
    Ok(BatchGetProfiles { realm_id: optional_id("realm_id", &request.realm_id)?, user_ids: user_ids? })
}

pub(super) fn update_profile(request: pb::UpdateProfileRequest) -> Result<UpdateProfile, Problem> {
    let wanted = request.profile.unwrap_or_default();
    let (fields, keys) = paths(&request.update_mask.unwrap_or_default())?;
    Ok(UpdateProfile {
        attributes: keys.into_iter().map(|key| ProposedAttribute { values: values_of(&wanted, &key), key }).collect(),
        user_id: id("profile.user_id", &wanted.user_id)?,
        proposed: fields.into_iter().map(|field| ProposedValue { field, text: text_of(&wanted, field).to_owned() }).collect(),
        etag: etag(request.etag),
    })
}

/// An empty one fits every state.
pub(super) fn etag(shown: String) -> Option<Etag> {
    if shown.is_empty() { None } else { Some(Etag::shown(shown)) }
}

/// Fields, and keys of attributes. What is named twice is meant once.
fn paths(mask: &prost_types::FieldMask) -> Result<(BTreeSet<Field>, BTreeSet<String>), UnknownPath> {
    let (mut fields, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for path in &mask.paths {
        match path.strip_prefix("attributes.") {
            Some(key) => drop(keys.insert(key.to_owned())),
            None => drop(fields.insert(path.parse().map_err(|()| UnknownPath)?)),
        }
    }
    if fields.is_empty() && keys.is_empty() { Err(UnknownPath) } else { Ok((fields, keys)) }
}

fn values_of(profile: &pb::Profile, key: &str) -> Vec<String> {
    profile.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| attribute.values.clone()).unwrap_or_default()
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
        Field::Department => &profile.department_id,
    }
}

pub(super) fn profile(view: Authorized<ProfileView>) -> pb::Profile {
    let ProfileView { profile, label, attributes, department } = view.into_inner();
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
        attributes: attributes.iter().map(attribute).collect(),
        department_id: department.as_ref().map(|department| department.id.to_string()).unwrap_or_default(),
        department: department.map(|department| department.name.as_str().to_owned()).unwrap_or_default(),
    }
}

fn attribute(shown: &ShownAttribute) -> pb::ProfileAttribute {
    pb::ProfileAttribute {
        key: shown.attribute.key.as_str().to_owned(),
        values: shown.values.as_slice().to_vec(),
        editable: shown.editable,
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

    fn read(named: &[&str]) -> Result<Vec<Field>, UnknownPath> {
        let mask = FieldMask { paths: named.iter().map(|path| (*path).to_owned()).collect() };
        paths(&mask).map(|(fields, _)| fields.into_iter().collect())
    }

    #[test]
    fn a_mask_names_fields_that_can_be_changed() {
        assert_eq!(read(&["language", "full_name", "language"]), Ok(vec![Field::Name(NameField::Full), Field::Language]));
        for paths in [&[][..], &[""], &["*"], &["full_name", "shoe_size"], &["profile.full_name"], &["display_label"], &["etag"]]
        {
            assert_eq!(read(paths), Err(UnknownPath), "{paths:?}");
        }
    }

    #[test]
    fn a_mask_names_attributes_by_their_keys() {
        let mask = FieldMask { paths: ["attributes.b", "language", "attributes.a", "attributes.b"].map(str::to_owned).to_vec() };
        let (fields, keys) = paths(&mask).expect("good paths");
        assert_eq!((fields, keys), ([Field::Language].into(), ["a".to_owned(), "b".to_owned()].into()));
        assert_eq!(read(&["attributes"]), Err(UnknownPath));
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
