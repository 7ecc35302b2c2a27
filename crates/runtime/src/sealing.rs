//! Seals secrets that travel in events, so that neither outbox nor broker nor their backups hold them (design §3).
//!
//! HPKE in base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. Whoever makes a secret has the
//! sealing key, which is no secret; only the service that writes the letter has the opening key. What is sealed is bound to a
//! context, so that it opens for the object it was made for and for no other.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use kernel::Secret;

type Suite = X25519HkdfSha256;
type PublicKey = <Suite as hpke::Kem>::PublicKey;
type PrivateKey = <Suite as hpke::Kem>::PrivateKey;
type EncapsulatedKey = <Suite as hpke::Kem>::EncappedKey;

/// The length of an encapsulated key (RFC 9180 §7.1: Nenc of X25519).
const ENCAPSULATED_LENGTH: usize = 32;
/// The context goes in as `info`, which every key of a message depends on; there is nothing else to authenticate.
const NO_MORE: &[u8] = b"";

/// Seals. No secret itself.
#[derive(Clone)]
pub struct SealingKey(PublicKey);

/// Opens what was sealed with its sealing key.
#[derive(Clone)]
pub struct OpeningKey(PrivateKey);

/// Both keys as text (base64), to be put into settings.
#[derive(Debug, Clone)]
pub struct SealingPair {
    pub sealing_key: String,
    pub opening_key: Secret<String>,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealing key]")
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A text that is not 32 bytes of base64, or no point that can be sealed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key for sealing (X25519, 32 bytes in base64)")]
pub struct InvalidSealingKey;

/// Not sealed to this key in this context, or changed on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was sealed does not open")]
pub struct CannotOpen;

impl SealingKey {
    pub fn from_base64(text: &str) -> Result<Self, InvalidSealingKey> {
        let bytes = BASE64.decode(text).map_err(|_| InvalidSealingKey)?;
        let key = PublicKey::from_bytes(&bytes).map_err(|_| InvalidSealingKey)?;
        // Points of low order (RFC 9180 §7.1.4) are found out by the attempt only.
        seal(&key, NO_MORE, NO_MORE).map_err(|_| InvalidSealingKey)?;
        Ok(Self(key))
    }

    /// The encapsulated key, then the ciphertext.
    pub fn seal(&self, context: &[u8], secret: &Secret<String>) -> Vec<u8> {
        seal(&self.0, context, secret.expose().as_bytes()).expect("a key that sealed when it was read seals again")
    }
}

impl OpeningKey {
    pub fn from_base64(text: &Secret<String>) -> Result<Self, InvalidSealingKey> {
        let bytes = BASE64.decode(text.expose()).map_err(|_| InvalidSealingKey)?;
        PrivateKey::from_bytes(&bytes).map(Self).map_err(|_| InvalidSealingKey)
    }

    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Secret<String>, CannotOpen> {
        let (encapsulated, ciphertext) = sealed.split_at_checked(ENCAPSULATED_LENGTH).ok_or(CannotOpen)?;
        let encapsulated = EncapsulatedKey::from_bytes(encapsulated).map_err(|_| CannotOpen)?;
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Suite>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            context,
            ciphertext,
            NO_MORE,
        );
        let opened = opened.map_err(|_| CannotOpen)?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| CannotOpen)
    }
}

impl SealingPair {
    pub fn generate() -> Self {
        let (opening, sealing) = Suite::gen_keypair();
        Self { sealing_key: BASE64.encode(sealing.to_bytes()), opening_key: Secret::new(BASE64.encode(opening.to_bytes())) }
    }
}

/// Fails only for a key that is no good.
fn seal(key: &PublicKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, hpke::HpkeError> {
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, Suite>(&OpModeS::Base, key, context, plaintext, NO_MORE)?;
    Ok([encapsulated.to_bytes().as_slice(), &ciphertext].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (SealingKey, OpeningKey) {
        let pair = SealingPair::generate();
        let sealing = SealingKey::from_base64(&pair.sealing_key).expect("just made");
        (sealing, OpeningKey::from_base64(&pair.opening_key).expect("just made"))
    }

    fn secret() -> Secret<String> {
        Secret::new("token of a link".to_owned())
    }

    #[test]
    fn what_was_sealed_opens() {
        let (sealing, opening) = keys();
        let sealed = sealing.seal(b"link", &secret());
        assert_eq!(opening.open(b"link", &sealed), Ok(secret()));
        assert_ne!(sealing.seal(b"link", &secret()), sealed, "the same secret never looks the same twice");
    }

    #[test]
    fn it_opens_in_no_other_context_and_with_no_other_key() {
        let (sealing, opening) = keys();
        let sealed = sealing.seal(b"link", &secret());
        assert_eq!(opening.open(b"another link", &sealed), Err(CannotOpen));
        assert_eq!(keys().1.open(b"link", &sealed), Err(CannotOpen));
    }

    #[test]
    fn what_was_changed_on_its_way_does_not_open() {
        let (sealing, opening) = keys();
        let sealed = sealing.seal(b"link", &secret());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(opening.open(b"link", &changed), Err(CannotOpen), "byte {place}");
            assert_eq!(opening.open(b"link", &sealed[..place]), Err(CannotOpen), "{place} bytes of it");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_key() {
        let (sealing, opening) = keys();
        assert_eq!(format!("{sealing:?} {opening:?}"), "[sealing key] [secret]");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let low_order = BASE64.encode([0; 32]);
        for text in ["", "no base64", "AAAA", &low_order] {
            assert_eq!(SealingKey::from_base64(text).err(), Some(InvalidSealingKey), "{text}");
        }
        for text in ["", "no base64", "AAAA"] {
            assert_eq!(OpeningKey::from_base64(&Secret::new(text.to_owned())).err(), Some(InvalidSealingKey), "{text}");
        }
    }
}
