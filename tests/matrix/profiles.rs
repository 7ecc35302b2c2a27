//! Calls about how the visit's own customer is shown and spoken to.

use api::cabinet::messaging::v1 as messaging;
use api::cabinet::messaging::v1::personal_data_service_client::PersonalDataServiceClient;
use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::attribute_service_client::AttributeServiceClient;
use api::cabinet::profile::v1::avatar_service_client::AvatarServiceClient;
use api::cabinet::profile::v1::department_service_client::DepartmentServiceClient;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use api::cabinet::r#type::v1::LocalizedText;
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

pub(crate) async fn call_attributes(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = AttributeServiceClient::new(visit.stage.profile.clone());
    let wanted = pb::Attribute {
        company_id: visit.company_id(),
        key: format!("field_{}", visit.stage.fresh()),
        r#type: pb::AttributeType::Text.into(),
        label: Some(LocalizedText { by_language: [("en".to_owned(), "Shoe size".to_owned())].into() }),
        visible_to: vec![pb::AttributeAudience::User.into()],
        placed: true,
        ..Default::default()
    };
    let create = pb::CreateAttributeRequest { attribute: Some(wanted) };
    if method == "CreateAttribute" {
        return client.create_attribute(visit.request(create)).await.map(|_| Answer::Done);
    }
    let made = client.create_attribute(with_token(&visit.stage.owner_token(), create)).await.expect("an owner may");
    let made = made.into_inner().attribute.expect("the contract promises the attribute");
    let delete = pb::DeleteAttributeRequest { attribute_id: made.attribute_id.clone(), etag: String::new() };
    let answer = match method {
        "ListAttributes" => {
            let request = pb::ListAttributesRequest { company_id: visit.company_id() };
            let listed = client.list_attributes(visit.request(request)).await;
            listed.map(|listed| if listed.get_ref().attributes.is_empty() { Answer::Empty } else { Answer::Done })
        }
        "UpdateAttribute" => {
            let request = pb::UpdateAttributeRequest {
                attribute: Some(pb::Attribute { required: true, ..made }),
                update_mask: Some(prost_types::FieldMask { paths: vec!["required".into()] }),
                etag: String::new(),
            };
            client.update_attribute(visit.request(request)).await.map(|_| Answer::Done)
        }
        "DeleteAttribute" => return client.delete_attribute(visit.request(delete)).await.map(|_| Answer::Done),
        _ => return no_call(method),
    };
    client.delete_attribute(with_token(&visit.stage.owner_token(), delete)).await.expect("an owner may");
    answer
}

pub(crate) async fn call_departments(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = DepartmentServiceClient::new(visit.stage.profile.clone());
    let name = || format!("Department {}", visit.stage.fresh());
    let create = pb::CreateDepartmentRequest { company_id: visit.company_id(), name: name() };
    if method == "CreateDepartment" {
        return client.create_department(visit.request(create)).await.map(|_| Answer::Done);
    }
    let made = client.create_department(with_token(&visit.stage.owner_token(), create)).await.expect("an owner may");
    let department_id = made.into_inner().department.expect("the contract promises the department").department_id;
    match method {
        "ListDepartments" => {
            let request = pb::ListDepartmentsRequest { company_id: visit.company_id(), ..Default::default() };
            let listed = client.list_departments(visit.request(request)).await;
            listed.map(|listed| if listed.get_ref().departments.is_empty() { Answer::Empty } else { Answer::Done })
        }
        "RenameDepartment" => {
            let request = pb::RenameDepartmentRequest { department_id, name: name(), etag: String::new() };
            client.rename_department(visit.request(request)).await.map(|_| Answer::Done)
        }
        "DeleteDepartment" => {
            let request = pb::DeleteDepartmentRequest { department_id, etag: String::new() };
            client.delete_department(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

/// What profile keeps of him, as identity asks for it.
pub(crate) async fn call_personal_data(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = PersonalDataServiceClient::new(visit.stage.profile.clone());
    match method {
        "ExportPersonalData" => {
            let (realm_id, user_id, service) = (visit.realm_id(), visit.user_id(), "profile".to_owned());
            let request = messaging::ExportPersonalDataRequest { realm_id, user_id, service };
            client.export_personal_data(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}
