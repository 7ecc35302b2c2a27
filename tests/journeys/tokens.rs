//! What proves a caller, and what does not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use cabinet_e2e::{Cabinet, Refused, new_id, reason};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Caller, Role, Secret, Through};
use runtime::token::{Signer, generate_signing_key};
use serde_json::{Value, json};
use tonic::Code;

/// Rule I24.a: every way in which a token can be wrong is refused with the same answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_proves_nothing_is_refused() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let good = cabinet.service_token();
    let kid = cabinet.signer.kid();
    let wrong = [
        ("signed by a stranger", signed_by_stranger(&cabinet)),
        ("without a signature", unsigned(&good)),
        ("alg none", unsigned_under(&good, &json!({"alg": "none", "typ": "at+jwt", "kid": kid}))),
        ("an HMAC instead", hmac_with_public_key(&cabinet)),
        ("changed after it was signed", with_changed_claim(&good)),
        ("no JWT at all", "hunter2".to_owned()),
        ("far too long", "a".repeat(10_000)),
    ];
    for (what, token) in wrong {
        let refused = cabinet.batch_get_users(&token, "", &[&customer.user_id]).await.expect_err(what);
        assert_eq!(reason(&refused), token_invalid(), "{what}");
    }
    assert!(cabinet.batch_get_users(&good, "", &[&customer.user_id]).await.is_ok());
}

/// Rule I24.a: which key a token is looked at with is not for its header to say: who names a key of his own, or none, is refused, even
/// if ours has signed (RFC 8725 §3.1).
#[tokio::test(flavor = "multi_thread")]
async fn a_header_brings_no_key_of_its_own() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let claims = importer(&cabinet);
    let stranger = generate_signing_key();
    let public_key = |pem: &Secret<String>| BASE64.encode(Signer::from_pem("mine", pem).expect("an Ed25519 key").public_key());
    let jwk = |pem: &Secret<String>| json!({"kty": "OKP", "crv": "Ed25519", "x": public_key(pem)});
    let ours = |name: &str, value: Value| sign_with(&cabinet, &header_with(&cabinet, name, value), &claims);
    let wrong = [
        ("a stranger's key that has signed", sign_by(&stranger, &header_with(&cabinet, "jwk", jwk(&stranger)), &claims)),
        ("a stranger's key", ours("jwk", jwk(&stranger))),
        ("our own key", ours("jwk", jwk(&cabinet.signing_key))),
        ("a certificate", ours("x5c", json!(["MIIB"]))),
        ("a place of certificates", ours("x5u", json!("https://evil.example/certificates"))),
        ("an extension that must be understood (RFC 7515 §4.1.11)", ours("crit", json!(["lantern"]))),
        ("no name", sign_with(&cabinet, &Header { kid: None, ..header(&cabinet) }, &claims)),
        (
            "a name that nobody published",
            sign_with(&cabinet, &Header { kid: Some("mine".to_owned()), ..header(&cabinet) }, &claims),
        ),
    ];
    for (what, token) in wrong {
        let refused = cabinet.batch_get_users(&token, "", &[&customer.user_id]).await.expect_err(what);
        assert_eq!(reason(&refused), token_invalid(), "{what}");
    }
    let plain = sign_with(&cabinet, &header(&cabinet), &claims);
    assert!(cabinet.batch_get_users(&plain, "", &[&customer.user_id]).await.is_ok());
}

/// Rule I24.a: a token holds for one audience and for its five minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_audience_its_time_and_its_issuer_only() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let now = jiff::Timestamp::now().as_second();
    let good = importer(&cabinet);
    assert!(cabinet.batch_get_users(&sign(&cabinet, &good, "at+jwt"), "", &[&customer.user_id]).await.is_ok());
    let wrong = [
        ("aud", json!("somebody-else")),
        ("iss", json!("somebody-else")),
        ("exp", json!(now - 1)),
        ("iat", json!(now + 3600)),
        ("kind", json!("god")),
        ("realm", json!("not-a-realm")),
        ("realm", Value::Null),
    ];
    for (claim, value) in wrong {
        let mut claims = good.clone();
        claims[claim] = value.clone();
        let refused =
            cabinet.batch_get_users(&sign(&cabinet, &claims, "at+jwt"), "", &[&customer.user_id]).await.expect_err(claim);
        assert_eq!(reason(&refused), token_invalid(), "{claim} = {value}");
    }
    let names_another_key = sign_with(&cabinet, &header_with(&cabinet, "jku", json!("https://evil.example/keys")), &good);
    let refused = cabinet.batch_get_users(&names_another_key, "", &[&customer.user_id]).await.expect_err("jku");
    assert_eq!(reason(&refused), token_invalid());
    let other_type = cabinet.batch_get_users(&sign(&cabinet, &good, "JWT"), "", &[&customer.user_id]).await.expect_err("typ");
    assert_eq!(reason(&other_type), token_invalid());
}

/// Rules I24.a, N14.a: a user calls in a session of his, or a machine calls in his name; a token that says both or neither proves
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_users_token_says_through_what_he_calls() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let now = jiff::Timestamp::now().as_second();
    let session_id = new_id::<kernel::of::Session>().to_string();
    let machine = json!({ "sub": new_id::<kernel::of::Credential>().to_string() });
    let claims = |more: &Value| {
        let mut claims = json!({
            "iss": "cabinet", "aud": "cabinet", "sub": customer.user_id, "iat": now, "exp": now + 300, "kind": "user", "gen": 1,
            "role": "CUSTOMER", "realm": cabinet.realm.id.to_string(), "company": cabinet.realm.company_id.to_string(),
        });
        claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        sign(&cabinet, &claims, "at+jwt")
    };
    for (what, more) in [("a session", json!({"sid": session_id})), ("a machine", json!({"act": machine}))] {
        assert!(cabinet.batch_get_users(&claims(&more), "", &[&customer.user_id]).await.is_ok(), "{what}");
    }
    let wrong = [
        ("both", json!({"sid": session_id, "act": machine})),
        ("neither", json!({})),
        ("nobody", json!({"act": {}})),
        ("a machine without a credential", json!({"act": {"sub": "importer"}})),
    ];
    for (what, more) in wrong {
        let refused = cabinet.batch_get_users(&claims(&more), "", &[&customer.user_id]).await.expect_err(what);
        assert_eq!(reason(&refused), token_invalid(), "{what}");
    }
}

/// Rule I24.a: no token, no entry.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_one_is_asked_to_sign_in() {
    let cabinet = Cabinet::start().await;
    let case_id = new_id::<kernel::of::Case>().to_string();
    let refused = cabinet.get_case("", &case_id).await.expect_err("anonymous");
    assert_eq!(reason(&refused), (Code::Unauthenticated, "UNAUTHENTICATED".into()));
    let refused = cabinet.update_preferences("", &case_id, true, &["status_change"]).await.expect_err("anonymous");
    assert_eq!(reason(&refused), (Code::Unauthenticated, "UNAUTHENTICATED".into()));
    let refused =
        cabinet.create_user("", cabinet.realm.company_id, api::cabinet::identity::v1::Role::Agent, "a@example.com").await;
    assert_eq!(reason(&refused.expect_err("anonymous")), (Code::Unauthenticated, "UNAUTHENTICATED".into()));
}

fn token_invalid() -> Refused {
    (Code::Unauthenticated, "TOKEN_INVALID".into())
}

fn signed_by_stranger(cabinet: &Cabinet) -> String {
    let stranger = Signer::from_pem(cabinet.signer.kid(), &generate_signing_key()).expect("a key that was just made");
    let caller = Caller::User(kernel::UserCaller {
        realm_id: cabinet.realm.id,
        company_id: cabinet.realm.company_id,
        user_id: new_id(),
        role: Role::Owner,
        through: Through::Session(new_id()),
    });
    stranger.sign(&caller, 1, jiff::Timestamp::now()).expect("not anonymous").expose().clone()
}

/// What a machine's token says.
fn importer(cabinet: &Cabinet) -> Value {
    let now = jiff::Timestamp::now().as_second();
    json!({
        "iss": "cabinet", "aud": "cabinet", "sub": new_id::<kernel::of::Credential>().to_string(), "iat": now,
        "exp": now + 300, "kind": "service", "name": "importer", "realm": cabinet.realm.id.to_string(),
    })
}

/// What every token of ours begins with.
fn header(cabinet: &Cabinet) -> Header {
    Header { typ: Some("at+jwt".to_owned()), kid: Some(cabinet.signer.kid().to_owned()), ..Header::new(Algorithm::EdDSA) }
}

/// The same, and something that is not ours.
fn header_with(cabinet: &Cabinet, name: &str, value: Value) -> Header {
    let mut header = header(cabinet);
    header.extras.insert(name, value);
    header
}

fn sign(cabinet: &Cabinet, claims: &Value, typ: &str) -> String {
    sign_with(cabinet, &Header { typ: Some(typ.to_owned()), ..header(cabinet) }, claims)
}

fn sign_with(cabinet: &Cabinet, header: &Header, claims: &Value) -> String {
    sign_by(&cabinet.signing_key, header, claims)
}

fn sign_by(key: &Secret<String>, header: &Header, claims: &Value) -> String {
    let key = EncodingKey::from_ed_pem(key.expose().as_bytes()).expect("a good key");
    jsonwebtoken::encode(header, claims, &key).expect("claims can be written")
}

/// RFC 8725 §2.1: the public key taken for the secret of an HMAC.
fn hmac_with_public_key(cabinet: &Cabinet) -> String {
    let header = Header { alg: Algorithm::HS256, ..header(cabinet) };
    let secret = EncodingKey::from_secret(cabinet.signer.public_key());
    jsonwebtoken::encode(&header, &importer(cabinet), &secret).expect("claims can be written")
}

fn unsigned(token: &str) -> String {
    let (signed, _) = token.rsplit_once('.').expect("a JWT has three parts");
    format!("{signed}.")
}

/// What it says, under another header and without a signature.
fn unsigned_under(token: &str, header: &Value) -> String {
    let claims = token.split('.').nth(1).expect("a JWT has three parts");
    format!("{}.{claims}.", BASE64.encode(header.to_string()))
}

fn with_changed_claim(token: &str) -> String {
    let mut parts = token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let claims = BASE64.decode(&parts[1]).expect("a JWT is base64url");
    let mut claims: Value = serde_json::from_slice(&claims).expect("claims are JSON");
    claims["sub"] = json!("somebody-else");
    parts[1] = BASE64.encode(claims.to_string());
    parts.join(".")
}
