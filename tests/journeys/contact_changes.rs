//! Who changes e-mail addresses and phone numbers, by the realm's policy, and when another one holds.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::audit_service_client::AuditServiceClient;
use api::cabinet::identity::v1::contact_service_client::ContactServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::notification::v1::delivery_service_client::DeliveryServiceClient;
use api::cabinet::notification::v1::{Delivery, DeliveryKind, ListDeliveriesRequest};
use cabinet_e2e::{Cabinet, Kind, Setup, eventually, eventually_async, is, link_in, reason, refused, user_request, with_token};
use testkit::ReceivedSms;
use tonic::{Code, Status};

use crate::preset_realm::PresetRealm;

pub(crate) async fn change_email(cabinet: &Cabinet, token: &str, email: &str) -> Result<pb::ChangeEmailResponse, Status> {
    cabinet.watch.canary(Kind::Address, email);
    let request = with_token(token, pb::ChangeEmailRequest { email: email.to_owned() });
    Ok(ContactServiceClient::new(cabinet.identity.channel()).change_email(request).await?.into_inner())
}

pub(crate) async fn confirm_email(cabinet: &Cabinet, link: &str) -> Result<String, Status> {
    cabinet.watch.canary(Kind::Token, link);
    let request = pb::ConfirmEmailRequest { token: link.to_owned() };
    Ok(ContactServiceClient::new(cabinet.identity.channel()).confirm_email(request).await?.into_inner().email)
}

pub(crate) async fn request_code(cabinet: &Cabinet, token: &str, phone: &str) -> Result<(), Status> {
    cabinet.watch.canary(Kind::Phone, phone);
    let request = with_token(token, pb::RequestPhoneCodeRequest { phone: phone.to_owned() });
    ContactServiceClient::new(cabinet.identity.channel()).request_phone_code(request).await.map(|_| ())
}

pub(crate) async fn confirm_phone(cabinet: &Cabinet, token: &str, sms: &ReceivedSms) -> Result<pb::User, Status> {
    let code = sms.text.split(|letter: char| !letter.is_ascii_digit()).find(|digits| digits.len() == 6).expect("a code");
    cabinet.watch.canary(Kind::Code, code);
    let request = with_token(token, pb::ConfirmPhoneRequest { code: code.to_owned() });
    let answer = ContactServiceClient::new(cabinet.identity.channel()).confirm_phone(request).await?;
    Ok(answer.into_inner().user.expect("the contract promises the user"))
}

/// The SMS after `earlier` others.
pub(crate) async fn sms(cabinet: &Cabinet, earlier: usize) -> ReceivedSms {
    let smsc = cabinet.smsc.as_ref().expect("started with one");
    eventually("an SMS", || smsc.received().into_iter().nth(earlier)).await
}

/// Sets back when codes and links were asked for: nobody waits a minute here.
fn age_requests(cabinet: &Cabinet) {
    for table in ["email_changes", "phone_codes"] {
        cabinet.databases.identity.execute(&format!("UPDATE {table} SET created_at = created_at - interval '2 minutes'"));
    }
}

/// Rules I16, I7: another address is the user's once he has followed the link that was mailed to it, once; until then the old one
/// holds, and then it is told.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_confirmed_takes_the_place_of_the_old_one() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let (anna, token) = realm.newcomer(realm.invited("anna@example.com")).await;
    let asked = change_email(&cabinet, &token, "anna@new.example").await.expect("she may");
    assert!(asked.expire_time.is_some());
    assert_eq!(asked.user.expect("the contract promises the user").email, "anna@example.com");
    let link = link_in(&cabinet.letter_to("anna@new.example", 0).await);
    realm.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("the old one holds");

    let confirmed = confirm_email(&cabinet, &link).await.expect("an open link");
    assert_eq!(confirmed, "anna@new.example");
    let told = cabinet.letter_to("anna@example.com", 1).await;
    assert!(told.subject.contains("your e-mail address was changed"), "{}", told.subject);
    let signed_in = realm.sign_in("anna@new.example", Cabinet::PASSWORD).await.expect("the new one holds");
    assert!(signed_in.email_verified);
    assert_eq!(refused(realm.sign_in("anna@example.com", Cabinet::PASSWORD).await), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
    assert_eq!(refused(confirm_email(&cabinet, &link).await), is(Code::NotFound, "LINK_NOT_VALID"));
    cabinet.settled().await;
    let kept = cabinet
        .databases
        .notification
        .value("SELECT coalesce(sum(octet_length(content)), 0) FROM deliveries WHERE kind IN ('EMAIL_CHANGE', 'EMAIL_REPLACED')");
    assert_eq!(kept, "0", "the ledger keeps no address");
    let again = change_email(&cabinet, &token, "anna@new.example").await.expect("it is hers");
    assert_eq!((again.expire_time, again.user.expect("the user").user_id), (None, anna.user_id));
}

/// What somebody can see of what he was sent, and of its kinds alone.
async fn own_deliveries(cabinet: &Cabinet, token: &str, user_id: &str, count: usize) -> Vec<DeliveryKind> {
    eventually_async("his deliveries", async || {
        let request = ListDeliveriesRequest { user_id: user_id.to_owned(), ..Default::default() };
        let listed = DeliveryServiceClient::new(cabinet.notification.channel()).list_deliveries(with_token(token, request)).await;
        let deliveries = listed.expect("his own").into_inner().deliveries;
        (deliveries.len() == count).then(|| deliveries.iter().map(Delivery::kind).collect())
    })
    .await
}

/// Rules I16, I8.c: whoever asks for an address or a number that somebody else has is answered as anybody, here and wherever else he
/// can look; confirming it comes to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_a_contact_of_somebody_else_learns_nothing() {
    let cabinet = Setup::default().smsc().start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let bela = pb::CreateUserRequest { phone: "+380671234567".into(), ..realm.invited("bela@example.com") };
    realm.add(bela).await.expect("a good user");
    let (anna, token) = realm.newcomer(realm.invited("anna@example.com")).await;
    let taken = change_email(&cabinet, &token, "Bela@Example.com").await.expect("as for any other");
    let soon = change_email(&cabinet, &token, "anna@new.example").await;
    assert_eq!(refused(soon), is(Code::ResourceExhausted, "CODE_LIMITED"), "it counts like any other");
    request_code(&cabinet, &token, "+380671234567").await.expect("as for any other");
    let code = sms(&cabinet, 0).await;
    let of_taken = own_deliveries(&cabinet, &token, &anna.user_id, 3).await;
    let link = link_in(&cabinet.letter_to("Bela@example.com", 0).await);
    assert_eq!(refused(confirm_email(&cabinet, &link).await), is(Code::NotFound, "LINK_NOT_VALID"));
    assert_eq!(refused(confirm_phone(&cabinet, &token, &code).await), is(Code::FailedPrecondition, "CODE_OVER"));
    age_requests(&cabinet);
    let free = change_email(&cabinet, &token, "anna@new.example").await.expect("nobody's");
    assert_eq!((taken.user, taken.expire_time.is_some()), (free.user, free.expire_time.is_some()));
    request_code(&cabinet, &token, "+48221234567").await.expect("nobody's");
    let of_both = own_deliveries(&cabinet, &token, &anna.user_id, 5).await;
    let mut twice = [of_taken.clone(), of_taken[..2].to_vec()].concat();
    let mut all = of_both;
    twice.sort();
    all.sort();
    assert_eq!(all, twice, "a letter and an SMS each time");
}

/// Rules I16, I17.a: another number is the user's once he has typed the code that was sent to it; he is told by mail.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_confirmed_takes_the_place_of_the_old_one() {
    let cabinet = Setup::default().smsc().start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let anna = pb::CreateUserRequest { phone: "+380671234567".into(), ..realm.invited("anna@example.com") };
    let (anna, token) = realm.newcomer(anna).await;
    request_code(&cabinet, &token, "+48 22 123 45 67").await.expect("she may");
    let code = sms(&cabinet, 0).await;
    assert_eq!(code.to.trim_start_matches('+'), "48221234567");
    let before = cabinet.batch_get_users(&token, "", &[&anna.user_id]).await.expect("herself").users.remove(0);
    assert_eq!(before.phone, "+380671234567", "the old one holds");
    let confirmed = confirm_phone(&cabinet, &token, &code).await.expect("the code that was sent");
    assert_eq!((confirmed.phone.as_str(), confirmed.phone_verified), ("+48221234567", true));
    let told = cabinet.letter_to("anna@example.com", 1).await;
    assert!(told.subject.contains("your phone number was changed"), "{}", told.subject);
    assert_eq!(refused(confirm_phone(&cabinet, &token, &code).await), is(Code::FailedPrecondition, "CODE_OVER"));
}

/// Rule I16: a link that was mailed before somebody else changed the address, or the policy, is void.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_somebody_else_changed_it_is_void() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let service = cabinet.service_token_in(realm.realm_id);
    let (anna, token) = realm.newcomer(realm.invited("anna@example.com")).await;
    change_email(&cabinet, &token, "anna@one.example").await.expect("she may");
    let link = link_in(&cabinet.letter_to("anna@one.example", 0).await);
    cabinet.change_email(&service, &anna.user_id, "anna@two.example").await.expect("a service may");
    assert_eq!(refused(confirm_email(&cabinet, &link).await), is(Code::NotFound, "LINK_NOT_VALID"));

    age_requests(&cabinet);
    change_email(&cabinet, &token, "anna@three.example").await.expect("she may");
    let link = link_in(&cabinet.letter_to("anna@three.example", 0).await);
    let policy = pb::Policy { contact_changes: pb::ContactChanger::Support.into(), ..Default::default() };
    realm.update(policy, &["contact_changes"], "").await.expect("a good policy");
    assert_eq!(refused(confirm_email(&cabinet, &link).await), is(Code::NotFound, "LINK_NOT_VALID"));
    assert_eq!(
        refused(change_email(&cabinet, &token, "anna@four.example").await),
        is(Code::PermissionDenied, "PERMISSION_DENIED")
    );
}

/// Rule I16: a code that was sent before somebody else changed the number is void.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_void_once_somebody_else_has_changed_the_number() {
    let cabinet = Setup::default().smsc().start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let (anna, token) = realm.newcomer(realm.invited("anna@example.com")).await;
    request_code(&cabinet, &token, "+48221234567").await.expect("she may");
    let code = sms(&cabinet, 0).await;
    let service = cabinet.service_token_in(realm.realm_id);
    cabinet.change_phone(&service, &anna.user_id, "+380671234567").await.expect("a service may");
    assert_eq!(refused(confirm_phone(&cabinet, &token, &code).await), is(Code::FailedPrecondition, "CODE_OVER"));
}

/// Rule I16: whatever ends the session that asked for an address makes its link void: a thief's does not outlive him. So does having
/// the old address back.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_does_not_outlive_whoever_asked_for_it() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let void = is(Code::NotFound, "LINK_NOT_VALID");
    let (anna, token) = realm.newcomer(realm.invited("anna@example.com")).await;
    change_email(&cabinet, &token, "one@thief.example").await.expect("it is her session, as far as anybody knows");
    let one = link_in(&cabinet.letter_to("one@thief.example", 0).await);
    age_requests(&cabinet);
    change_email(&cabinet, &token, "two@thief.example").await.expect("once more");
    let two = link_in(&cabinet.letter_to("two@thief.example", 0).await);
    confirm_email(&cabinet, &one).await.expect("an open link");
    let service = cabinet.service_token_in(realm.realm_id);
    cabinet.change_email(&service, &anna.user_id, "anna@example.com").await.expect("a service may");
    assert_eq!(refused(confirm_email(&cabinet, &two).await), void, "the address is the one it was, and the link is not");

    age_requests(&cabinet);
    change_email(&cabinet, &token, "three@thief.example").await.expect("once more");
    let three = link_in(&cabinet.letter_to("three@thief.example", 0).await);
    let end = with_token(&token, pb::EndSessionRequest::default());
    SessionServiceClient::new(cabinet.identity.channel()).end_session(end).await.expect("her own");
    assert_eq!(refused(confirm_email(&cabinet, &three).await), void);
}

/// Rule I16: of two who were mailed a link to the same address, the first is the one whose it is.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_two_want_is_the_first_ones() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let (_, anna) = realm.newcomer(realm.invited("anna@example.com")).await;
    let (_, bela) = realm.newcomer(realm.invited("bela@example.com")).await;
    change_email(&cabinet, &anna, "shared@example.com").await.expect("she may");
    let first = link_in(&cabinet.letter_to("shared@example.com", 0).await);
    change_email(&cabinet, &bela, "shared@example.com").await.expect("she may");
    let second = link_in(&cabinet.letter_to("shared@example.com", 1).await);
    confirm_email(&cabinet, &second).await.expect("an open link");
    assert_eq!(refused(confirm_email(&cabinet, &first).await), is(Code::NotFound, "LINK_NOT_VALID"));
}

/// Rule I16: whoever has left his desk changes no contact before he has signed in again.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_too_old_changes_no_contact() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let (_, token) = realm.newcomer(realm.invited("anna@example.com")).await;
    cabinet.age_sessions("6 minutes");
    let late = is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    assert_eq!(refused(change_email(&cabinet, &token, "anna@new.example").await), late);
    assert_eq!(refused(request_code(&cabinet, &token, "+48221234567").await), late);
}

/// Rules I16, I26.a: `tender`: a number can be retyped until it is confirmed, an address is fixed once saved; then SUPPORT changes them,
/// which is written down, and the old address is told.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_once_support_changes() {
    let cabinet = Setup::default().smsc().start().await;
    let realm = PresetRealm::open(&cabinet, "tender").await;
    let (helper, support) = realm.support("helper@example.com").await;
    let (anna, token) = realm.newcomer(realm.invited("anna@example.com")).await;
    let fixed = is(Code::FailedPrecondition, "CONTACT_FIXED");
    assert_eq!(refused(change_email(&cabinet, &token, "anna@new.example").await), fixed);
    request_code(&cabinet, &token, "+380671234567").await.expect("she has none yet");
    sms(&cabinet, 0).await;
    age_requests(&cabinet);
    request_code(&cabinet, &token, "+380671234568").await.expect("it can be retyped");
    confirm_phone(&cabinet, &token, &sms(&cabinet, 1).await).await.expect("the code that was sent");
    age_requests(&cabinet);
    assert_eq!(refused(request_code(&cabinet, &token, "+380671234569").await), fixed);

    let changed = cabinet.change_phone(&support, &anna.user_id, "+380671234569").await.expect("SUPPORT may");
    assert_eq!((changed.phone.as_str(), changed.phone_verified), ("+380671234569", false));
    cabinet.letter_to("anna@example.com", 1).await;
    let changed = cabinet.change_email(&support, &anna.user_id, "anna@new.example").await.expect("SUPPORT may");
    assert_eq!((changed.email.as_str(), changed.email_verified), ("anna@new.example", false));
    cabinet.letter_to("anna@example.com", 2).await;
    let head = user_request(helper.company_id.parse().expect("an id"), pb::Role::Owner, "head@example.com");
    let head = realm.add(head).await.expect("a good user");
    for colleague in [&helper, &head] {
        let denied = cabinet.change_email(&support, &colleague.user_id, "me@example.com").await;
        assert_eq!(refused(denied), is(Code::PermissionDenied, "PERMISSION_DENIED"), "SUPPORT helps others");
    }
    let request = pb::ListAuditEntriesRequest {
        realm_id: realm.realm_id.to_string(),
        actor_id: helper.user_id.clone(),
        ..Default::default()
    };
    let log = AuditServiceClient::new(cabinet.identity.channel()).list_audit_entries(with_token(&realm.operator, request)).await;
    let acts: Vec<_> = log.expect("an operator may").into_inner().entries.iter().map(pb::AuditEntry::act).collect();
    assert_eq!(acts, [pb::AuditAct::EmailChanged, pb::AuditAct::PhoneChanged], "the newest first");
}

/// Rules I16, I8.c: where an address is saved without being confirmed, whose it is already is not said, and cannot be tried for long.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_saved_once() {
    let cabinet = Setup::default().smsc().start().await;
    let realm = PresetRealm::open(&cabinet, "tender").await;
    let by_phone = pb::Policy { required_contacts: vec![pb::Contact::Phone.into()], ..Default::default() };
    realm.update(by_phone, &["required_contacts"], "").await.expect("a good policy");
    let without = realm.add(realm.invited("bela@example.com")).await;
    assert_eq!(refused(without), is(Code::InvalidArgument, "CONTACT_MISSING"));
    let bela = pb::CreateUserRequest { phone: "+380671234567".into(), ..realm.invited("bela@example.com") };
    realm.add(bela).await.expect("a good user");
    let anna = pb::CreateUserRequest { phone: "+380671234568".into(), ..realm.invited("anna@example.com") };
    let (anna, token) = realm.newcomer(anna).await;
    // Whoever was added without an address has signed in by a password that somebody set for him; here it is taken away.
    cabinet.databases.identity.execute(&format!(
        "UPDATE users SET email = NULL, email_key = NULL, email_verified_at = NULL, version = version + 1 WHERE user_id = '{}'",
        anna.user_id
    ));
    let taken = is(Code::FailedPrecondition, "CONTACT_REFUSED");
    for _ in 0..10 {
        assert_eq!(refused(change_email(&cabinet, &token, "bela@example.com").await), taken);
    }
    let limited = is(Code::ResourceExhausted, "ATTEMPTS_LIMITED");
    assert_eq!(refused(change_email(&cabinet, &token, "bela@example.com").await), limited);
    cabinet.databases.identity.execute("DELETE FROM attempts");
    let saved = change_email(&cabinet, &token, "anna@new.example").await.expect("nobody's");
    assert_eq!((saved.expire_time, saved.user.expect("the user").email.as_str()), (None, "anna@new.example"));
    let fixed = change_email(&cabinet, &token, "anna@other.example").await;
    assert_eq!(refused(fixed), is(Code::FailedPrecondition, "CONTACT_FIXED"));
}

/// Rule I16: `call_center`: an OWNER changes the contacts of his company's users; `marketplace`: neither they nor he do, but SUPPORT.
#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_changed_by_whom_the_policy_names() {
    let cabinet = Cabinet::start().await;
    let denied = is(Code::PermissionDenied, "PERMISSION_DENIED");
    let introduction = pb::Introduction { first_name: "Ольга".into(), last_name: "Ткач".into(), ..Default::default() };
    for (preset, by_owner, by_support) in [("call_center", true, false), ("marketplace", false, true)] {
        let realm = PresetRealm::open(&cabinet, preset).await;
        let named = |email: &str, number: u8| pb::CreateUserRequest {
            phone: format!("+38067123450{number}"),
            user_name: format!("user{number}"),
            introduction: Some(introduction.clone()),
            ..realm.invited(email)
        };
        let owner = pb::CreateUserRequest { role: pb::Role::Owner.into(), ..named("owner@example.com", 1) };
        let (_, owner) = realm.member(owner).await;
        let desk = realm.support_desk().await.to_string();
        let helper = pb::CreateUserRequest { role: pb::Role::Support.into(), company_id: desk, ..named("helper@example.com", 2) };
        let (_, support) = realm.member(helper).await;
        let (anna, token) = realm.member(named("anna@example.com", 3)).await;
        assert_eq!(refused(change_email(&cabinet, &token, "anna@new.example").await), denied, "{preset}: herself");
        assert_eq!(refused(request_code(&cabinet, &token, "+380671234509").await), denied, "{preset}: herself");
        for (who, token, may) in [("OWNER", &owner, by_owner), ("SUPPORT", &support, by_support)] {
            let changed = cabinet.change_phone(token, &anna.user_id, "+380671234509").await;
            let expected = if may { Ok("+380671234509".to_owned()) } else { Err(denied.clone()) };
            assert_eq!(changed.map(|user| user.phone).map_err(|status| reason(&status)), expected, "{preset}: {who}");
        }
    }
}

/// Rules I17.a, I23.c: eight codes a day are texted to a number, however many want it at once; of eight links to an address one user asks
/// for five, so that he leaves some to whoever has it.
#[tokio::test(flavor = "multi_thread")]
async fn no_user_uses_up_what_is_sent_to_a_contact() {
    let cabinet = Setup::default().smsc().start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let mut tokens = Vec::new();
    for number in 0..10 {
        let (_, token) = realm.newcomer(realm.invited(&format!("user{number}@example.com"))).await;
        tokens.push(token);
    }
    let asked = futures::future::join_all(tokens.iter().map(|token| request_code(&cabinet, token, "+380671234567"))).await;
    assert_eq!(asked.iter().filter(|answer| answer.is_ok()).count(), 8, "{asked:?}");
    for refusal in asked.into_iter().filter(Result::is_err) {
        assert_eq!(refused(refusal), is(Code::ResourceExhausted, "CODE_LIMITED"));
    }
    let mut answers = Vec::new();
    for _ in 0..6 {
        age_requests(&cabinet);
        answers.push(change_email(&cabinet, &tokens[0], "wanted@example.com").await.is_ok());
    }
    assert_eq!(answers, [true, true, true, true, true, false]);
    change_email(&cabinet, &tokens[1], "wanted@example.com").await.expect("there are some left");
}

/// Rules I11, I16: an OWNER who keeps the contacts of his company changes his own in a session of his own, and once he has shown a short
/// while ago who he is.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_changes_his_own_contacts_after_a_recent_sign_in() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "call_center").await;
    let named = |role: pb::Role, name: &str| pb::CreateUserRequest {
        role: role.into(),
        user_name: name.to_owned(),
        ..realm.invited(&format!("{name}@example.com"))
    };
    let (boss, token) = realm.newcomer(named(pb::Role::Owner, "boss")).await;
    let anna = realm.add(named(pb::Role::Agent, "anna")).await.expect("a good user");
    cabinet.age_sessions("1 hour");
    let old = is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    assert_eq!(refused(cabinet.change_email(&token, &boss.user_id, "thief@example.com").await), old);
    assert_eq!(refused(cabinet.change_phone(&token, &boss.user_id, "+380671234567").await), old);
    cabinet.change_email(&token, &boss.user_id, "boss@example.com").await.expect("it is his already");
    cabinet.change_email(&token, &anna.user_id, "a@example.com").await.expect("others' are his office");
    let (credential_id, secret) = cabinet.make_credential_in(realm.realm_id, pb::CredentialKind::ActingService).await;
    let machine = cabinet.service_token_by(&credential_id, &secret).await.expect("a good secret");
    let for_boss = cabinet.user_token_by(&machine, &boss.user_id).await.expect("an acting service may");
    let by_machine = cabinet.change_email(&for_boss, &boss.user_id, "thief@example.com").await;
    assert_eq!(refused(by_machine), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    let (_, again) = realm.session("boss", Cabinet::PASSWORD).await.expect("his password");
    let changed = cabinet.change_email(&again.access_token, &boss.user_id, "new@example.com").await.expect("it is he");
    assert_eq!(changed.email, "new@example.com");
}
