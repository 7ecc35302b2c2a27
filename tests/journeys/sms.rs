//! The main job by SMS: whoever ticked it and has confirmed his phone is told by it, once, whatever the SMSC does.

use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::contact_service_client::ContactServiceClient;
use api::cabinet::notification::v1::{
    ChannelAvailability as Availability, ChannelStanding, ChannelTicks, GetPreferencesResponse,
};
use cabinet_e2e::{Cabinet, Setup, eventually, reason, user_id, user_request, with_token};
use kernel::Role;
use testkit::{ReceivedSms, Smsc, SmscAnswer};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::deletions::{completed, delete};

const PHONE: &str = "+380671234567";
const SMS: ChannelTicks = ChannelTicks { email: false, sms: true };

async fn start() -> Cabinet {
    Setup::default().smsc().start().await
}

fn smsc(cabinet: &mut Cabinet) -> &mut Smsc {
    cabinet.smsc.as_mut().expect("started with one")
}

/// A CUSTOMER with a phone, which he has not confirmed.
async fn customer_with_phone(cabinet: &Cabinet, phone: &str) -> identity::User {
    let email = format!("user{}@example.com", phone.trim_start_matches('+'));
    let request = identity::CreateUserRequest {
        phone: phone.to_owned(),
        ..user_request(cabinet.realm.company_id, identity::Role::Customer, &email)
    };
    cabinet.create_user_with(&cabinet.service_token(), request).await.expect("a good user")
}

/// What typing the code that was sent to it will do (I17).
fn confirm_phone(cabinet: &Cabinet, user: &identity::User) {
    let confirm =
        format!("UPDATE users SET phone_verified_at = created_at, version = version + 1 WHERE user_id = '{}'", user.user_id);
    cabinet.databases.identity.execute(&confirm);
}

async fn customer_who_ticked(cabinet: &Cabinet, phone: &str, ticks: ChannelTicks) -> identity::User {
    let customer = customer_with_phone(cabinet, phone).await;
    confirm_phone(cabinet, &customer);
    cabinet.tick(&cabinet.service_token(), &customer.user_id, ticks, &["status_change"]).await.expect("a good tick");
    customer
}

async fn change(cabinet: &Cabinet, case_id: &str, status: &str) {
    cabinet.change_status(&cabinet.service_token(), case_id, status).await.expect("an allowed move");
}

async fn opened_case(cabinet: &Cabinet, requester: &identity::User) -> String {
    let case_id = cabinet.create_case(&requester.user_id).await.case_id;
    change(cabinet, &case_id, "OPEN").await;
    case_id
}

async fn received(cabinet: &Cabinet, count: usize) -> Vec<ReceivedSms> {
    let smsc = cabinet.smsc.as_ref().expect("started with one");
    eventually(&format!("{count} SMS"), || Some(smsc.received()).filter(|received| received.len() >= count)).await
}

fn ledger(cabinet: &Cabinet, column: &str) -> String {
    cabinet.databases.notification.value(&format!("SELECT {column} FROM deliveries WHERE channel = 'SMS'"))
}

async fn ledger_becomes(cabinet: &Cabinet, expected: &str) {
    let row = "concat_ws(' ', state, reason, receipt)";
    eventually(&format!("`{expected}` in the ledger"), || (ledger(cabinet, row) == expected).then_some(())).await;
}

/// Rules I19.a, N1.c, N9.a: in GSM 03.38 where that will do, one segment, with the number, the status and the plain link, which opens
/// no account; and no letter.
#[tokio::test(flavor = "multi_thread")]
async fn a_requester_who_ticked_sms_gets_one_for_each_status_change() {
    let cabinet = start().await;
    let customer = customer_who_ticked(&cabinet, PHONE, SMS).await;
    let case_id = opened_case(&cabinet, &customer).await;
    change(&cabinet, &case_id, "RESOLVED").await;
    received(&cabinet, 2).await;
    cabinet.settled().await;

    let received = received(&cabinet, 2).await;
    let mut texts: Vec<_> = received.iter().map(|sms| sms.text.as_str()).collect();
    texts.sort_unstable();
    let link = format!("https://helpline.example/cases/{case_id}");
    let opened = format!("Helpline: case 1 is now \"In progress\". {link}");
    let resolved = format!("Helpline: case 1 is now \"Resolved\". {link}");
    assert!(texts.len() == 2 && texts[1] == resolved, "{texts:?}");
    assert!(texts[0] == opened || texts[0].contains("It has changed again since."), "{texts:?}");
    for sms in &received {
        assert_eq!((sms.from.as_str(), sms.to.as_str()), ("Helpline", "380671234567"));
        assert_eq!((sms.segments.len(), sms.segments[0].data_coding), (1, 0));
        assert!(sms.segments[0].wants_receipt);
    }
    assert_eq!(cabinet.mail.letters().len(), 0);
}

/// Rule N9.a: in the realm's language, in UCS-2 where its letters need that, in as many segments as it takes.
#[tokio::test(flavor = "multi_thread")]
async fn an_sms_of_several_segments_is_put_together_by_the_phone() {
    let cabinet = start().await;
    let realm = format!("UPDATE realms SET language = 'uk', name = 'Ліга 👍' WHERE realm_id = '{}'", cabinet.realm.id);
    cabinet.databases.identity.execute(&realm);
    let customer = customer_who_ticked(&cabinet, PHONE, SMS).await;
    let case_id = opened_case(&cabinet, &customer).await;

    let sms = received(&cabinet, 1).await.remove(0);
    assert_eq!(sms.text, format!("Ліга 👍: звернення 1: \"In progress\". https://helpline.example/cases/{case_id}"));
    assert_eq!(sms.segments.iter().map(|segment| segment.data_coding).collect::<Vec<_>>(), [8, 8]);
    cabinet.settled().await;
    assert_eq!(ledger(&cabinet, "state || ' ' || attempt"), "SENT 1");
}

/// Rules N1.a, N1.c, N4.a: who ticked both is told by both, once each.
#[tokio::test(flavor = "multi_thread")]
async fn who_ticked_both_gets_one_of_each() {
    let cabinet = start().await;
    let customer = customer_who_ticked(&cabinet, PHONE, ChannelTicks { email: true, sms: true }).await;
    opened_case(&cabinet, &customer).await;
    received(&cabinet, 1).await;
    cabinet.letters(1).await;
    cabinet.settled().await;
    assert_eq!((received(&cabinet, 1).await.len(), cabinet.mail.letters().len()), (1, 1));
    let rows = "SELECT string_agg(channel || ' ' || state, ', ' ORDER BY channel) FROM deliveries";
    assert_eq!(cabinet.databases.notification.value(rows), "EMAIL SENT, SMS SENT");
}

fn unavailable(result: Result<impl std::fmt::Debug, Status>) -> Vec<(String, String)> {
    let refused = result.expect_err("a channel that does not reach him");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "CHANNEL_UNAVAILABLE".to_owned()));
    let failure = refused.get_details_precondition_failure().expect("it says why");
    failure.violations.into_iter().map(|violation| (violation.subject, violation.r#type)).collect()
}

fn because(channel: &str, why: &str) -> Vec<(String, String)> {
    vec![(channel.to_owned(), why.to_owned())]
}

fn standings(sheet: &GetPreferencesResponse) -> Vec<Availability> {
    sheet.channels.iter().map(ChannelStanding::availability).collect()
}

/// Rules N1.b, N1.d: a phone that is missing or not confirmed cannot be ticked, and the answers say why; unticking always works.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_does_not_reach_him_cannot_be_ticked_and_says_why() {
    let cabinet = start().await;
    let token = cabinet.service_token();
    let tick = async |user: &identity::User| cabinet.tick(&token, &user.user_id, SMS, &["status_change.sms"]).await;
    let sheet = async |user: &identity::User| cabinet.get_preferences(&token, &user.user_id).await.expect("his sheet");
    let without = cabinet.create_customer("anna@example.com").await;
    let unconfirmed = customer_with_phone(&cabinet, PHONE).await;

    assert_eq!(unavailable(tick(&without).await), because("SMS", "CONTACT_MISSING"));
    assert_eq!(unavailable(tick(&unconfirmed).await), because("SMS", "CONTACT_UNCONFIRMED"));
    assert_eq!(standings(&sheet(&without).await), [Availability::Available, Availability::ContactMissing]);
    let before = sheet(&unconfirmed).await;
    assert_eq!(standings(&before), [Availability::Available, Availability::ContactUnconfirmed]);
    assert_eq!(before.preferences.expect("preferences").status_change, Some(ChannelTicks::default()));
    let unticked = cabinet.tick(&token, &without.user_id, ChannelTicks::default(), &["status_change"]).await;
    assert_eq!(unticked.expect("it can be unticked").status_change, Some(ChannelTicks::default()));

    confirm_phone(&cabinet, &unconfirmed);
    assert_eq!(tick(&unconfirmed).await.expect("it is confirmed now").status_change, Some(SMS));
    assert_eq!(standings(&sheet(&unconfirmed).await), [Availability::Available, Availability::Available]);
}

/// Rule N1.d: a tick sleeps while its phone is gone, and wakes when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_tick_sleeps_while_its_phone_is_gone() {
    let cabinet = start().await;
    let token = cabinet.service_token();
    let customer = customer_who_ticked(&cabinet, PHONE, SMS).await;
    cabinet.change_phone(&token, &customer.user_id, "").await.expect("it may be taken away");
    cabinet.settled().await;
    let case_id = opened_case(&cabinet, &customer).await;
    ledger_becomes(&cabinet, "SUPPRESSED CONTACT_MISSING").await;
    let sheet = cabinet.get_preferences(&token, &customer.user_id).await.expect("her sheet");
    assert_eq!(standings(&sheet), [Availability::Available, Availability::ContactMissing]);
    assert_eq!(sheet.preferences.expect("preferences").status_change, Some(SMS), "the tick is kept");

    cabinet.change_phone(&token, &customer.user_id, "+48221234567").await.expect("a good number");
    confirm_phone(&cabinet, &customer);
    cabinet.settled().await;
    cabinet.get_preferences(&token, &customer.user_id).await.expect("her sheet");
    change(&cabinet, &case_id, "RESOLVED").await;
    assert_eq!(received(&cabinet, 1).await[0].to, "48221234567");
}

/// Rule N1.d: a system without an SMSC says so.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_smsc_nobody_can_tick_sms() {
    let cabinet = Cabinet::start().await;
    let customer = customer_with_phone(&cabinet, PHONE).await;
    confirm_phone(&cabinet, &customer);
    let ticked = cabinet.tick(&cabinet.service_token(), &customer.user_id, SMS, &["status_change.sms"]).await;
    assert_eq!(unavailable(ticked), because("SMS", "CHANNEL_NOT_CONFIGURED"));
    let sheet = cabinet.get_preferences(&cabinet.service_token(), &customer.user_id).await.expect("her sheet");
    assert_eq!(standings(&sheet), [Availability::Available, Availability::ChannelNotConfigured]);

    // Ticked while there was one.
    let tick = format!(
        "INSERT INTO preferences (realm_id, user_id, status_change_sms) VALUES ('{}', '{}', true)",
        cabinet.realm.id, customer.user_id
    );
    cabinet.databases.notification.execute(&tick);
    opened_case(&cabinet, &customer).await;
    ledger_becomes(&cabinet, "SUPPRESSED CHANNEL_NOT_CONFIGURED").await;
}

/// Rules F1, N13.a: an SMSC that is away, and one that has too much to do, are tried again until each SMS is out, once.
#[tokio::test(flavor = "multi_thread")]
async fn sms_wait_for_an_smsc_that_is_away_or_busy() {
    let mut cabinet = start().await;
    let customer = customer_who_ticked(&cabinet, PHONE, SMS).await;
    smsc(&mut cabinet).stop();
    for _ in 0..3 {
        opened_case(&cabinet, &customer).await;
    }
    let tried = "SELECT count(*) FROM deliveries WHERE state = 'PENDING' AND reason = 'PROVIDER_AWAY'";
    eventually("three attempts", || (cabinet.databases.notification.value(tried) == "3").then_some(())).await;
    smsc(&mut cabinet).start_again();
    received(&cabinet, 3).await;
    cabinet.settled().await;

    for answer in [SmscAnswer::Throttle, SmscAnswer::QueueFull] {
        smsc(&mut cabinet).answer(answer);
        opened_case(&cabinet, &customer).await;
        let busy = "SELECT count(*) FROM deliveries WHERE state = 'PENDING' AND reason = 'PROVIDER_BUSY'";
        eventually("an attempt", || (cabinet.databases.notification.value(busy) == "1").then_some(())).await;
        smsc(&mut cabinet).answer(SmscAnswer::Take);
        cabinet.settled().await;
    }
    let states = "SELECT string_agg(DISTINCT state, ',') FROM deliveries";
    assert_eq!((received(&cabinet, 5).await.len(), cabinet.databases.notification.value(states).as_str()), (5, "SENT"));
}

/// Rule N13.a: what the SMSC refuses for good is not tried again, and the ledger says why.
#[tokio::test(flavor = "multi_thread")]
async fn an_sms_that_is_refused_for_good_has_failed() {
    let mut cabinet = start().await;
    let customer = customer_who_ticked(&cabinet, PHONE, SMS).await;
    smsc(&mut cabinet).answer(SmscAnswer::InvalidDestination);
    opened_case(&cabinet, &customer).await;
    cabinet.settled().await;
    assert_eq!(ledger(&cabinet, "concat_ws(' ', state, reason, attempt)"), "FAILED DESTINATION_INVALID 1");
    assert_eq!(smsc(&mut cabinet).submitted().len(), 1);
}

/// Rule N13.e: without an answer nobody knows whether it was sent; it is not sent again, for a phone would show it twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_sms_without_an_answer_stays_uncertain_and_is_not_sent_again() {
    let mut cabinet = start().await;
    let customer = customer_who_ticked(&cabinet, PHONE, SMS).await;
    smsc(&mut cabinet).answer(SmscAnswer::Silence);
    opened_case(&cabinet, &customer).await;
    ledger_becomes(&cabinet, "UNCERTAIN NO_ANSWER").await;
    smsc(&mut cabinet).answer(SmscAnswer::Take);
    // Nothing waits for another attempt; if this did, it would be made before that is so.
    cabinet.settled().await;
    assert_eq!((ledger(&cabinet, "state || ' ' || attempt").as_str(), smsc(&mut cabinet).submitted().len()), ("UNCERTAIN 1", 1));
}

/// Rule N12.a: what became of an SMS afterwards stands beside its state: delivered once all of it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_recorded() {
    let mut cabinet = start().await;
    let realm = format!("UPDATE realms SET language = 'uk' WHERE realm_id = '{}'", cabinet.realm.id);
    cabinet.databases.identity.execute(&realm);
    let customer = customer_who_ticked(&cabinet, PHONE, SMS).await;
    let case_id = opened_case(&cabinet, &customer).await;
    let delivered = received(&cabinet, 1).await.remove(0).segments;
    assert_eq!(delivered.len(), 2);
    smsc(&mut cabinet).send_receipt(&delivered[1], "DELIVRD");
    assert_eq!(ledger(&cabinet, "state || ' ' || coalesce(receipt, 'none')"), "SENT none");
    smsc(&mut cabinet).send_receipt(&delivered[0], "DELIVRD");
    assert_eq!(ledger(&cabinet, "state || ' ' || coalesce(receipt, 'none')"), "SENT DELIVERED");

    change(&cabinet, &case_id, "RESOLVED").await;
    let lost = received(&cabinet, 2).await.remove(1).segments;
    smsc(&mut cabinet).send_receipt(&lost[0], "DELIVRD");
    smsc(&mut cabinet).send_receipt(&lost[1], "UNDELIV");
    let receipts = ledger(&cabinet, "string_agg(state || ' ' || receipt, ', ' ORDER BY cause_id)");
    assert_eq!(receipts, "SENT DELIVERED, SENT UNDELIVERABLE");
}

async fn request_code(cabinet: &Cabinet, token: &str) -> Result<(), Status> {
    let request = with_token(token, identity::RequestPhoneCodeRequest::default());
    ContactServiceClient::new(cabinet.identity.channel()).request_phone_code(request).await.map(|_| ())
}

async fn confirm(cabinet: &Cabinet, token: &str, code: &str) -> Result<identity::User, Status> {
    let request = with_token(token, identity::ConfirmPhoneRequest { code: code.to_owned() });
    let answer = ContactServiceClient::new(cabinet.identity.channel()).confirm_phone(request).await?;
    Ok(answer.into_inner().user.expect("the contract promises the user"))
}

/// The six digits of an SMS.
fn code_in(sms: &ReceivedSms) -> String {
    let digits = sms.text.split(|letter: char| !letter.is_ascii_digit()).find(|digits| digits.len() == 6);
    digits.unwrap_or_else(|| panic!("no code in: {}", sms.text)).to_owned()
}

/// Sets the moments of the codes back.
fn age_codes(cabinet: &Cabinet, interval: &str) {
    let older = format!(
        "UPDATE phone_codes SET created_at = created_at - interval '{interval}', expires_at = expires_at - interval '{interval}'"
    );
    cabinet.databases.identity.execute(&older);
}

/// Rules I17.a, N1.c: the code that was sent to it confirms a phone; only then can SMS be ticked.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_sms_confirms_the_phone() {
    let cabinet = start().await;
    let anna = customer_with_phone(&cabinet, PHONE).await;
    let token = cabinet.user_token(user_id(&anna), Role::Customer);
    let early = cabinet.tick(&token, &anna.user_id, SMS, &["status_change.sms"]).await;
    assert_eq!(reason(&early.expect_err("not confirmed")), (Code::FailedPrecondition, "CHANNEL_UNAVAILABLE".into()));

    request_code(&cabinet, &token).await.expect("a phone to confirm");
    let sms = received(&cabinet, 1).await.remove(0);
    let confirmed = confirm(&cabinet, &token, &code_in(&sms)).await.expect("the code that was sent");
    assert!(confirmed.phone_verified);
    cabinet.settled().await;
    cabinet.tick(&token, &anna.user_id, SMS, &["status_change.sms"]).await.expect("it is confirmed");
    let again = request_code(&cabinet, &token).await.expect_err("nothing to confirm");
    assert_eq!(reason(&again), (Code::FailedPrecondition, "PHONE_CONFIRMED".into()));
    let kept = cabinet.databases.notification.value("SELECT octet_length(content) FROM deliveries WHERE kind = 'PHONE_CODE'");
    assert_eq!(kept, "0", "the ledger does not keep the code");
}

/// Rule I17.a: five minutes and five tries; the sixth is refused whatever it is, and so is the right code when it is late.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_for_five_tries_and_five_minutes() {
    let cabinet = start().await;
    let anna = customer_with_phone(&cabinet, PHONE).await;
    let token = cabinet.user_token(user_id(&anna), Role::Customer);
    let over = (Code::FailedPrecondition, "CODE_OVER".to_owned());
    assert_eq!(reason(&confirm(&cabinet, &token, "000000").await.expect_err("none was sent")), over);
    request_code(&cabinet, &token).await.expect("a phone to confirm");
    let code = code_in(&received(&cabinet, 1).await[0]);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        let refused = confirm(&cabinet, &token, wrong).await.expect_err("another code");
        assert_eq!(reason(&refused), (Code::InvalidArgument, "CODE_WRONG".into()));
    }
    assert_eq!(reason(&confirm(&cabinet, &token, &code).await.expect_err("five tries are over")), over);

    age_codes(&cabinet, "1 minute");
    request_code(&cabinet, &token).await.expect("a minute has passed");
    let late = code_in(&received(&cabinet, 2).await[1]);
    age_codes(&cabinet, "5 minutes");
    assert_eq!(reason(&confirm(&cabinet, &token, &late).await.expect_err("five minutes are over")), over);
}

/// Rule I17.a: another code after a minute, and five a day to a number, however many ask at once.
#[tokio::test(flavor = "multi_thread")]
async fn codes_are_limited() {
    let cabinet = start().await;
    let anna = customer_with_phone(&cabinet, PHONE).await;
    let token = cabinet.user_token(user_id(&anna), Role::Customer);
    for sent in 1..=5 {
        let asked = futures::future::join_all((0..4).map(|_| request_code(&cabinet, &token))).await;
        assert_eq!(asked.iter().filter(|answer| answer.is_ok()).count(), 1, "{asked:?}");
        let limited = asked.into_iter().find_map(Result::err).expect("three are refused");
        assert_eq!(reason(&limited), (Code::ResourceExhausted, "CODE_LIMITED".into()));
        assert!(limited.get_details_retry_info().is_some());
        received(&cabinet, sent).await;
        age_codes(&cabinet, "1 minute");
    }
    let sixth = request_code(&cabinet, &token).await.expect_err("five a day");
    assert_eq!(reason(&sixth), (Code::ResourceExhausted, "CODE_LIMITED".into()));
    let nobody = cabinet.create_customer("nobody@example.com").await;
    let without = request_code(&cabinet, &cabinet.user_token(user_id(&nobody), Role::Customer)).await.expect_err("no phone");
    assert_eq!(reason(&without), (Code::FailedPrecondition, "PHONE_MISSING".into()));
}

/// Rule I17.a: what was sent to a number stays counted when its user is deleted: another user of it has no other eight.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_has_eight_codes_a_day_whoever_has_it() {
    let cabinet = start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    for sent in [5, 3] {
        let anna = customer_with_phone(&cabinet, PHONE).await;
        let token = cabinet.user_token(user_id(&anna), Role::Customer);
        for _ in 0..sent {
            request_code(&cabinet, &token).await.expect("a phone to confirm");
            age_codes(&cabinet, "1 minute");
        }
        delete(&cabinet, &owner, &anna.user_id).await.expect("an OWNER may");
        completed(&cabinet, &owner, &anna.user_id).await;
    }
    assert_eq!(cabinet.databases.identity.value("SELECT count(*) FROM phone_codes"), "0");
    let last = customer_with_phone(&cabinet, PHONE).await;
    let ninth = request_code(&cabinet, &cabinet.user_token(user_id(&last), Role::Customer)).await.expect_err("eight a day");
    assert_eq!(reason(&ninth), (Code::ResourceExhausted, "CODE_LIMITED".into()));
}
