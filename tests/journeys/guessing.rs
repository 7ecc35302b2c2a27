//! Guessing at passwords: what a stranger may try, and that he keeps nobody out.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::time::Duration;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::limit_service_client::LimitServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Cabinet, Kind, Refused, Setup, reason, refused, user_request, with_token};
use futures::future::join_all;
use prost_types::FieldMask;
use testkit::{PostgresOptions, SharedPostgres, shared_rabbitmq};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::audit::done;
use crate::preset_realm::PresetRealm;

const LIMITED: (Code, &str) = (Code::ResourceExhausted, "ATTEMPTS_LIMITED");
const REFUSED: (Code, &str) = (Code::Unauthenticated, "SIGN_IN_REFUSED");
const BUSY: (Code, &str) = (Code::ResourceExhausted, "SIGN_IN_BUSY");
/// Of passwords to be looked at, for each core: what it looks at, and what waits for it.
const PLACES_PER_CORE: usize = 33;

fn is((code, reason): (Code, &str)) -> Refused {
    (code, reason.to_owned())
}

/// People who sign in through a gateway.
struct Front<'a> {
    cabinet: &'a Cabinet,
    gateway: String,
}

impl<'a> Front<'a> {
    async fn of(cabinet: &'a Cabinet) -> Self {
        Self { cabinet, gateway: cabinet.credential(pb::CredentialKind::Gateway).await }
    }

    fn from<M>(&self, address: &str, device: &str, message: M) -> Request<M> {
        let mut request = Request::new(message);
        let gateway = format!("Bearer {}", self.gateway);
        let told =
            [("x-cabinet-gateway-authorization", &*gateway), ("x-cabinet-client-address", address), ("x-cabinet-device", device)];
        for (name, value) in told.into_iter().filter(|(_, value)| !value.is_empty()) {
            request.metadata_mut().insert(name, value.parse().expect("ASCII"));
        }
        request
    }

    async fn sign_in(&self, address: &str, device: &str, login: &str, password: &str) -> Result<pb::SignInResponse, Status> {
        self.cabinet.watch.canary(Kind::Password, password);
        self.cabinet.watch.canary(Kind::Token, device);
        let request = pb::SignInRequest {
            realm_id: self.cabinet.realm.id.to_string(),
            login: login.to_owned(),
            password: password.to_owned(),
            session_name: String::new(),
        };
        let mut client = SessionServiceClient::new(self.cabinet.identity.channel());
        let answer = client.sign_in(self.from(address, device, request)).await?.into_inner();
        self.cabinet.watch.canary(Kind::Token, &answer.device_token);
        Ok(answer)
    }

    async fn guess(&self, address: &str, login: &str) -> Refused {
        refused(self.sign_in(address, "", login, "a wrong password").await)
    }

    async fn request_reset(&self, address: &str, email: &str) -> Result<(), Status> {
        let request = pb::RequestPasswordResetRequest {
            realm_id: self.cabinet.realm.id.to_string(),
            email: email.to_owned(),
            ..Default::default()
        };
        let mut client = LinkServiceClient::new(self.cabinet.identity.channel());
        client.request_password_reset(self.from(address, "", request)).await.map(|_| ())
    }

    /// Shows in a session a password that is wrong.
    async fn guess_in_session(&self, token: &str) -> Refused {
        let request = with_token(token, pb::ReauthenticateRequest { password: "a wrong password".to_owned() });
        refused(SessionServiceClient::new(self.cabinet.identity.channel()).reauthenticate(request).await)
    }

    async fn lift_of_user(&self, token: &str, user_id: &str) -> Result<i32, Status> {
        let request = with_token(token, pb::LiftUserLimitsRequest { user_id: user_id.to_owned(), ..Default::default() });
        let answer = LimitServiceClient::new(self.cabinet.identity.channel()).lift_user_limits(request).await?;
        Ok(answer.into_inner().lifted_count)
    }

    async fn lift_of_address(&self, token: &str, address: &str) -> Result<i32, Status> {
        let request = with_token(token, pb::LiftAddressLimitsRequest { address: address.to_owned(), ..Default::default() });
        let answer = LimitServiceClient::new(self.cabinet.identity.channel()).lift_address_limits(request).await?;
        Ok(answer.into_inner().lifted_count)
    }

    /// Lets the time pass after which attempts count no longer.
    fn later(&self) {
        self.cabinet.databases.identity.execute("UPDATE attempts SET window_ends_at = window_ends_at - interval '1 hour'");
    }
}

/// The n-th address of many.
fn address(number: usize) -> String {
    format!("203.0.{}.{}", number / 250 + 1, number % 250 + 1)
}

/// Rules I23.a, I23.b: an attacker with a thousand addresses has ten attempts at an account; its owner signs in meanwhile on a
/// device that he has signed in on, and from the attacker's own address as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_addresses_keep_nobody_out() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let first = front.sign_in("198.51.100.1", "", "anna@example.com", Cabinet::PASSWORD).await.expect("her password");
    let device = first.device_token;

    for number in 0..1000 {
        let expected = if number < 10 { REFUSED } else { LIMITED };
        assert_eq!(front.guess(&address(number), "anna@example.com").await, is(expected), "attempt {number}");
    }
    let right_but_strange = front.sign_in("198.51.100.2", "", "anna@example.com", Cabinet::PASSWORD).await;
    let status = right_but_strange.expect_err("nobody knows the device");
    let wait = status.get_details_retry_info().and_then(|info| info.retry_delay).expect("a time to come back");
    assert!((1..=900).contains(&wait.as_secs()), "{wait:?}");
    for from in ["198.51.100.2", &address(0)] {
        front.sign_in(from, &device, "anna@example.com", Cabinet::PASSWORD).await.expect("her own device");
    }

    front.later();
    let again = front.sign_in("198.51.100.2", "", "anna@example.com", Cabinet::PASSWORD).await;
    assert!(again.is_ok(), "what was refused did not prolong the wait");
}

/// Rule I23.a: an account that there is not is counted like one that there is, however it is written.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_accounts_count_like_known_ones() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    cabinet.create_customer("anna@example.com").await;
    for (known_or_not, spelling) in [("anna@example.com", "Anna@EXAMPLE.com"), ("nobody@example.com", "Nobody@Example.COM")] {
        for number in 0..10 {
            assert_eq!(front.guess(&address(number), known_or_not).await, is(REFUSED), "{known_or_not}");
        }
        assert_eq!(front.guess(&address(10), spelling).await, is(LIMITED), "{spelling}");
    }
}

/// Rule I23.a: each login counts by itself: that two of them are of one person is told to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn two_logins_of_one_person_count_apart() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    let both = pb::Policy { sign_in_by: vec![pb::Contact::Email.into(), pb::Contact::Phone.into()], ..Default::default() };
    let request = pb::UpdatePolicyRequest {
        realm_id: cabinet.realm.id.to_string(),
        policy: Some(both),
        update_mask: Some(FieldMask { paths: vec!["sign_in_by".to_owned()] }),
        etag: String::new(),
    };
    let mut realms = RealmServiceClient::new(cabinet.identity.channel());
    realms.update_policy(with_token(&cabinet.operator_token("operator"), request)).await.expect("an operator may");
    let anna = pb::CreateUserRequest {
        phone: "+380671234567".to_owned(),
        ..user_request(cabinet.realm.company_id, pb::Role::Customer, "anna@example.com")
    };
    cabinet.create_user_with(&cabinet.service_token(), anna).await.expect("a good user");
    for number in 0..10 {
        assert_eq!(front.guess(&address(number), "anna@example.com").await, is(REFUSED));
    }
    assert_eq!(front.guess(&address(10), "anna@example.com").await, is(LIMITED));
    for login in ["+380671234567", "+380671234568"] {
        assert_eq!(front.guess(&address(11), login).await, is(REFUSED), "{login}");
    }
}

/// Rule I23.a: of many attempts at once no more are looked at than there may be, and one that was right counts nothing.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_at_once_are_counted_before_they_are_looked_at() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    for _ in 0..12 {
        front.sign_in("198.51.100.1", "", "anna@example.com", Cabinet::PASSWORD).await.expect("her password, every day");
    }
    let answers = join_all((0..50).map(|number| {
        let address = address(number);
        let front = &front;
        async move { front.guess(&address, "anna@example.com").await }
    }));
    let looked_at = answers.await.into_iter().filter(|answer| *answer == is(REFUSED)).count();
    assert_eq!(looked_at, 10);
}

/// Rules I23.a, I23.b: from one address there are so many attempts whomever they are at; a known device there has its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_limit_and_a_known_device_its_own() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let bela = cabinet.create_customer("bela@example.com").await;
    cabinet.signed_in(&anna).await;
    cabinet.signed_in(&bela).await;
    let here = "198.51.100.1";
    let device = front.sign_in(here, "", "anna@example.com", Cabinet::PASSWORD).await.expect("her password").device_token;
    for chunk in 0..10 {
        let attempts = (0..10).map(|number| format!("nobody{chunk}{number}@example.com"));
        let front = &front;
        let answers = join_all(attempts.map(|login| async move { front.guess(here, &login).await })).await;
        assert!(answers.iter().all(|answer| *answer == is(REFUSED)), "{answers:?}");
    }
    assert_eq!(front.guess(here, "bela@example.com").await, is(LIMITED));
    assert_eq!(refused(front.sign_in(here, "", "bela@example.com", Cabinet::PASSWORD).await), is(LIMITED));
    assert_eq!(refused(front.sign_in(here, &device, "bela@example.com", Cabinet::PASSWORD).await), is(LIMITED), "not his device");
    front.sign_in("198.51.100.2", "", "bela@example.com", Cabinet::PASSWORD).await.expect("from elsewhere");

    for _ in 0..10 {
        assert_eq!(refused(front.sign_in(here, &device, "anna@example.com", "a wrong password").await), is(REFUSED));
    }
    assert_eq!(refused(front.sign_in(here, &device, "anna@example.com", Cabinet::PASSWORD).await), is(LIMITED));
    front.sign_in("198.51.100.2", "", "anna@example.com", Cabinet::PASSWORD).await.expect("as a stranger she has her attempts");
}

/// Rule I23.b: whoever had somebody's password, and with it any number of known devices, cannot keep him from his own by them; and
/// with another password they are strange.
#[tokio::test(flavor = "multi_thread")]
async fn devices_of_a_thief_keep_nobody_out() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let mut devices = Vec::new();
    for number in 0..5 {
        let signed_in = front.sign_in(&address(number), "", "anna@example.com", Cabinet::PASSWORD).await.expect("the password");
        devices.push(signed_in.device_token);
    }
    let own = devices.pop().expect("her own");
    for device in &devices {
        for _ in 0..10 {
            let wrong = front.sign_in("198.51.100.1", device, "anna@example.com", "a wrong password").await;
            assert_eq!(refused(wrong), is(REFUSED));
        }
    }
    front.sign_in("198.51.100.2", &own, "anna@example.com", Cabinet::PASSWORD).await.expect("her own device");

    cabinet.age_links("1 hour");
    cabinet.signed_in(&anna).await;
    front.later();
    for _ in 0..10 {
        assert_eq!(refused(front.sign_in(&address(0), &devices[0], "anna@example.com", "wrong").await), is(REFUSED));
    }
    let strange = front.sign_in(&address(0), &devices[1], "anna@example.com", "wrong").await;
    assert_eq!(refused(strange), is(LIMITED), "they count together, as those of strangers");
}

/// Rule I23.b: when more strangers sign in than half of the hashing's queue holds, the others are told when to come back. Whoever is on a
/// device of his is looked at meanwhile, and everybody once it is over.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_are_too_many_come_back_later() {
    // More work than usual, so that all of them are here before many were looked at.
    let cabinet = Setup::default().with_identity("CABINET__PASSWORDS__PASSES", "4").start().await;
    let front = Front::of(&cabinet).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let home = "198.51.100.1";
    let device = front.sign_in(home, "", "anna@example.com", Cabinet::PASSWORD).await.expect("her password").device_token;

    let places = std::thread::available_parallelism().map_or(1, NonZero::get) * PLACES_PER_CORE;
    let strangers = join_all((0..places * 3).map(|number| {
        let (front, address, login) = (&front, address(number), format!("nobody{number}@example.com"));
        async move { front.sign_in(&address, "", &login, "a wrong password").await }
    }));
    let (strangers, known) = tokio::join!(strangers, front.sign_in(home, &device, "anna@example.com", Cabinet::PASSWORD));

    known.expect("the other half is for those who are known");
    let refusals: Vec<Status> = strangers.into_iter().map(|answer| answer.expect_err("there is nobody")).collect();
    let (busy, looked_at): (Vec<_>, Vec<_>) = refusals.iter().partition(|refusal| reason(refusal) == is(BUSY));
    assert!(looked_at.iter().all(|refusal| reason(refusal) == is(REFUSED)), "{looked_at:?}");
    assert!(!busy.is_empty() && looked_at.len() >= places / 2, "{} of {} were looked at", looked_at.len(), refusals.len());
    for refusal in busy {
        let wait = refusal.get_details_retry_info().and_then(|info| info.retry_delay);
        assert_eq!(wait, Some(Duration::from_secs(1)));
    }
    front.sign_in("198.51.100.2", "", "anna@example.com", Cabinet::PASSWORD).await.expect("as a stranger, a little later");
}

/// Rules I23.f, I26.a: SUPPORT lifts whatever keeps a user waiting, wherever it is counted; he is counted from then on as before. It is
/// written down, if there was anything to lift.
#[tokio::test(flavor = "multi_thread")]
async fn support_lifts_what_keeps_a_user_waiting() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    let realm = PresetRealm::of(&cabinet);
    let (_, support) = realm.support("support@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let session = cabinet.signed_in(&anna).await.access_token;
    let (home, abroad) = ("198.51.100.1", "198.51.100.2");
    let device = front.sign_in(home, "", "anna@example.com", Cabinet::PASSWORD).await.expect("her password").device_token;
    assert_eq!(front.lift_of_user(&support, &anna.user_id).await.expect("nothing is counted"), 0);
    for number in 0..10 {
        assert_eq!(front.guess(&address(number), "anna@example.com").await, is(REFUSED));
        assert_eq!(refused(front.sign_in(home, &device, "anna@example.com", "a wrong password").await), is(REFUSED));
        assert_eq!(front.guess_in_session(&session).await.1, "CURRENT_PASSWORD_WRONG");
    }
    let everywhere = async |from| {
        [
            front.sign_in(from, "", "anna@example.com", Cabinet::PASSWORD).await.map(|_| ()),
            front.sign_in(from, &device, "anna@example.com", Cabinet::PASSWORD).await.map(|_| ()),
        ]
    };
    assert_eq!(everywhere(abroad).await.map(refused), [is(LIMITED), is(LIMITED)]);
    assert_eq!(front.guess_in_session(&session).await, is(LIMITED));

    // At her login, on her device, and in her session.
    assert_eq!(front.lift_of_user(&support, &anna.user_id).await.expect("SUPPORT may"), 3);
    assert!(everywhere(abroad).await.iter().all(Result::is_ok));
    assert_eq!(front.guess_in_session(&session).await.1, "CURRENT_PASSWORD_WRONG");
    for number in 0..10 {
        assert_eq!(front.guess(&address(number), "anna@example.com").await, is(REFUSED));
    }
    assert_eq!(front.guess(&address(10), "anna@example.com").await, is(LIMITED), "as before");

    let lifted = pb::ListAuditEntriesRequest {
        realm_id: cabinet.realm.id.to_string(),
        act: pb::AuditAct::UserLimitsLifted.into(),
        ..Default::default()
    };
    let act = ("USER_LIMITS_LIFTED".to_owned(), anna.user_id, String::new());
    assert_eq!(done(&cabinet, &realm.operator, lifted).await, [act]);
}

/// Rules I23.f, I26.a: SUPPORT lifts whatever keeps everybody behind an address waiting; what is counted elsewhere stays.
#[tokio::test(flavor = "multi_thread")]
async fn support_lifts_what_keeps_an_address_waiting() {
    let cabinet = Setup::default().with_identity("CABINET__GUESSING__PASSWORDS_FROM_ADDRESS", "3").start().await;
    let front = Front::of(&cabinet).await;
    let realm = PresetRealm::of(&cabinet);
    let (_, support) = realm.support("support@example.com").await;
    let (here, there) = ("198.51.100.1", "198.51.100.2");
    for from in [here, there] {
        for number in 0..3 {
            assert_eq!(front.guess(from, &format!("nobody{number}@example.com")).await, is(REFUSED));
        }
        assert_eq!(front.guess(from, "nobody@example.com").await, is(LIMITED));
    }
    front.request_reset(here, "nobody@example.com").await.expect("always the same answer");
    let no_address = front.lift_of_address(&support, "198.51.100").await.expect_err("a part of one");
    assert_eq!(no_address.code(), Code::InvalidArgument);

    assert_eq!(front.lift_of_address(&support, here).await.expect("SUPPORT may"), 2, "guesses at passwords and at accounts");
    assert_eq!(front.guess(here, "nobody@example.com").await, is(REFUSED));
    assert_eq!(front.guess(there, "nobody@example.com").await, is(LIMITED));
    let lifted = pb::ListAuditEntriesRequest {
        realm_id: cabinet.realm.id.to_string(),
        act: pb::AuditAct::AddressLimitsLifted.into(),
        ..Default::default()
    };
    let act = ("ADDRESS_LIMITS_LIFTED".to_owned(), cabinet.realm.id.to_string(), here.to_owned());
    assert_eq!(done(&cabinet, &realm.operator, lifted).await, [act]);
}

/// Rule I23.f: limits are lifted five times a day for one user and for one address, whoever asks: without an end to it somebody would guess
/// without end.
#[tokio::test(flavor = "multi_thread")]
async fn limits_are_lifted_a_few_times_a_day_only() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    let realm = PresetRealm::of(&cabinet);
    let (_, support) = realm.support("support@example.com").await;
    let (_, colleague) = realm.support("colleague@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let bela = cabinet.create_customer("bela@example.com").await;
    let (here, there) = ("198.51.100.1", "198.51.100.2");
    for _ in 0..5 {
        front.lift_of_user(&support, &anna.user_id).await.expect("SUPPORT may");
        front.lift_of_address(&support, here).await.expect("SUPPORT may");
    }
    let of_both = async |token: &str| [front.lift_of_user(token, &anna.user_id).await, front.lift_of_address(token, here).await];
    for number in 0..10 {
        assert_eq!(front.guess(&address(number), "anna@example.com").await, is(REFUSED));
    }
    for token in [&support, &colleague] {
        assert_eq!(of_both(token).await.map(refused), [is(LIMITED), is(LIMITED)]);
    }
    assert_eq!(front.guess(&address(10), "anna@example.com").await, is(LIMITED), "nothing was lifted");
    front.lift_of_user(&support, &bela.user_id).await.expect("he was never helped");
    front.lift_of_address(&support, there).await.expect("nor was that");
    front.later();
    assert_eq!(of_both(&support).await.map(refused), [is(LIMITED), is(LIMITED)], "a day is longer");
    cabinet.databases.identity.execute("UPDATE attempts SET window_ends_at = window_ends_at - interval '23 hours'");
    assert!(of_both(&support).await.iter().all(Result::is_ok), "that was yesterday");
}

/// Rules I23.c, I22.a: links are asked for only so often from one address; who exists is told by nothing.
#[tokio::test(flavor = "multi_thread")]
async fn resets_are_limited_by_address() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    cabinet.create_customer("anna@example.com").await;
    let here = "198.51.100.1";
    for number in 0..30 {
        let email = if number % 2 == 0 { "anna@example.com".to_owned() } else { format!("nobody{number}@example.com") };
        front.request_reset(here, &email).await.expect("always the same answer");
    }
    for email in ["anna@example.com", "nobody@example.com"] {
        assert_eq!(refused(front.request_reset(here, email).await), is(LIMITED));
    }
    front.request_reset("198.51.100.2", "nobody@example.com").await.expect("from elsewhere");
    cabinet.letter_to("anna@example.com", 0).await;
}

/// Rule I22.c: whether the account does not exist, is blocked, has no password, or the password is wrong: each time one password
/// is looked at, and the same statements are sent. So it is with resets.
#[tokio::test(flavor = "multi_thread")]
async fn the_work_is_the_same_whoever_exists() {
    let server = PostgresOptions::default().setting("shared_preload_libraries", "pg_stat_statements").start();
    let mut cabinet = Setup::on(SharedPostgres::at(&server.base_url()), shared_rabbitmq()).start().await;
    cabinet.databases.identity.execute("CREATE EXTENSION pg_stat_statements");
    let gateway = cabinet.credential(pb::CredentialKind::Gateway).await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    cabinet.create_customer("never@example.com").await;
    let blocked = cabinet.create_customer("blocked@example.com").await;
    cabinet.signed_in(&blocked).await;
    cabinet.block_user(&owner, &blocked.user_id).await.expect("an OWNER may block");
    // Who writes letters asks about people when it suits him.
    cabinet.settled().await;
    cabinet.notification.stop();
    let front = Front { cabinet: &cabinet, gateway };
    let logins = ["nobody@example.com", "anna@example.com", "never@example.com", "blocked@example.com", "not an address"];

    let mut works = Vec::new();
    for (number, login) in logins.into_iter().enumerate() {
        let before = work(&cabinet).await;
        let password = if login == "blocked@example.com" { Cabinet::PASSWORD } else { "a wrong password" };
        assert_eq!(refused(front.sign_in(&address(number), "", login, password).await), is(REFUSED));
        works.push(since(&before, &work(&cabinet).await));
    }
    assert_eq!(works[0].get("passwords looked at"), Some(&1));
    assert!(works[0].len() >= 4, "no statements were heard: {works:?}");
    assert!(works.iter().all(|work| *work == works[0]), "{works:#?}");

    let mut works = Vec::new();
    for (number, email) in ["anna@example.com", "nobody@example.com", "blocked@example.com"].into_iter().enumerate() {
        let before = work(&cabinet).await;
        let rows = cabinet.databases.identity.value("SELECT count(*) FROM links").parse::<u64>().expect("a count");
        front.request_reset(&address(number), email).await.expect("always the same answer");
        let after = cabinet.databases.identity.value("SELECT count(*) FROM links").parse::<u64>().expect("a count");
        assert_eq!(after - rows, 1, "{email}");
        works.push(since(&before, &work(&cabinet).await));
    }
    assert!(works.iter().all(|work| *work == works[0]), "{works:#?}");
    cabinet.notification.start();
    cabinet.notification.wait_until_ready().await;
}

/// What identity has done so far for those who sign in: statements, each with how often, and passwords that it has looked at.
pub(crate) async fn work(cabinet: &Cabinet) -> BTreeMap<String, usize> {
    let metrics = cabinet.identity.admin("/metrics").await.expect("metrics");
    let looked_at = metrics.lines().find_map(|line| line.strip_prefix("cabinet_passwords_looked_at_total "));
    let statements = cabinet.databases.identity.value(
        "SELECT string_agg(calls || ' ' || queryid, ',')
         FROM pg_stat_statements
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND query ~ 'attempt|passwords|realms|companies|users|sessions|links|registrations'
           AND query !~ 'pg_stat|DELETE'
           AND toplevel",
    );
    let counted = |statement: &str| {
        let (calls, id) = statement.split_once(' ').expect("a count and an id");
        (id.to_owned(), calls.parse().expect("a count"))
    };
    let looked_at = ("passwords looked at".to_owned(), looked_at.expect("a count").parse().expect("a count"));
    statements.split(',').map(counted).chain([looked_at]).collect()
}

pub(crate) fn since(before: &BTreeMap<String, usize>, after: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let more = after.iter().map(|(what, count)| (what.clone(), count - before.get(what).copied().unwrap_or_default()));
    more.filter(|(_, count)| *count > 0).collect()
}

/// Rules I23.c, I6.c, I22.a: three links a day are mailed to a user for one address, so that no stranger uses up his; the answer is always the
/// same. Invitations count by themselves.
#[tokio::test(flavor = "multi_thread")]
async fn no_stranger_uses_up_what_somebody_is_mailed() {
    let cabinet = Cabinet::start().await;
    let front = Front::of(&cabinet).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let kept =
        || cabinet.databases.identity.value("SELECT count(*) FROM links WHERE purpose = 'PASSWORD_RESET' AND user_id <> link_id");
    let sent_to = |address: &'static str| {
        let (front, cabinet) = (&front, &cabinet);
        async move {
            let before = kept();
            cabinet.age_links("1 minute");
            front.request_reset(address, "anna@example.com").await.expect("always the same answer");
            kept() != before
        }
    };
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.push(sent_to("198.51.100.1").await);
    }
    for address in ["198.51.100.2", "198.51.100.3", "198.51.100.4"] {
        sent.push(sent_to(address).await);
    }
    assert_eq!(sent, [true, true, true, false, true, true, true]);
    let letters = cabinet.letters(6).await;
    assert!(letters.iter().all(|letter| letter.rcpt_to == ["anna@example.com"]));
    let request = with_token(&cabinet.service_token(), pb::ResendInvitationRequest { user_id: anna.user_id.clone() });
    cabinet.age_links("1 minute");
    UserServiceClient::new(cabinet.identity.channel()).resend_invitation(request).await.expect("she has not redeemed one");
    cabinet.letters(7).await;
}
