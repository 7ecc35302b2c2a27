//! Requests that their clients name, so that they may be sent again: the same one is done once, and answered each time.

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::profile::v1 as profile;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{
    Cabinet, Refused, case_request, is, new_id, realm_request, reason, refused, user_id, user_request, with_token,
};
use kernel::Role;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The requests that can be named; each is sent twice below, or beside its own journey, and once
/// with another content.
const NAMED: [&str; 8] = [
    "BatchCreateUsersRequest",
    "ChangeCaseStatusRequest",
    "CreateCaseRequest",
    "CreateCompanyRequest",
    "CreateGroupRequest",
    "CreateRealmRequest",
    "CreateUserRequest",
    "UpdateProfileRequest",
];

fn reused() -> Refused {
    is(Code::InvalidArgument, "REQUEST_ID_REUSED")
}

fn new_request_id() -> String {
    new_id::<kernel::of::Event>().to_string()
}

fn count(database: &testkit::TestDatabase, table: &str) -> String {
    database.value(&format!("SELECT count(*) FROM {table}"))
}

async fn create_users(
    cabinet: &Cabinet,
    request: identity::BatchCreateUsersRequest,
) -> Result<Vec<identity::UserVerdict>, Status> {
    let mut users = UserServiceClient::new(cabinet.identity.channel());
    Ok(users.batch_create_users(with_token(&cabinet.service_token(), request)).await?.into_inner().verdicts)
}

async fn update_profile(
    cabinet: &Cabinet,
    token: &str,
    request: profile::UpdateProfileRequest,
) -> Result<profile::Profile, Status> {
    let answer = ProfileServiceClient::new(cabinet.profile.channel()).update_profile(with_token(token, request)).await?;
    Ok(answer.into_inner().profile.expect("the contract promises the profile"))
}

/// Whoever gives another request a `request_id` shows here that it works.
#[test]
fn the_requests_that_can_be_named_are_known_here() {
    let contract = prost_types::FileDescriptorSet::decode(api::DESCRIPTOR_SET).expect("the build wrote it");
    let messages = contract.file.iter().flat_map(|file| &file.message_type);
    let named = messages.filter(|message| message.field.iter().any(|field| field.name() == "request_id"));
    let mut named: Vec<&str> = named.map(prost_types::DescriptorProto::name).collect();
    named.sort_unstable();
    assert_eq!(named, NAMED);
}

/// Rule F15.a: fifty clients that send the same named request at once make one case, and are all told which.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_created_once_however_often_its_request_is_sent() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let request = cases::CreateCaseRequest { request_id: new_request_id(), ..case_request(&cabinet.realm, &anna.user_id) };
    let sent = (0..50).map(|_| cabinet.create_case_with(&token, request.clone()));
    let answers: Result<Vec<_>, _> = futures::future::join_all(sent).await.into_iter().collect();
    let answers = answers.expect("the same request each time");
    assert!(answers.iter().all(|case| *case == answers[0]));
    assert_eq!(count(&cabinet.databases.case_monitoring, "cases"), "1");

    let without = case_request(&cabinet.realm, &anna.user_id);
    let [first, second] = [without.clone(), without].map(|request| cabinet.create_case_with(&token, request));
    assert_ne!(first.await.expect("a good case").case_id, second.await.expect("a good case").case_id);
}

/// Rule F15.a: a change is made once and told once; whoever sends it again sees the case as it is by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_once_however_often_its_request_is_sent() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&anna.user_id).await;
    let token = cabinet.service_token();
    let open = cases::ChangeCaseStatusRequest {
        case_id: case.case_id.clone(),
        status: "OPEN".to_owned(),
        request_id: new_request_id(),
        ..Default::default()
    };
    let sent = (0..10).map(|_| cabinet.change_status_with(&token, open.clone()));
    let answers: Result<Vec<_>, _> = futures::future::join_all(sent).await.into_iter().collect();
    for answer in answers.expect("the same request each time") {
        let case = answer.case.expect("the contract promises the case");
        assert_eq!((case.version, answer.already_taken), (2, false));
    }
    cabinet.change_status(&token, &case.case_id, "RESOLVED").await.expect("an allowed move");
    let other = cases::ChangeCaseStatusRequest { status: "CLOSED".to_owned(), ..open.clone() };
    assert_eq!(refused(cabinet.change_status_with(&token, other).await), reused());
    let later =
        cabinet.change_status_with(&token, open).await.expect("done before").case.expect("the contract promises the case");
    assert_eq!((later.version, later.status.expect("every case has one").code.as_str()), (3, "RESOLVED"));
    cabinet.settled().await;
    assert_eq!(cabinet.mail.letters().len(), 2);
}

/// Rule F15.b: an id that stood for something else is refused; another caller's id, and that of another method, are ids of their own.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_stands_for_one_request_of_one_caller() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let request_id = new_request_id();
    let request = cases::CreateCaseRequest { request_id: request_id.clone(), ..case_request(&cabinet.realm, &anna.user_id) };
    let case = cabinet.create_case_with(&token, request.clone()).await.expect("a good case");

    let other = cases::CreateCaseRequest { subject: "Something else".to_owned(), ..request.clone() };
    let status = cabinet.create_case_with(&token, other).await.expect_err("the id is used");
    assert_eq!(reason(&status), is(Code::InvalidArgument, "REQUEST_ID_REUSED"));
    assert_eq!(status.get_details_bad_request().expect("BadRequest").field_violations[0].field, "request_id");
    let loud = cases::CreateCaseRequest { request_id: request_id.to_uppercase(), ..request.clone() };
    assert_eq!(cabinet.create_case_with(&token, loud).await.expect("the same id").case_id, case.case_id);

    let agent = user_id(
        &cabinet.create_user(&token, cabinet.realm.company_id, identity::Role::Agent, "a@example.com").await.expect("new"),
    );
    let his = cabinet.create_case_with(&cabinet.user_token(agent, Role::Agent), request).await.expect("his own request");
    assert_ne!(his.case_id, case.case_id);
    let open =
        cases::ChangeCaseStatusRequest { case_id: case.case_id, status: "OPEN".to_owned(), request_id, ..Default::default() };
    assert!(cabinet.change_status_with(&token, open).await.is_ok());

    let nonsense = cases::CreateCaseRequest { request_id: "again".to_owned(), ..case_request(&cabinet.realm, &anna.user_id) };
    assert_eq!(refused(cabinet.create_case_with(&token, nonsense).await), is(Code::InvalidArgument, "REQUEST_INVALID"));
}

/// Rule F15.c: whoever may not do it any more is refused, though it was done when he might; in another session he is the same caller.
#[tokio::test(flavor = "multi_thread")]
async fn permission_is_asked_again() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let company_id = cabinet.realm.company_id;
    let agent =
        cabinet.create_user(&cabinet.service_token(), company_id, identity::Role::Agent, "a@example.com").await.expect("new");
    let request = cases::CreateCaseRequest { request_id: new_request_id(), ..case_request(&cabinet.realm, &anna.user_id) };
    let case =
        cabinet.create_case_with(&cabinet.user_token(user_id(&agent), Role::Agent), request.clone()).await.expect("an agent");
    let again = cabinet.create_case_with(&cabinet.user_token(user_id(&agent), Role::Agent), request.clone()).await;
    assert_eq!(again.expect("another session").case_id, case.case_id);

    let as_customer = cabinet.user_token(user_id(&agent), Role::Customer);
    assert_eq!(refused(cabinet.create_case_with(&as_customer, request).await), is(Code::PermissionDenied, "PERMISSION_DENIED"));
}

/// Rule F15.d: a batch keeps its verdicts: a contact that has become free meanwhile does not make another one of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_keeps_its_verdicts() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let new = |email: &str| identity::NewUser {
        role: identity::Role::Customer.into(),
        email: email.to_owned(),
        invitation: identity::Invitation::None.into(),
        ..Default::default()
    };
    let request = identity::BatchCreateUsersRequest {
        company_id: cabinet.realm.company_id.to_string(),
        users: vec![new("not an address"), new("anna@example.com"), new("bela@example.com")],
        request_id: new_request_id(),
    };
    let sent = (0..10).map(|_| create_users(&cabinet, request.clone()));
    let answers: Result<Vec<_>, _> = futures::future::join_all(sent).await.into_iter().collect();
    let verdicts = answers.expect("the same request each time");
    assert!(verdicts.iter().all(|answer| *answer == verdicts[0]));
    let reasons: Vec<Vec<_>> = verdicts[0].iter().map(|verdict| verdict.reasons().collect()).collect();
    assert_eq!(reasons, [vec![identity::ErrorReason::EmailInvalid], vec![identity::ErrorReason::EmailTaken], vec![]]);

    cabinet.change_email(&cabinet.service_token(), &anna.user_id, "anna@elsewhere.example").await.expect("a free address");
    assert_eq!(create_users(&cabinet, request.clone()).await.expect("the same request"), verdicts[0]);
    let shorter = identity::BatchCreateUsersRequest { users: request.users[1..].to_vec(), ..request.clone() };
    assert_eq!(refused(create_users(&cabinet, shorter).await), reused());
    let fresh = identity::BatchCreateUsersRequest { request_id: new_request_id(), ..request };
    let fresh = create_users(&cabinet, fresh).await.expect("another request");
    assert!(fresh[1].user.is_some() && fresh[2].user.is_none());
}

/// Rule F15.a: a user, a realm and a company with its first OWNER are made once.
#[tokio::test(flavor = "multi_thread")]
async fn users_realms_and_companies_are_made_once() {
    let cabinet = Cabinet::start().await;
    let user = identity::CreateUserRequest {
        request_id: new_request_id(),
        ..user_request(cabinet.realm.company_id, identity::Role::Customer, "anna@example.com")
    };
    let token = cabinet.service_token();
    let made = futures::future::join_all((0..10).map(|_| cabinet.create_user_with(&token, user.clone()))).await;
    let made: Vec<_> = made.into_iter().map(|user| user.expect("the same request").user_id).collect();
    assert!(made.iter().all(|id| *id == made[0]));
    let other = identity::CreateUserRequest { phone: "+380671234567".to_owned(), ..user.clone() };
    assert_eq!(refused(cabinet.create_user_with(&token, other).await), reused());
    let taken = identity::CreateUserRequest { request_id: new_request_id(), ..user };
    assert_eq!(refused(cabinet.create_user_with(&token, taken).await), is(Code::AlreadyExists, "EMAIL_TAKEN"));

    let operator = cabinet.operator_token("olga");
    let mut realms = RealmServiceClient::new(cabinet.identity.channel());
    let realm = identity::CreateRealmRequest { request_id: new_request_id(), ..realm_request("Tenders") };
    let opened = realms.create_realm(with_token(&operator, realm.clone())).await.expect("a good realm").into_inner();
    assert_eq!(realms.create_realm(with_token(&operator, realm.clone())).await.expect("the same request").into_inner(), opened);
    let other = identity::CreateRealmRequest { language: "pl".to_owned(), ..realm };
    assert_eq!(refused(realms.create_realm(with_token(&operator, other)).await), reused());

    let company = identity::CreateCompanyRequest {
        realm_id: opened.realm.expect("the contract promises the realm").realm_id,
        name: "Buyer".into(),
        owner_email: "owner@tenders.example".into(),
        request_id: new_request_id(),
        ..Default::default()
    };
    let added = realms.create_company(with_token(&operator, company.clone())).await.expect("a good company").into_inner();
    assert!(added.owner.is_some());
    assert_eq!(
        realms.create_company(with_token(&operator, company.clone())).await.expect("the same request").into_inner(),
        added
    );
    let other = identity::CreateCompanyRequest { name: "Seller".into(), ..company };
    assert_eq!(refused(realms.create_company(with_token(&operator, other)).await), reused());
}

/// Rule F15.c: what has become of a company's first OWNER is not told to an operator, who could not read him, by the answer he
/// had when he made the company.
#[tokio::test(flavor = "multi_thread")]
async fn sending_again_shows_nobody_who_may_not_be_seen() {
    let cabinet = Cabinet::start().await;
    let operator = cabinet.operator_token("olga");
    let mut realms = RealmServiceClient::new(cabinet.identity.channel());
    let company = identity::CreateCompanyRequest {
        realm_id: cabinet.realm.id.to_string(),
        name: "Buyer".into(),
        owner_email: "owner@tenders.example".into(),
        request_id: new_request_id(),
        ..Default::default()
    };
    let added = realms.create_company(with_token(&operator, company.clone())).await.expect("a good company").into_inner();
    let owner = added.owner.expect("an address was given");
    assert_eq!(owner.allowed_actions, [], "nor may he do anything with him");
    cabinet.change_phone(&cabinet.service_token(), &owner.user_id, "+380671234567").await.expect("a free number");
    let again = realms.create_company(with_token(&operator, company)).await.expect("the same request").into_inner();
    assert_eq!((again.company, again.owner), (added.company, None));
}

/// Rule F15.a: a form that is sent twice is saved once, and the second answer does not take the first for somebody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_saved_twice_by_one_request_is_saved_once() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);
    let save = |name: &str, etag: &str, request_id: &str| profile::UpdateProfileRequest {
        profile: Some(profile::Profile { user_id: anna.user_id.clone(), full_name: name.to_owned(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["full_name".to_owned()] }),
        etag: etag.to_owned(),
        request_id: request_id.to_owned(),
    };
    let first = update_profile(&cabinet, &her_own, save("Anna", "", "")).await.expect("a good name");
    let second = save("Anna Kovalska", &first.etag, &new_request_id());
    let saved = update_profile(&cabinet, &her_own, second.clone()).await.expect("the etag is hers");
    assert_eq!(update_profile(&cabinet, &her_own, second.clone()).await.expect("the same request"), saved);
    assert_eq!(saved.version, 2);
    let other = save("Somebody else", &first.etag, &second.request_id);
    assert_eq!(refused(update_profile(&cabinet, &her_own, other).await), reused());
    let unnamed = profile::UpdateProfileRequest { request_id: String::new(), ..second };
    assert_eq!(refused(update_profile(&cabinet, &her_own, unnamed).await), is(Code::Aborted, "ETAG_MISMATCH"));
}
