//! What providers say is looked at: whoever it is not meant for is not signed in by it, and a provider that is none, or away, is told from
//! a user who may not.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::second_factor_service_client::SecondFactorServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Authenticator, Kind, is, refused, with_token};
use serde_json::json;
use testkit::{OpenIdProvider, ProviderFailure, ProviderLie};
use tonic::Code;

use crate::social_accounts::{Gateway, lantern, over, with};

fn not_believed() -> cabinet_e2e::Refused {
    is(Code::Unauthenticated, "SOCIAL_SIGN_IN_REFUSED")
}

fn away() -> cabinet_e2e::Refused {
    is(Code::Unavailable, "SOCIAL_PROVIDER_AWAY")
}

/// Rule I18.b: an ID token signs in whoever the provider has signed it for: for us, for this visit, by its own key, now; what the provider adds
/// is of the same account. A code is good once, and for the visit it was given for.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_meant_for_us_signs_nobody_in() {
    let mut provider = lantern();
    let cabinet = with(&provider).start().await;
    let gateway = Gateway::of(&cabinet).await;
    for lie in ProviderLie::ALL {
        provider.lie(Some(lie));
        let is_no_answer = matches!(lie, ProviderLie::NoToken | ProviderLie::UserInfo);
        let wanted = if is_no_answer { away() } else { not_believed() };
        assert_eq!(refused(gateway.sign_in(&provider, "anna").await), wanted, "{lie:?}");
    }
    provider.lie(None);
    let back = gateway.go(&gateway.begin().await.expect("anybody may"), &provider, "anna");
    let made_up = pb::SocialReturn { code: "made up".to_owned(), ..back.clone() };
    assert_eq!(refused(gateway.complete(made_up).await), not_believed());
    assert_eq!(refused(gateway.complete(back.clone()).await), over(), "whatever came of it");
    let next = gateway.go(&gateway.begin().await.expect("anybody may"), &provider, "anna");
    let of_another_visit = pb::SocialReturn { code: back.code, ..next };
    assert_eq!(refused(gateway.complete(of_another_visit).await), not_believed());
    let used = gateway.go(&gateway.begin().await.expect("anybody may"), &provider, "anna");
    gateway.complete(used.clone()).await.expect("a good one");
    let next = gateway.go(&gateway.begin().await.expect("anybody may"), &provider, "anna");
    assert_eq!(
        refused(gateway.complete(pb::SocialReturn { code: used.code, ..next }).await),
        not_believed(),
        "a code is good once"
    );
    provider.fail(OpenIdProvider::TOKEN, Some(ProviderFailure::Refusal));
    assert_eq!(
        refused(gateway.sign_in(&provider, "anna").await),
        not_believed(),
        "what it cannot read came from whoever showed it"
    );
    provider.fail(OpenIdProvider::TOKEN, None);
    for state in ["", "x", "bm90IG9uZSBvZiBvdXJz"] {
        let visit = gateway.begin().await.expect("anybody may");
        let forged = pb::SocialReturn { state: state.to_owned(), ..gateway.go(&visit, &provider, "anna") };
        let refusal = refused(gateway.complete(forged).await);
        assert!([over(), is(Code::InvalidArgument, "REQUEST_INVALID")].contains(&refusal), "{refusal:?}");
    }
}

/// Rule I18.e: a provider that does not answer, or not as one, is told as being away; nobody is led elsewhere, and nobody's attempts are
/// used up. One that has other keys by now is believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_told_from_a_refusal() {
    let mut provider = lantern();
    let setup = with(&provider).with_identity("CABINET__GUESSING__PASSWORDS_FROM_ADDRESS", "3");
    let cabinet = setup.start().await;
    let gateway = Gateway::of(&cabinet).await;
    gateway.begin().await.expect("it says who it is");
    for path in [OpenIdProvider::TOKEN, OpenIdProvider::USER_INFO] {
        for failure in ProviderFailure::AWAY {
            provider.fail(path, Some(failure));
            assert_eq!(refused(gateway.sign_in(&provider, "anna").await), away(), "{path} {failure:?}");
        }
        provider.fail(path, None);
    }
    gateway.comes_in(&provider, "anna").await;

    provider.stop();
    let visit = gateway.begin().await.expect("what it has said is known");
    let (provider_name, code) = ("lantern".to_owned(), "any".to_owned());
    let state =
        visit.authorization_url.split("state=").nth(1).and_then(|rest| rest.split('&').next()).expect("a state").to_owned();
    let back = pb::SocialReturn { provider: provider_name, code, state, binding: visit.binding };
    assert_eq!(refused(gateway.complete(back).await), away());
    provider.start_again();
    provider.add_account("boris", &json!({ "email": "boris@example.com", "email_verified": true }));
    gateway.comes_in(&provider, "boris").await;
}

/// Rule I18.e: nobody waits for a provider that has just failed, and nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_was_never_there_keeps_nobody_waiting() {
    let mut provider = lantern();
    provider.fail(OpenIdProvider::DISCOVERY, Some(ProviderFailure::Garbage));
    let cabinet = with(&provider).start().await;
    let gateway = Gateway::of(&cabinet).await;
    assert_eq!(refused(gateway.begin().await), away());
    provider.fail(OpenIdProvider::DISCOVERY, Some(ProviderFailure::Silence));
    let started = std::time::Instant::now();
    let many = futures::future::join_all((0..20).map(|_| gateway.begin())).await;
    assert!(many.into_iter().all(|begun| refused(begun) == away()));
    assert!(started.elapsed() < std::time::Duration::from_secs(4), "{:?}", started.elapsed());
    let (_, token) = gateway.realm.newcomer(gateway.realm.invited("boris@example.com")).await;
    assert_eq!(gateway.accounts(&token).await, [], "the rest goes on");
}

/// Rules I18.b, I23.a: coming back with what is none is limited by address, apart from passwords, and keeps nobody out who signs in
/// otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn coming_back_is_tried_a_few_times_only() {
    let provider = lantern();
    let setup = with(&provider).with_identity("CABINET__GUESSING__PASSWORDS_FROM_ADDRESS", "3");
    let cabinet = setup.start().await;
    let gateway = Gateway::of(&cabinet).await;
    let back = gateway.go(&gateway.begin().await.expect("anybody may"), &provider, "anna");
    for _ in 0..3 {
        let forged = pb::SocialReturn { binding: "made up".to_owned(), ..back.clone() };
        assert_eq!(refused(gateway.complete(forged).await), over());
    }
    let limited = gateway.complete(back).await;
    assert_eq!(refused(limited), is(Code::ResourceExhausted, "ATTEMPTS_LIMITED"));
    let boris = gateway.realm.invited("boris@example.com");
    gateway.realm.newcomer(boris).await;
    let signed_in = gateway.realm.sign_in("boris@example.com", cabinet_e2e::Cabinet::PASSWORD).await;
    signed_in.expect("his password is right");
}

/// Rules I18.b, I23.a: whoever comes in by accounts that nobody has linked is counted by address: each of them is somebody new.
#[tokio::test(flavor = "multi_thread")]
async fn newcomers_of_one_address_are_few() {
    let mut provider = lantern();
    let setup = with(&provider).with_identity("CABINET__GUESSING__PASSWORDS_FROM_ADDRESS", "3");
    let cabinet = setup.start().await;
    let gateway = Gateway::of(&cabinet).await;
    for login in ["boris", "vera", "grigory", "darya"] {
        provider.add_account(login, &json!({ "email": format!("{login}@example.com"), "email_verified": true }));
    }
    for login in ["boris", "boris", "boris", "vera", "grigory"] {
        gateway.comes_in(&provider, login).await;
    }
    assert_eq!(refused(gateway.sign_in(&provider, "darya").await), is(Code::ResourceExhausted, "ATTEMPTS_LIMITED"));
}

/// Rule I4.b: a blocked user gets nothing by his account; unblocked, he comes in as before. Rule I25.a: the account alone does not sign in
/// whoever has a second factor, or needs one.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_opens_no_more_than_a_password_does() {
    let provider = lantern();
    let cabinet = with(&provider).start().await;
    let gateway = Gateway::of(&cabinet).await;
    let realm = &gateway.realm;
    let (_, owner) =
        realm.member(pb::CreateUserRequest { role: pb::Role::Owner.into(), ..realm.invited("owner@example.com") }).await;
    let (anna, token) = gateway.comes_in(&provider, "anna").await;
    let mut users = UserServiceClient::new(cabinet.identity.channel());
    let user_id = anna.user_id.clone();
    users.block_user(with_token(&owner, pb::BlockUserRequest { user_id: user_id.clone() })).await.expect("an OWNER may");
    assert_eq!(refused(gateway.sign_in(&provider, "anna").await), not_believed());
    cabinet.refused_everywhere(&token, &user_id).await;
    users.unblock_user(with_token(&owner, pb::UnblockUserRequest { user_id })).await.expect("an OWNER may");
    let (_, token) = gateway.comes_in(&provider, "anna").await;

    let mut factors = SecondFactorServiceClient::new(cabinet.identity.channel());
    let begun = factors.begin_second_factor(with_token(&token, pb::BeginSecondFactorRequest::default())).await;
    let begun = begun.expect("she has just signed in").into_inner();
    cabinet.watch.canary(Kind::Secret, &begun.key);
    let mut device = Authenticator::of(&begun.otpauth_uri);
    let request = pb::ConfirmSecondFactorRequest { code: device.code(), ..Default::default() };
    factors.confirm_second_factor(with_token(&token, request)).await.expect("its first code");
    let asked = gateway.sign_in(&provider, "anna").await.expect("the account is hers");
    assert_eq!((asked.user, asked.tokens), (None, None), "the account alone gives nothing");
    let challenge = asked.second_factor.expect("more is asked for");
    assert_eq!(challenge.step(), pb::SecondFactorStep::Code);
    let request = pb::SignInWithSecondFactorRequest { token: challenge.token, code: device.code(), session_name: String::new() };
    let door = |sign_in: pb::SocialSignIn| pb::Policy { social_sign_in: sign_in.into(), ..Default::default() };
    realm.update(door(pb::SocialSignIn::Closed), &["social_sign_in"], "").await.expect("an operator may");
    let shut = factors.sign_in_with_second_factor(request.clone()).await;
    assert_eq!(refused(shut), is(Code::Unauthenticated, "SIGN_IN_OVER"), "the door has closed behind her");
    realm.update(door(pb::SocialSignIn::Open), &["social_sign_in"], "").await.expect("an operator may");
    let entered = factors.sign_in_with_second_factor(request).await.expect("account and code").into_inner();
    assert_eq!(entered.user.expect("the contract promises the user").user_id, anna.user_id);

    let rule = pb::SecondFactorRule { required_of: vec![pb::Role::Customer.into()] };
    let policy = pb::Policy { second_factor: Some(rule), ..Default::default() };
    realm.update(policy, &["second_factor"], "").await.expect("an operator may");
    let mut provider = provider;
    provider.add_account("boris", &json!({ "email": "boris@example.com", "email_verified": true }));
    let asked = gateway.sign_in(&provider, "boris").await.expect("registration is open");
    let challenge = asked.second_factor.expect("more is asked for");
    assert_eq!((asked.tokens, challenge.step()), (None, pb::SecondFactorStep::Enrolment));
}
