//! A passkey of a user, with the browser that asks for it: WebAuthn Level 3 from the other side. It behaves, unless it is told not to.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, SigningKey as _};
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Flags of what an authenticator says (§6.1).
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const HAS_CREDENTIAL: u8 = 0x40;
/// Curves and algorithms by their numbers (RFC 9053): P-256, with which SHA-256 is signed.
const ES256: i128 = -7;
const P256: i128 = 1;

/// How an answer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Good,
    /// By a site that only looks like the realm's.
    OtherOrigin,
    /// For another site of the same name.
    OtherRelyingParty,
    NobodyPresent,
    NotVerified,
    /// To what somebody else was asked.
    OtherChallenge,
    WrongSignature,
}

/// What an authenticator keeps of one site.
pub struct SoftPasskey {
    id: [u8; 16],
    key: KeyPair,
    /// How often it has signed; none of one that does not count.
    pub counter: Option<u32>,
}

impl SoftPasskey {
    /// One that counts how often it signs.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("ring makes keys of this kind");
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::digest(key.public_key_raw())[..16]);
        Self { id, key, counter: Some(0) }
    }

    /// One that does not, as those that a password manager keeps.
    pub fn without_counter() -> Self {
        Self { counter: None, ..Self::new() }
    }

    pub fn credential_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.id)
    }

    /// What a browser answers that was asked for a new passkey: `RegistrationResponseJSON`.
    pub fn register(&mut self, creation_options: &str, manner: Manner) -> String {
        let options = read(creation_options);
        let client_data = client_data("webauthn.create", &options, &options["rp"]["id"], manner);
        let mut said = self.said(&options["rp"]["id"], manner, HAS_CREDENTIAL);
        said.extend([0; 16]); // which device it is, it does not say
        said.extend(u16::try_from(self.id.len()).expect("it is short").to_be_bytes());
        said.extend(self.id);
        said.extend(self.public_key());
        let object = cbor_map([
            ("fmt", Cbor::Text("none".to_owned())),
            ("attStmt", Cbor::Map(BTreeMap::new())),
            ("authData", Cbor::Bytes(said)),
        ]);
        self.answer(&json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(&client_data),
            "attestationObject": URL_SAFE_NO_PAD.encode(object),
            "transports": ["internal"],
        }))
    }

    /// What a browser answers that was asked to show one: `AuthenticationResponseJSON`.
    pub fn show(&mut self, request_options: &str, manner: Manner) -> String {
        let options = read(request_options);
        let client_data = client_data("webauthn.get", &options, &options["rpId"], manner);
        self.counter = self.counter.map(|counter| counter + 1);
        let said = self.said(&options["rpId"], manner, 0);
        let signed = [said.as_slice(), &Sha256::digest(&client_data)].concat();
        let signer = if manner == Manner::WrongSignature { &Self::new().key } else { &self.key };
        let signature = signer.sign(&signed).expect("ring signs whatever it is given");
        self.answer(&json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(&client_data),
            "authenticatorData": URL_SAFE_NO_PAD.encode(&said),
            "signature": URL_SAFE_NO_PAD.encode(signature),
        }))
    }

    /// What an authenticator says of itself (§6.1), without the key.
    fn said(&self, relying_party: &Value, manner: Manner, further: u8) -> Vec<u8> {
        let relying_party = match manner {
            Manner::OtherRelyingParty => "elsewhere.example",
            _ => relying_party.as_str().expect("a relying party has a name"),
        };
        let present = if manner == Manner::NobodyPresent { 0 } else { USER_PRESENT };
        let verified = if matches!(manner, Manner::NobodyPresent | Manner::NotVerified) { 0 } else { USER_VERIFIED };
        let hash = Sha256::digest(relying_party).to_vec();
        [hash.as_slice(), &[present | verified | further], &self.counter.unwrap_or(0).to_be_bytes()].concat()
    }

    /// COSE (RFC 9053).
    fn public_key(&self) -> Vec<u8> {
        // Uncompressed, after one byte that says so (SEC 1).
        let (x, y) = self.key.public_key_raw()[1..].split_at(32);
        let members = [
            (1, Cbor::Integer(2)),
            (3, Cbor::Integer(ES256)),
            (-1, Cbor::Integer(P256)),
            (-2, Cbor::Bytes(x.to_vec())),
            (-3, Cbor::Bytes(y.to_vec())),
        ];
        let members = members.into_iter().map(|(name, value)| (Cbor::Integer(name), value)).collect();
        serde_cbor_2::to_vec(&Cbor::Map(members)).expect("it is a map")
    }

    fn answer(&self, response: &Value) -> String {
        let id = self.credential_id();
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        })
        .to_string()
    }
}

/// What a browser says of where it was asked, and for what (§5.8.1).
fn client_data(kind: &str, options: &Value, relying_party: &Value, manner: Manner) -> Vec<u8> {
    let host = relying_party.as_str().expect("a relying party has a name");
    let origin = if manner == Manner::OtherOrigin { format!("https://not-{host}") } else { format!("https://{host}") };
    let challenge = match manner {
        Manner::OtherChallenge => Value::from(URL_SAFE_NO_PAD.encode([7; 32])),
        _ => options["challenge"].clone(),
    };
    json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false }).to_string().into_bytes()
}

fn read(options: &str) -> Value {
    serde_json::from_str(options).expect("a browser can read it")
}

fn cbor_map<const N: usize>(members: [(&str, Cbor); N]) -> Vec<u8> {
    let members = members.into_iter().map(|(name, value)| (Cbor::Text(name.to_owned()), value)).collect();
    serde_cbor_2::to_vec(&Cbor::Map(members)).expect("it is a map")
}
