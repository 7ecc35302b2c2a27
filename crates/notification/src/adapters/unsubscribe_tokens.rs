//! Unsubscribe tokens: what the link does, with a signature (HMAC-SHA256), in base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::{RealmId, Secret, UserId};
use sha2::Sha256;
use uuid::Uuid;

use crate::application::UnsubscribeTokens;
use crate::config::UnsubscribeKeys;
use crate::domain::Unsubscription;

const ID_LENGTH: usize = 16;
const MAC_LENGTH: usize = 32;
/// The longest that is looked at; ours have some 120 characters.
const LONGEST: usize = 256;

pub(crate) struct SignedTokens {
    keys: UnsubscribeKeys,
}

impl SignedTokens {
    pub(crate) const fn new(keys: UnsubscribeKeys) -> Self {
        Self { keys }
    }

    fn is_signed(&self, named: &[u8], signature: &[u8]) -> bool {
        let keys = [Some(&self.keys.current), self.keys.former.as_ref()];
        // In constant time, whichever byte is wrong.
        keys.into_iter().flatten().any(|key| mac(key, named).verify_slice(signature).is_ok())
    }
}

fn mac(key: &Secret<Vec<u8>>, named: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(key.expose()).expect("HMAC takes keys of any length");
    mac.update(b"unsubscribe");
    mac.update(named);
    mac
}

fn named(unsubscription: Unsubscription) -> Vec<u8> {
    let Unsubscription { realm_id, user_id, preference } = unsubscription;
    [realm_id.as_uuid().as_bytes().as_slice(), user_id.as_uuid().as_bytes(), preference.as_str().as_bytes()].concat()
}

impl UnsubscribeTokens for SignedTokens {
    fn write(&self, unsubscription: Unsubscription) -> String {
        let named = named(unsubscription);
        let signature = mac(&self.keys.current, &named).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([named.as_slice(), &signature].concat())
    }

    fn read(&self, token: &str) -> Option<Unsubscription> {
        (token.len() <= LONGEST).then_some(())?;
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (named, signature) = bytes.split_at_checked(bytes.len().checked_sub(MAC_LENGTH)?)?;
        self.is_signed(named, signature).then_some(())?;
        let (realm_id, rest) = named.split_at_checked(ID_LENGTH)?;
        let (user_id, preference) = rest.split_at_checked(ID_LENGTH)?;
        Some(Unsubscription {
            realm_id: RealmId::from_uuid(Uuid::from_slice(realm_id).ok()?),
            user_id: UserId::from_uuid(Uuid::from_slice(user_id).ok()?),
            preference: std::str::from_utf8(preference).ok()?.parse().ok()?,
        })
    }
}

/// What tests sign with.
#[cfg(test)]
pub(crate) fn unsubscribe_tokens() -> std::sync::Arc<SignedTokens> {
    std::sync::Arc::new(SignedTokens::new(UnsubscribeKeys { current: Secret::new(vec![7; 32]), former: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Preference;

    fn tokens(current: u8, former: Option<u8>) -> SignedTokens {
        let key = |byte| Secret::new(vec![byte; 32]);
        SignedTokens::new(UnsubscribeKeys { current: key(current), former: former.map(key) })
    }

    fn unsubscription() -> Unsubscription {
        Unsubscription {
            realm_id: RealmId::from_uuid(Uuid::from_u128(1)),
            user_id: UserId::from_uuid(Uuid::from_u128(2)),
            preference: Preference::StatusChangeEmail,
        }
    }

    #[test]
    fn only_what_was_signed_with_the_key_or_the_former_one_is_read() {
        let token = tokens(1, None).write(unsubscription());
        assert_eq!(tokens(1, None).read(&token), Some(unsubscription()));
        assert_eq!(tokens(2, Some(1)).read(&token), Some(unsubscription()));
        assert_eq!(tokens(2, None).read(&token), None);
    }

    #[test]
    fn no_other_token_is_read_whichever_bit_was_changed() {
        let ours = tokens(1, None);
        let bytes = URL_SAFE_NO_PAD.decode(ours.write(unsubscription())).expect("ours");
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ours.read(&URL_SAFE_NO_PAD.encode(forged)), None, "bit {bit}");
        }
        let long = "A".repeat(10_000);
        for garbage in ["", "A", "!", "AAAA", long.as_str()] {
            assert_eq!(ours.read(garbage), None);
        }
    }
}
