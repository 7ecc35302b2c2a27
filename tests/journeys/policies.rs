//! What realms decide for themselves: the presets, by what their users can do, and changing a policy.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use cabinet_e2e::{Cabinet, Kind, is, link_in, reason, refused, violations, with_token};
use tonic::Code;

use crate::preset_realm::PresetRealm;

/// Whom a marketplace takes.
fn olena() -> pb::Introduction {
    pb::Introduction { first_name: "Олена".to_owned(), last_name: "Пчілка".to_owned(), ..Default::default() }
}

/// A policy, all of it, in words.
fn told(policy: &pb::Policy) -> String {
    let names = policy.names.expect("a rule");
    let registration = policy.registration.clone().expect("a rule");
    assert_eq!(registration.company_id, "", "no preset knows a company");
    let second_factor = policy.second_factor.clone().expect("a rule");
    let sign_on = policy.sign_on.clone().expect("a rule");
    let sessions = policy.sessions.expect("a rule");
    format!(
        "{}, starts {}, names {} {} {}, registration {}, contacts changed by {}, deleted by {}, \
         social {}, second factor of {}, sign-on of {}, sessions {} of {} days",
        told_of_credentials(policy),
        policy.starting_status().as_str_name().trim_start_matches("STARTING_STATUS_"),
        names.form().as_str_name().trim_start_matches("NAME_FORM_"),
        names.letters().as_str_name().trim_start_matches("NAME_LETTERS_"),
        names.need().as_str_name().trim_start_matches("NAME_NEED_"),
        registration.self_registration().as_str_name().trim_start_matches("SELF_REGISTRATION_"),
        policy.contact_changes().as_str_name().trim_start_matches("CONTACT_CHANGER_"),
        policy.deletion().as_str_name().trim_start_matches("USER_DELETER_"),
        policy.social_sign_in().as_str_name().trim_start_matches("SOCIAL_SIGN_IN_"),
        told_roles(second_factor.required_of()),
        told_roles(sign_on.required_of()),
        sessions.idle_days,
        sessions.longest_days,
    )
}

/// What it says of contacts and passwords.
fn told_of_credentials(policy: &pb::Policy) -> String {
    let contacts = |contacts: Vec<pb::Contact>| {
        let names = contacts.into_iter().map(|contact| contact.as_str_name().trim_start_matches("CONTACT_").to_lowercase());
        names.collect::<Vec<_>>().join("+")
    };
    let password = policy.password.expect("a rule");
    let change = policy.password_change.clone().expect("a rule");
    format!(
        "needs {}, signs in by {}, phones {}, password {}-{} {} {}, change {} within {} min, by owner {}",
        contacts(policy.required_contacts().collect()),
        contacts(policy.sign_in_by().collect()),
        policy.phones().as_str_name().trim_start_matches("PHONE_RULE_"),
        password.min_length,
        password.max_length,
        password.characters().as_str_name().trim_start_matches("PASSWORD_CHARACTERS_"),
        password.guessable().as_str_name().trim_start_matches("GUESSABLE_PASSWORDS_"),
        change.asks().map(|proof| proof.as_str_name().trim_start_matches("PASSWORD_PROOF_")).collect::<Vec<_>>().join("+"),
        change.reauthentication_minutes,
        change.by_owner().as_str_name().trim_start_matches("OWNER_SETS_PASSWORDS_"),
    )
}

fn told_roles(roles: impl Iterator<Item = pb::Role>) -> String {
    let names: Vec<_> = roles.map(|role| role.as_str_name().trim_start_matches("ROLE_")).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join("+") }
}

/// Rule I1.d: a realm has the policy of the preset it was opened with.
#[tokio::test(flavor = "multi_thread")]
async fn every_preset_has_its_policy() {
    let cabinet = Cabinet::start().await;
    let usual = "change CURRENT within 5 min, by owner REFUSED";
    let strict = "password 8-128 ANY REFUSED";
    let every = "second factor of nobody, sign-on of nobody, sessions 14 of 90 days";
    let standard = format!(
        "needs email, signs in by email, phones INTERNATIONAL, {strict}, {usual}, starts ACTIVE, names FULL ANY OPTIONAL, \
         registration CLOSED, contacts changed by USER, deleted by OWNER, social CLOSED, {every}"
    );
    let tender = format!(
        "needs email, signs in by email+phone, phones INTERNATIONAL, {strict}, change  within 0 min, by owner REFUSED, \
         starts ACTIVE, names FULL_WITH_PARTS ANY OPTIONAL, registration OPEN, contacts changed by SUPPORT_ONCE_SET, \
         deleted by SUPPORT, social CLOSED, {every}"
    );
    let helpdesk = standard.replace("registration CLOSED", "registration OPEN").replace("social CLOSED", "social OPEN");
    let call_center = format!(
        "needs user_name, signs in by user_name+email, phones INTERNATIONAL, {strict}, \
         change CURRENT within 5 min, by owner ALLOWED, starts CHOSEN, names FIRST_LAST ANY OPTIONAL, \
         registration CLOSED, contacts changed by OWNER, deleted by OWNER, social CLOSED, {every}"
    );
    let legal = standard.replace("CURRENT", "CURRENT+CONFIRMATION").replace("FULL", "LAST_FIRST_MIDDLE");
    let marketplace = format!(
        "needs email+phone, signs in by email, phones UKRAINIAN_MOBILE, password 6-128 VISIBLE_ASCII ALLOWED, \
         {usual}, starts ACTIVE, names FIRST_LAST CYRILLIC_WITH_MARKS REQUIRED, registration CLOSED, \
         contacts changed by SUPPORT, deleted by NOBODY, social CLOSED, {every}"
    );
    let expected = [
        ("standard", standard),
        ("tender", tender),
        ("helpdesk", helpdesk),
        ("call_center", call_center),
        ("legal", legal),
        ("marketplace", marketplace),
    ];
    for (preset, policy) in expected {
        assert_eq!(told(&PresetRealm::open(&cabinet, preset).await.policy().await.0), policy, "{preset}");
    }
}

/// Rules I9.b, I10.b: a marketplace takes Ukrainian mobile numbers, and any password of visible ASCII.
#[tokio::test(flavor = "multi_thread")]
async fn a_marketplace_takes_ukrainian_numbers_and_plain_passwords() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "marketplace").await;
    let with_phone = |phone: &str| pb::CreateUserRequest {
        phone: phone.to_owned(),
        introduction: Some(olena()),
        ..realm.invited("olena@example.com")
    };

    let without = realm.add(with_phone("")).await;
    assert_eq!(refused(without), is(Code::InvalidArgument, "CONTACT_MISSING"));
    let landline = pb::CreateUserRequest { email: "olena@".to_owned(), ..with_phone("044 123 45 67") };
    assert_eq!(violations(realm.add(landline).await), ["email", "phone"], "all of it at once");
    let olena = realm.add(with_phone("(067) 123-45-67")).await.expect("a mobile number");
    assert_eq!(olena.phone, "+380671234567");

    let spaced = realm.redeem("olena@example.com", "correct horse").await;
    assert_eq!(refused(spaced), is(Code::InvalidArgument, "PASSWORD_REFUSED"));
    realm.redeem("olena@example.com", "qwerty").await.expect("nothing else is asked");
    assert_eq!(realm.sign_in("olena@example.com", "qwerty").await.expect("her password").user_id, olena.user_id);
    assert_eq!(refused(realm.sign_in("0671234567", "qwerty").await), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));

    let token = cabinet.service_token_in(realm.realm_id);
    let landline = cabinet.change_phone(&token, &olena.user_id, "0441234567").await;
    assert_eq!(refused(landline), is(Code::InvalidArgument, "PHONE_INVALID"));
    let none = cabinet.change_phone(&token, &olena.user_id, "").await;
    assert_eq!(refused(none), is(Code::InvalidArgument, "CONTACT_MISSING"), "the policy binds later changes");
    let changed = cabinet.change_phone(&token, &olena.user_id, "380937654321").await.expect("another mobile number");
    assert_eq!(changed.phone, "+380937654321");
}

/// Rule I1.d: users sign in by what their realm's policy says, however they write it, and by nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn each_realm_says_what_one_signs_in_by() {
    let cabinet = Cabinet::start().await;
    let logins = ["anna@example.com", "Anna@EXAMPLE.com", "+48 22 123-45-67", "akowalska", "AKowalska", "Anna Kowalska"];
    let expected = [
        ("standard", vec!["anna@example.com", "Anna@EXAMPLE.com"]),
        ("tender", vec!["anna@example.com", "Anna@EXAMPLE.com", "+48 22 123-45-67"]),
        ("call_center", vec!["anna@example.com", "Anna@EXAMPLE.com", "akowalska", "AKowalska"]),
    ];
    for (number, (preset, good)) in expected.into_iter().enumerate() {
        let realm = PresetRealm::open(&cabinet, preset).await;
        let anna = pb::CreateUserRequest {
            phone: "+48221234567".to_owned(),
            user_name: "akowalska".to_owned(),
            ..realm.invited("anna@example.com")
        };
        realm.add(anna).await.expect("everything that any of them asks for");
        let letter = cabinet.letter_to("anna@example.com", number).await;
        cabinet.redeem(&link_in(&letter), Cabinet::PASSWORD).await.expect("an open link");
        for login in logins {
            let answer = realm.sign_in(login, Cabinet::PASSWORD).await;
            match answer {
                Ok(_) => assert!(good.contains(&login), "{preset}: {login}"),
                Err(status) => {
                    assert!(!good.contains(&login), "{preset}: {login}");
                    assert_eq!(reason(&status), is(Code::Unauthenticated, "SIGN_IN_REFUSED"), "{preset}: {login}");
                }
            }
        }
    }
}

/// Rule I1.d: a policy is changed part by part, from what was seen, and holds from the next call on.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_changed_by_calls() {
    let cabinet = Cabinet::start().await;
    let (realm, other) = (PresetRealm::open(&cabinet, "standard").await, PresetRealm::open(&cabinet, "standard").await);
    realm.add(realm.invited("anna@example.com")).await.expect("a good user");
    realm.redeem("anna@example.com", Cabinet::PASSWORD).await.expect("an open link");
    realm.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("by e-mail");

    let (policy, etag) = realm.policy().await;
    let by_name = pb::Policy {
        required_contacts: vec![pb::Contact::UserName.into()],
        sign_in_by: vec![pb::Contact::UserName.into(), pb::Contact::UserName.into()],
        phones: pb::PhoneRule::UkrainianMobile.into(),
        ..Default::default()
    };
    let both = ["required_contacts", "sign_in_by"];
    let changed = realm.update(by_name.clone(), &both, &etag).await.expect("an operator may");
    let names = vec![pb::Contact::UserName.into()];
    assert_eq!(changed, pb::Policy { required_contacts: names.clone(), sign_in_by: names, ..policy.clone() });
    let refused_now = realm.sign_in("anna@example.com", Cabinet::PASSWORD).await;
    assert_eq!(refused(refused_now), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
    assert_eq!(other.policy().await.0, policy, "another realm's policy is its own");

    let (_, newer) = realm.policy().await;
    assert_ne!(newer, etag);
    realm.update(by_name.clone(), &["sign_in_by"], &newer).await.expect("nothing changes");
    assert_eq!(realm.policy().await.1, newer);
    assert_eq!(refused(realm.update(by_name.clone(), &["phones"], &etag).await), is(Code::Aborted, "ETAG_MISMATCH"));
    for paths in [&[][..], &["shoe_size"], &["sign_in_by", "password.min_length"]] {
        let unknown = realm.update(by_name.clone(), paths, "").await;
        assert_eq!(refused(unknown), is(Code::InvalidArgument, "UPDATE_MASK_INVALID"), "{paths:?}");
    }
    let password = pb::PasswordRule { min_length: -1, max_length: 1_000_000, ..policy.password.expect("a rule") };
    let sessions = pb::SessionLifetimes { idle_days: 0, longest_days: i32::MAX };
    let wrong = pb::Policy { password: Some(password), sessions: Some(sessions), ..Default::default() };
    let all = ["sign_in_by", "password", "sessions"];
    assert_eq!(refused(realm.update(wrong.clone(), &all, "").await), is(Code::InvalidArgument, "POLICY_INVALID"));
    assert_eq!(
        violations(realm.update(wrong, &all, "").await),
        [
            "policy.sign_in_by",
            "policy.password.min_length",
            "policy.password.max_length",
            "policy.sessions.idle_days",
            "policy.sessions.longest_days",
        ]
    );
    assert_eq!(realm.policy().await.1, newer, "what is refused changes nothing");
}

/// Rule I1.d: how long sessions last is changed for those there are.
#[tokio::test(flavor = "multi_thread")]
async fn shorter_lifetimes_hold_for_sessions_there_are() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    realm.add(realm.invited("anna@example.com")).await.expect("a good user");
    let redeemed = realm.redeem("anna@example.com", Cabinet::PASSWORD).await.expect("an open link");
    let refresh_token = redeemed.tokens.expect("the contract promises tokens").refresh_token;
    let earlier =
        "UPDATE sessions SET created_at = created_at - interval '10 days', refreshed_at = refreshed_at - interval '10 days'";
    cabinet.databases.identity.execute(earlier);
    let tokens = cabinet.refresh(&refresh_token).await.expect("fourteen days have not passed");

    let sessions = pb::SessionLifetimes { idle_days: 1, longest_days: 9 };
    let shorter = pb::Policy { sessions: Some(sessions), ..Default::default() };
    realm.update(shorter, &["sessions"], "").await.expect("an operator may");
    assert_eq!(refused(cabinet.refresh(&tokens.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    let listed = with_token(&tokens.access_token, pb::ListSessionsRequest {});
    let listed = SessionServiceClient::new(cabinet.identity.channel()).list_sessions(listed).await.expect("her own");
    assert_eq!(listed.into_inner().sessions, []);
}

/// Rule I1.d: of many who change a policy at once nobody undoes what another did.
#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_changed_at_once_all_hold() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let wanted = pb::Policy {
        required_contacts: vec![pb::Contact::Email.into(), pb::Contact::Phone.into()],
        sign_in_by: vec![pb::Contact::Email.into(), pb::Contact::Phone.into()],
        phones: pb::PhoneRule::UkrainianMobile.into(),
        ..realm.policy().await.0
    };
    let paths = ["required_contacts", "sign_in_by", "phones"];
    let changes = paths.iter().map(|path| realm.update(wanted.clone(), std::slice::from_ref(path), ""));
    let changed = futures::future::join_all(changes).await;
    assert!(changed.iter().all(Result::is_ok), "{changed:?}");
    assert_eq!(realm.policy().await.0, wanted);
}

/// Rule I1.b: the first OWNER of a company has the contacts that the realm's policy asks for.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_owner_has_what_the_policy_asks_for() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "marketplace").await;
    let add = async |phone: &str| {
        let request = pb::CreateCompanyRequest {
            realm_id: realm.realm_id.to_string(),
            name: "Shop".to_owned(),
            owner_email: "owner@shop.example".to_owned(),
            owner_phone: phone.to_owned(),
            owner_introduction: Some(olena()),
            ..Default::default()
        };
        cabinet.watch.canary(Kind::Phone, phone);
        let mut realms = RealmServiceClient::new(cabinet.identity.channel());
        realms.create_company(with_token(&realm.operator, request)).await.map(tonic::Response::into_inner)
    };
    assert_eq!(refused(add("").await), is(Code::InvalidArgument, "CONTACT_MISSING"));
    let owner = add("0671234567").await.expect("both contacts").owner.expect("he was named");
    assert_eq!((owner.email.as_str(), owner.phone.as_str()), ("owner@shop.example", "+380671234567"));
    let taken = add("0671234567").await.expect_err("both are his");
    assert_eq!(violations::<()>(Err(taken)), ["owner_email", "owner_phone"]);
    let nameless = pb::CreateCompanyRequest {
        realm_id: realm.realm_id.to_string(),
        name: "Shop".to_owned(),
        owner_user_name: "boss".to_owned(),
        owner_introduction: Some(pb::Introduction { first_name: "Boss".to_owned(), ..olena() }),
        ..Default::default()
    };
    let mut realms = RealmServiceClient::new(cabinet.identity.channel());
    let nameless = realms.create_company(with_token(&realm.operator, nameless)).await;
    assert_eq!(violations(nameless), ["owner_email", "owner_phone", "owner_introduction.first_name"], "he is not passed over");
}
