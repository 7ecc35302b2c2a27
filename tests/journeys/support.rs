//! SUPPORT of a realm: people outside its companies who help all of its users.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Cabinet, is, refused, user_request, with_token};
use tonic::{Code, Status};

use crate::preset_realm::PresetRealm;

async fn find(cabinet: &Cabinet, token: &str, request: pb::FindUserRequest) -> Result<pb::User, Status> {
    let answer = UserServiceClient::new(cabinet.identity.channel()).find_user(with_token(token, request)).await?;
    Ok(answer.into_inner().user.expect("the contract promises the user"))
}

/// Rule I1.c: SUPPORT is of support desks, which have OWNERs and SUPPORT alone; nobody becomes SUPPORT anywhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_support_desk_has_owners_and_support_and_nobody_else() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let desk = realm.support_desk().await;
    let wrong = is(Code::InvalidArgument, "ROLE_NOT_OF_COMPANY");
    for role in [pb::Role::Customer, pb::Role::Agent, pb::Role::Admin] {
        assert_eq!(refused(realm.add(user_request(desk, role, "somebody@example.com")).await), wrong, "{role:?}");
    }
    let support = user_request(realm.company_id, pb::Role::Support, "somebody@example.com");
    assert_eq!(refused(realm.add(support).await), wrong);

    let (_, head) = realm.member(user_request(desk, pb::Role::Owner, "head@example.com")).await;
    let helper = user_request(desk, pb::Role::Support, "helper@example.com");
    let helper = cabinet.create_user_with(&head, helper).await.expect("an OWNER adds to his company");
    assert_eq!(refused(cabinet.change_role(&head, &helper.user_id, pb::Role::Admin).await), wrong);
    let (_, owner) = realm.member(user_request(realm.company_id, pb::Role::Owner, "owner@example.com")).await;
    let agent = realm.add(user_request(realm.company_id, pb::Role::Agent, "agent@example.com")).await.expect("a good user");
    assert_eq!(refused(cabinet.change_role(&owner, &agent.user_id, pb::Role::Support).await), wrong);
}

/// Rule I1.c: SUPPORT finds anybody of its realm, in whatever company, however his contact is typed, and reads what he is called; it
/// decides about nobody, and finds nobody of another realm.
#[tokio::test(flavor = "multi_thread")]
async fn support_finds_the_users_of_its_whole_realm() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "marketplace").await;
    let ukrainian = |request: pb::CreateUserRequest, phone: &str, first: &str, last: &str| pb::CreateUserRequest {
        phone: phone.to_owned(),
        introduction: Some(pb::Introduction { first_name: first.into(), last_name: last.into(), ..Default::default() }),
        ..request
    };
    let desk = realm.support_desk().await;
    let helper = user_request(desk, pb::Role::Support, "helper@example.com");
    let (_, support) = realm.member(ukrainian(helper, "0671234566", "Ганна", "Коваль")).await;
    let olha = ukrainian(realm.invited("Olha@example.com"), "067 123-45-67", "Ольга", "Ткач");
    let olha = realm.add(olha).await.expect("a good user");

    let by_email = pb::FindUserRequest { email: "OLHA@example.com".into(), ..Default::default() };
    let by_phone = pb::FindUserRequest { phone: "+380 (67) 123 45 67".into(), ..Default::default() };
    for request in [by_email.clone(), by_phone] {
        assert_eq!(find(&cabinet, &support, request).await.expect("she is there").user_id, olha.user_id);
    }
    let profile = cabinet.get_profile(&support, &olha.user_id).await.expect("SUPPORT sees her");
    assert_eq!(profile.display_label, "Ольга Ткач");
    assert_eq!(refused(cabinet.block_user(&support, &olha.user_id).await), is(Code::PermissionDenied, "PERMISSION_DENIED"));

    let elsewhere = PresetRealm::open(&cabinet, "standard").await;
    let (_, stranger) = elsewhere.support("helper@example.com").await;
    let nobody = is(Code::NotFound, "USER_NOT_FOUND");
    assert_eq!(refused(find(&cabinet, &stranger, by_email.clone()).await), nobody);
    let made_up = pb::FindUserRequest { email: "nobody".into(), ..Default::default() };
    assert_eq!(refused(find(&cabinet, &support, made_up).await), nobody);
    let two = pb::FindUserRequest { user_name: "olha".into(), ..by_email };
    assert_eq!(refused(find(&cabinet, &support, two).await).0, Code::InvalidArgument, "one of them is asked by");
}
