//! How a user who has confirmed his phone comes to another password by SMS, and that nobody else is sent one.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::contact_service_client::ContactServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use cabinet_e2e::{Cabinet, Kind, Refused, Setup, eventually, is, reason, refused, user_request, with_token};
use testkit::{PostgresOptions, ReceivedSms, SharedPostgres, shared_rabbitmq};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::guessing::{since, work};
use crate::invitations::inspect;
use crate::second_factors::{By, EMAIL, Front, anna};

const PHONE: &str = "+380671234567";
const UNCONFIRMED: &str = "+380671234568";
const BLOCKED: &str = "+380671234569";
const UNKNOWN: &str = "+48221234567";
const OTHER_PASSWORD: &str = "another horse, battery and staple";

fn not_valid() -> Refused {
    is(Code::NotFound, "LINK_NOT_VALID")
}

fn limited() -> Refused {
    is(Code::ResourceExhausted, "ATTEMPTS_LIMITED")
}

async fn start() -> Cabinet {
    Setup::default().smsc().start().await
}

async fn request(cabinet: &Cabinet, email: &str, phone: &str) -> Result<(), Status> {
    cabinet.watch.canary(Kind::Phone, phone);
    let (realm_id, email, phone) = (cabinet.realm.id.to_string(), email.to_owned(), phone.to_owned());
    let request = pb::RequestPasswordResetRequest { realm_id, email, phone };
    LinkServiceClient::new(cabinet.identity.channel()).request_password_reset(request).await.map(drop)
}

async fn request_by_sms(cabinet: &Cabinet, phone: &str) {
    request(cabinet, "", phone).await.expect("always the same answer");
}

/// A CUSTOMER with a phone that nobody has confirmed.
async fn customer(cabinet: &Cabinet, phone: &str) -> pb::User {
    let email = format!("user{}@example.com", phone.trim_start_matches('+'));
    let request =
        pb::CreateUserRequest { phone: phone.to_owned(), ..user_request(cabinet.realm.company_id, pb::Role::Customer, &email) };
    cabinet.create_user_with(&cabinet.service_token(), request).await.expect("a good user")
}

/// What typing the code that was sent to it does.
fn confirm_phone(cabinet: &Cabinet, user: &pb::User) {
    let confirm =
        format!("UPDATE users SET phone_verified_at = created_at, version = version + 1 WHERE user_id = '{}'", user.user_id);
    cabinet.databases.identity.execute(&confirm);
}

async fn customer_who_confirmed(cabinet: &Cabinet) -> pb::User {
    let customer = customer(cabinet, PHONE).await;
    confirm_phone(cabinet, &customer);
    customer
}

/// The SMS after `earlier` others.
async fn sms(cabinet: &Cabinet, earlier: usize) -> ReceivedSms {
    let smsc = cabinet.smsc.as_ref().expect("started with one");
    eventually("an SMS", || smsc.received().into_iter().nth(earlier)).await
}

fn sms_count(cabinet: &Cabinet) -> usize {
    cabinet.smsc.as_ref().expect("started with one").received().len()
}

/// The token of the link in an SMS.
fn link_in(cabinet: &Cabinet, sms: &ReceivedSms) -> String {
    let (_, rest) = sms.text.split_once("/reset-password?token=").unwrap_or_else(|| panic!("no link in: {}", sms.text));
    let token = rest.split_whitespace().next().expect("a token").to_owned();
    cabinet.watch.canary(Kind::Token, &token);
    token
}

/// Links that somebody can use, or could have used.
fn live_links(cabinet: &Cabinet) -> String {
    cabinet.databases.identity.value("SELECT count(*) FROM links WHERE expires_at > created_at")
}

/// Rules I17.c, I7, I6.b: a confirmed phone is sent a link that sets the password, once, and ends the sessions there were. It shows nothing
/// of the address, which stays unverified, and is mailed nothing but word of the change.
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_phone_is_sent_a_link_that_works_once() {
    let cabinet = start().await;
    let bela = customer_who_confirmed(&cabinet).await;
    request_by_sms(&cabinet, "+380 67 123-45-67").await;
    let first = sms(&cabinet, 0).await;
    assert_eq!(first.to, PHONE.trim_start_matches('+'));
    assert!(first.text.starts_with("Helpline: set another password before "), "{}", first.text);
    assert!(first.segments.iter().all(|segment| segment.data_coding == 0), "in GSM 03.38");
    let link = link_in(&cabinet, &first);
    for _ in 0..3 {
        assert_eq!(inspect(&cabinet, &link).await.expect("an open link").purpose(), pb::LinkPurpose::PasswordReset);
    }
    let redeemed = cabinet.redeem(&link, Cabinet::PASSWORD).await.expect("an open link");
    let user = redeemed.user.expect("the contract promises the user");
    let old = redeemed.tokens.expect("she has no second factor");
    assert_eq!((user.user_id.as_str(), user.email_verified, user.phone_verified), (bela.user_id.as_str(), false, true));
    assert_eq!(refused(cabinet.redeem(&link, OTHER_PASSWORD).await), not_valid());

    cabinet.age_links("2 minutes");
    request_by_sms(&cabinet, PHONE).await;
    let link = link_in(&cabinet, &sms(&cabinet, 1).await);
    cabinet.redeem(&link, OTHER_PASSWORD).await.expect("an open link");
    assert_eq!(refused(cabinet.refresh(&old.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    cabinet.sign_in(&bela.email, OTHER_PASSWORD).await.expect("the password that was set last");
    cabinet.letter_to(&bela.email, 1).await;
    cabinet.settled().await;
    let letters = cabinet.mail.letters();
    assert!(letters.iter().all(|letter| letter.subject.contains("your password was changed")), "no link was mailed");
    let kept = "SELECT string_agg(octet_length(content)::text, ',') FROM deliveries WHERE kind = 'PASSWORD_RESET'";
    assert_eq!((letters.len(), cabinet.databases.notification.value(kept).as_str()), (2, "0,0"), "the ledger keeps no token");
}

/// Rules I17.c, I22.a: whoever has the number, and whether or not he has confirmed it or is blocked, the answer is the same, also to what is
/// no number; nobody is sent anything but the user who has confirmed it and is not blocked.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_sent_a_link() {
    let cabinet = start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    customer(&cabinet, UNCONFIRMED).await;
    let blocked = customer(&cabinet, BLOCKED).await;
    confirm_phone(&cabinet, &blocked);
    cabinet.block_user(&owner, &blocked.user_id).await.expect("an OWNER may block");
    customer_who_confirmed(&cabinet).await;
    for phone in [UNCONFIRMED, BLOCKED, UNKNOWN, "not a number", PHONE] {
        request_by_sms(&cabinet, phone).await;
    }
    sms(&cabinet, 0).await;
    cabinet.settled().await;
    let told = "SELECT string_agg(kind || ' ' || channel || ' ' || state, ', ' ORDER BY kind) FROM deliveries";
    assert_eq!(cabinet.databases.notification.value(told), "ACCOUNT_BLOCKED EMAIL SENT, PASSWORD_RESET SMS SENT");
    assert_eq!((sms_count(&cabinet), live_links(&cabinet).as_str()), (1, "1"));
}

/// Rules I17.c, I22.c: whoever has the number, the same statements are sent, and one row is written.
#[tokio::test(flavor = "multi_thread")]
async fn the_work_is_the_same_whoever_has_the_number() {
    let server = PostgresOptions::default().setting("shared_preload_libraries", "pg_stat_statements").start();
    let mut cabinet = Setup::on(SharedPostgres::at(&server.base_url()), shared_rabbitmq()).start().await;
    cabinet.databases.identity.execute("CREATE EXTENSION pg_stat_statements");
    let owner = cabinet.owner_token("owner@example.com").await;
    customer(&cabinet, UNCONFIRMED).await;
    let blocked = customer(&cabinet, BLOCKED).await;
    confirm_phone(&cabinet, &blocked);
    cabinet.block_user(&owner, &blocked.user_id).await.expect("an OWNER may block");
    customer_who_confirmed(&cabinet).await;
    // Who sends SMS asks about people when it suits him.
    cabinet.settled().await;
    cabinet.notification.stop();

    let mut works = Vec::new();
    for phone in [PHONE, UNCONFIRMED, BLOCKED, UNKNOWN, "not a number"] {
        let count = || cabinet.databases.identity.value("SELECT count(*) FROM links").parse::<u64>().expect("a count");
        let (before, rows) = (work(&cabinet).await, count());
        request_by_sms(&cabinet, phone).await;
        assert_eq!(count() - rows, 1, "{phone}");
        works.push(since(&before, &work(&cabinet).await));
    }
    assert!(works[0].len() >= 4, "no statements were heard: {works:?}");
    assert!(works.iter().all(|work| *work == works[0]), "{works:#?}");
    cabinet.notification.start();
    cabinet.notification.wait_until_ready().await;
}

/// Rule I17.c: a link is void once the phone that it was sent to is not confirmed any more, or another's place, and stays so were the
/// phone to come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_former_phone_is_void() {
    let cabinet = start().await;
    let bela = customer_who_confirmed(&cabinet).await;
    request_by_sms(&cabinet, PHONE).await;
    let link = link_in(&cabinet, &sms(&cabinet, 0).await);
    let standing = |verified_at: &str| {
        let (user_id, set) = (&bela.user_id, format!("phone_verified_at = {verified_at}, version = version + 1"));
        cabinet.databases.identity.execute(&format!("UPDATE users SET {set} WHERE user_id = '{user_id}'"));
    };
    standing("NULL");
    assert_eq!(refused(inspect(&cabinet, &link).await), not_valid(), "not confirmed any more");
    assert_eq!(refused(cabinet.redeem(&link, Cabinet::PASSWORD).await), not_valid());
    standing("created_at");
    inspect(&cabinet, &link).await.expect("nobody has taken her phone from her");

    for phone in [UNKNOWN, PHONE] {
        cabinet.change_phone(&cabinet.service_token(), &bela.user_id, phone).await.expect("a good number");
        confirm_phone(&cabinet, &bela);
        assert_eq!(refused(inspect(&cabinet, &link).await), not_valid(), "{phone}");
        assert_eq!(refused(cabinet.redeem(&link, Cabinet::PASSWORD).await), not_valid(), "{phone}");
    }
    cabinet.age_links("2 minutes");
    request_by_sms(&cabinet, PHONE).await;
    let link = link_in(&cabinet, &sms(&cabinet, 1).await);
    cabinet.redeem(&link, Cabinet::PASSWORD).await.expect("it was sent to the phone she has");
}

/// Rules I17.c, I25.a: an SMS alone signs nobody in who has a second factor.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_by_sms_asks_for_the_code() {
    let cabinet = start().await;
    let front = Front::of(&cabinet);
    let (anna, tokens) = anna(&cabinet).await;
    let (mut device, _) = front.turn_on(By::Session(&tokens.access_token)).await;
    cabinet.change_phone(&cabinet.service_token(), &anna.user_id, PHONE).await.expect("a good number");
    confirm_phone(&cabinet, &anna);
    // She was mailed a link to set her first password.
    cabinet.age_links("2 minutes");
    request_by_sms(&cabinet, PHONE).await;
    let link = link_in(&cabinet, &sms(&cabinet, 0).await);
    let redeemed = cabinet.redeem(&link, OTHER_PASSWORD).await.expect("an open link");
    assert_eq!((redeemed.user, redeemed.tokens), (None, None), "whoever has the phone has no session");
    let challenge = redeemed.second_factor.expect("more is asked for");
    cabinet.watch.canary(Kind::Token, &challenge.token);
    let entered = front.complete(&challenge.token, &device.code(), "").await.expect("password and code");
    assert_eq!(entered.user.expect("the contract promises the user").email, EMAIL);
}

/// Rules I17.c, I23.c: links by SMS are asked for twenty times a day from an address, whether or not somebody has the number; those by mail have
/// limits of their own.
#[tokio::test(flavor = "multi_thread")]
async fn links_by_sms_are_limited_by_address() {
    let cabinet = start().await;
    customer_who_confirmed(&cabinet).await;
    for number in 10..30 {
        request_by_sms(&cabinet, &format!("+3806712346{number}")).await;
    }
    for phone in [PHONE, UNKNOWN] {
        let refused = request(&cabinet, "", phone).await.expect_err("twenty from an address");
        assert_eq!(reason(&refused), limited(), "{phone}");
        let wait = refused.get_details_retry_info().and_then(|info| info.retry_delay).expect("a time to come back");
        assert!((1..=24 * 3600).contains(&wait.as_secs()), "{wait:?}");
    }
    request(&cabinet, "user380671234567@example.com", "").await.expect("by mail it can be asked for");
    cabinet.settled().await;
    assert_eq!((sms_count(&cabinet), live_links(&cabinet).as_str()), (0, "1"));
}

/// Rules I17.c, I22.a: five links a day go to a number, three of them asked for from one address, so that no stranger uses up all. Beyond
/// that nothing is sent, which nobody is told: neither whoever asks for another, nor whoever asks for a code to the same number.
#[tokio::test(flavor = "multi_thread")]
async fn how_many_links_went_to_a_number_is_not_told() {
    let cabinet = start().await;
    customer_who_confirmed(&cabinet).await;
    let ask = async |sent: usize| {
        cabinet.age_links("2 minutes");
        request_by_sms(&cabinet, PHONE).await;
        if sent > 0 {
            sms(&cabinet, sent - 1).await;
        }
        cabinet.settled().await;
    };
    for sent in [1, 2, 3, 0] {
        ask(sent).await;
    }
    assert_eq!(sms_count(&cabinet), 3, "three asked for from one address");
    cabinet.databases.identity.execute("UPDATE links SET client_address = '192.0.2.9' WHERE phone IS NOT NULL");
    for sent in [4, 5, 0] {
        ask(sent).await;
    }
    assert_eq!(sms_count(&cabinet), 5, "five to a number");

    let stranger = customer(&cabinet, UNCONFIRMED).await;
    let token = cabinet.signed_in(&stranger).await.access_token;
    let code = with_token(&token, pb::RequestPhoneCodeRequest { phone: PHONE.to_owned() });
    ContactServiceClient::new(cabinet.identity.channel()).request_phone_code(code).await.expect("as for any other number");
    assert_eq!(sms(&cabinet, 5).await.to, PHONE.trim_start_matches('+'));
    cabinet.age_links("1 day");
    ask(7).await;
    assert_eq!(live_links(&cabinet), "7", "and one by mail to the stranger");
}

/// Rule I17.c: there is either an address or a number.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_or_a_number_is_given() {
    let cabinet = Cabinet::start().await;
    for (email, phone, fields) in [
        ("", "", vec!["email", "phone"]),
        ("anna@example.com", PHONE, vec!["email", "phone"]),
        ("a@", "", vec!["email"]),
        ("", &"+380671234567".repeat(4), vec!["phone"]),
    ] {
        let status = request(&cabinet, email, phone).await.expect_err("a refusal");
        assert_eq!(reason(&status), is(Code::InvalidArgument, "REQUEST_INVALID"), "{email} {phone}");
        let violations = status.get_details_bad_request().expect("the violations").field_violations;
        assert_eq!(violations.into_iter().map(|violation| violation.field).collect::<Vec<_>>(), fields, "{email} {phone}");
    }
}

/// Rule I17.c: a system that sends no SMS answers the same, and the ledger says why nothing was sent; nothing is mailed instead.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_smsc_the_ledger_says_why() {
    let cabinet = Cabinet::start().await;
    customer_who_confirmed(&cabinet).await;
    request_by_sms(&cabinet, PHONE).await;
    let row = "SELECT concat_ws(' ', kind, channel, state, reason) FROM deliveries";
    let expected = "PASSWORD_RESET SMS SUPPRESSED CHANNEL_NOT_CONFIGURED";
    eventually(expected, || (cabinet.databases.notification.value(row) == expected).then_some(())).await;
    assert_eq!(cabinet.mail.letters().len(), 0);
}
