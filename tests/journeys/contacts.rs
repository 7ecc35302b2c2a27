//! Users and their contacts: each his alone in the realm; added one by one or many at once.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Cabinet, Setup, is, refused, user_request, violated, with_token};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

async fn create(cabinet: &Cabinet, request: pb::CreateUserRequest) -> Result<pb::User, Status> {
    let request = with_token(&cabinet.service_token(), request);
    let answer = UserServiceClient::new(cabinet.identity.channel()).create_user(request).await?;
    Ok(answer.into_inner().user.expect("the contract promises the user"))
}

fn anna(cabinet: &Cabinet) -> pb::CreateUserRequest {
    pb::CreateUserRequest {
        phone: "+380 67 123-45-67".into(),
        user_name: "AKowalska".into(),
        ..user_request(cabinet.realm.company_id, pb::Role::Customer, "anna@example.com")
    }
}

/// Rules I8.b, I17.b: phones are kept as E.164, user names without capitals; whoever takes all three contacts is told all three at
/// once, though nobody has confirmed any.
#[tokio::test(flavor = "multi_thread")]
async fn every_contact_that_is_taken_is_named() {
    let cabinet = Cabinet::start().await;
    let created = create(&cabinet, anna(&cabinet)).await.expect("a good user");
    assert_eq!((created.phone.as_str(), created.user_name.as_str()), ("+380671234567", "akowalska"));
    assert!(!created.phone_verified && !created.email_verified);

    let twin = pb::CreateUserRequest { email: "ANNA@example.com".into(), phone: "+380671234567".into(), ..anna(&cabinet) };
    let error = create(&cabinet, twin).await.expect_err("all three are taken");
    let info = error.get_details_error_info().expect("every error has one");
    assert_eq!((error.code(), info.reason.as_str()), (Code::AlreadyExists, "EMAIL_TAKEN"));
    assert_eq!(info.metadata["reasons"], "EMAIL_TAKEN,PHONE_TAKEN,USER_NAME_TAKEN");
    let phone_alone = pb::CreateUserRequest { email: "other@example.com".into(), user_name: String::new(), ..anna(&cabinet) };
    assert_eq!(refused(create(&cabinet, phone_alone).await), is(Code::AlreadyExists, "PHONE_TAKEN"));
    let name_alone = pb::CreateUserRequest { email: "other@example.com".into(), phone: String::new(), ..anna(&cabinet) };
    assert_eq!(refused(create(&cabinet, name_alone).await), is(Code::AlreadyExists, "USER_NAME_TAKEN"));
    let elsewhere = pb::CreateUserRequest { company_id: cabinet.other_realm.company_id.to_string(), ..anna(&cabinet) };
    let request = with_token(&cabinet.service_token_of(&cabinet.other_realm), elsewhere);
    UserServiceClient::new(cabinet.identity.channel()).create_user(request).await.expect("another realm knows nothing of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_contact_that_is_wrong_is_named() {
    let cabinet = Cabinet::start().await;
    let wrong =
        pb::CreateUserRequest { email: "anna@".into(), phone: "12".into(), user_name: "Анна".into(), ..anna(&cabinet) };
    let error = create(&cabinet, wrong).await.expect_err("all three are wrong");
    let info = error.get_details_error_info().expect("every error has one");
    assert_eq!(info.metadata["reasons"], "EMAIL_INVALID,PHONE_INVALID,USER_NAME_INVALID");
    assert_eq!(violated(&error), ["email", "phone", "user_name"]);
    let without = pb::CreateUserRequest { email: String::new(), ..anna(&cabinet) };
    assert_eq!(refused(create(&cabinet, without).await), is(Code::InvalidArgument, "CONTACT_MISSING"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_can_be_changed_and_taken_away() {
    let cabinet = Cabinet::start().await;
    let created = create(&cabinet, anna(&cabinet)).await.expect("a good user");
    create(&cabinet, user_request(cabinet.realm.company_id, pb::Role::Customer, "bela@example.com")).await.expect("a good user");
    let change = async |phone: &str| {
        let request = pb::ChangeUserPhoneRequest { user_id: created.user_id.clone(), phone: phone.to_owned() };
        let request = with_token(&cabinet.service_token(), request);
        let answer = UserServiceClient::new(cabinet.identity.channel()).change_user_phone(request).await?;
        Ok::<_, Status>(answer.into_inner().user.expect("the contract promises the user"))
    };
    assert_eq!(change("+48 22 123 45 67").await.expect("a good number").phone, "+48221234567");
    let gone = change("").await.expect("it may be taken away");
    assert_eq!((gone.phone.as_str(), gone.version), ("", 3));
    assert_eq!(change("").await.expect("again changes nothing").version, 3);
    assert_eq!(refused(change("0671234567").await), is(Code::InvalidArgument, "PHONE_INVALID"));
    cabinet.settled().await;
}

/// Rule I2.f: an import adds many at once: each is added or refused by himself, in the order of the list, and none is invited.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_a_verdict_for_each() {
    let cabinet = Cabinet::start().await;
    create(&cabinet, anna(&cabinet)).await.expect("a good user");
    let new = |email: &str, invitation: pb::Invitation| pb::NewUser {
        role: pb::Role::Customer.into(),
        email: email.to_owned(),
        invitation: invitation.into(),
        ..Default::default()
    };
    let quiet = |email: &str| new(email, pb::Invitation::None);
    let users = vec![
        quiet("bela@example.com"),
        quiet("Anna@example.com"),
        quiet("not an address"),
        quiet("Bela@example.com"),
        new("carl@example.com", pb::Invitation::Send),
    ];
    let request = pb::BatchCreateUsersRequest { company_id: cabinet.realm.company_id.to_string(), users, ..Default::default() };
    let mut client = UserServiceClient::new(cabinet.identity.channel());
    let answer = client.batch_create_users(with_token(&cabinet.service_token(), request)).await.expect("verdicts").into_inner();
    let verdicts: Vec<_> =
        answer.verdicts.iter().map(|verdict| (verdict.user.is_some(), verdict.reasons().collect::<Vec<_>>())).collect();
    let taken = || (false, vec![pb::ErrorReason::EmailTaken]);
    let expected = [(true, vec![]), taken(), (false, vec![pb::ErrorReason::EmailInvalid]), taken(), (true, vec![])];
    assert_eq!(verdicts, expected);
    cabinet.letter_to("carl@example.com", 0).await;
    cabinet.settled().await;
    assert_eq!(cabinet.mail.letters().len(), 1, "the others are not invited");
}

/// Rule I5.a: whoever was just added is in the list, page by page; another company's list is not there.
#[tokio::test(flavor = "multi_thread")]
async fn users_are_listed_as_soon_as_they_are_added() {
    let cabinet = Cabinet::start().await;
    let mut added = Vec::new();
    for number in 0..5 {
        added.push(cabinet.create_customer(&format!("user{number}@example.com")).await.user_id);
    }
    let mut client = UserServiceClient::new(cabinet.identity.channel());
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListUsersRequest { company_id: cabinet.realm.company_id.to_string(), page_size: 2, page_token };
        let page = client.list_users(with_token(&cabinet.service_token(), request)).await.expect("a page").into_inner();
        listed.extend(page.users.into_iter().map(|user| user.user_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, added);
    let request = pb::ListUsersRequest { company_id: cabinet.other_realm.company_id.to_string(), ..Default::default() };
    let foreign = client.list_users(with_token(&cabinet.service_token(), request)).await;
    assert_eq!(refused(foreign), is(Code::NotFound, "COMPANY_NOT_FOUND"));
}

/// Rule I8.c: an OWNER is told that a contact is taken, so often and no more; whatever he is told is written down. What is free does not
/// count, nor does what others are told.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_learns_of_others_contacts_is_counted() {
    let cabinet = Setup::default().with_identity("CABINET__GUESSING__CONFLICTS_OF_USER", "5").start().await;
    create(&cabinet, anna(&cabinet)).await.expect("a good user");
    let owner = cabinet.owner_token("owner@example.com").await;
    let another = cabinet.owner_token("another@example.com").await;
    let company_id = cabinet.realm.company_id;
    let wanted = |email: &str| user_request(company_id, pb::Role::Customer, email);
    let taken = is(Code::AlreadyExists, "EMAIL_TAKEN");
    for number in 0..10 {
        let free = wanted(&format!("free{number}@example.com"));
        cabinet.create_user_with(&owner, free).await.expect("nobody's");
    }
    assert_eq!(refused(cabinet.create_user_with(&owner, wanted("anna@example.com")).await), taken);
    let new = |email: &str| pb::NewUser { role: pb::Role::Customer.into(), email: email.to_owned(), ..Default::default() };
    let users = ["anna@example.com", "free@example.com", "owner@example.com", "another@example.com"].map(new).to_vec();
    let batch = pb::BatchCreateUsersRequest { company_id: company_id.to_string(), users, ..Default::default() };
    let mut client = UserServiceClient::new(cabinet.identity.channel());
    client.batch_create_users(with_token(&owner, batch.clone())).await.expect("verdicts, three of them conflicts");
    assert_eq!(refused(cabinet.create_user_with(&owner, wanted("anna@example.com")).await), taken, "the fifth");
    let limited = is(Code::ResourceExhausted, "ATTEMPTS_LIMITED");
    assert_eq!(refused(cabinet.create_user_with(&owner, wanted("anna@example.com")).await), limited);
    assert_eq!(refused(cabinet.create_user_with(&owner, wanted("free11@example.com")).await), limited, "taken or not");
    assert_eq!(refused(cabinet.create_user_with(&another, wanted("anna@example.com")).await), taken);
    let too_many = pb::BatchCreateUsersRequest { users: [batch.users.clone(), batch.users.clone()].concat(), ..batch };
    let too_many = client.batch_create_users(with_token(&another, too_many)).await;
    assert_eq!(refused(too_many), limited, "eight of whom he could be told, and four are left");

    let told = cabinet.databases.identity.value(
        "SELECT string_agg(detail, ', ') || ' by ' || count(DISTINCT actor_id) FROM audit_log WHERE act = 'CONFLICT_TOLD'",
    );
    assert_eq!(told, "EMAIL, EMAIL, EMAIL, EMAIL, EMAIL, EMAIL by 2");
}
