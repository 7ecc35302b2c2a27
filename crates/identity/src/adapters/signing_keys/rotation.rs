//! Another key in place of the one that signs, without one token refused: what there is to be done in a folder of keys at a moment.

use std::path::Path;

use jiff::SignedDuration;
use kernel::Timestamp;
use runtime::token::ACCESS_TOKEN_TTL;

use super::{Key, SigningKeysError, file_name, read};

/// How long a key is there before it signs. Kubernetes brings a Secret to its pods within two minutes, every replica reads them within
/// seconds, and whoever fetches what is published may keep it for a minute.
const NOTICE: SignedDuration = SignedDuration::from_mins(15);
/// How long a key is kept after the next one has begun to sign, beside the life of its tokens: clocks differ.
const CAUTION: SignedDuration = SignedDuration::from_mins(10);

/// What an operator who rotates keys has to do.
#[derive(Debug, PartialEq, Eq)]
pub struct SigningKeyRotation {
    /// From when on the next key is to sign; none if there is one already whose moment is still to come.
    pub new_key_signs_from: Option<Timestamp>,
    /// The files of the keys of which no token can be alive.
    pub over: Vec<String>,
}

/// Looks at a folder of keys, one of which signs now.
pub fn signing_key_rotation(folder: &Path, now: Timestamp) -> Result<SigningKeyRotation, SigningKeysError> {
    let keys = read(folder, now)?;
    let is_waiting = keys.iter().any(|key| key.signs_from > now);
    let new_key_signs_from = (!is_waiting).then(|| now + NOTICE);
    let is_over = |next: &Key| next.signs_from + CAUTION + ACCESS_TOKEN_TTL <= now;
    let over = keys.windows(2).filter(|pair| is_over(&pair[1])).map(|pair| file_name(pair[0].signs_from)).collect();
    Ok(SigningKeyRotation { new_key_signs_from, over })
}

#[cfg(test)]
mod tests {
    use runtime::token::generate_signing_key;

    use super::*;

    fn minutes(number: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(number)
    }

    /// What there is to do at a minute, in a folder of keys that sign from these on.
    fn at(minute: i64, signing_from: &[i64]) -> SigningKeyRotation {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        for from in signing_from {
            let file = folder.path().join(file_name(minutes(*from)));
            std::fs::write(file, generate_signing_key().expose()).expect("it is writable");
        }
        signing_key_rotation(folder.path(), minutes(minute)).expect("one of them signs")
    }

    /// Rule I24.b: the next key is made ahead of its moment, and once.
    #[test]
    fn one_key_waits_at_the_most() {
        assert_eq!(at(100, &[0]), SigningKeyRotation { new_key_signs_from: Some(minutes(115)), over: Vec::new() });
        assert_eq!(at(100, &[0, 101]), SigningKeyRotation { new_key_signs_from: None, over: Vec::new() });
    }

    /// Rule I24.b: a key goes when its last token has ended on everybody's clock; the one that signs stays, however old it is.
    #[test]
    fn a_key_is_kept_as_long_as_a_token_of_it_can_be_alive() {
        let over = |minute, signing_from: &[i64]| at(minute, signing_from).over;
        assert_eq!(over(114, &[0, 100]), Vec::<String>::new());
        assert_eq!(over(115, &[0, 100]), [file_name(minutes(0))]);
        assert_eq!(over(115, &[0, 50, 100, 120]), [file_name(minutes(0)), file_name(minutes(50))]);
        assert_eq!(over(500_000, &[0]), Vec::<String>::new());
    }
}
