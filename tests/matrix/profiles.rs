//! Calls about how the visit's own customer is shown and spoken to.

use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::avatar_service_client::AvatarServiceClient;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::picture;
use image::ImageFormat;
use tonic::Status;

use crate::visit::{Answer, Visit, no_call, with_token};

pub(crate) async fn call(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = ProfileServiceClient::new(visit.stage.profile.clone());
    match method {
        "GetProfile" => {
            let request = pb::GetProfileRequest { user_id: visit.user_id(), realm_id: visit.realm_id() };
            client.get_profile(visit.request(request)).await.map(|_| Answer::Done)
        }
        "BatchGetProfiles" => {
            let request = pb::BatchGetProfilesRequest { realm_id: visit.realm_id(), user_ids: vec![visit.user_id()] };
            let answer = client.batch_get_profiles(visit.request(request)).await?.into_inner();
            Ok(if answer.profiles.is_empty() { Answer::Empty } else { Answer::Done })
        }
        "UpdateProfile" => {
            let profile = pb::Profile { user_id: visit.user_id(), full_name: "Anna Kowalska".into(), ..Default::default() };
            let request = pb::UpdateProfileRequest {
                profile: Some(profile),
                update_mask: Some(prost_types::FieldMask { paths: vec!["full_name".into()] }),
                etag: String::new(),
                ..Default::default()
            };
            client.update_profile(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

pub(crate) async fn call_avatars(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = AvatarServiceClient::new(visit.stage.profile.clone());
    let upload = |user_id| {
        let chunk = picture(ImageFormat::Png, 1, 1);
        futures::stream::iter([pb::UploadAvatarRequest { user_id, etag: String::new(), chunk }])
    };
    match method {
        "UploadAvatar" => client.upload_avatar(visit.request(upload(visit.user_id()))).await.map(|_| Answer::Done),
        "DeleteAvatar" => {
            let request = pb::DeleteAvatarRequest { user_id: visit.user_id(), etag: String::new() };
            client.delete_avatar(visit.request(request)).await.map(|_| Answer::Done)
        }
        "GetAvatar" => {
            let given = client.upload_avatar(with_token(&visit.stage.service_token(), upload(visit.user_id()))).await;
            given.expect("a service may");
            let request = pb::GetAvatarRequest {
                user_id: visit.user_id(),
                realm_id: visit.realm_id(),
                size: pb::AvatarSize::Small.into(),
                ..Default::default()
            };
            client.get_avatar(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}
