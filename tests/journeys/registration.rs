//! People who register themselves, where the policy says so.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::registration_service_client::RegistrationServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{
    Cabinet, Kind, Refused, Setup, eventually, is, link_in, new_id, refused, user_request, violations, with_token,
};
use futures::future::join_all;
use mail_parser::MessageParser;
use testkit::{Letter, PostgresOptions, SharedPostgres, shared_rabbitmq};
use tonic::{Code, Status};

use crate::guessing::{since, work};
use crate::preset_realm::PresetRealm;

const PASSWORD: &str = Cabinet::PASSWORD;

fn not_valid() -> Refused {
    is(Code::NotFound, "LINK_NOT_VALID")
}

pub(crate) fn closed() -> Refused {
    is(Code::FailedPrecondition, "REGISTRATION_CLOSED")
}

pub(crate) fn rule(self_registration: pb::SelfRegistration, company_id: &str) -> pb::Policy {
    let rule = pb::RegistrationRule { self_registration: self_registration.into(), company_id: company_id.to_owned() };
    pb::Policy { registration: Some(rule), ..Default::default() }
}

/// A realm of a preset whose people may register themselves.
async fn open<'a>(cabinet: &'a Cabinet, preset: &str) -> PresetRealm<'a> {
    let realm = PresetRealm::open(cabinet, preset).await;
    let policy = rule(pb::SelfRegistration::Open, &realm.company_id.to_string());
    realm.update(policy, &["registration"], "").await.expect("a company of the realm");
    realm
}

pub(crate) fn with_email(realm: &PresetRealm<'_>, email: &str) -> pb::RegisterRequest {
    pb::RegisterRequest { realm_id: realm.realm_id.to_string(), email: email.to_owned(), ..Default::default() }
}

pub(crate) async fn register_with(cabinet: &Cabinet, request: pb::RegisterRequest) -> Result<(), Status> {
    cabinet.watch.canary(Kind::Address, &request.email);
    cabinet.watch.canary(Kind::Phone, &request.phone);
    RegistrationServiceClient::new(cabinet.identity.channel()).register(request).await.map(|_| ())
}

async fn register(realm: &PresetRealm<'_>, email: &str) -> Result<(), Status> {
    register_with(realm.cabinet, with_email(realm, email)).await
}

pub(crate) async fn inspect(cabinet: &Cabinet, token: &str) -> Result<pb::InspectRegistrationResponse, Status> {
    let request = pb::InspectRegistrationRequest { token: token.to_owned() };
    Ok(RegistrationServiceClient::new(cabinet.identity.channel()).inspect_registration(request).await?.into_inner())
}

pub(crate) async fn confirm(cabinet: &Cabinet, token: &str, password: &str) -> Result<pb::ConfirmRegistrationResponse, Status> {
    cabinet.watch.canary(Kind::Token, token);
    let (token, password) = (token.to_owned(), password.to_owned());
    let request = pb::ConfirmRegistrationRequest { token, password, session_name: "a test".to_owned() };
    let answer = RegistrationServiceClient::new(cabinet.identity.channel()).confirm_registration(request).await?.into_inner();
    let tokens = answer.tokens.as_ref().expect("the contract promises tokens");
    cabinet.watch.canary(Kind::Token, &tokens.refresh_token);
    cabinet.watch.canary(Kind::Token, &answer.device_token);
    Ok(answer)
}

/// Registers and answers with the token of the first letter.
async fn registered(realm: &PresetRealm<'_>, email: &str) -> String {
    register(realm, email).await.expect("always the same answer");
    link_in(&realm.cabinet.letter_to(email, 0).await)
}

async fn find(realm: &PresetRealm<'_>, email: &str) -> Result<pb::User, Status> {
    let token = realm.cabinet.service_token_in(realm.realm_id);
    let request = with_token(&token, pb::FindUserRequest { email: email.to_owned(), ..Default::default() });
    let answer = UserServiceClient::new(realm.cabinet.identity.channel()).find_user(request).await?;
    Ok(answer.into_inner().user.expect("the contract promises the user"))
}

/// Sets back when people registered: nobody waits here.
fn age(cabinet: &Cabinet, interval: &str) {
    let earlier = format!("created_at = created_at - interval '{interval}', expires_at = expires_at - interval '{interval}'");
    cabinet.databases.identity.execute(&format!("UPDATE registrations SET {earlier}"));
}

fn count(cabinet: &Cabinet, table: &str) -> u64 {
    cabinet.databases.identity.value(&format!("SELECT count(*) FROM {table}")).parse().expect("a count")
}

fn says(letter: &Letter, words: &str) {
    let subject = MessageParser::default().parse(&letter.raw).expect("a good letter").subject().unwrap_or_default().to_owned();
    assert!(subject.contains(words), "{subject}");
}

/// Rules I22.e, I7: whoever follows the link is a user: a CUSTOMER of the company that is named for it, his address verified, and signed
/// in; before there is none, however often the link is opened, and after it is used.
#[tokio::test(flavor = "multi_thread")]
async fn who_registers_is_a_user_once_he_has_followed_his_link() {
    let cabinet = Cabinet::start().await;
    let realm = open(&cabinet, "helpdesk").await;
    let introduction = pb::Introduction { full_name: "Anna Kowalska".into(), language: "pl".into(), ..Default::default() };
    cabinet.watch.canary(Kind::Name, &introduction.full_name);
    let request = pb::RegisterRequest { introduction: Some(introduction), ..with_email(&realm, "Anna@Example.com") };
    register_with(&cabinet, request).await.expect("it is open");
    let letter = cabinet.letter_to("Anna@example.com", 0).await;
    says(&letter, "potwierdź rejestrację");
    let token = link_in(&letter);
    for _ in 0..10 {
        let shown = inspect(&cabinet, &token).await.expect("an open link");
        assert!(shown.expire_time.is_some() && shown.email == "Anna@example.com");
        assert_eq!(shown.introduction.expect("what was said").full_name, "Anna Kowalska");
    }
    assert_eq!(refused(find(&realm, "anna@example.com").await), is(Code::NotFound, "USER_NOT_FOUND"));
    for weak in ["short", "anna@example.com", "kowalska1"] {
        assert_eq!(refused(confirm(&cabinet, &token, weak).await), is(Code::InvalidArgument, "PASSWORD_REFUSED"), "{weak}");
    }

    let answer = confirm(&cabinet, &token, PASSWORD).await.expect("an open link");
    let user = answer.user.expect("the contract promises the user");
    assert_eq!((user.role(), user.status(), user.email_verified), (pb::Role::Customer, pb::UserStatus::Active, true));
    assert_eq!((user.company_id, user.email.as_str()), (realm.company_id.to_string(), "Anna@example.com"));
    let access_token = answer.tokens.expect("the contract promises tokens").access_token;
    cabinet.accepted_everywhere(&access_token, &user.user_id).await;
    let profile = cabinet.get_profile(&access_token, &user.user_id).await.expect("her own");
    assert_eq!((profile.full_name.as_str(), profile.language.as_str()), ("Anna Kowalska", "pl"));
    let found = realm.sign_in("anna@example.com", PASSWORD).await.expect("the password that was set");
    assert_eq!((found.user_id, found.email_verified), (user.user_id, true));
    assert_eq!(refused(confirm(&cabinet, &token, PASSWORD).await), not_valid());
    assert_eq!(refused(inspect(&cabinet, &token).await), not_valid());
}

/// Rules I22.d, I4.a: whoever registers with an address that has an account is answered like anybody, and mailed that it has one; nothing
/// if its user is blocked. The work is the same, counted, and one row is written each time.
#[tokio::test(flavor = "multi_thread")]
async fn registering_tells_nobody_who_has_an_account() {
    let server = PostgresOptions::default().setting("shared_preload_libraries", "pg_stat_statements").start();
    let mut cabinet = Setup::on(SharedPostgres::at(&server.base_url()), shared_rabbitmq()).start().await;
    cabinet.databases.identity.execute("CREATE EXTENSION pg_stat_statements");
    let realm = open(&cabinet, "helpdesk").await;
    let (_, token) = realm.member(pb::CreateUserRequest { role: pb::Role::Owner.into(), ..realm.invited("o@example.com") }).await;
    realm.newcomer(realm.invited("anna@example.com")).await;
    let never = realm.add(user_request(realm.company_id, pb::Role::Customer, "never@example.com")).await.expect("a good user");
    let blocked = realm.add(realm.invited("blocked@example.com")).await.expect("a good user");
    cabinet.letter_to("blocked@example.com", 0).await;
    cabinet.block_user(&token, &blocked.user_id).await.expect("an OWNER may block");
    cabinet.letter_to("blocked@example.com", 1).await;
    cabinet.settled().await;
    let realm_id = realm.realm_id;
    cabinet.notification.stop();

    let mut works = Vec::new();
    for email in ["nobody@example.com", "anna@example.com", "never@example.com", "blocked@example.com", "nobody@example.com"] {
        let (before, rows) = (work(&cabinet).await, count(&cabinet, "registrations"));
        let request = pb::RegisterRequest { realm_id: realm_id.to_string(), email: email.to_owned(), ..Default::default() };
        register_with(&cabinet, request).await.expect("always the same answer");
        assert_eq!(count(&cabinet, "registrations") - rows, 1, "{email}");
        works.push(since(&before, &work(&cabinet).await));
    }
    assert!(works[0].len() >= 4, "no statements were heard: {works:?}");
    assert!(works.iter().all(|work| *work == works[0]), "{works:#?}");
    cabinet.notification.start();
    cabinet.notification.wait_until_ready().await;

    says(&cabinet.letter_to("nobody@example.com", 0).await, "confirm your registration");
    says(&cabinet.letter_to(&never.email, 0).await, "you have an account already");
    says(&cabinet.letter_to("anna@example.com", 1).await, "you have an account already");
    let told = cabinet.mail.letters().iter().filter(|letter| letter.rcpt_to == ["blocked@example.com"]).count();
    assert_eq!(told, 2, "the invitation and the notice of the block");
    let kept = cabinet.databases.identity.value("SELECT count(*) FROM registrations WHERE email <> ''");
    assert_eq!(kept, "1", "of users nothing is kept that their accounts do not say");
}

/// Rule I22.e: nobody registers where the policy says so, no company is named, or there is no realm: which of these is not said.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_registers_where_it_is_closed() {
    let cabinet = Cabinet::start().await;
    for preset in ["standard", "tender", "helpdesk"] {
        let realm = PresetRealm::open(&cabinet, preset).await;
        assert_eq!(refused(register(&realm, "anna@example.com").await), closed(), "{preset}: no company is named");
    }
    let realm = open(&cabinet, "tender").await;
    let nowhere = pb::RegisterRequest { realm_id: new_id::<()>().to_string(), ..with_email(&realm, "anna@example.com") };
    assert_eq!(refused(register_with(&cabinet, nowhere).await), closed());
    let token = registered(&realm, "anna@example.com").await;
    let company_id = realm.company_id.to_string();
    realm.update(rule(pb::SelfRegistration::Closed, &company_id), &["registration"], "").await.expect("a good policy");
    assert_eq!(refused(register(&realm, "bela@example.com").await), closed());
    assert_eq!(refused(inspect(&cabinet, &token).await), closed(), "it has closed since");
    assert_eq!(refused(confirm(&cabinet, &token, PASSWORD).await), closed());
    assert_eq!(refused(find(&realm, "anna@example.com").await), is(Code::NotFound, "USER_NOT_FOUND"));
    realm.update(rule(pb::SelfRegistration::Open, &company_id), &["registration"], "").await.expect("a good policy");
    confirm(&cabinet, &token, PASSWORD).await.expect("it has opened again");
}

/// Rules I22.e, I1.d: those who register come to an ordinary company of the realm; what is wrong with a policy is said at once.
#[tokio::test(flavor = "multi_thread")]
async fn who_registers_comes_to_an_ordinary_company_of_the_realm() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "helpdesk").await;
    let desk = realm.support_desk().await.to_string();
    let elsewhere = cabinet.realm.company_id.to_string();
    for company_id in [&desk, &elsewhere, &new_id::<()>().to_string()] {
        let sessions = Some(pb::SessionLifetimes { idle_days: 0, longest_days: 90 });
        let policy = pb::Policy { sessions, ..rule(pb::SelfRegistration::Open, company_id) };
        let refusal = realm.update(policy, &["registration", "sessions"], "").await;
        assert_eq!(violations(refusal), ["policy.sessions.idle_days", "policy.registration.company_id"]);
    }
    assert_eq!(
        refused(realm.update(rule(pb::SelfRegistration::Open, &desk), &["registration"], "").await),
        is(Code::InvalidArgument, "POLICY_INVALID")
    );
    assert_eq!(
        violations(realm.update(rule(pb::SelfRegistration::Unspecified, ""), &["registration"], "").await),
        ["policy.registration.self_registration"]
    );
    assert_eq!(violations(realm.update(rule(pb::SelfRegistration::Open, "x"), &["registration"], "").await).len(), 1);
}

/// Rule I22.e: of many who confirm one address at once, by one link or by two, one becomes a user.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_registered_once() {
    let cabinet = Cabinet::start().await;
    let realm = open(&cabinet, "helpdesk").await;
    let first = registered(&realm, "anna@example.com").await;
    age(&cabinet, "2 minutes");
    register(&realm, "ANNA@example.com").await.expect("always the same answer");
    let second = link_in(&cabinet.letter_to("ANNA@example.com", 0).await);
    let tries = [&first, &second].into_iter().cycle().take(10).map(|token| confirm(&cabinet, token, PASSWORD));
    let (won, lost): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 9));
    for answer in lost {
        assert_eq!(refused(answer), not_valid());
    }
    assert_eq!(count(&cabinet, "users WHERE email_key = 'anna@example.com'"), 1);
    assert_eq!(count(&cabinet, "sessions"), 1);
}

/// Rules I22.e, I8.c: whose the address has become meanwhile is not said, nor whose another contact is.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_somebody_has_by_now_is_not_registered() {
    let cabinet = Cabinet::start().await;
    let realm = open(&cabinet, "tender").await;
    let token = registered(&realm, "anna@example.com").await;
    let anna = realm.add(user_request(realm.company_id, pb::Role::Agent, "Anna@example.com")).await.expect("she comes otherwise");
    assert_eq!(refused(confirm(&cabinet, &token, PASSWORD).await), not_valid());
    assert_eq!(find(&realm, "anna@example.com").await.expect("there is one").user_id, anna.user_id);

    let bela = pb::CreateUserRequest { phone: "+380671234567".into(), ..realm.invited("bela@example.com") };
    realm.add(bela).await.expect("a good user");
    let by_phone = pb::RegisterRequest { phone: "+380 67 123-45-67".into(), ..with_email(&realm, "cyril@example.com") };
    register_with(&cabinet, by_phone).await.expect("always the same answer");
    let token = link_in(&cabinet.letter_to("cyril@example.com", 0).await);
    let taken = confirm(&cabinet, &token, PASSWORD).await;
    assert_eq!(refused(taken), is(Code::FailedPrecondition, "CONTACT_REFUSED"));
    age(&cabinet, "2 minutes");
    let another = pb::RegisterRequest { phone: "+380671234568".into(), ..with_email(&realm, "cyril@example.com") };
    register_with(&cabinet, another).await.expect("always the same answer");
    let token = link_in(&cabinet.letter_to("cyril@example.com", 1).await);
    let user = confirm(&cabinet, &token, PASSWORD).await.expect("nobody has it").user.expect("the user");
    assert_eq!((user.phone.as_str(), user.phone_verified), ("+380671234568", false));
}

/// Rules I22.e, I9.a: what the policy wants of everybody it wants of those who register, all of it at once; also of those who registered
/// when it wanted less.
#[tokio::test(flavor = "multi_thread")]
async fn who_registers_has_what_the_policy_asks_for() {
    let cabinet = Cabinet::start().await;
    let realm = open(&cabinet, "marketplace").await;
    let nothing = register(&realm, "").await;
    assert_eq!(violations(nothing), ["email", "phone", "introduction.last_name", "introduction.first_name"]);
    let latin = pb::Introduction { first_name: "Olena".into(), last_name: "Пчілка".into(), ..Default::default() };
    let wrong = pb::RegisterRequest { phone: "0441234567".into(), introduction: Some(latin), ..with_email(&realm, "olena@") };
    assert_eq!(violations(register_with(&cabinet, wrong).await), ["email", "phone", "introduction.first_name"]);
    let olena = pb::Introduction { first_name: "Олена".into(), last_name: "Пчілка".into(), ..Default::default() };
    let good =
        pb::RegisterRequest { phone: "0671234567".into(), introduction: Some(olena), ..with_email(&realm, "o@example.com") };
    register_with(&cabinet, good).await.expect("everything that is asked for");
    let token = link_in(&cabinet.letter_to("o@example.com", 0).await);
    assert_eq!(count(&cabinet, "users WHERE email_key = 'o@example.com'"), 0);

    let required = vec![pb::Contact::Email.into(), pb::Contact::UserName.into()];
    let stricter = pb::Policy { required_contacts: required, ..Default::default() };
    realm.update(stricter, &["required_contacts"], "").await.expect("a good policy");
    assert_eq!(refused(confirm(&cabinet, &token, "qwerty").await), is(Code::InvalidArgument, "CONTACT_MISSING"));
    let as_before = pb::Policy { required_contacts: vec![pb::Contact::Email.into()], ..Default::default() };
    realm.update(as_before, &["required_contacts"], "").await.expect("a good policy");
    let user =
        confirm(&cabinet, &token, "qwerty").await.expect("the marketplace's own rule of passwords").user.expect("the user");
    assert_eq!(user.phone, "+380671234567");
}

/// Rules I22.e, I23.c: an address is written to once a minute and five times a day, whoever has it; from one address so many register,
/// together with those who ask for resets.
#[tokio::test(flavor = "multi_thread")]
async fn registering_is_limited() {
    let cabinet = Setup::default().with_identity("CABINET__GUESSING__RESETS_FROM_ADDRESS", "20").start().await;
    let realm = open(&cabinet, "helpdesk").await;
    let users = ["anna@example.com", "bela@example.com"];
    realm.add(user_request(realm.company_id, pb::Role::Customer, users[1])).await.expect("a good user");
    for number in 0..7 {
        for email in users {
            register(&realm, email).await.expect("always the same answer");
        }
        if number > 0 {
            age(&cabinet, "2 minutes");
        }
    }
    for number in 0..6 {
        register(&realm, &format!("nobody{number}@example.com")).await.expect("twenty in all");
        cabinet.letter_to(&format!("nobody{number}@example.com"), 0).await;
    }
    assert_eq!(refused(register(&realm, "late@example.com").await), is(Code::ResourceExhausted, "ATTEMPTS_LIMITED"));
    cabinet.settled().await;
    for email in users {
        let sent = cabinet.mail.letters().iter().filter(|letter| letter.rcpt_to == [email]).count();
        assert_eq!(sent, 5, "{email}");
    }
}

/// Rule I22.e: the link is good for 24 hours; then nothing is kept of whoever did not come.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_come_is_forgotten() {
    let mut cabinet = Cabinet::start().await;
    let realm = open(&cabinet, "helpdesk").await;
    let token = registered(&realm, "anna@example.com").await;
    age(&cabinet, "23 hours 59 minutes");
    inspect(&cabinet, &token).await.expect("a minute is left");
    age(&cabinet, "1 minute");
    assert_eq!(refused(confirm(&cabinet, &token, PASSWORD).await), not_valid());
    cabinet.identity.stop();
    cabinet.identity.start();
    cabinet.identity.wait_until_ready().await;
    eventually("housekeeping", || (count(&cabinet, "registrations") == 0).then_some(())).await;
}
