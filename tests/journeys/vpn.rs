//! Entering a VPN: a VPN server asks (`radclient`), FreeRADIUS with the configuration that operators are given, and identity.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cabinet_e2e::{Cabinet, Kind, Setup, eventually, reason, with_token};
use kernel::RealmId;
use testkit::{PostgresOptions, RadiusAnswer, RadiusServer, RadiusSite, SharedPostgres, free_port, shared_rabbitmq};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::block_in_place;

use crate::guessing::{since, work};
use crate::preset_realm::PresetRealm;
use crate::sign_on;

const RADIUS_ADDRESS: &str = "CABINET__RADIUS__ADDRESS";
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/freeradius");
const OLD: &str = Cabinet::PASSWORD;
/// With everything in it that somebody could take for something else.
const NEW: &str = "їжак 'n' \"9\" \\ %{User-Name} %d";
const WRONG: &str = "a wrong password";
const HOME: &str = "198.51.100.7[4500]";
const OFFICE: &str = "02-00-5E-00-53-01";
/// Longer than anybody needs who answers.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of a VPN server that is not answered.
const IMPATIENCE: Duration = Duration::from_secs(2);

/// A system where identity hears FreeRADIUS, and where: with TLS, each showing the other a certificate.
async fn started(settings: &[(&'static str, &str)]) -> (Cabinet, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let setup = Setup::default().tls().with_identity(RADIUS_ADDRESS, &address);
    let setup = settings.iter().fold(setup, |setup, (name, value)| setup.with_identity(name, value));
    (setup.start().await, address)
}

/// FreeRADIUS with the configuration below `deploy`.
struct Vpn<'a> {
    cabinet: &'a Cabinet,
    radius: RadiusServer,
}

impl<'a> Vpn<'a> {
    /// Before a realm.
    async fn of(cabinet: &'a Cabinet, address: &str, realm_id: RealmId) -> Self {
        let (credential_id, secret) = cabinet.make_credential_in(realm_id, pb::CredentialKind::Gateway).await;
        Self::with(cabinet, address, &credential_id, &secret)
    }

    fn with(cabinet: &'a Cabinet, address: &str, credential_id: &str, secret: &str) -> Self {
        let certificates = cabinet.certificates.as_ref().expect("asked for").client(Some("client"));
        let files = certificates.into_iter().map(|(name, path)| (name.replace("CABINET__PEERS__TLS__", "CABINET_RADIUS_"), path));
        let named = [("URL", format!("https://{address}")), ("CREDENTIAL_ID", credential_id.to_owned())];
        let named = named.into_iter().chain([("CREDENTIAL_SECRET", secret.to_owned())]);
        let site = RadiusSite {
            file: Path::new(CONFIGURATION).join("sites-available/cabinet"),
            virtual_server: "cabinet".to_owned(),
            module: Path::new(CONFIGURATION).join("mods-available/cabinet"),
            environment: named.map(|(name, value)| (format!("CABINET_RADIUS_{name}"), value)).chain(files).collect(),
        };
        Self { cabinet, radius: block_in_place(|| RadiusServer::start(&site)) }
    }

    /// With a password that somebody typed (PAP).
    fn ask(&self, login: &str, password: &str, station: &str) -> RadiusAnswer {
        let stations = Some(station).filter(|station| !station.is_empty()).map(|station| ("Calling-Station-Id", station));
        self.ask_with([("User-Name", login), ("User-Password", password)].into_iter().chain(stations), PATIENCE)
    }

    fn ask_with<'b>(&self, attributes: impl IntoIterator<Item = (&'b str, &'b str)>, patience: Duration) -> RadiusAnswer {
        let written = |(name, value): (&str, &str)| {
            self.cabinet.watch.canary(Kind::Secret, value);
            format!("{name} = \"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        };
        let attributes: Vec<String> = attributes.into_iter().map(written).collect();
        block_in_place(|| self.radius.ask(&attributes, patience))
    }
}

/// What FreeRADIUS has logged is searched as well.
impl Drop for Vpn<'_> {
    fn drop(&mut self) {
        self.cabinet.watch.hear("freeradius", self.radius.log().as_bytes());
    }
}

async fn set_password(cabinet: &Cabinet, owner: &str, user: &pb::User, password: &str) {
    let (user_id, typed) = (user.user_id.clone(), password.to_owned());
    let request = pb::SetUserPasswordRequest { user_id, new_password: typed.clone(), confirmation: typed };
    let mut passwords = PasswordServiceClient::new(cabinet.identity.channel());
    passwords.set_user_password(with_token(owner, request)).await.expect("the policy says so");
}

/// An OWNER's token, and somebody called anna who signs in by her user name or her address, with [`OLD`].
async fn owner_and_anna(realm: &PresetRealm<'_>) -> (String, pb::User) {
    let named = |role: pb::Role, name: &str| pb::CreateUserRequest {
        role: role.into(),
        user_name: name.to_owned(),
        ..realm.invited(&format!("{name}@example.com"))
    };
    let (_, owner) = realm.member(named(pb::Role::Owner, "owner")).await;
    let (anna, _) = realm.newcomer(named(pb::Role::Agent, "anna")).await;
    (owner, anna)
}

/// Rules I12.b, I20.c: whoever could sign in enters, with the password that holds at that moment, whoever set it; nobody else does, and
/// nobody by anything but a password that was typed.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_could_sign_in_enters() {
    let (cabinet, address) = started(&[]).await;
    let realm = PresetRealm::open(&cabinet, "call_center").await;
    let (owner, anna) = owner_and_anna(&realm).await;
    let never = pb::CreateUserRequest { user_name: "never".to_owned(), ..realm.invited("never@example.com") };
    realm.add(never).await.expect("a good user");
    let elsewhere = cabinet.create_customer("bela@example.com").await;
    cabinet.signed_in(&elsewhere).await;
    let vpn = Vpn::of(&cabinet, &address, realm.realm_id).await;
    let sessions = cabinet.databases.identity.value("SELECT count(*) FROM sessions");

    for login in ["anna", "Anna", "anna@example.com", "ANNA@example.com"] {
        assert_eq!(vpn.ask(login, OLD, HOME), RadiusAnswer::Accept, "{login}");
    }
    let outside = [("anna", WRONG), ("anna", ""), ("nobody", OLD), ("never", OLD), ("bela@example.com", OLD), ("", OLD)];
    for (login, password) in outside {
        assert_eq!(vpn.ask(login, password, HOME), RadiusAnswer::Reject, "{login}");
    }
    for scheme in ["MS-CHAP-Password", "CHAP-Password"] {
        let hashed = vpn.ask_with([("User-Name", "anna"), (scheme, OLD), ("Calling-Station-Id", HOME)], PATIENCE);
        assert_eq!(hashed, RadiusAnswer::Reject, "{scheme}");
    }

    set_password(&cabinet, &owner, &anna, NEW).await;
    assert_eq!(vpn.ask("anna", NEW, HOME), RadiusAnswer::Accept, "it holds at once");
    assert_eq!(vpn.ask("anna", OLD, HOME), RadiusAnswer::Reject);

    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may");
    assert_eq!(vpn.ask("anna", NEW, HOME), RadiusAnswer::Reject, "a blocked user");
    cabinet.unblock_user(&owner, &anna.user_id).await.expect("an OWNER may");
    assert_eq!(vpn.ask("anna", NEW, HOME), RadiusAnswer::Accept);
    assert_eq!(cabinet.databases.identity.value("SELECT count(*) FROM sessions"), sessions, "a VPN is no session of ours");
    sign_on::require(&realm, &[pb::Role::Agent]).await;
    assert_eq!(vpn.ask("anna", NEW, HOME), RadiusAnswer::Reject, "passwords of AGENTs open nothing by now");
}

/// Rule I12.b: attempts are limited as those to sign in, together with them, and by station in place of address. At a station that
/// she has entered from with the password that she has, nobody elsewhere keeps her out.
#[tokio::test(flavor = "multi_thread")]
async fn guessing_at_a_station_keeps_nobody_out_at_another() {
    let (cabinet, address) = started(&[]).await;
    let realm = PresetRealm::open(&cabinet, "call_center").await;
    let (owner, anna) = owner_and_anna(&realm).await;
    let vpn = Vpn::of(&cabinet, &address, realm.realm_id).await;
    for station in [HOME, OFFICE] {
        assert_eq!(vpn.ask("anna", OLD, station), RadiusAnswer::Accept, "{station}");
    }

    for _ in 0..10 {
        assert_eq!(vpn.ask("anna", WRONG, "198.51.100.7[4501]"), RadiusAnswer::Reject);
    }
    assert_eq!(vpn.ask("anna", OLD, HOME), RadiusAnswer::Reject, "too many from there");
    assert_eq!(vpn.ask("anna", OLD, OFFICE), RadiusAnswer::Accept, "another station of hers");

    for number in 0..10 {
        assert_eq!(vpn.ask("anna", WRONG, &format!("203.0.113.{number}")), RadiusAnswer::Reject);
    }
    assert_eq!(vpn.ask("anna", OLD, "203.0.113.99"), RadiusAnswer::Reject, "strangers have had their attempts");
    let limited = realm.sign_in("anna", OLD).await.expect_err("they are the same attempts");
    assert_eq!(reason(&limited).1, "ATTEMPTS_LIMITED");
    assert_eq!(vpn.ask("anna", OLD, OFFICE), RadiusAnswer::Accept);

    set_password(&cabinet, &owner, &anna, NEW).await;
    assert_eq!(vpn.ask("anna", NEW, OFFICE), RadiusAnswer::Reject, "with another password she is a stranger there, too");
    cabinet.databases.identity.execute("UPDATE attempts SET window_ends_at = window_ends_at - interval '1 hour'");
    assert_eq!(vpn.ask("anna", NEW, OFFICE), RadiusAnswer::Accept);
}

/// Rule I12.b: a station has so many attempts, whomever they are at; whoever is nowhere shares his with all who are, and one that is
/// whatever somebody made up is one of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_station_has_its_limit_and_so_has_nowhere() {
    let (cabinet, address) = started(&[("CABINET__GUESSING__PASSWORDS_FROM_ADDRESS", "3")]).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let vpn = Vpn::of(&cabinet, &address, cabinet.realm.id).await;
    for station in ["203.0.113.77", ""] {
        for number in 0..3 {
            assert_eq!(vpn.ask(&format!("nobody{number}@example.com"), WRONG, station), RadiusAnswer::Reject);
        }
        assert_eq!(vpn.ask("anna@example.com", OLD, station), RadiusAnswer::Reject, "{station}");
    }
    for made_up in ["x'; DROP TABLE users; --", &"щ".repeat(126)] {
        assert_eq!(vpn.ask("anna@example.com", OLD, made_up), RadiusAnswer::Accept, "{made_up}");
    }
}

/// Rule I12.b: where nothing can be said a VPN server is not answered: it asks another one, or later, and tells nobody that his
/// password is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_said_nothing_is() {
    let (mut cabinet, address) = started(&[]).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let asked = [("User-Name", "anna@example.com"), ("User-Password", OLD)];
    let (credential_id, _) = cabinet.make_credential(pb::CredentialKind::Gateway).await;
    let unknown = Vpn::with(&cabinet, &address, &credential_id, "another secret 17");
    assert_eq!(unknown.ask_with(asked, IMPATIENCE), RadiusAnswer::Silence, "nobody knows who asks");
    drop(unknown);
    let (credential_id, secret) = cabinet.make_credential(pb::CredentialKind::Gateway).await;
    cabinet.identity.stop();
    let alone = Vpn::with(&cabinet, &address, &credential_id, &secret);
    assert_eq!(alone.ask_with(asked, IMPATIENCE), RadiusAnswer::Silence, "nobody is there");
    drop(alone);
    cabinet.identity.start();
    cabinet.identity.wait_until_ready().await;
}

/// The head of the answer to a question, asked as FreeRADIUS asks it, with whatever is shown for a credential.
async fn asked(address: &str, shown: &str, question: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let length = question.len();
    let head = format!("POST /radius/authorize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}Authorization: {shown}\r\n\r\n{question}").as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    // Whoever has said enough before he was read to the end may be cut off after the answer.
    let _ = stream.read_to_string(&mut answer).await;
    answer.to_lowercase()
}

fn question(login: &str, password: &str) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("below 16");
    let hexadecimal = |text: &str| text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>();
    let (login, password, station) = (hexadecimal(login), hexadecimal(password), hexadecimal("203.0.113.77"));
    format!(r#"{{"user_name": "{login}", "password": "{password}", "station": "{station}"}}"#)
}

fn basic((credential_id, secret): &(String, String)) -> String {
    format!("Basic {}", BASE64.encode(format!("{credential_id}:{secret}")))
}

/// Rules I12.b, I1.a: a gateway is answered about the users of its own realm, nobody else is answered, and operators see how.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_gateway_is_answered() {
    let address = format!("127.0.0.1:{}", free_port());
    let cabinet = Setup::default().with_identity(RADIUS_ADDRESS, &address).start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let gateway = cabinet.make_credential(pb::CredentialKind::Gateway).await;
    let service = cabinet.make_credential(pb::CredentialKind::Service).await;
    let abroad = cabinet.make_credential_in(cabinet.other_realm.id, pb::CredentialKind::Gateway).await;
    let deleted = cabinet.make_credential(pb::CredentialKind::Gateway).await;
    cabinet.delete_credential(&deleted.0).await.expect("an operator may");
    let token = cabinet.service_token_by(&gateway.0, &gateway.1).await.expect("its secret");
    let right = question("anna@example.com", OLD);
    let answers = [
        (basic(&gateway), right.clone(), "204 no content"),
        (basic(&gateway), question("anna@example.com", WRONG), "401 unauthorized"),
        (basic(&abroad), right.clone(), "401 unauthorized"),
        (basic(&service), right.clone(), "403 forbidden"),
        (basic(&deleted), right.clone(), "403 forbidden"),
        (basic(&(gateway.0.clone(), service.1)), right.clone(), "403 forbidden"),
        (format!("Bearer {token}"), right.clone(), "403 forbidden"),
        ("Basic !".to_owned(), right.clone(), "403 forbidden"),
        (basic(&gateway), "{}".to_owned(), "400 bad request"),
        (basic(&gateway), right.replace("\"station\"", "\"place\""), "400 bad request"),
        (basic(&gateway), right.replace("616e6e61", "616e6e6"), "400 bad request"),
        (basic(&gateway), right.replace("616e6e61", "ff6e6e61"), "400 bad request"),
        (basic(&gateway), format!("{right}{}", " ".repeat(9000)), "413 payload too large"),
    ];
    for (shown, question, expected) in &answers {
        let answer = asked(&address, shown, question).await;
        assert!(answer.starts_with(&format!("http/1.1 {expected}")), "{expected}: {answer}");
    }
    for _ in 0..9 {
        asked(&address, &basic(&gateway), &question("anna@example.com", WRONG)).await;
    }
    let limited = asked(&address, &basic(&gateway), &right).await;
    assert!(limited.starts_with("http/1.1 429") && limited.contains("retry-after: "), "{limited}");
    let metrics = cabinet.identity.admin("/metrics").await.expect("it answers");
    for (code, count) in [(204, 1), (400, 4), (401, 11), (403, 5), (413, 1), (429, 1)] {
        let sample = format!("cabinet_radius_answers_total{{code=\"{code}\"}} {count}\n");
        assert!(metrics.contains(&sample), "{sample}{metrics}");
    }
}

/// Rule I12.b: whoever is blocked, or has another password, while his is looked at stays outside.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_a_password_is_looked_at_counts() {
    let address = format!("127.0.0.1:{}", free_port());
    let cabinet = Setup::default().with_identity(RADIUS_ADDRESS, &address).start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let gateway = basic(&cabinet.make_credential(pb::CredentialKind::Gateway).await);
    let identity = &cabinet.databases.identity;
    let seen = |query: &str| identity.value(&format!("SELECT count(*) FROM pg_stat_activity WHERE {query}")) != "0";
    let changes = [
        ("UPDATE users SET status = 'BLOCKED'", "UPDATE users SET status = 'ACTIVE'"),
        ("UPDATE passwords SET set_at = set_at + interval '1 ms'", "SELECT 1"),
    ];
    for (change, back) in changes {
        // Nobody's attempt is counted, and so nobody's password looked at, while somebody holds the table.
        let hold = "BEGIN; LOCK TABLE attempts IN EXCLUSIVE MODE; SELECT pg_sleep(600)";
        let mut holder =
            Command::new("psql").args([identity.url(), "--quiet", "--command", hold]).spawn().expect("psql is installed");
        eventually("the table to be held", || seen("query LIKE 'BEGIN; LOCK TABLE attempts%pg_sleep%'").then_some(())).await;
        let entering = tokio::spawn({
            let (address, gateway, question) = (address.clone(), gateway.clone(), question("anna@example.com", OLD));
            async move { asked(&address, &gateway, &question).await }
        });
        let waits = "wait_event_type = 'Lock' AND query LIKE 'SELECT begin_attempts%'";
        eventually("her attempt to wait", || seen(waits).then_some(())).await;
        identity.execute(change);
        identity.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE attempts%'");
        holder.wait().expect("a child can be waited for");
        let answer = entering.await.expect("it ends");
        assert!(answer.starts_with("http/1.1 401"), "{change}: {answer}");
        identity.execute(back);
        assert!(asked(&address, &gateway, &question("anna@example.com", OLD)).await.starts_with("http/1.1 204"), "{back}");
    }
}

/// Rules I12.b, I22.c: whether the account does not exist, is blocked, has no password, or the password is wrong: each time one
/// password is looked at, and the same statements are sent.
#[tokio::test(flavor = "multi_thread")]
async fn the_work_is_the_same_whoever_wants_to_enter() {
    let server = PostgresOptions::default().setting("shared_preload_libraries", "pg_stat_statements").start();
    let address = format!("127.0.0.1:{}", free_port());
    let setup = Setup::on(SharedPostgres::at(&server.base_url()), shared_rabbitmq());
    let mut cabinet = setup.with_identity(RADIUS_ADDRESS, &address).start().await;
    cabinet.databases.identity.execute("CREATE EXTENSION pg_stat_statements");
    let owner = cabinet.owner_token("owner@example.com").await;
    for email in ["anna@example.com", "blocked@example.com"] {
        let user = cabinet.create_customer(email).await;
        cabinet.signed_in(&user).await;
        if email.starts_with("blocked") {
            cabinet.block_user(&owner, &user.user_id).await.expect("an OWNER may block");
        }
    }
    cabinet.create_customer("never@example.com").await;
    let gateway = basic(&cabinet.make_credential(pb::CredentialKind::Gateway).await);
    // Who writes letters asks about people when it suits him.
    cabinet.settled().await;
    cabinet.notification.stop();

    let mut works = Vec::new();
    for login in ["nobody@example.com", "anna@example.com", "never@example.com", "blocked@example.com", "not an address"] {
        let before = work(&cabinet).await;
        let password = if login == "blocked@example.com" { OLD } else { WRONG };
        let answer = asked(&address, &gateway, &question(login, password)).await;
        assert!(answer.starts_with("http/1.1 401"), "{login}: {answer}");
        works.push(since(&before, &work(&cabinet).await));
    }
    assert_eq!(works[0].get("passwords looked at"), Some(&1));
    assert!(works[0].len() >= 5, "no statements were heard: {works:?}");
    assert!(works.iter().all(|work| *work == works[0]), "{works:#?}");
    cabinet.notification.start();
    cabinet.notification.wait_until_ready().await;
}
