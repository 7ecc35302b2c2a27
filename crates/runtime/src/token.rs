//! Access tokens: JWTs signed with EdDSA (RFC 7519, RFC 8037, and RFC 9068 for their type `at+jwt`).
//!
//! A token says who is calling and nothing else; what he may do is decided by each service. Every token names its key (`kid`)
//! and the generation of its subject: taking access back raises the generation, and tokens of lower ones are void.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::{
    Caller, Component, GatewayCaller, PlatformAdminCaller, RealmId, Role, Secret, ServiceCaller, Through, Timestamp, UserCaller,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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

/// The key is not an Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key in PEM (PKCS#8)")]
pub struct InvalidKey;

/// Somebody from whom access can be taken back, and the generation a token has of him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// A user, a session or a credential.
    pub id: Uuid,
    pub generation: i64,
}

/// A token that is good as far as it can be seen from itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub caller: Caller,
    /// It proves nothing if access was taken back from one of these.
    pub subjects: Vec<Subject>,
    /// From when on it proves nothing any more.
    pub expires_at: Timestamp,
}

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
    /// The session of a user who calls himself.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    /// In place of it, one that a link in a letter opened: whoever knows of no such sessions takes the token for no user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    autologin: Option<String>,
    /// Who calls in a user's name (RFC 8693 §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Actor>,
    /// The generation of the user.
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
    /// How a person has shown who he is (RFC 8176); nothing of those who are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    /// The name of a machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// A machine, by its credential.
#[derive(Debug, Serialize, Deserialize)]
struct Actor {
    sub: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    User,
    Service,
    Gateway,
    Component,
    PlatformAdmin,
}

/// Makes a private key in PKCS#8 PEM.
pub fn generate_signing_key() -> Secret<String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the operating system gives random bytes once it has booted");
    let pem = ed25519_dalek::SigningKey::from_bytes(&seed).to_pkcs8_pem(LineEnding::LF);
    Secret::new(pem.expect("a key of 32 bytes can be written").to_string())
}

/// Makes access tokens.
#[derive(Clone)]
pub struct Signer {
    kid: String,
    key: EncodingKey,
    public_key: [u8; 32],
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Signer {
    /// Takes a private key in PKCS#8 PEM, and the name it is published under.
    pub fn from_pem(kid: impl Into<String>, pem: &Secret<String>) -> Result<Self, InvalidKey> {
        let key = EncodingKey::from_ed_pem(pem.expose().as_bytes()).map_err(|_| InvalidKey)?;
        let pair = ed25519_dalek::SigningKey::from_pkcs8_pem(pem.expose()).map_err(|_| InvalidKey)?;
        Ok(Self { kid: kid.into(), key, public_key: pair.verifying_key().to_bytes() })
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub const fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// A token that proves its bearer to be this caller until [`ACCESS_TOKEN_TTL`] has passed. A stranger needs none.
    /// `generation` is the one its subject, a user, has now.
    pub fn sign(&self, caller: &Caller, generation: i64, now: Timestamp) -> Option<Secret<String>> {
        self.sign_shown(caller, generation, &[], now)
    }

    /// The same, and how a person has shown that he is the caller: authentication methods (RFC 8176).
    pub fn sign_shown(&self, caller: &Caller, generation: i64, methods: &[&str], now: Timestamp) -> Option<Secret<String>> {
        let iat = now.as_second();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat,
            exp: iat + ACCESS_TOKEN_TTL.as_secs().cast_signed(),
            realm: realm_of(caller).map(|id| id.to_string()),
            amr: methods.iter().map(ToString::to_string).collect(),
            ..claims_of(caller, generation)?
        };
        let header = Header { typ: Some(TOKEN_TYPE.to_owned()), kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let token =
            jsonwebtoken::encode(&header, &claims, &self.key).expect("claims of strings and numbers can be written as JSON");
        Some(Secret::new(token))
    }
}

/// The realm a token is good in.
const fn realm_of(caller: &Caller) -> Option<RealmId> {
    match caller {
        Caller::Gateway(gateway) => Some(gateway.realm_id),
        other => other.realm_id(),
    }
}

/// What a token says of its bearer.
fn claims_of(caller: &Caller, generation: i64) -> Option<Claims> {
    let claims = |kind, sub| Claims {
        iss: String::new(),
        aud: String::new(),
        sub,
        iat: 0,
        exp: 0,
        kind,
        realm: None,
        company: None,
        role: None,
        sid: None,
        autologin: None,
        act: None,
        generation: None,
        amr: Vec::new(),
        name: None,
    };
    match caller {
        Caller::Anonymous => None,
        Caller::User(user) => {
            let (sid, autologin, act) = match user.through {
                Through::Session(session_id) => (Some(session_id.to_string()), None, None),
                Through::Autologin(session_id) => (None, Some(session_id.to_string()), None),
                Through::Service(credential_id) => (None, None, Some(Actor { sub: credential_id.to_string() })),
            };
            Some(Claims {
                company: Some(user.company_id.to_string()),
                role: Some(user.role.as_str().to_owned()),
                sid,
                autologin,
                act,
                generation: Some(generation),
                ..claims(Kind::User, user.user_id.to_string())
            })
        }
        Caller::Service(service) => {
            Some(Claims { name: Some(service.name.clone()), ..claims(Kind::Service, service.credential_id.to_string()) })
        }
        Caller::Gateway(gateway) => Some(claims(Kind::Gateway, gateway.credential_id.to_string())),
        Caller::Component(component) => Some(claims(Kind::Component, component.as_str().to_owned())),
        Caller::PlatformAdmin(admin) => Some(claims(Kind::PlatformAdmin, admin.name.clone())),
    }
}

/// The published keys, by their names.
#[derive(Clone, Default)]
pub struct KeySet(HashMap<String, PublicKey>);

#[derive(Clone)]
struct PublicKey {
    bytes: Vec<u8>,
    decoding: DecodingKey,
}

impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        let is_there = |(kid, key): (&String, &PublicKey)| other.0.get(kid).is_some_and(|there| there.bytes == key.bytes);
        self.0.len() == other.0.len() && self.0.iter().all(is_there)
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl KeySet {
    /// Takes public keys of 32 bytes with their names.
    pub fn new<'a>(keys: impl IntoIterator<Item = (String, &'a [u8])>) -> Self {
        let key = |bytes: &[u8]| PublicKey { bytes: bytes.to_vec(), decoding: DecodingKey::from_ed_der(bytes) };
        Self(keys.into_iter().map(|(kid, bytes)| (kid, key(bytes))).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if the token names a key that is not in this set: it may have been published since.
    pub fn lacks_key_of(&self, token: &str) -> bool {
        token.len() <= LONGEST_TOKEN
            && jsonwebtoken::decode_header(token).is_ok_and(|header| header.kid.is_some_and(|kid| !self.0.contains_key(&kid)))
    }

    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, InvalidToken> {
        if token.len() > LONGEST_TOKEN {
            return Err(InvalidToken);
        }
        // Only our own keys count: a header that brings or names another one is refused, not ignored (RFC 8725 §3.1).
        let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken)?;
        let brings_key = header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some();
        // RFC 7515 §4.1.11: there is no extension that we would understand.
        let wants_more = header.crit.is_some();
        if brings_key || wants_more || header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(InvalidToken);
        }
        let key = header.kid.and_then(|kid| self.0.get(&kid)).ok_or(InvalidToken)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &VALIDATION).map_err(|_| InvalidToken)?.claims;
        let second = now.as_second();
        // A token from the future is as wrong as an old one; clocks may differ by a few seconds.
        if claims.exp <= second || claims.iat > second + 10 {
            return Err(InvalidToken);
        }
        verified(&claims).ok_or(InvalidToken)
    }
}

/// Made once: it is full of names.
static VALIDATION: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    // Checked by `verify` against the clock that is handed in.
    validation.validate_exp = false;
    validation
});

fn verified(claims: &Claims) -> Option<Verified> {
    let caller = caller(claims)?;
    let subjects = match &caller {
        Caller::User(user) => vec![
            Subject { id: user.user_id.as_uuid(), generation: claims.generation? },
            match user.through {
                Through::Session(session_id) | Through::Autologin(session_id) => {
                    Subject { id: session_id.as_uuid(), generation: 0 }
                }
                Through::Service(credential_id) => Subject { id: credential_id.as_uuid(), generation: 0 },
            },
        ],
        Caller::Service(service) => vec![Subject { id: service.credential_id.as_uuid(), generation: 0 }],
        Caller::Gateway(gateway) => vec![Subject { id: gateway.credential_id.as_uuid(), generation: 0 }],
        Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => Vec::new(),
    };
    Some(Verified { caller, subjects, expires_at: Timestamp::from_second(claims.exp).ok()? })
}

fn caller(claims: &Claims) -> Option<Caller> {
    match claims.kind {
        Kind::User => Some(Caller::User(UserCaller {
            realm_id: claims.realm.as_deref()?.parse().ok()?,
            company_id: claims.company.as_deref()?.parse().ok()?,
            user_id: claims.sub.parse().ok()?,
            role: Role::from_str(claims.role.as_deref()?).ok()?,
            through: through(claims)?,
        })),
        Kind::Service => Some(Caller::Service(ServiceCaller {
            realm_id: claims.realm.as_deref()?.parse().ok()?,
            credential_id: claims.sub.parse().ok()?,
            name: claims.name.clone()?,
        })),
        Kind::Gateway => Some(Caller::Gateway(GatewayCaller {
            realm_id: claims.realm.as_deref()?.parse().ok()?,
            credential_id: claims.sub.parse().ok()?,
        })),
        Kind::PlatformAdmin => Some(Caller::PlatformAdmin(PlatformAdminCaller { name: claims.sub.clone() })),
        Kind::Component => Component::from_str(&claims.sub).ok().map(Caller::Component),
    }
}

/// A user calls himself or is called for, and never both.
fn through(claims: &Claims) -> Option<Through> {
    match (&claims.sid, &claims.autologin, &claims.act) {
        (Some(session_id), None, None) => Some(Through::Session(session_id.parse().ok()?)),
        (None, Some(session_id), None) => Some(Through::Autologin(session_id.parse().ok()?)),
        (None, None, Some(actor)) => Some(Through::Service(actor.sub.parse().ok()?)),
        _ => None,
    }
}
