//! Passwords of those who can sign in already.

use std::process::Command;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use cabinet_e2e::{Cabinet, Kind, Setup, eventually, is, refused, violations, with_token};
use tonic::{Code, Status};

use crate::preset_realm::PresetRealm;

const OLD: &str = Cabinet::PASSWORD;
const NEW: &str = "another horse, battery and staple";

/// The current password, the new one, and the new one once more.
pub(crate) fn change([current, new, confirmation]: [&str; 3]) -> pb::ChangePasswordRequest {
    pb::ChangePasswordRequest {
        current_password: current.to_owned(),
        new_password: new.to_owned(),
        confirmation: confirmation.to_owned(),
        end_other_sessions: false,
    }
}

pub(crate) async fn send(cabinet: &Cabinet, token: &str, request: pb::ChangePasswordRequest) -> Result<(), Status> {
    cabinet.watch.canary(Kind::Password, &request.new_password);
    PasswordServiceClient::new(cabinet.identity.channel()).change_password(with_token(token, request)).await.map(|_| ())
}

pub(crate) async fn reauthenticate(cabinet: &Cabinet, token: &str, password: &str) -> Result<(), Status> {
    let request = with_token(token, pb::ReauthenticateRequest { password: password.to_owned() });
    SessionServiceClient::new(cabinet.identity.channel()).reauthenticate(request).await.map(|_| ())
}

/// Rule I23.b: the device on which a password is changed is known by the new one, and has attempts of its own; others are strange, and
/// one that was strange stays so.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_on_which_a_password_is_changed_stays_known() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let sign_in = async |device: &str, password: &str| {
        let (realm_id, login) = (cabinet.realm.id.to_string(), "anna@example.com".to_owned());
        let message = pb::SignInRequest { realm_id, login, password: password.to_owned(), session_name: String::new() };
        let request = on_device(device, with_token("", message));
        SessionServiceClient::new(cabinet.identity.channel()).sign_in(request).await.map(tonic::Response::into_inner)
    };
    let change_on = async |device: &str, token: &str, passwords| {
        let request = on_device(device, with_token(token, change(passwords)));
        let answer = PasswordServiceClient::new(cabinet.identity.channel()).change_password(request).await;
        let device = answer.expect("all that is asked for is right").into_inner().device_token;
        assert!(device.is_empty() || cabinet.watch.canary(Kind::Token, &device));
        device
    };
    let (first, second) = (sign_in("", OLD).await.expect("her password"), sign_in("", OLD).await.expect("her password"));
    let (token, other) = (first.tokens.expect("tokens").access_token, second.device_token);
    let known = change_on(&first.device_token, &token, [OLD, NEW, ""]).await;
    assert_ne!(known, "");

    let limited = is(Code::ResourceExhausted, "ATTEMPTS_LIMITED");
    for _ in 0..10 {
        sign_in("", "a wrong password").await.expect_err("a wrong password");
    }
    for strange in ["", &first.device_token, &other] {
        assert_eq!(refused(sign_in(strange, NEW).await), limited, "strangers have used up their attempts");
    }
    let again = sign_in(&known, NEW).await.expect("on a known device");
    assert_eq!(change_on("", &again.tokens.expect("tokens").access_token, [NEW, OLD, ""]).await, "", "a strange one");
}

fn on_device<M>(device: &str, mut request: tonic::Request<M>) -> tonic::Request<M> {
    if !device.is_empty() {
        request.metadata_mut().insert("x-cabinet-device", device.parse().expect("visible ASCII"));
    }
    request
}

/// Somebody who has just set [`OLD`] in a realm, and the access token of his session.
async fn signed_in(realm: &PresetRealm<'_>) -> String {
    realm.add(realm.invited("anna@example.com")).await.expect("a good user");
    let redeemed = realm.redeem("anna@example.com", OLD).await.expect("an open link");
    redeemed.tokens.expect("the contract promises tokens").access_token
}

/// Rule I11: a password is changed only if all that is asked for is right, and says all that is not; then it holds, and its
/// user is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_by_showing_the_one_there_is() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.signed_in(&anna).await.access_token;
    let letters = cabinet.mail.letters().len();

    let wrong = send(&cabinet, &token, change(["wrong", NEW, ""])).await;
    assert_eq!(refused(wrong), is(Code::InvalidArgument, "CURRENT_PASSWORD_WRONG"));
    // However often a new one is refused, the one there is was right.
    for _ in 0..11 {
        let refused_new = send(&cabinet, &token, change([OLD, "12345678", ""])).await;
        assert_eq!(refused(refused_new), is(Code::InvalidArgument, "PASSWORD_REFUSED"));
    }
    assert_eq!(violations(send(&cabinet, &token, change(["", "f8Kq", ""])).await), ["current_password", "new_password"]);
    let stranger = cabinet.user_token_by(&cabinet.credential(pb::CredentialKind::ActingService).await, &anna.user_id).await;
    let called_for = send(&cabinet, &stranger.expect("it may"), change([OLD, NEW, ""])).await;
    assert_eq!(refused(called_for), is(Code::PermissionDenied, "PERMISSION_DENIED"), "her password is her own to know");
    cabinet.sign_in("anna@example.com", OLD).await.expect("nothing has changed");

    send(&cabinet, &token, change([OLD, NEW, "not asked for"])).await.expect("all that is asked for is right");
    cabinet.sign_in("anna@example.com", NEW).await.expect("her new password");
    let old = cabinet.sign_in("anna@example.com", OLD).await;
    assert_eq!(refused(old), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
    let told = cabinet.letters(letters + 1).await;
    assert_eq!(told.last().expect("a letter").rcpt_to, ["anna@example.com"]);
}

/// Rule I11: other sessions end if that is asked, their access tokens included; the present one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn other_sessions_end_if_that_is_asked() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let here = cabinet.signed_in(&anna).await;
    let there = cabinet.sign_in("anna@example.com", OLD).await.expect("her password");

    send(&cabinet, &here.access_token, change([OLD, NEW, ""])).await.expect("all that is asked for is right");
    cabinet.accepted_everywhere(&there.access_token, &anna.user_id).await;
    let ending = pb::ChangePasswordRequest { end_other_sessions: true, ..change([NEW, OLD, ""]) };
    send(&cabinet, &here.access_token, ending).await.expect("all that is asked for is right");
    cabinet.refused_everywhere(&there.access_token, &anna.user_id).await;
    assert_eq!(refused(cabinet.refresh(&there.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    cabinet.accepted_everywhere(&here.access_token, &anna.user_id).await;
    cabinet.refresh(&here.refresh_token).await.expect("the present session");
}

/// Rule I11: what is asked for is the realm's policy: the password there is, the new one twice, or neither.
#[tokio::test(flavor = "multi_thread")]
async fn each_realm_says_what_it_asks_for() {
    let cabinet = Cabinet::start().await;
    let expected = [
        ("tender", ["", NEW, ""], vec![]),
        ("helpdesk", ["", NEW, ""], vec!["current_password"]),
        ("legal", ["", NEW, OLD], vec!["current_password", "confirmation"]),
        ("legal", [OLD, NEW, NEW], vec![]),
        ("marketplace", [OLD, NEW, NEW], vec!["new_password"]),
    ];
    for (preset, typed, wrong) in expected {
        let realm = PresetRealm::open(&cabinet, preset).await;
        let market =
            pb::Introduction { first_name: "Анна".to_owned(), last_name: "Нова".to_owned(), ..Default::default() };
        let request = pb::CreateUserRequest {
            phone: "+380671234567".to_owned(),
            introduction: Some(market).filter(|_| preset == "marketplace"),
            ..realm.invited("anna@example.com")
        };
        realm.add(request).await.expect("everything that any of them asks for");
        let password = if preset == "marketplace" { "qwerty" } else { OLD };
        let number = cabinet.mail.letters().iter().filter(|letter| letter.rcpt_to == ["anna@example.com"]).count();
        let letter = cabinet.letter_to("anna@example.com", number).await;
        let redeemed = cabinet.redeem(&cabinet_e2e::link_in(&letter), password).await.expect("an open link");
        let token = redeemed.tokens.expect("the contract promises tokens").access_token;
        let current = if typed[0].is_empty() { "" } else { password };
        let answer = send(&cabinet, &token, change([current, typed[1], typed[2]])).await;
        if wrong.is_empty() {
            answer.unwrap_or_else(|status| panic!("{preset}: {status:?}"));
            cabinet.letter_to("anna@example.com", number + 1).await;
        } else {
            assert_eq!(violations(answer), wrong, "{preset}");
        }
    }
}

/// Rule I11: whoever signed in too long ago shows his password first.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_too_old_does_not_count() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let token = signed_in(&realm).await;
    cabinet.age_sessions("6 minutes");

    let too_old = send(&cabinet, &token, change([OLD, NEW, ""])).await;
    assert_eq!(refused(too_old), is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED"));
    let wrong = reauthenticate(&cabinet, &token, "wrong").await;
    assert_eq!(refused(wrong), is(Code::InvalidArgument, "CURRENT_PASSWORD_WRONG"));
    let still = send(&cabinet, &token, change([OLD, NEW, ""])).await;
    assert_eq!(refused(still), is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED"));
    reauthenticate(&cabinet, &token, OLD).await.expect("her password");
    send(&cabinet, &token, change([OLD, NEW, ""])).await.expect("she has just shown it");

    cabinet.databases.identity.execute("DELETE FROM passwords");
    let nothing_to_show = reauthenticate(&cabinet, &token, OLD).await;
    assert_eq!(refused(nothing_to_show), is(Code::FailedPrecondition, "PASSWORD_MISSING"));
    let nothing_to_show = send(&cabinet, &token, change([OLD, NEW, ""])).await;
    assert_eq!(refused(nothing_to_show), is(Code::FailedPrecondition, "PASSWORD_MISSING"));
}

/// Rule I12.a: where the policy says so an OWNER sets a user's password, typed twice; it holds at once, and all his sessions end.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sets_passwords_where_the_policy_says_so() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "call_center").await;
    let named = |role: pb::Role, name: &str| pb::CreateUserRequest {
        role: role.into(),
        user_name: name.to_owned(),
        ..realm.invited(&format!("{name}@example.com"))
    };
    let (boss, owner) = realm.member(named(pb::Role::Owner, "boss")).await;
    let (_, admin) = realm.member(named(pb::Role::Admin, "admin")).await;
    let anna = realm.add(named(pb::Role::Agent, "anna")).await.expect("a good user");
    let session = realm.redeem("anna@example.com", OLD).await.expect("an open link").tokens.expect("tokens");
    let set = async |token: &str, user: &pb::User, new: &str, confirmation: &str| {
        let (new_password, confirmation) = (new.to_owned(), confirmation.to_owned());
        let request = pb::SetUserPasswordRequest { user_id: user.user_id.clone(), new_password, confirmation };
        PasswordServiceClient::new(cabinet.identity.channel()).set_user_password(with_token(token, request)).await.map(|_| ())
    };
    assert_eq!(refused(set(&admin, &anna, NEW, NEW).await), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    assert_eq!(refused(set(&owner, &boss, NEW, NEW).await), is(Code::FailedPrecondition, "ACTING_ON_ONESELF"));
    assert_eq!(refused(set(&owner, &anna, NEW, "").await), is(Code::InvalidArgument, "CONFIRMATION_DIFFERS"));
    let own_name = set(&owner, &anna, "anna@example.com", "anna@example").await;
    assert_eq!(violations(own_name), ["confirmation", "new_password"]);
    cabinet.accepted_everywhere(&session.access_token, &anna.user_id).await;

    set(&owner, &anna, NEW, NEW).await.expect("the policy says so");
    realm.sign_in("anna", NEW).await.expect("it holds at once");
    assert_eq!(refused(realm.sign_in("anna", OLD).await), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
    cabinet.refused_everywhere(&session.access_token, &anna.user_id).await;
    cabinet.letter_to("anna@example.com", 1).await;

    let standard = PresetRealm::open(&cabinet, "standard").await;
    let (_, owner) =
        standard.member(pb::CreateUserRequest { role: pb::Role::Owner.into(), ..standard.invited("o@example.com") }).await;
    let bela = standard.add(standard.invited("bela@example.com")).await.expect("a good user");
    assert_eq!(refused(set(&owner, &bela, NEW, NEW).await), is(Code::PermissionDenied, "PERMISSION_DENIED"));
}

/// Rule I12.a: whoever is no OWNER any more sets nobody's password, however late his call comes to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_former_owner_sets_no_password() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "call_center").await;
    let named = |role: pb::Role, name: &str| pb::CreateUserRequest {
        role: role.into(),
        user_name: name.to_owned(),
        ..realm.invited(&format!("{name}@example.com"))
    };
    let (former, token) = realm.member(named(pb::Role::Owner, "former")).await;
    let anna = realm.add(named(pb::Role::Owner, "anna")).await.expect("a good user");
    // As if his call had waited for its turn while he was blocked: his token is good, his office is gone.
    let blocked = format!("UPDATE users SET status = 'BLOCKED' WHERE user_id = '{}'", former.user_id);
    cabinet.databases.identity.execute(&blocked);
    let (user_id, new_password, confirmation) = (anna.user_id, NEW.to_owned(), NEW.to_owned());
    let request = with_token(&token, pb::SetUserPasswordRequest { user_id, new_password, confirmation });
    let late = PasswordServiceClient::new(cabinet.identity.channel()).set_user_password(request).await;
    assert_eq!(refused(late), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    assert_eq!(cabinet.databases.identity.value("SELECT count(*) FROM passwords"), "0");
}

/// Rule I11: whoever signs in with a password that is changed meanwhile is not signed in.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_password_opens_no_session_once_it_is_changed() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.signed_in(&anna).await.access_token;
    // Sessions cannot begin while somebody holds their table.
    let url = cabinet.databases.identity.url().to_owned();
    let hold = "BEGIN; LOCK TABLE sessions IN SHARE MODE; SELECT pg_sleep(600)";
    let mut holder = Command::new("psql").args([&*url, "--quiet", "--command", hold]).spawn().expect("psql is installed");
    let waiting = |what: &str| format!("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '{what}'");
    let is_there = |what: &str| cabinet.databases.identity.value(&waiting(what)) != "0";
    eventually("the table to be held", || is_there("BEGIN; LOCK TABLE sessions%pg_sleep%").then_some(())).await;

    let thief = tokio::spawn({
        let (channel, realm_id) = (cabinet.identity.channel(), cabinet.realm.id.to_string());
        let request = pb::SignInRequest {
            realm_id,
            login: "anna@example.com".to_owned(),
            password: OLD.to_owned(),
            session_name: "a thief".to_owned(),
        };
        async move { SessionServiceClient::new(channel).sign_in(request).await.map(|_| ()) }
    });
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO sessions%'";
    eventually("the thief to wait", || (cabinet.databases.identity.value(blocked) != "0").then_some(())).await;
    send(&cabinet, &token, change([OLD, NEW, ""])).await.expect("all that is asked for is right");
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE sessions%'";
    cabinet.databases.identity.execute(end);
    holder.wait().expect("a child can be waited for");
    assert_eq!(refused(thief.await.expect("it ends")), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
}

async fn sign_in_on(cabinet: &Cabinet, realm: &PresetRealm<'_>, device: &str, password: &str) -> Result<String, Status> {
    let mut request = tonic::Request::new(pb::SignInRequest {
        realm_id: realm.realm_id.to_string(),
        login: "anna@example.com".to_owned(),
        password: password.to_owned(),
        session_name: "a test".to_owned(),
    });
    if !device.is_empty() {
        request.metadata_mut().insert("x-cabinet-device", device.parse().expect("visible ASCII"));
    }
    let answer = SessionServiceClient::new(cabinet.identity.channel()).sign_in(request).await?.into_inner();
    let tokens = answer.tokens.expect("the contract promises tokens");
    for token in [&tokens.access_token, &tokens.refresh_token, &answer.device_token] {
        cabinet.watch.canary(Kind::Token, token);
    }
    Ok(answer.device_token)
}

/// Rule I11: of two who show the same password at once one changes it. The other has shown what it is no longer, and is told.
#[tokio::test(flavor = "multi_thread")]
async fn one_password_is_changed_into_one_other() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.signed_in(&anna).await.access_token;
    let newer = "neither horse nor battery, but staples";
    let kept = &cabinet.databases.identity;
    let locks = "FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND relation = 'passwords'::regclass AND";
    // Neither is kept before both were looked at.
    let hold = format!(
        "DO $$ BEGIN
             LOCK TABLE passwords IN SHARE MODE;
             FOR look IN 1..2000 LOOP
                 EXIT WHEN (SELECT count(*) {locks} mode = 'RowExclusiveLock' AND NOT granted) = 2;
                 PERFORM pg_sleep(0.01);
             END LOOP;
         END $$"
    );
    let held = format!("SELECT count(*) {locks} mode = 'ShareLock' AND granted");

    let (first, second) = std::thread::scope(|threads| {
        let holder = threads.spawn(|| kept.execute(&hold));
        let changed = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                eventually("the passwords to be held", || (kept.value(&held) == "1").then_some(())).await;
                tokio::join!(send(&cabinet, &token, change([OLD, NEW, ""])), send(&cabinet, &token, change([OLD, newer, ""])))
            })
        });
        holder.join().expect("it lets go once both wait");
        changed
    });

    let (holds, late) = if first.is_ok() { (NEW, second) } else { (newer, first.and(second)) };
    assert_eq!(refused(late), is(Code::Aborted, "USER_CHANGED"));
    cabinet.sign_in("anna@example.com", holds).await.expect("what was set");
}

/// Rules I10.c, I23.b: once there is a pepper, and more work is asked for, a password is hashed again when it was right; that changes
/// nothing else: its user's device is known as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_hashed_again_when_its_user_signs_in() {
    let mut cabinet = Setup::default().with_identity("CABINET__GUESSING__PASSWORDS_AT_ACCOUNT", "1").start().await;
    let peppers = tempfile::tempdir().expect("a folder");
    let pepper = "cGVwcGVycyBhcmUgYXQgbGVhc3QgdGhpcnR5LXR3byBieXRlcyBsb25n";
    std::fs::write(peppers.path().join("20260101T000000Z.key"), pepper).expect("a file");
    cabinet.watch.canary(Kind::Secret, pepper);
    let (realm_id, company_id, device) = {
        let realm = PresetRealm::open(&cabinet, "standard").await;
        realm.add(realm.invited("anna@example.com")).await.expect("a good user");
        let redeemed = realm.redeem("anna@example.com", OLD).await.expect("an open link");
        (realm.realm_id, realm.company_id, redeemed.device_token)
    };
    let hash = |cabinet: &Cabinet| cabinet.databases.identity.value("SELECT hash FROM passwords");
    let at_first = hash(&cabinet);
    assert!(at_first.contains("m=19456,t=2,p=1$"), "{at_first}");
    cabinet.identity.stop();
    cabinet.identity.set("CABINET__KEYS__PEPPERS_FOLDER", &peppers.path().display().to_string());
    cabinet.identity.set("CABINET__PASSWORDS__PASSES", "3");
    cabinet.identity.start();
    cabinet.identity.wait_until_ready().await;
    let realm = PresetRealm { cabinet: &cabinet, realm_id, company_id, operator: cabinet.operator_token("operator") };

    sign_in_on(&cabinet, &realm, "", OLD).await.expect("her password");
    let again = hash(&cabinet);
    assert!(again.contains("m=19456,t=3,p=1,keyid="), "{again}");
    assert_eq!(refused(sign_in_on(&cabinet, &realm, "", "wrong").await), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
    let limited = is(Code::ResourceExhausted, "ATTEMPTS_LIMITED");
    assert_eq!(refused(sign_in_on(&cabinet, &realm, "", OLD).await), limited, "a stranger");
    sign_in_on(&cabinet, &realm, &device, OLD).await.expect("her device, and her password");
    assert_eq!(hash(&cabinet), again, "it is made as it should be");
}
