//! Single sign-on: a realm's own service says who its people are.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::audit_service_client::AuditServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use api::cabinet::identity::v1::second_factor_service_client::SecondFactorServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::sign_on_service_client::SignOnServiceClient;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cabinet_e2e::{Authenticator, Cabinet, Kind, Refused, is, link_in, methods_shown, new_id, refused, user_id, with_token};
use futures::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Role, Secret, Timestamp};
use runtime::token::{Signer, generate_signing_key};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::preset_realm::PresetRealm;
use crate::social_accounts::{self, Gateway};
use crate::{passwords, registration};

fn not_believed() -> Refused {
    is(Code::Unauthenticated, "SIGN_ON_REFUSED")
}

fn conflict() -> Refused {
    is(Code::FailedPrecondition, "SIGN_ON_CONFLICT")
}

/// A realm's own service, with its key.
struct Portal<'a> {
    realm: &'a PresetRealm<'a>,
    private: Secret<String>,
    key_id: String,
}

/// A public key as PEM (RFC 8410 §4).
fn pem(private: &Secret<String>) -> String {
    const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let public = Signer::from_pem("any", private).expect("a key that was just made").public_key().to_vec();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode([PREFIX.as_slice(), &public].concat()))
}

fn client(cabinet: &Cabinet) -> SignOnServiceClient<tonic::transport::Channel> {
    SignOnServiceClient::new(cabinet.identity.channel())
}

impl<'a> Portal<'a> {
    async fn of(realm: &'a PresetRealm<'a>) -> Self {
        let private = generate_signing_key();
        realm.cabinet.watch.canary(Kind::Secret, private.expose());
        let key = Self::make_known(realm, &pem(&private)).await.expect("an operator may");
        Self { realm, private, key_id: key.key_id }
    }

    async fn make_known(realm: &PresetRealm<'_>, public_key: &str) -> Result<pb::SignOnKey, Status> {
        let (realm_id, name) = (realm.realm_id.to_string(), "portal".to_owned());
        let request = pb::CreateSignOnKeyRequest { realm_id, name, public_key: public_key.to_owned() };
        let answer = client(realm.cabinet).create_sign_on_key(with_token(&realm.operator, request)).await?.into_inner();
        Ok(answer.key.expect("the contract promises the key"))
    }

    /// What it says of somebody, a moment ago.
    fn claims(&self, external_id: &str, more: &Value) -> Value {
        let now = Timestamp::now().as_second();
        let realm_id = self.realm.realm_id.to_string();
        let mut claims = json!({"iss": realm_id, "aud": "cabinet", "sub": external_id, "iat": now, "exp": now + 300});
        claims["jti"] = json!(new_id::<kernel::of::Command>().to_string());
        for (claim, value) in more.as_object().into_iter().flatten() {
            claims[claim] = value.clone();
        }
        claims
    }

    fn sign(&self, claims: &Value) -> String {
        let typ = Some("cabinet-sign-on+jwt".to_owned());
        let header = Header { typ, kid: Some(self.key_id.clone()), ..Header::new(Algorithm::EdDSA) };
        let key = EncodingKey::from_ed_pem(self.private.expose().as_bytes()).expect("a key");
        let token = jsonwebtoken::encode(&header, claims, &key).expect("claims can be written");
        self.realm.cabinet.watch.canary(Kind::Token, &token);
        token
    }

    fn token(&self, external_id: &str, more: &Value) -> String {
        if let Some(email) = more["email"].as_str() {
            self.realm.cabinet.watch.canary(Kind::Address, email);
        }
        self.sign(&self.claims(external_id, more))
    }

    async fn show(&self, token: &str) -> Result<pb::SignOnResponse, Status> {
        let (realm_id, token) = (self.realm.realm_id.to_string(), token.to_owned());
        let request = pb::SignOnRequest { realm_id, token, session_name: "the portal".to_owned() };
        let answer = client(self.realm.cabinet).sign_on(request).await?.into_inner();
        if let Some(tokens) = &answer.tokens {
            self.realm.cabinet.watch.canary(Kind::Token, &tokens.refresh_token);
        }
        Ok(answer)
    }

    async fn sign_on(&self, external_id: &str, more: &Value) -> Result<pb::User, Status> {
        let answer = self.show(&self.token(external_id, more)).await?;
        assert!(answer.tokens.is_some(), "he is let in: {answer:?}");
        Ok(answer.user.expect("the contract promises the user"))
    }

    async fn link(&self, user_id: &str, external_id: &str) -> Result<(), Status> {
        let token = self.realm.cabinet.service_token_in(self.realm.realm_id);
        link(self.realm.cabinet, &token, user_id, external_id).await
    }

    async fn unlink(&self, user_id: &str) -> Result<(), Status> {
        let token = self.realm.cabinet.service_token_in(self.realm.realm_id);
        let request = pb::UnlinkUserRequest { user_id: user_id.to_owned() };
        client(self.realm.cabinet).unlink_user(with_token(&token, request)).await.map(|_| ())
    }

    async fn linked(&self, external_id: &str) -> Result<String, Status> {
        let token = self.realm.cabinet.service_token_in(self.realm.realm_id);
        let request = pb::GetLinkedUserRequest { external_id: external_id.to_owned() };
        Ok(client(self.realm.cabinet).get_linked_user(with_token(&token, request)).await?.into_inner().user_id)
    }
}

pub(crate) async fn link(cabinet: &Cabinet, service: &str, user_id: &str, external_id: &str) -> Result<(), Status> {
    let request = pb::LinkUserRequest { user_id: user_id.to_owned(), external_id: external_id.to_owned() };
    client(cabinet).link_user(with_token(service, request)).await.map(|_| ())
}

fn verified(email: &str) -> Value {
    json!({"email": email, "email_verified": true})
}

async fn open_registration(realm: &PresetRealm<'_>, self_registration: pb::SelfRegistration) {
    let policy = registration::rule(self_registration, &realm.company_id.to_string());
    realm.update(policy, &["registration"], "").await.expect("a company of the realm");
}

pub(crate) async fn require(realm: &PresetRealm<'_>, roles: &[pb::Role]) {
    let required_of = roles.iter().map(|role| (*role).into()).collect();
    let policy = pb::Policy { sign_on: Some(pb::SignOnRule { required_of }), ..Default::default() };
    realm.update(policy, &["sign_on"], "").await.expect("a good policy");
}

/// Rules I20.b, I21.a: somebody who is not known is a user then, as the service describes him, and the same one every other time, whatever
/// his address is by then; his cabinet is there at once.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_is_a_user_from_then_on() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "helpdesk").await;
    open_registration(&realm, pb::SelfRegistration::Open).await;
    let portal = Portal::of(&realm).await;
    cabinet.watch.canary(Kind::Name, "Олена Ковальчук");
    let said = json!({"email": "Olena@Example.com", "email_verified": true, "name": "Олена Ковальчук", "locale": "uk-UA"});

    let answer = portal.show(&portal.token("42", &said)).await.expect("registration is open");
    let user = answer.user.expect("the contract promises the user");
    assert_eq!((user.role(), user.status(), user.email_verified), (pb::Role::Customer, pb::UserStatus::Active, true));
    assert_eq!((user.company_id.as_str(), user.email.as_str()), (realm.company_id.to_string().as_str(), "Olena@example.com"));
    let access_token = answer.tokens.expect("the contract promises tokens").access_token;
    assert_eq!(methods_shown(&access_token), ["fed"]);
    cabinet.accepted_everywhere(&access_token, &user.user_id).await;
    let profile = cabinet.get_profile(&access_token, &user.user_id).await.expect("her own");
    assert_eq!((profile.full_name.as_str(), profile.language.as_str()), ("Олена Ковальчук", "uk"));

    let again = portal.sign_on("42", &verified("new@example.com")).await.expect("she is known");
    assert_eq!(
        (again.user_id.as_str(), again.email.as_str()),
        (user.user_id.as_str(), "Olena@example.com"),
        "nothing is changed"
    );
    let claimed = json!({"email": "ivan@example.com", "email_verified": false});
    for without in [json!({"given_name": "Anna"}), json!({"email": "ivan@example.com"}), claimed] {
        let refusal = refused(portal.show(&portal.token("43", &without)).await);
        assert_eq!(refusal, is(Code::InvalidArgument, "CONTACT_MISSING"), "an address that somebody only claims is none");
    }
}

/// Rules I20.b, I9.a: a new user has the phone that the policy wants, and it must be free and good; what it does not want is passed over,
/// whoever has it. His name is taken as the policy cuts it.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_brings_what_the_policy_wants() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "marketplace").await;
    open_registration(&realm, pb::SelfRegistration::Open).await;
    let portal = Portal::of(&realm).await;
    let said = |email: &str, phone: &str, given: &str| {
        cabinet.watch.canary(Kind::Phone, phone);
        json!({"email": email, "email_verified": true, "phone_number": phone, "given_name": given, "family_name": "Нечуй-Левицький",
            "preferred_username": "ivan"})
    };
    let ivan = portal.sign_on("1", &said("ivan@example.com", "+380671112233", "Іван")).await.expect("as the policy wants");
    assert_eq!((ivan.phone.as_str(), ivan.phone_verified, ivan.user_name.as_str()), ("+380671112233", false, ""));
    let taken = portal.sign_on("2", &said("petro@example.com", "+380671112233", "Петро")).await;
    assert_eq!(refused(taken), conflict(), "another user has the phone");
    let latin = portal.sign_on("2", &said("petro@example.com", "+380671112244", "Petro")).await;
    assert_eq!(refused(latin), is(Code::InvalidArgument, "NAME_INVALID"));
    let foreign = portal.sign_on("2", &said("petro@example.com", "+48601112233", "Петро")).await;
    assert_eq!(refused(foreign), is(Code::InvalidArgument, "PHONE_INVALID"));
    portal.sign_on("2", &said("petro@example.com", "+380671112244", "Петро")).await.expect("the user name was not asked for");
}

/// Rule I20.b: whoever has taken an address, with a password, before its owner came keeps nothing of hers: she is not let in there before the
/// address was shown to be hers.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_somebody_took_first_is_no_trap() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "call_center").await;
    let portal = Portal::of(&realm).await;
    let request = |email: &str| pb::CreateUserRequest { user_name: email.replace(['@', '.'], "-"), ..realm.invited(email) };
    let (_, owner) = realm.member(pb::CreateUserRequest { role: pb::Role::Owner.into(), ..request("owner@example.com") }).await;
    let olena = realm.add(request("olena@example.com")).await.expect("a good user");
    let found = portal.sign_on("41", &verified("olena@example.com")).await.expect("nobody has set a password");
    assert_eq!(found.user_id, olena.user_id);
    let anna = realm.add(request("anna@example.com")).await.expect("a good user");
    let password = "what the owner knows".to_owned();
    cabinet.watch.canary(Kind::Password, &password);
    let set =
        pb::SetUserPasswordRequest { user_id: anna.user_id.clone(), new_password: password.clone(), confirmation: password };
    PasswordServiceClient::new(cabinet.identity.channel()).set_user_password(with_token(&owner, set)).await.expect("he may here");
    assert_eq!(refused(portal.sign_on("42", &verified("anna@example.com")).await), conflict());
    // Of the invitation, which the owner has ended, and of what he has done she has heard.
    cabinet.letter_to("anna@example.com", 1).await;
    // Nobody is mailed two links within a moment.
    cabinet.age_links("1 hour");
    let request = pb::RequestPasswordResetRequest {
        realm_id: realm.realm_id.to_string(),
        email: "anna@example.com".to_owned(),
        ..Default::default()
    };
    LinkServiceClient::new(cabinet.identity.channel()).request_password_reset(request).await.expect("always the same answer");
    let link = link_in(&cabinet.letter_to("anna@example.com", 2).await);
    cabinet.redeem(&link, Cabinet::PASSWORD).await.expect("her mail arrives");
    assert_eq!(portal.sign_on("42", &verified("anna@example.com")).await.expect("it is hers").user_id, anna.user_id);
}

/// Rule I20.b: nor by an account of a provider, which would open hers to whoever linked it.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_provider_opens_is_no_trap() {
    let provider = social_accounts::lantern();
    let cabinet = social_accounts::with(&provider).start().await;
    let gateway = Gateway::of(&cabinet).await;
    let portal = Portal::of(&gateway.realm).await;
    let (stranger, _) = gateway.comes_in(&provider, "anna").await;
    let service = cabinet.service_token_in(gateway.realm.realm_id);
    let changed = cabinet.change_email(&service, &stranger.user_id, "olena@example.com").await.expect("a SERVICE may");
    assert!(!changed.email_verified, "nobody has shown that it is his");
    assert_eq!(refused(portal.sign_on("42", &verified("olena@example.com")).await), conflict());
    assert_eq!(refused(portal.linked("42").await), is(Code::NotFound, "USER_NOT_FOUND"), "nothing is linked");
}

/// Rule I20.b: whoever is there already is found by his address, if the service says that it is verified, and by his external id from then
/// on; what somebody only claims lets him in as nobody, and a link is not taken over.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_there_is_found_by_an_address_that_is_verified() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "helpdesk").await;
    open_registration(&realm, pb::SelfRegistration::Open).await;
    let portal = Portal::of(&realm).await;
    let (anna, _) = realm.newcomer(realm.invited("anna@example.com")).await;
    let (berta, _) = realm.newcomer(realm.invited("berta@example.com")).await;

    for claimed in [json!({"email": "anna@example.com"}), json!({"email": "ANNA@example.com", "email_verified": false})] {
        assert_eq!(refused(portal.sign_on("42", &claimed).await), is(Code::InvalidArgument, "CONTACT_MISSING"));
    }
    assert_eq!(refused(portal.linked("42").await), is(Code::NotFound, "USER_NOT_FOUND"));
    let found = portal.sign_on("42", &verified("ANNA@example.com")).await.expect("her address");
    assert_eq!((found.user_id, portal.linked("42").await.ok()), (anna.user_id.clone(), Some(anna.user_id.clone())));
    assert_eq!(refused(portal.sign_on("99", &verified("anna@example.com")).await), conflict(), "she has an external id");
    let by_id = portal.sign_on("42", &verified("berta@example.com")).await.expect("the id goes before the address");
    assert_eq!(by_id.user_id, anna.user_id, "Berta's address opens nothing to Anna");
    realm.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("passwords work as before");

    assert_eq!(refused(portal.link(&berta.user_id, "42").await), is(Code::AlreadyExists, "EXTERNAL_ID_TAKEN"));
    portal.link(&berta.user_id, "77").await.expect("it is free");
    portal.link(&berta.user_id, "77").await.expect("it is so already");
    portal.link(&berta.user_id, "78").await.expect("another one in its place");
    assert_eq!(portal.sign_on("78", &json!({})).await.expect("she is linked").user_id, berta.user_id);
    for _ in 0..2 {
        portal.unlink(&berta.user_id).await.expect("a SERVICE may");
    }
    assert_eq!(refused(portal.linked("78").await), is(Code::NotFound, "USER_NOT_FOUND"));
    for wrong in ["a\u{0}b", "a\nb"] {
        assert_eq!(refused(portal.link(&berta.user_id, wrong).await).0, Code::InvalidArgument, "{wrong:?}");
    }
    let stranger = user_id_of_nobody();
    assert_eq!(refused(portal.link(&stranger, "79").await), is(Code::NotFound, "USER_NOT_FOUND"));
}

fn user_id_of_nobody() -> String {
    new_id::<kernel::of::User>().to_string()
}

/// Rules I20.a, I1.a: a token is good once, in its own realm, by a key that is made known there.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_once_and_in_its_own_realm() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "helpdesk").await;
    let neighbour = PresetRealm::open(&cabinet, "helpdesk").await;
    let (portal, other) = (Portal::of(&realm).await, Portal::of(&neighbour).await);
    let (anna, _) = realm.newcomer(realm.invited("anna@example.com")).await;
    portal.link(&anna.user_id, "42").await.expect("it is free");

    let token = portal.token("42", &json!({}));
    let shown = join_all((0..10).map(|_| portal.show(&token))).await;
    assert_eq!(shown.iter().filter(|answer| answer.is_ok()).count(), 1, "ten at once");
    for late in shown.into_iter().filter(Result::is_err) {
        assert_eq!(refused(late), not_believed());
    }

    let by_another_key = Portal { realm: &realm, private: generate_signing_key(), key_id: portal.key_id.clone() };
    let of_the_neighbour = Portal { realm: &realm, private: other.private, key_id: other.key_id };
    for forger in [&by_another_key, &of_the_neighbour] {
        assert_eq!(refused(forger.show(&forger.token("42", &json!({}))).await), not_believed());
    }
    let now = Timestamp::now().as_second();
    for wrong in [
        json!({"iss": neighbour.realm_id.to_string()}),
        json!({"aud": "another"}),
        json!({"exp": now - 1}),
        json!({"exp": now + 3600}),
        json!({"iat": now + 60}),
        json!({"jti": ""}),
        json!({"sub": ""}),
    ] {
        assert_eq!(refused(portal.show(&portal.token("42", &wrong)).await), not_believed(), "{wrong}");
    }
    let elsewhere = Portal { realm: &neighbour, private: portal.private.clone(), key_id: portal.key_id.clone() };
    assert_eq!(refused(elsewhere.show(&portal.token("42", &json!({}))).await), not_believed());
    let access_token = cabinet.user_token(user_id(&anna), Role::Customer);
    assert_eq!(refused(portal.show(&access_token).await), not_believed(), "a token for something else");

    let not_pem = Portal::make_known(&realm, "not a key").await;
    assert_eq!(refused(not_pem), is(Code::InvalidArgument, "SIGN_ON_KEY_INVALID"));
    let request = pb::DeleteSignOnKeyRequest { realm_id: realm.realm_id.to_string(), key_id: portal.key_id.clone() };
    client(&cabinet).delete_sign_on_key(with_token(&realm.operator, request.clone())).await.expect("an operator may");
    let again = client(&cabinet).delete_sign_on_key(with_token(&realm.operator, request)).await;
    assert_eq!(refused(again), is(Code::NotFound, "SIGN_ON_KEY_NOT_FOUND"));
    assert_eq!(refused(portal.show(&portal.token("42", &json!({}))).await), not_believed(), "the key is believed no longer");
}

/// Rule I26.a: who lets a service sign people in, and who says whom it calls what, stands in the log.
#[tokio::test(flavor = "multi_thread")]
async fn keys_and_links_stand_in_the_log() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "helpdesk").await;
    let portal = Portal::of(&realm).await;
    let (anna, _) = realm.member(realm.invited("anna@example.com")).await;
    for _ in 0..2 {
        portal.link(&anna.user_id, "42").await.expect("it is free");
    }
    for _ in 0..2 {
        portal.unlink(&anna.user_id).await.expect("a SERVICE may");
    }
    let request = pb::DeleteSignOnKeyRequest { realm_id: realm.realm_id.to_string(), key_id: portal.key_id.clone() };
    client(&cabinet).delete_sign_on_key(with_token(&realm.operator, request)).await.expect("an operator may");
    let request = pb::ListAuditEntriesRequest { realm_id: realm.realm_id.to_string(), page_size: 100, ..Default::default() };
    let listed =
        AuditServiceClient::new(cabinet.identity.channel()).list_audit_entries(with_token(&realm.operator, request)).await;
    let entries = listed.expect("an operator may").into_inner().entries;
    let done = |act| entries.iter().filter(|entry| entry.act() == act).map(|entry| entry.object_id.clone()).collect::<Vec<_>>();
    for act in [pb::AuditAct::SignOnKeyCreated, pb::AuditAct::SignOnKeyDeleted] {
        assert_eq!(done(act), std::slice::from_ref(&portal.key_id));
    }
    for act in [pb::AuditAct::UserLinked, pb::AuditAct::UserUnlinked] {
        assert_eq!(done(act), std::slice::from_ref(&anna.user_id), "once: what was so already is no act");
    }
}

/// Somebody in a session gets a second factor.
async fn turn_on(cabinet: &Cabinet, token: &str) -> Authenticator {
    let mut factors = SecondFactorServiceClient::new(cabinet.identity.channel());
    let begin = with_token(token, pb::BeginSecondFactorRequest::default());
    let begun = factors.begin_second_factor(begin).await.expect("there is none yet").into_inner();
    cabinet.watch.canary(Kind::Secret, &begun.key);
    let mut device = Authenticator::of(&begun.otpauth_uri);
    let confirm = pb::ConfirmSecondFactorRequest { code: device.code(), ..Default::default() };
    factors.confirm_second_factor(with_token(token, confirm)).await.expect("its first code");
    device
}

/// Somebody shows his password, and is asked for more.
async fn half_way(realm: &PresetRealm<'_>, email: &str) -> String {
    let (realm_id, login, password) = (realm.realm_id.to_string(), email.to_owned(), Cabinet::PASSWORD.to_owned());
    let request = pb::SignInRequest { realm_id, login, password, ..Default::default() };
    let answer = SessionServiceClient::new(realm.cabinet.identity.channel()).sign_in(request).await.expect("the right password");
    let token = answer.into_inner().second_factor.expect("more is asked for").token;
    realm.cabinet.watch.canary(Kind::Token, &token);
    token
}

/// Rules I20.b, I4.a, I25.a: whoever is blocked is not let in, found by whichever; whoever has a second factor is asked for it; whoever is
/// erased is not known any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_holds_for_passwords_holds_for_the_portal() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "helpdesk").await;
    open_registration(&realm, pb::SelfRegistration::Open).await;
    let portal = Portal::of(&realm).await;
    let owner = pb::CreateUserRequest { role: pb::Role::Owner.into(), ..realm.invited("owner@example.com") };
    let (_, owner) = realm.newcomer(owner).await;
    let (anna, _) = realm.newcomer(realm.invited("anna@example.com")).await;
    portal.link(&anna.user_id, "42").await.expect("it is free");
    let (berta, _) = realm.newcomer(realm.invited("berta@example.com")).await;
    for user in [&anna, &berta] {
        cabinet.block_user(&owner, &user.user_id).await.expect("an OWNER may");
    }
    assert_eq!(refused(portal.sign_on("42", &json!({})).await), not_believed());
    assert_eq!(refused(portal.sign_on("43", &verified("berta@example.com")).await), not_believed());
    cabinet.unblock_user(&owner, &anna.user_id).await.expect("an OWNER may");
    portal.sign_on("42", &json!({})).await.expect("as before");

    let (_, session) = realm.session("anna@example.com", Cabinet::PASSWORD).await.expect("her password");
    let mut device = turn_on(&cabinet, &session.access_token).await;
    let asked = portal.show(&portal.token("42", &json!({}))).await.expect("the portal has said so");
    assert!(asked.tokens.is_none() && asked.user.is_none(), "the portal alone is not enough");
    let token = asked.second_factor.expect("more is asked for").token;
    cabinet.watch.canary(Kind::Token, &token);
    let code = pb::SignInWithSecondFactorRequest { token, code: device.code(), ..Default::default() };
    let mut factors = SecondFactorServiceClient::new(cabinet.identity.channel());
    let tokens = factors.sign_in_with_second_factor(code).await.expect("the right code").into_inner().tokens;
    assert_eq!(methods_shown(&tokens.expect("the contract promises tokens").access_token), ["fed", "otp"]);

    let prepared = cabinet.prepare_deletion(&owner, &anna.user_id).await.expect("an OWNER may");
    cabinet.delete_user(&owner, &anna.user_id, &prepared.confirmation).await.expect("it was shown");
    let somebody = portal.sign_on("42", &verified("anna@example.com")).await.expect("somebody new");
    assert_ne!(somebody.user_id, anna.user_id);
}

/// Rule I20.c: closing registration stops new accounts only.
#[tokio::test(flavor = "multi_thread")]
async fn closing_registration_stops_new_accounts_only() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "helpdesk").await;
    open_registration(&realm, pb::SelfRegistration::Open).await;
    let portal = Portal::of(&realm).await;
    let (anna, _) = realm.newcomer(realm.invited("anna@example.com")).await;
    let olena = portal.sign_on("42", &verified("olena@example.com")).await.expect("it is open");
    open_registration(&realm, pb::SelfRegistration::Closed).await;
    assert_eq!(refused(portal.sign_on("43", &verified("new@example.com")).await), registration::closed());
    assert_eq!(portal.sign_on("42", &json!({})).await.expect("she is linked").user_id, olena.user_id);
    let found = portal.sign_on("44", &verified("anna@example.com")).await.expect("she is there");
    assert_eq!(found.user_id, anna.user_id);
    realm.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("passwords are another matter");
}

/// Rule I20.c: where it is required, a password shows nobody once more who he is, and is not changed.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_portal_is_required_passwords_prove_nothing() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "helpdesk").await;
    let portal = Portal::of(&realm).await;
    realm.newcomer(realm.invited("anna@example.com")).await;
    require(&realm, &[pb::Role::Customer]).await;
    let shown = portal.show(&portal.token("42", &verified("anna@example.com"))).await.expect("the portal knows her");
    let token = shown.tokens.expect("she is let in").access_token;
    let required = is(Code::FailedPrecondition, "SIGN_ON_REQUIRED");
    assert_eq!(refused(passwords::reauthenticate(&cabinet, &token, Cabinet::PASSWORD).await), required);
    let changed = passwords::send(&cabinet, &token, passwords::change([Cabinet::PASSWORD, "quite another password", ""])).await;
    assert_eq!(refused(changed), required);
    require(&realm, &[]).await;
    passwords::reauthenticate(&cabinet, &token, Cabinet::PASSWORD).await.expect("it is hers still");
}

/// Rule I20.c: where it is required of a role, a password that is right opens no session of such a user, neither at sign-in nor by a link,
/// and those that it opened before end; nobody registers with one. Others sign in as ever.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_portal_is_required_passwords_open_nothing() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "helpdesk").await;
    open_registration(&realm, pb::SelfRegistration::Open).await;
    let portal = Portal::of(&realm).await;
    let (anna, _) = realm.newcomer(realm.invited("anna@example.com")).await;
    let owner = pb::CreateUserRequest { role: pb::Role::Owner.into(), ..realm.invited("owner@example.com") };
    realm.newcomer(owner).await;
    realm.add(realm.invited("invited@example.com")).await.expect("a good user");
    let invitation = link_in(&cabinet.letter_to("invited@example.com", 0).await);
    let (_, session) = realm.session("anna@example.com", Cabinet::PASSWORD).await.expect("not required yet");
    registration::register_with(&cabinet, registration::with_email(&realm, "early@example.com")).await.expect("it is open");
    let early = link_in(&cabinet.letter_to("early@example.com", 0).await);
    let (berta, berta_token) = realm.newcomer(realm.invited("berta@example.com")).await;
    let mut device = turn_on(&cabinet, &berta_token).await;
    let half = half_way(&realm, &berta.email).await;
    require(&realm, &[pb::Role::Customer]).await;
    let required = is(Code::FailedPrecondition, "SIGN_ON_REQUIRED");

    assert_eq!(refused(realm.sign_in("anna@example.com", Cabinet::PASSWORD).await), required);
    let wrong = realm.sign_in("anna@example.com", "not her password").await;
    assert_eq!(refused(wrong), is(Code::Unauthenticated, "SIGN_IN_REFUSED"), "whoever guesses learns nothing");
    assert_eq!(refused(cabinet.redeem(&invitation, Cabinet::PASSWORD).await), required);
    assert_eq!(
        refused(registration::register_with(&cabinet, registration::with_email(&realm, "new@example.com")).await),
        registration::closed()
    );
    assert_eq!(refused(registration::confirm(&cabinet, &early, Cabinet::PASSWORD).await), registration::closed());
    let code = pb::SignInWithSecondFactorRequest { token: half, code: device.code(), ..Default::default() };
    let completed = SecondFactorServiceClient::new(cabinet.identity.channel()).sign_in_with_second_factor(code).await;
    assert_eq!(refused(completed), required, "she was half way in");
    let request = pb::RefreshSessionRequest { refresh_token: session.refresh_token };
    let refreshed = SessionServiceClient::new(cabinet.identity.channel()).refresh_session(request).await;
    assert_eq!(refused(refreshed), is(Code::Unauthenticated, "SESSION_OVER"));
    assert_eq!(portal.sign_on("42", &verified("anna@example.com")).await.expect("the portal").user_id, anna.user_id);
    portal.sign_on("43", &verified("new@example.com")).await.expect("new accounts are open");
    realm.sign_in("owner@example.com", Cabinet::PASSWORD).await.expect("it is required of CUSTOMERs");
    require(&realm, &[]).await;
    cabinet.redeem(&invitation, Cabinet::PASSWORD).await.expect("nothing was used up");
}
