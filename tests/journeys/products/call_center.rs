//! `call_center`: the Administrator adds consultants by name, chooses their status, types their passwords and keeps their contacts.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Cabinet, is, refused, violations, with_token};
use tonic::Code;

use super::{NEW_PASSWORD, PASSWORD, Person, Product, company_of, denied, first_last, full};
use crate::groups::Desk;

const BORIS: &str = "boris@calls.example";

/// Rules I1.b, I1.d, I2.a, I2.b, I3.a, I5.b, I11, I12.a, I13.a, I14.a, I14.b, I15.b, I16: a call centre: many a consultant has no mail, and
/// all of it is the Administrator's.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_centre_administers_its_users() {
    let cabinet = Cabinet::start().await;
    let boss = pb::CreateCompanyRequest { owner_user_name: "boss7.calls".to_owned(), ..company_of("boss@calls.example") };
    let centre = Product::open(&cabinet, "call_center", "uk", boss).await;
    let owner = centre.comes_in("boss@calls.example", PASSWORD).await;
    let yuliya = a_consultant_is_added_by_name(&centre, &owner).await;
    let boris = another_begins_later(&centre, &owner).await;
    consultants_are_in_groups(&centre, &owner, &yuliya, &boris).await;
    the_administrator_keeps_their_contacts(&centre, &owner, &boris).await;
    passwords_are_set_by_both(&centre, &owner, &boris).await;
    the_administrator_decides_about_others(&centre, &owner, &yuliya, &boris).await;
    he_deletes_a_consultant(&centre, &owner, &boris).await;
}

async fn suggested(owner: &Person<'_>, first: &str, last: &str) -> String {
    let request = pb::SuggestUserNameRequest {
        company_id: owner.user.company_id.clone(),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        language: "uk".to_owned(),
    };
    let mut users = UserServiceClient::new(owner.cabinet.identity.channel());
    users.suggest_user_name(with_token(owner.token(), request)).await.expect("an OWNER may").into_inner().user_name
}

/// She has no mail: the Administrator types her password twice, and she signs in by her name at once.
async fn a_consultant_is_added_by_name<'a>(centre: &Product<'a>, owner: &Person<'a>) -> Person<'a> {
    centre.is_closed_to_strangers().await;
    let nameless =
        pb::CreateUserRequest { introduction: Some(full("Юлія Гончар")), ..owner.invites(pb::Role::Agent, "") };
    assert_eq!(violations(owner.add(nameless).await), ["email", "user_name", "introduction.full_name"], "nor can she be invited");
    let yuliya = pb::CreateUserRequest {
        invitation: pb::Invitation::None.into(),
        user_name: suggested(owner, "Юлія", "Гончар").await,
        introduction: Some(first_last("Юлія", "Гончар")),
        ..owner.invites(pb::Role::Agent, "")
    };
    assert_eq!(yuliya.user_name, "yhonchar");
    let added = owner.add(yuliya.clone()).await.expect("an OWNER may");
    assert_eq!(refused(owner.add(yuliya).await), is(Code::AlreadyExists, "USER_NAME_TAKEN"));
    assert_eq!(suggested(owner, "Юлія", "Гончар").await, "yhonchar2");

    let differs = owner.set_password(&added.user_id, PASSWORD, "correct horse").await;
    assert_eq!(refused(differs), is(Code::InvalidArgument, "CONFIRMATION_DIFFERS"));
    centre.refuses("yhonchar", PASSWORD).await;
    owner.set_password(&added.user_id, PASSWORD, PASSWORD).await.expect("the policy says so");
    let yuliya = centre.sign_in("YHonchar", PASSWORD).await.expect("it holds at once");
    assert_eq!(yuliya.profile_of(yuliya.id()).await.display_label, "Юлія Гончар");
    yuliya
}

/// He is BLOCKED until the Administrator lets him begin, and is invited then.
async fn another_begins_later<'a>(centre: &Product<'a>, owner: &Person<'a>) -> Person<'a> {
    let boris = pb::CreateUserRequest {
        user_name: "boris7.calls".to_owned(),
        status: pb::UserStatus::Blocked.into(),
        introduction: Some(first_last("Борис", "Журавель")),
        ..owner.invites(pb::Role::Agent, BORIS)
    };
    let added = owner.add(boris).await.expect("the status is chosen");
    let statuses: Vec<_> = owner.users().await.expect("an OWNER may").iter().map(pb::User::status).collect();
    assert_eq!(statuses, [pb::UserStatus::Active, pb::UserStatus::Active, pb::UserStatus::Blocked]);
    owner.set_password(&added.user_id, PASSWORD, PASSWORD).await.expect("also of one who has no access");
    centre.refuses(BORIS, PASSWORD).await;
    centre.cabinet.settled().await;
    assert_eq!(centre.letters_to(BORIS), 0, "nobody who is blocked is mailed");

    centre.cabinet.unblock_user(owner.token(), &added.user_id).await.expect("an OWNER may");
    centre.letter(BORIS, "запрошення").await;
    let boris = centre.comes_in(BORIS, NEW_PASSWORD).await;
    for login in [BORIS, "boris7.calls"] {
        assert_eq!(centre.sign_in(login, NEW_PASSWORD).await.expect("by either").user.user_id, added.user_id);
    }
    boris
}

/// Whoever leads one need not be in it; one that is put aside keeps its members.
async fn consultants_are_in_groups(centre: &Product<'_>, owner: &Person<'_>, yuliya: &Person<'_>, boris: &Person<'_>) {
    let desk = Desk { cabinet: centre.cabinet, owner: owner.token().to_owned() };
    let (company_id, leader_id) = (owner.user.company_id.clone(), yuliya.user.user_id.clone());
    let night = pb::CreateGroupRequest { company_id, name: "Night".to_owned(), leader_id, ..Default::default() };
    let night = desk.create(night).await.expect("a good group");
    for _ in 0..2 {
        assert_eq!(desk.add(&night, &[boris.id()]).await, Vec::<String>::new(), "again changes nothing");
    }
    let quiet = desk.update(pb::Group { active: false, ..night.clone() }, &["active"], &night.etag).await;
    assert_eq!(quiet.expect("an OWNER may").leader_id, yuliya.id());
    assert_eq!(desk.users(&night, pb::GroupMembership::Members).await, [BORIS]);
    assert_eq!(desk.users(&night, pb::GroupMembership::Others).await, ["boss@calls.example", ""]);
}

/// No consultant changes his own; he is told of it.
async fn the_administrator_keeps_their_contacts(centre: &Product<'_>, owner: &Person<'_>, boris: &Person<'_>) {
    assert_eq!(refused(boris.change_email("boris@new.example").await), denied());
    assert_eq!(refused(boris.request_code("+380671234567").await), denied());
    let changed = centre.cabinet.change_phone(owner.token(), boris.id(), "+380 67 123-45-67").await.expect("an OWNER may");
    assert_eq!((changed.phone.as_str(), changed.phone_verified), ("+380671234567", false));
    centre.cabinet.change_email(owner.token(), boris.id(), "boris@new.example").await.expect("an OWNER may");
    centre.letter(BORIS, "вашу адресу електронної пошти змінено").await;
    centre.refuses(BORIS, NEW_PASSWORD).await;
    centre.sign_in("boris@new.example", NEW_PASSWORD).await.expect("it holds at once");
    centre.refuses("+380671234567", NEW_PASSWORD).await;
}

/// By himself with the one he has, and by the Administrator, who thereby ends all his sessions.
async fn passwords_are_set_by_both(centre: &Product<'_>, owner: &Person<'_>, boris: &Person<'_>) {
    const OWN: &str = "a third horse, and no battery";
    assert_eq!(violations(boris.change_password(["wrong", OWN, ""]).await), ["current_password"]);
    boris.change_password([NEW_PASSWORD, OWN, ""]).await.expect("all that is asked for is right");
    let elsewhere = centre.sign_in("boris7.calls", OWN).await.expect("his own");
    let oneself = owner.set_password(owner.id(), OWN, OWN).await;
    assert_eq!(refused(oneself), is(Code::FailedPrecondition, "ACTING_ON_ONESELF"));
    assert_eq!(refused(boris.set_password(owner.id(), OWN, OWN).await), is(Code::NotFound, "USER_NOT_FOUND"));
    owner.set_password(boris.id(), PASSWORD, PASSWORD).await.expect("the policy says so");
    for session in [boris, &elsewhere] {
        session.is_shut_out().await;
    }
    centre.refuses("boris7.calls", OWN).await;
    centre.sign_in("boris7.calls", PASSWORD).await.expect("the one that the Administrator typed");
    centre.letter("boris@new.example", "пароль змінено").await;
}

async fn the_administrator_decides_about_others(
    centre: &Product<'_>,
    owner: &Person<'_>,
    yuliya: &Person<'_>,
    boris: &Person<'_>,
) {
    let oneself = is(Code::FailedPrecondition, "ACTING_ON_ONESELF");
    assert_eq!(refused(centre.cabinet.block_user(owner.token(), owner.id()).await), oneself);
    assert_eq!(refused(yuliya.users().await), denied());
    centre.cabinet.block_user(owner.token(), yuliya.id()).await.expect("an OWNER may");
    yuliya.is_shut_out().await;
    centre.cabinet.unblock_user(owner.token(), yuliya.id()).await.expect("an OWNER may");
    let yuliya = centre.sign_in("yhonchar", PASSWORD).await.expect("the same login and password");
    centre.cabinet.change_role(owner.token(), yuliya.id(), pb::Role::Admin).await.expect("an OWNER may");
    centre.cabinet.refused_everywhere(yuliya.token(), yuliya.id()).await;
    let yuliya = yuliya.refreshed().await;
    assert_eq!(yuliya.users().await.expect("an ADMIN may").len(), 3);
    assert_eq!(refused(yuliya.set_password(boris.id(), NEW_PASSWORD, NEW_PASSWORD).await), denied());
}

async fn he_deletes_a_consultant(centre: &Product<'_>, owner: &Person<'_>, boris: &Person<'_>) {
    owner.delete(boris.id()).await;
    let names: Vec<_> = owner.users().await.expect("an OWNER may").into_iter().map(|user| user.user_name).collect();
    assert_eq!(names, ["boss7.calls", "yhonchar"]);
    centre.refuses("boris7.calls", PASSWORD).await;
    let again = pb::CreateUserRequest { user_name: "boris7.calls".to_owned(), ..owner.invites(pb::Role::Agent, BORIS) };
    assert_ne!(owner.add(again).await.expect("his name is free").user_id, boris.id());
}
