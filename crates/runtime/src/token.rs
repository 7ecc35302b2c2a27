//! Access tokens: JWTs signed with EdDSA (RFC 7519, RFC 8037, and RFC 9068 for their type `at+jwt`).
//!
//! The keys come from files. A token says who is calling and nothing else; what he may do is decided by each service.

use std::str::FromStr;
use std::time::Duration;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::{Caller, Component, PlatformAdminCaller, Role, Secret, ServiceCaller, Timestamp, UserCaller};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "cabinet";
const AUDIENCE: &str = "cabinet";
const TOKEN_TYPE: &str = "at+jwt";
/// A token is a few hundred bytes; a longer one is not looked at.
const LONGEST_TOKEN: usize = 4096;
/// How long a token is good for (I24).
pub const ACCESS_TOKEN_TTL: Duration = Duration::from_mins(5);

/// Why a token does not prove anything. One value on purpose: an attacker learns nothing from the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct InvalidToken;

/// The key is not an Ed25519 key in PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key in PEM")]
pub struct InvalidKey;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    exp: i64,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    User,
    Service,
    Component,
    PlatformAdmin,
}

/// A key pair in PEM, for development and tests; operators bring their own.
#[derive(Debug)]
pub struct KeyPair {
    pub signing_key: Secret<String>,
    pub public_key: String,
}

impl KeyPair {
    pub fn generate() -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random bytes once it has booted");
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let signing_key = key.to_pkcs8_pem(LineEnding::LF).expect("a key of 32 bytes can be written");
        let public_key = key.verifying_key().to_public_key_pem(LineEnding::LF).expect("a key of 32 bytes can be written");
        Self { signing_key: Secret::new(signing_key.to_string()), public_key }
    }
}

/// Makes access tokens.
#[derive(Clone)]
pub struct Signer(EncodingKey);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Takes a private key in PKCS#8 PEM.
    pub fn from_pem(pem: &Secret<String>) -> Result<Self, InvalidKey> {
        EncodingKey::from_ed_pem(pem.expose().as_bytes()).map(Self).map_err(|_| InvalidKey)
    }

    /// A token that proves its bearer to be this caller until [`ACCESS_TOKEN_TTL`] has passed. A stranger needs none.
    pub fn sign(&self, caller: &Caller, now: Timestamp) -> Option<Secret<String>> {
        let (kind, sub, realm, company, role) = match caller {
            Caller::Anonymous => return None,
            Caller::User(user) => {
                let role = user.role.as_str().to_owned();
                (Kind::User, user.user_id.to_string(), Some(user.realm_id), Some(user.company_id), Some(role))
            }
            Caller::Service(service) => (Kind::Service, service.name.clone(), Some(service.realm_id), None, None),
            Caller::Component(component) => (Kind::Component, component.as_str().to_owned(), None, None, None),
            Caller::PlatformAdmin(admin) => (Kind::PlatformAdmin, admin.name.clone(), None, None, None),
        };
        let iat = now.as_second();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub,
            iat,
            exp: iat + ACCESS_TOKEN_TTL.as_secs().cast_signed(),
            kind,
            realm: realm.map(|id| id.to_string()),
            company: company.map(|id| id.to_string()),
            role,
        };
        let header = Header { typ: Some(TOKEN_TYPE.to_owned()), ..Header::new(Algorithm::EdDSA) };
        let token =
            jsonwebtoken::encode(&header, &claims, &self.0).expect("claims of strings and numbers can be written as JSON");
        Some(Secret::new(token))
    }
}

/// Tells who a token was made for.
#[derive(Clone)]
pub struct Verifier(DecodingKey);

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier")
    }
}

impl Verifier {
    /// Takes a public key in SPKI PEM.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        DecodingKey::from_ed_pem(pem.as_bytes()).map(Self).map_err(|_| InvalidKey)
    }

    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, InvalidToken> {
        if token.len() > LONGEST_TOKEN {
            return Err(InvalidToken);
        }
        // Only our own key counts: a header that brings or names another one is refused, not ignored (RFC 8725 §3.1).
        let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken)?;
        let brings_key = header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some();
        if brings_key || header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(InvalidToken);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.0, &validation()).map_err(|_| InvalidToken)?.claims;
        let second = now.as_second();
        // A token from the future is as wrong as an old one; clocks may differ by a few seconds.
        if claims.exp <= second || claims.iat > second + 10 {
            return Err(InvalidToken);
        }
        caller(&claims).ok_or(InvalidToken)
    }
}

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    // Checked by `verify` against the clock that is handed in.
    validation.validate_exp = false;
    validation
}

fn caller(claims: &Claims) -> Option<Caller> {
    match claims.kind {
        Kind::User => Some(Caller::User(UserCaller {
            realm_id: claims.realm.as_deref()?.parse().ok()?,
            company_id: claims.company.as_deref()?.parse().ok()?,
            user_id: claims.sub.parse().ok()?,
            role: Role::from_str(claims.role.as_deref()?).ok()?,
        })),
        Kind::Service => {
            Some(Caller::Service(ServiceCaller { realm_id: claims.realm.as_deref()?.parse().ok()?, name: claims.sub.clone() }))
        }
        Kind::PlatformAdmin => Some(Caller::PlatformAdmin(PlatformAdminCaller { name: claims.sub.clone() })),
        Kind::Component => Component::from_str(&claims.sub).ok().map(Caller::Component),
    }
}
