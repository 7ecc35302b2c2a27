//! Tokens whose signature was good a moment ago: looking at it again would cost more than many a call does.

use kernel::Timestamp;
use quick_cache::sync::Cache;

use crate::token::Verified;

/// As many people and machines as call one process within five minutes; more of them are looked at again. A token is half a kilobyte.
const MOST: usize = 4096;

/// Good tokens only: nobody fills it with others. Whether access was taken back is another question, which is asked every time.
pub(super) struct SeenTokens(Cache<Box<str>, Seen>);

#[derive(Clone)]
struct Seen {
    verified: Verified,
    /// The set of keys that said so.
    keys: u64,
}

impl Default for SeenTokens {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl SeenTokens {
    /// What this token says, if it was good by the same keys and still is.
    pub(super) fn get(&self, token: &str, keys: u64, now: Timestamp) -> Option<Verified> {
        let seen = self.0.get(token)?;
        (seen.keys == keys && now < seen.verified.expires_at).then_some(seen.verified)
    }

    pub(super) fn keep(&self, token: &str, verified: &Verified, keys: u64) {
        self.0.insert(token.into(), Seen { verified: verified.clone(), keys });
    }
}
