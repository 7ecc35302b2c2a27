//! What went through a system and stands in nothing that it says (F10). Every journey is searched for that when it ends; these
//! lead people, secrets and texts through failures on purpose, with a log as operators have it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;

use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::contact_service_client::ContactServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::notification::v1::ChannelTicks;
use api::cabinet::profile::v1 as profile;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{Cabinet, Kind, Setup, case_request, eventually, link_in, new_id, reason, user_id, user_request, with_token};
use kernel::Role;
use serde_json::json;
use testkit::{PostgresServer, SharedPostgres, SinkOptions, SmscAnswer, SmtpMoment, shared_rabbitmq};
use tonic::{Code, Status};

const ADDRESS: &str = "solomiya.vyshneva@lantern.example";
const PHONE: &str = "+380671234567";
const USER_NAME: &str = "s.vyshneva13";
const NAME: &str = "Соломія Вишнева-Тиха";
const JOB: &str = "Доглядачка 13 ліхтарів";
const SUBJECT: &str = "Ліхтар 13 біля «Вишневого саду» не світить";
const PASSWORD: &str = "Lantern 13 shines at night!";
const STATUS_CHANGED: &str = "case_monitoring.case.status_changed.v1";

/// With people, and the log as it is by default.
async fn start(setup: Setup) -> Cabinet {
    let cabinet = setup.with("CABINET__LOG__FORMAT", "json").start().await;
    for (kind, value) in [(Kind::Name, NAME), (Kind::Name, JOB), (Kind::Text, SUBJECT), (Kind::Password, PASSWORD)] {
        assert!(cabinet.watch.canary(kind, value), "{value} can be sought");
    }
    cabinet
}

/// Somebody who is invited and can be reached in every way.
async fn invited(cabinet: &Cabinet) -> identity::User {
    let request = identity::CreateUserRequest {
        phone: PHONE.to_owned(),
        user_name: USER_NAME.to_owned(),
        invitation: identity::Invitation::Send.into(),
        ..user_request(cabinet.realm.company_id, identity::Role::Customer, ADDRESS)
    };
    cabinet.create_user_with(&cabinet.service_token(), request).await.expect("a good user")
}

async fn save_profile(cabinet: &Cabinet, token: &str, user_id: &str, paths: &[&str]) -> Result<(), Status> {
    let said = profile::Profile {
        user_id: user_id.to_owned(),
        full_name: NAME.to_owned(),
        job_title: JOB.to_owned(),
        ..Default::default()
    };
    let request = profile::UpdateProfileRequest {
        profile: Some(said),
        update_mask: Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        etag: String::new(),
        ..Default::default()
    };
    ProfileServiceClient::new(cabinet.profile.channel()).update_profile(with_token(token, request)).await.map(drop)
}

async fn request_code(cabinet: &Cabinet, token: &str) {
    let request = with_token(token, identity::RequestPhoneCodeRequest::default());
    ContactServiceClient::new(cabinet.identity.channel()).request_phone_code(request).await.expect("a phone to confirm");
}

async fn confirm(cabinet: &Cabinet, token: &str, code: &str) -> Result<(), Status> {
    cabinet.watch.canary(Kind::Code, code);
    let request = with_token(token, identity::ConfirmPhoneRequest { code: code.to_owned() });
    ContactServiceClient::new(cabinet.identity.channel()).confirm_phone(request).await.map(drop)
}

async fn request_reset(cabinet: &Cabinet, email: &str) {
    let request = identity::RequestPasswordResetRequest {
        realm_id: cabinet.realm.id.to_string(),
        email: email.to_owned(),
        ..Default::default()
    };
    LinkServiceClient::new(cabinet.identity.channel()).request_password_reset(request).await.expect("always the same answer");
}

/// The six digits of an SMS.
async fn code_by_sms(cabinet: &Cabinet) -> String {
    let smsc = cabinet.smsc.as_ref().expect("started with one");
    let sms = eventually("an SMS", || smsc.received().pop()).await;
    let digits = sms.text.split(|letter: char| !letter.is_ascii_digit()).find(|digits| digits.len() == 6);
    digits.expect("a code").to_owned()
}

/// A case of hers, about something that is written nowhere else.
async fn case_of(cabinet: &Cabinet, requester_id: &str) -> String {
    let request = api::cabinet::case_monitoring::v1::CreateCaseRequest {
        subject: SUBJECT.to_owned(),
        ..case_request(&cabinet.realm, requester_id)
    };
    cabinet.create_case_with(&cabinet.service_token(), request).await.expect("a good case").case_id
}

/// Rule F10.b: names, addresses, phones, codes, tokens, passwords and texts of somebody to whom everything happens that can go
/// wrong: refused passwords and codes, a stolen token, a taken address.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_named_by_what_goes_wrong_with_him() {
    let cabinet = start(Setup::default().smsc()).await;
    let solomiya = invited(&cabinet).await;
    let link = link_in(&cabinet.letter_to(ADDRESS, 0).await);
    for weak in ["solomiya.vyshneva1", "l4ntern"] {
        cabinet.redeem(&link, weak).await.expect_err("made of her own data, or short");
    }
    let session = cabinet.redeem(&link, PASSWORD).await.expect("an open link").tokens.expect("the contract promises tokens");
    cabinet.redeem(&link, "Lantern 14 shines at night!").await.expect_err("it was used");
    for (login, password) in [
        (ADDRESS, "Lantern 15 shines at night!"),
        ("nobody.knows@lantern.example", PASSWORD),
        ("not an address at all", PASSWORD),
        (USER_NAME, "Lantern 16 shines at night!"),
    ] {
        cabinet.sign_in(login, password).await.expect_err("nobody signs in with this");
    }
    cabinet.refresh(&session.refresh_token).await.expect("the present one");
    cabinet.databases.identity.execute("UPDATE sessions SET refreshed_at = refreshed_at - interval '11 seconds'");
    cabinet.refresh(&session.refresh_token).await.expect_err("it is used again");
    cabinet.refresh(&format!("{}x", session.refresh_token)).await.expect_err("it was never given");
    let token = cabinet.sign_in(ADDRESS, PASSWORD).await.expect("her password").access_token;
    cabinet.get_case(&format!("{token}x"), &new_id::<kernel::of::Case>().to_string()).await.expect_err("a changed token");

    save_profile(&cabinet, &token, &solomiya.user_id, &["full_name", "job_title"]).await.expect("a good profile");
    save_profile(&cabinet, &token, &solomiya.user_id, &[NAME, ADDRESS]).await.expect_err("no such fields");
    let service = cabinet.service_token();
    let again = user_request(cabinet.realm.company_id, identity::Role::Agent, "Solomiya.Vyshneva@LANTERN.example");
    let again = identity::CreateUserRequest { phone: PHONE.to_owned(), user_name: USER_NAME.to_owned(), ..again };
    let taken = cabinet.create_user_with(&service, again).await.expect_err("all three are taken");
    assert_eq!(reason(&taken), (Code::AlreadyExists, "EMAIL_TAKEN".to_owned()));
    for wrong in ["solomiya vyshneva@lantern", "vyshneva@lantern.example\r\nBcc: eve@lantern.example", "вишнева@@ліхтар.укр"]
    {
        cabinet.change_email(&service, &solomiya.user_id, wrong).await.expect_err("no address");
        request_reset(&cabinet, wrong).await;
    }
    cabinet.change_phone(&service, &solomiya.user_id, "+380 67 765-43-21-0-9").await.expect_err("no phone");

    request_code(&cabinet, &token).await;
    let code = code_by_sms(&cabinet).await;
    let wrong = if code == "481516" { "481517" } else { "481516" };
    confirm(&cabinet, &token, wrong).await.expect_err("another code");
    confirm(&cabinet, &token, &code).await.expect("the code that was sent");
    cabinet.settled().await;
}

/// Rule F10.b: what servers answer of an address they refuse stays between them and us; so does what is in a dead letter, and in
/// a link that nobody was sent.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_named_by_what_others_say_of_him() {
    let mut cabinet = start(Setup::default().smsc()).await;
    let solomiya = invited(&cabinet).await;
    let token = cabinet.user_token(user_id(&solomiya), Role::Customer);
    request_code(&cabinet, &token).await;
    confirm(&cabinet, &token, &code_by_sms(&cabinet).await).await.expect("the code that was sent");
    cabinet.settled().await;
    let ticks = ChannelTicks { email: true, sms: true };
    cabinet.tick(&token, &solomiya.user_id, ticks, &["status_change"]).await.expect("a good tick");
    let case_id = case_of(&cabinet, &solomiya.user_id).await;
    cabinet.letter_to(ADDRESS, 0).await;

    let behaviours = [
        SinkOptions::default().reject(SmtpMoment::Rcpt).reject_reply(&format!("550 5.1.1 <{ADDRESS}> {PASSWORD}")),
        SinkOptions::default().defer(SmtpMoment::Dot).defer_reply(&format!("451 4.7.1 later <{ADDRESS}>")),
        SinkOptions::default().reject(SmtpMoment::Connect).reject_reply(&format!("554 5.7.1 nothing for <{ADDRESS}>")),
        SinkOptions::default().disconnect(SmtpMoment::Dot),
    ];
    let moves = ["OPEN", "RESOLVED", "OPEN", "RESOLVED"];
    let answers = [SmscAnswer::InvalidDestination, SmscAnswer::Throttle, SmscAnswer::Refuse, SmscAnswer::Take];
    for ((behaviour, status), answer) in behaviours.into_iter().zip(moves).zip(answers) {
        cabinet.mail.stop();
        cabinet.mail.start_again_with(behaviour);
        cabinet.smsc.as_mut().expect("started with one").answer(answer);
        cabinet.change_status(&cabinet.service_token(), &case_id, status).await.expect("an allowed move");
        let told = "SELECT count(*) FROM deliveries
                    WHERE kind = 'STATUS_CHANGE' AND (settled_at IS NOT NULL OR reason IS NOT NULL)";
        let ledger = &cabinet.databases.notification;
        let all = "SELECT count(*) FROM deliveries WHERE kind = 'STATUS_CHANGE'";
        let facts = "SELECT count(*) FROM case_history WHERE old_status IS NOT NULL";
        let changes: u32 = cabinet.databases.case_monitoring.value(facts).parse().expect("a count");
        eventually("every letter and SMS to be tried", || {
            let planned: u32 = ledger.value(all).parse().expect("a count");
            (planned == 2 * changes && ledger.value(told) == planned.to_string()).then_some(())
        })
        .await;
    }

    let headers = |event_type: &str| {
        json!({
            "cloudEvents_id": new_id::<()>().to_string(),
            "cloudEvents_specversion": "1.0",
            "cloudEvents_type": event_type,
            "cloudEvents_source": format!("/{ADDRESS}"),
            "cloudEvents_time": "2026-01-01T00:00:00Z",
            "cloudEvents_realmid": cabinet.realm.id.to_string(),
            "cloudEvents_causeid": new_id::<()>().to_string(),
            "cabinet-attempt": 3,
        })
    };
    let payload = format!("\u{a}\u{21}{ADDRESS}\u{12}{NAME}");
    assert!(cabinet.vhost.publish("cabinet.events", STATUS_CHANGED, &headers(STATUS_CHANGED), payload.as_bytes()));
    assert!(cabinet.vhost.publish("cabinet.events", STATUS_CHANGED, &headers(NAME), payload.as_bytes()));
    let dead = || cabinet.databases.notification.value("SELECT count(*) FROM messaging.dead_letter");
    eventually("two dead letters", || (dead() == "2").then_some(())).await;
    cabinet.list_dead_letters(&cabinet.operator_token("olga"), 0, "").await.expect("an operator may");
    // The journey's own fault, not a fact of ours.
    cabinet.databases.notification.execute("UPDATE messaging.dead_letter SET payload = ''");

    let forged = format!("/unsubscribe?token={}&to={}", "c29sb21peWEudnlzaG5ldmE", ADDRESS.replace('@', "%40"));
    cabinet.watch.canary(Kind::Token, "c29sb21peWEudnlzaG5ldmE");
    for answer in [cabinet.notification.public(&forged).await, cabinet.notification.post_public(&forged, ADDRESS).await] {
        assert!(answer.expect("an answer").starts_with("HTTP/1.1 4"));
    }
}

/// Rule F10.b: a request about somebody fails with his data in its hands, because the database goes while it is under way, or
/// has gone.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_named_by_a_database_that_goes() {
    let mut postgres = PostgresServer::start();
    let cabinet = start(Setup::on(SharedPostgres::at(&postgres.base_url()), shared_rabbitmq())).await;
    let solomiya = invited(&cabinet).await;
    let link = link_in(&cabinet.letter_to(ADDRESS, 0).await);
    cabinet.settled().await;
    let service = cabinet.service_token();
    let about_accounts = async || {
        let user = user_request(cabinet.realm.company_id, identity::Role::Agent, "other.vyshneva@lantern.example");
        let (created, redeemed, signed_in, changed) = tokio::join!(
            cabinet.create_user_with(&service, user),
            cabinet.redeem(&link, PASSWORD),
            cabinet.sign_in(ADDRESS, PASSWORD),
            cabinet.change_email(&service, &solomiya.user_id, "new.vyshneva@lantern.example"),
        );
        for status in [created.err(), redeemed.err(), signed_in.err(), changed.err()] {
            assert_eq!(status.expect("there is no database").code(), Code::Unavailable);
        }
    };

    let accounts = &cabinet.databases.identity;
    std::thread::scope(|threads| {
        // Its connection breaks with all others.
        let hold = "DO $$ BEGIN LOCK TABLE users; PERFORM pg_sleep(600); END $$";
        let holder = threads.spawn(move || accounts.execute(hold));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let locks = |state: &str| {
                    let of_users = "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND";
                    accounts.value(&format!("{of_users} {state}")).parse::<usize>().expect("a count")
                };
                let held = "granted AND mode = 'AccessExclusiveLock'";
                eventually("the accounts to be held", || (locks(held) == 1).then_some(())).await;
                let break_off = async {
                    eventually("all four to wait", || (locks("NOT granted") >= 4).then_some(())).await;
                    tokio::task::block_in_place(|| postgres.kill());
                };
                tokio::join!(about_accounts(), break_off);
            });
        });
        holder.join().expect_err("its connection broke");
    });
    about_accounts().await;
    let about_him = api::cabinet::case_monitoring::v1::CreateCaseRequest {
        subject: SUBJECT.to_owned(),
        ..case_request(&cabinet.realm, &solomiya.user_id)
    };
    let (saved, filed, ticked) = tokio::join!(
        save_profile(&cabinet, &service, &solomiya.user_id, &["full_name", "job_title"]),
        cabinet.create_case_with(&service, about_him),
        cabinet.update_preferences(&service, &solomiya.user_id, true, &["status_change.email"]),
    );
    for status in [saved.err(), filed.err(), ticked.err()] {
        assert_eq!(status.expect("there is no database").code(), Code::Unavailable);
    }
    postgres.start_again();
}

/// Rule F10.b: envelopes tell nothing of anybody; messages tell ids, and what is secret in them is sealed.
#[tokio::test(flavor = "multi_thread")]
async fn messages_on_the_broker_tell_ids() {
    let mut cabinet = start(Setup::default().smsc()).await;
    cabinet.notification.stop();
    let solomiya = invited(&cabinet).await;
    let token = cabinet.user_token(user_id(&solomiya), Role::Customer);
    request_code(&cabinet, &token).await;
    save_profile(&cabinet, &token, &solomiya.user_id, &["full_name", "job_title"]).await.expect("a good profile");
    let case_id = case_of(&cabinet, &solomiya.user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case_id, "OPEN").await.expect("an allowed move");
    for (queue, told) in [("notification.planner.normal", 3), ("notification.planner.security", 2)] {
        eventually(&format!("{told} messages"), || (cabinet.vhost.queue_depth(queue) >= told).then_some(())).await;
        let messages = cabinet.vhost.messages(queue, 100);
        assert!(messages.len() as u64 >= told, "{queue}: {messages:?}");
        for message in messages {
            assert!(message.envelope.to_string().contains("cloudEvents_realmid") && !message.payload.is_empty());
            cabinet.watch.hear(&format!("an envelope in {queue}"), message.envelope.to_string().as_bytes());
            cabinet.watch.hear_facts(&format!("a message in {queue}"), &message.payload);
        }
    }
    // The link and the code are known once they have come.
    cabinet.notification.start();
    code_by_sms(&cabinet).await;
    link_in(&cabinet.letter_to(ADDRESS, 0).await);
    cabinet.settled().await;
}

/// Rule F10.b: a program that panics says where, and not what it had in its hands; one that is given nonsense says which setting.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_cannot_go_on_withholds_what_it_knows() {
    let cabinet = Cabinet::start().await;
    let check = || {
        let mut check = cabinet.identity.command("config");
        check.arg("check");
        check
    };
    let complaint = |output: std::process::Output| {
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };

    // What cannot be written to standard output makes Rust's own `println!` panic, with a message of its own.
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let panicked = complaint(cabinet.identity.output_of(check().stdout(full)));
    assert!(panicked.starts_with("panicked at ") && panicked.contains("stdio.rs:"), "{panicked}");
    assert!(!panicked.contains("failed printing") && panicked.lines().count() == 1, "{panicked}");

    let secret = "lantern 13 shines at night";
    assert!(cabinet.watch.canary(Kind::Secret, secret));
    let broken = [secret.as_bytes(), b"\xff"].concat();
    let refused = check().env("CABINET__KEYS__REFRESH_KEY", OsStr::from_bytes(&broken)).output().expect("built by `make test`");
    assert_eq!(complaint(refused), "configuration: CABINET__KEYS__REFRESH_KEY: not UTF-8\n");
    let of_others = cabinet.identity.output_of(check().env("LANTERN", OsStr::from_bytes(&broken)));
    assert!(of_others.status.success(), "{of_others:?}");
}

/// Rule F10.b: the search has something to search: lines of requests, in both formats, and metrics.
#[tokio::test(flavor = "multi_thread")]
async fn what_services_say_is_heard() {
    for setup in [Setup::default(), Setup::default().with("CABINET__LOG__FORMAT", "json")] {
        let mut cabinet = setup.start().await;
        let request_id = new_id::<()>().to_string();
        let batch = identity::BatchGetUsersRequest { realm_id: String::new(), user_ids: vec![new_id::<()>().to_string()] };
        let mut request = with_token(&cabinet.service_token(), batch);
        request.metadata_mut().insert("x-request-id", request_id.parse().expect("visible ASCII"));
        UserServiceClient::new(cabinet.identity.channel()).batch_get_users(request).await.expect("an answer");
        cabinet.identity.stop();
        eventually("what it said to be heard", || cabinet.watch.said_by("cabinet-identity").contains("ended").then_some(()))
            .await;
        let said = cabinet.watch.said_by("cabinet-identity");
        let line = said.lines().find(|line| line.contains(&request_id)).expect("a line of the request");
        assert!(line.contains("/cabinet.identity.v1.UserService/BatchGetUsers"), "{line}");
        assert!(cabinet.watch.said_by("cabinet-identity /metrics").contains("cabinet_outbox_age_seconds"));
    }
}
