//! Realms, companies and the machines in them.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::administrator_service_client::AdministratorServiceClient;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Cabinet, Kind, is, link_in, new_id, realm_request, reason, refused, user_request, violated, with_token};
use tonic::{Code, Status};

async fn create_realm(cabinet: &Cabinet, request: pb::CreateRealmRequest) -> Result<pb::Realm, Status> {
    let request = with_token(&cabinet.operator_token("olga"), request);
    let answer = RealmServiceClient::new(cabinet.identity.channel()).create_realm(request).await?;
    Ok(answer.into_inner().realm.expect("the contract promises the realm"))
}

/// Rule I1.b: an operator opens a realm of a preset and adds a company; its first OWNER is invited and administers it.
#[tokio::test(flavor = "multi_thread")]
async fn a_realm_is_opened_and_its_first_owner_invited() {
    let cabinet = Cabinet::start().await;
    let realm = create_realm(&cabinet, realm_request("Tenders")).await.expect("a good realm");
    assert_eq!((realm.preset.as_str(), realm.preset_version), ("standard", 7));
    let request = pb::CreateCompanyRequest {
        realm_id: realm.realm_id.clone(),
        name: "Buyer".into(),
        owner_email: "owner@tenders.example".into(),
        ..Default::default()
    };
    let mut realms = RealmServiceClient::new(cabinet.identity.channel());
    let created = realms.create_company(with_token(&cabinet.operator_token("olga"), request)).await.expect("a good company");
    let owner = created.get_ref().owner.clone().expect("an address was given");
    assert_eq!(owner.role(), pb::Role::Owner);
    let company_id = created.into_inner().company.expect("the contract promises the company").company_id;

    let letter = cabinet.letter_to("owner@tenders.example", 0).await;
    let redeemed = cabinet.redeem(&link_in(&letter), Cabinet::PASSWORD).await.expect("an open link");
    let token = redeemed.tokens.expect("the contract promises tokens").access_token;
    let agent = user_request(company_id.parse().expect("an id"), pb::Role::Agent, "agent@tenders.example");
    UserServiceClient::new(cabinet.identity.channel()).create_user(with_token(&token, agent)).await.expect("he is the OWNER");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_cannot_work_is_refused_with_everything_that_is_wrong() {
    let cabinet = Cabinet::start().await;
    let unknown = pb::CreateRealmRequest { preset: "fancy".into(), ..realm_request("Tenders") };
    assert_eq!(refused(create_realm(&cabinet, unknown).await), is(Code::InvalidArgument, "PRESET_UNKNOWN"));
    let wrong = pb::CreateRealmRequest {
        public_url: "javascript:alert(1)".into(),
        sender: "nobody".into(),
        time_zone: "Mars/Olympus".into(),
        ..realm_request("Tenders")
    };
    let error = create_realm(&cabinet, wrong).await.expect_err("three things are wrong");
    assert_eq!(reason(&error), is(Code::InvalidArgument, "REALM_SETTING_INVALID"));
    assert_eq!(violated(&error), ["public_url", "sender", "time_zone"]);
}

/// Rule I1.a: another realm's realm and companies do not exist.
#[tokio::test(flavor = "multi_thread")]
async fn another_realm_is_not_there() {
    let cabinet = Cabinet::start().await;
    let mut realms = RealmServiceClient::new(cabinet.identity.channel());
    let token = cabinet.service_token();
    for realm_id in [cabinet.other_realm.id, new_id()] {
        let request = with_token(&token, pb::GetRealmRequest { realm_id: realm_id.to_string() });
        assert_eq!(refused(realms.get_realm(request).await), is(Code::NotFound, "REALM_NOT_FOUND"));
        let request = pb::ListCompaniesRequest { realm_id: realm_id.to_string(), ..Default::default() };
        assert_eq!(refused(realms.list_companies(with_token(&token, request)).await), is(Code::NotFound, "REALM_NOT_FOUND"));
    }
    let request = pb::GetCompanyRequest { company_id: cabinet.other_realm.company_id.to_string(), realm_id: String::new() };
    assert_eq!(refused(realms.get_company(with_token(&token, request)).await), is(Code::NotFound, "COMPANY_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn companies_and_realms_are_listed_page_by_page() {
    let cabinet = Cabinet::start().await;
    let mut realms = RealmServiceClient::new(cabinet.identity.channel());
    let token = cabinet.operator_token("olga");
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let realm_id = cabinet.realm.id.to_string();
        let request = pb::ListCompaniesRequest { realm_id, page_size: 1, page_token };
        let page = realms.list_companies(with_token(&token, request)).await.expect("a page").into_inner();
        seen.extend(page.companies.into_iter().map(|company| company.company_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [cabinet.realm.company_id.to_string(), cabinet.realm.other_company_id.to_string()]);
    let request = pb::ListRealmsRequest { page_size: 1, page_token: String::new() };
    let page = realms.list_realms(with_token(&token, request)).await.expect("a page").into_inner();
    let foreign = pb::ListRealmsRequest { page_size: 1, page_token: page.next_page_token };
    let foreign = realms.list_realms(with_token(&cabinet.operator_token("another"), foreign)).await;
    assert_eq!(refused(foreign), is(Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
}

/// An administrator's one-time password only sets another, and works once.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_begins_with_a_one_time_password() {
    let cabinet = Cabinet::start().await;
    let one_time = cabinet.identity.answer_of(&["administrator", "olga"]);
    let sign_in = async |password: &str, new_password: &str| {
        let request = pb::SignInAdministratorRequest {
            name: "olga".into(),
            password: password.to_owned(),
            new_password: new_password.to_owned(),
        };
        AdministratorServiceClient::new(cabinet.identity.channel()).sign_in_administrator(request).await
    };
    let lasting = "a long enough password";
    cabinet.watch.canary(Kind::Password, lasting);
    assert_eq!(refused(sign_in(&one_time, "").await), is(Code::FailedPrecondition, "NEW_PASSWORD_NEEDED"));
    assert_eq!(refused(sign_in(&one_time, "too short").await), is(Code::InvalidArgument, "PASSWORD_REFUSED"));
    assert_eq!(refused(sign_in("wrong", lasting).await), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
    sign_in(&one_time, lasting).await.expect("it sets another");
    assert_eq!(refused(sign_in(&one_time, lasting).await), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
    let token = sign_in(lasting, "").await.expect("the one that was set").into_inner().access_token;
    cabinet.watch.canary(Kind::Token, &token);
    let mut realms = RealmServiceClient::new(cabinet.identity.channel());
    realms.create_realm(with_token(&token, realm_request("Tenders"))).await.expect("an administrator may");
}

/// Rule I24.b: the keys are published by HTTP as JWKS.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_published_as_jwks() {
    let cabinet = Cabinet::start().await;
    let answer = cabinet.identity.public("/.well-known/jwks.json").await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("headers and a body");
    assert!(head.contains("application/json"), "{head}");
    let jwks: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let key = &jwks["keys"][0];
    assert_eq!((key["kty"].as_str(), key["crv"].as_str()), (Some("OKP"), Some("Ed25519")));
    assert_eq!(key["kid"].as_str(), Some(cabinet.signer.kid()));
}
