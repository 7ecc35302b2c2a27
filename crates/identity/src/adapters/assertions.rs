//! What realms' own services sign: JWTs (RFC 7519) with EdDSA (RFC 8037).

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::DecodePublicKey as _;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kernel::{SignOnKeyId, Timestamp};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::application::{Assertions, NotAsserted};
use crate::domain::{AssertedName, Assertion, ExternalId, SignOnKey};

const AUDIENCE: &str = "cabinet";
/// What a token of another kind is not (RFC 8725 §3.11).
const TOKEN_TYPE: &str = "cabinet-sign-on+jwt";
/// A token is used within seconds; until it is over it is remembered.
const LONGEST_LIFE: i64 = 5 * 60;
/// By how much the clock of a service may be ahead.
const SKEW: i64 = 10;
const LONGEST_ID: usize = 100;

#[derive(Deserialize)]
struct Claims {
    sub: String,
    jti: String,
    iat: i64,
    exp: i64,
    #[serde(default)]
    email: String,
    #[serde(default)]
    email_verified: bool,
    #[serde(default)]
    name: String,
    #[serde(default)]
    given_name: String,
    #[serde(default)]
    family_name: String,
    #[serde(default)]
    middle_name: String,
    #[serde(default)]
    preferred_username: String,
    #[serde(default)]
    phone_number: String,
    #[serde(default)]
    locale: String,
}

/// Reads them by the keys that realms have made known.
pub(crate) struct JwtAssertions;

impl Assertions for JwtAssertions {
    fn key_of(&self, token: &str) -> Option<SignOnKeyId> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        // Only keys that were made known count: a header that brings one is refused, not ignored (RFC 8725 §3.1).
        let brings_key = header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some();
        let is_ours = !brings_key && header.typ.as_deref() == Some(TOKEN_TYPE);
        header.kid.filter(|_| is_ours)?.parse().ok()
    }

    fn read(&self, token: &str, key: &SignOnKey, now: Timestamp) -> Result<Assertion, NotAsserted> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[key.realm_id.to_string()]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        // Below, by the clock that is handed in.
        validation.validate_exp = false;
        let decoded = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_ed_der(&key.public_key), &validation);
        let claims = decoded.map_err(|_| NotAsserted)?.claims;
        assertion(claims, key.id, now).ok_or(NotAsserted)
    }

    fn public_key(&self, pem: &str) -> Option<Vec<u8>> {
        let key = VerifyingKey::from_public_key_pem(pem).ok().filter(|key| !key.is_weak())?;
        Some(key.to_bytes().to_vec())
    }
}

fn assertion(claims: Claims, key_id: SignOnKeyId, now: Timestamp) -> Option<Assertion> {
    let second = now.as_second();
    let is_now = claims.exp > second && claims.iat <= second.checked_add(SKEW)?;
    let is_short = claims.iat.checked_add(LONGEST_LIFE).is_some_and(|longest| claims.exp <= longest);
    let is_named = (1..=LONGEST_ID).contains(&claims.jti.chars().count());
    (is_now && is_short && is_named).then_some(())?;
    Some(Assertion {
        external_id: ExternalId::parse(&claims.sub)?,
        email: if claims.email_verified { claims.email } else { String::new() },
        phone: claims.phone_number,
        user_name: claims.preferred_username,
        name: AssertedName {
            full: claims.name,
            given: claims.given_name,
            family: claims.family_name,
            middle: claims.middle_name,
        },
        language: claims.locale,
        token_hash: Sha256::new().chain_update(key_id.as_uuid()).chain_update(&claims.jti).finalize().to_vec(),
        expires_at: Timestamp::from_second(claims.exp).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    use ed25519_dalek::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
    use jsonwebtoken::{EncodingKey, Header};
    use kernel::Id;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    struct Service {
        signs_with: SigningKey,
        key: SignOnKey,
    }

    fn service() -> Service {
        let signs_with = SigningKey::from_bytes(&[7; 32]);
        let created_at = Timestamp::UNIX_EPOCH;
        let public_key = signs_with.verifying_key().to_bytes().to_vec();
        let key = SignOnKey {
            id: Id::from_uuid(Uuid::from_u128(2)),
            realm_id: Id::from_uuid(Uuid::from_u128(1)),
            name: "portal".to_owned(),
            public_key,
            created_at,
        };
        Service { signs_with, key }
    }

    impl Service {
        fn claims(&self) -> Value {
            let iss = self.key.realm_id.to_string();
            json!({"iss": iss, "aud": "cabinet", "sub": "42", "jti": "a", "iat": NOW, "exp": NOW + 300, "email": "anna@example.com",
                "email_verified": true})
        }

        fn header(&self) -> Header {
            Header { typ: Some(TOKEN_TYPE.to_owned()), kid: Some(self.key.id.to_string()), ..Header::new(Algorithm::EdDSA) }
        }

        fn sign(&self, header: &Header, claims: &Value) -> String {
            let der = self.signs_with.to_pkcs8_der().expect("a key");
            jsonwebtoken::encode(header, claims, &EncodingKey::from_ed_der(der.as_bytes())).expect("a token")
        }

        fn read(&self, claims: &Value) -> Result<Assertion, NotAsserted> {
            JwtAssertions.read(&self.sign(&self.header(), claims), &self.key, Timestamp::constant(NOW, 0))
        }
    }

    /// Rule I20.a: a token is good that the realm's service has signed for Cabinet, a moment ago, about somebody.
    #[test]
    fn a_token_is_good_in_all_its_parts() {
        let service = service();
        let read = service.read(&service.claims()).expect("as it should be");
        assert_eq!((read.external_id.as_str(), read.email.as_str()), ("42", "anna@example.com"));
        for claimed in [json!(false), Value::Null] {
            let mut claims = service.claims();
            claims["email_verified"] = claimed;
            assert_eq!(service.read(&claims).map(|read| read.email).unwrap_or_default(), "", "it has not seen the mail arrive");
        }
        for (claim, wrong) in [
            ("iss", json!(Uuid::from_u128(9))),
            ("iss", Value::Null),
            ("aud", json!("another")),
            ("sub", json!("")),
            ("sub", json!("a\u{0}")),
            ("sub", Value::Null),
            ("jti", json!("")),
            ("jti", json!("a".repeat(101))),
            ("jti", Value::Null),
            ("exp", json!(NOW)),
            ("exp", json!(NOW + 301)),
            ("exp", json!(i64::MAX)),
            ("iat", json!(NOW + 11)),
            ("iat", json!(i64::MIN)),
            ("iat", Value::Null),
            ("email_verified", json!("true")),
        ] {
            let mut claims = service.claims();
            claims[claim] = wrong.clone();
            assert!(service.read(&claims).is_err(), "{claim}: {wrong}");
        }
    }

    /// Rule I20.a: nothing but such a token names a key that is looked for.
    #[test]
    fn a_token_of_another_kind_names_no_key() {
        let service = service();
        let named = |header: Header| JwtAssertions.key_of(&service.sign(&header, &service.claims()));
        assert_eq!(named(service.header()), Some(service.key.id));
        assert_eq!(named(Header { typ: Some("JWT".to_owned()), ..service.header() }), None);
        assert_eq!(named(Header { typ: None, ..service.header() }), None);
        assert_eq!(named(Header { kid: None, ..service.header() }), None);
        assert_eq!(named(Header { kid: Some("first".to_owned()), ..service.header() }), None);
        assert_eq!(named(Header { jku: Some("https://example.com/keys".to_owned()), ..service.header() }), None);
        for nothing in ["", "a.b", "a.b.c", "...."] {
            assert_eq!(JwtAssertions.key_of(nothing), None, "{nothing}");
        }
    }

    /// Rule I20.a: neither another key, nor none, nor the public one used as a secret (RFC 8725 §2.1).
    #[test]
    fn no_other_signature_is_taken() {
        let service = service();
        let now = Timestamp::constant(NOW, 0);
        let other = Service { signs_with: SigningKey::from_bytes(&[8; 32]), key: service.key.clone() };
        let forged = other.sign(&other.header(), &other.claims());
        assert!(JwtAssertions.read(&forged, &service.key, now).is_err());
        let symmetric = Header { alg: Algorithm::HS256, ..service.header() };
        let secret = EncodingKey::from_secret(&service.key.public_key);
        let confused = jsonwebtoken::encode(&symmetric, &service.claims(), &secret).expect("a token");
        assert!(JwtAssertions.read(&confused, &service.key, now).is_err());
        let good = service.sign(&service.header(), &service.claims());
        let unsigned = format!("{}.", good.rsplit_once('.').expect("three parts").0);
        assert!(JwtAssertions.read(&unsigned, &service.key, now).is_err());
    }

    #[test]
    fn a_key_is_ed25519() {
        let public = service().signs_with.verifying_key();
        let pem = public.to_public_key_pem(LineEnding::LF).expect("a key");
        assert_eq!(JwtAssertions.public_key(&pem), Some(public.to_bytes().to_vec()));
        let weak = VerifyingKey::from_bytes(&[0; 32]).expect("a point").to_public_key_pem(LineEnding::LF).expect("a key");
        let private = service().signs_with.to_pkcs8_pem(LineEnding::LF).expect("a key");
        for bad in ["", "key", weak.as_str(), private.as_str()] {
            assert_eq!(JwtAssertions.public_key(bad), None, "{bad}");
        }
    }
}
