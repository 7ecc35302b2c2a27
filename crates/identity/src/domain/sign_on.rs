//! Single sign-on: the realm's own service says who somebody is (I20).

use kernel::{RealmId, Role, SignOnKeyId, Timestamp};

use super::FirstFactor;

/// Who signs in through the realm's own service alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SignOnRule {
    pub(crate) required_of: Vec<Role>,
}

impl SignOnRule {
    /// Whether somebody of this role may come by this.
    pub(crate) fn admits(&self, role: Role, first: FirstFactor) -> bool {
        first == FirstFactor::SignOn || !self.required_of.contains(&role)
    }
}

/// A key that the realm's service signs with, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignOnKey {
    pub(crate) id: SignOnKeyId,
    pub(crate) realm_id: RealmId,
    pub(crate) name: String,
    /// Of Ed25519, 32 bytes.
    pub(crate) public_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
}

/// What the realm's service calls somebody; compared as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalId(String);

impl ExternalId {
    const LONGEST: usize = 255;

    /// None if there is nothing in it, or what nobody sees.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_good = !text.is_empty() && text.chars().count() <= Self::LONGEST && !text.chars().any(char::is_control);
        is_good.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the realm's service has said of somebody, in its own words.
#[derive(Debug, Clone)]
pub(crate) struct Assertion {
    pub(crate) external_id: ExternalId,
    /// An address at which it has seen that mail arrives; empty where it does not say, as with all that follows. Of one that somebody
    /// only claims nothing is known here: he would be found by it, or hold it against its owner.
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) user_name: String,
    pub(crate) name: AssertedName,
    pub(crate) language: String,
    /// That one token is used once: what it is known by, and until when it is any good.
    pub(crate) token_hash: Vec<u8>,
    pub(crate) expires_at: Timestamp,
}

/// A name as OpenID Connect Core §5.1 cuts it.
#[derive(Debug, Clone, Default)]
pub(crate) struct AssertedName {
    pub(crate) full: String,
    pub(crate) given: String,
    pub(crate) family: String,
    pub(crate) middle: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_id_is_seen() {
        let longest = "я".repeat(255);
        for good in ["1", "a b", "CN=Anna,O=Shop", &longest] {
            assert_eq!(ExternalId::parse(good).as_ref().map(ExternalId::as_str), Some(good));
        }
        for bad in ["", "a\nb", "\u{0}", &"я".repeat(256)] {
            assert_eq!(ExternalId::parse(bad), None, "{bad:?}");
        }
    }

    /// Rule I20.c: where it is required of his role, somebody comes by nothing else.
    #[test]
    fn nothing_else_is_taken_where_it_is_required() {
        let rule = SignOnRule { required_of: vec![Role::Customer] };
        assert!(!rule.admits(Role::Customer, FirstFactor::Password));
        assert!(!rule.admits(Role::Customer, FirstFactor::Provider));
        assert!(rule.admits(Role::Customer, FirstFactor::SignOn));
        assert!(rule.admits(Role::Owner, FirstFactor::Password));
    }
}
