//! One-time codes (RFC 6238) and recovery codes. Secrets are computed, not kept: a stolen database has none to offer.

use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::{Fault, RecoverySetId, Secret, Timestamp};
use sha2::Sha256;
use totp_rs::{Algorithm, Builder, Totp};
use uuid::Uuid;

use super::secrets::random_letters;
use crate::application::{Enrolment, OneTimeCodes};
use crate::domain::SecondFactor;

type Mac = Hmac<Sha256>;

/// As long as the hash within the codes (RFC 4226 §4, R6).
const SECRET_LENGTH: usize = 20;
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
/// How many steps a device's clock may be off (RFC 6238 §5.2).
const SKEW: u16 = 1;
/// Of so many letters each half of a recovery code is made: 50 random bits in all.
const HALF_CODE: usize = 5;

pub(crate) struct TotpCodes {
    key: Secret<Vec<u8>>,
}

impl TotpCodes {
    pub(crate) const fn new(key: Secret<Vec<u8>>) -> Self {
        Self { key }
    }

    fn mac(&self, label: &[u8], id: Uuid, parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = Mac::new_from_slice(self.key.expose()).expect("HMAC takes keys of any length");
        mac.update(label);
        mac.update(id.as_bytes());
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }

    fn builder(&self, factor: &SecondFactor) -> Builder {
        let (realm, user) = (factor.realm_id.as_uuid(), factor.user_id.as_uuid());
        let mut secret = self.mac(b"one-time codes", factor.id.as_uuid(), &[realm.as_bytes(), user.as_bytes()]);
        secret.truncate(SECRET_LENGTH);
        Builder::new()
            .with_algorithm(Algorithm::SHA1) // what every device understands
            .with_digits(DIGITS)
            .with_step_duration(STEP_SECONDS)
            .with_skew(SKEW)
            .with_secret(secret)
    }
}

/// Neither the issuer nor the account may have a colon in a URI, where it stands between them.
fn without_colons(text: &str) -> String {
    text.replace(':', " ")
}

impl OneTimeCodes for TotpCodes {
    fn enrolment(&self, factor: &SecondFactor, issuer: &str, account: &str) -> Result<Enrolment, Fault> {
        let builder = self.builder(factor).with_issuer(Some(without_colons(issuer))).with_account_name(without_colons(account));
        let totp: Totp = builder.build().map_err(Fault::internal)?;
        let uri = Secret::new(totp.to_url().map_err(Fault::internal)?);
        Ok(Enrolment { uri, key: Secret::new(totp.secret().to_base32()) })
    }

    fn step(&self, factor: &SecondFactor, code: &str, now: Timestamp) -> Result<Option<i64>, Fault> {
        let totp = self.builder(factor).build().map_err(Fault::internal)?;
        let seconds = u64::try_from(now.as_second()).map_err(Fault::internal)?;
        totp.check(code, seconds).map(i64::try_from).transpose().map_err(Fault::internal)
    }

    fn recovery_code(&self, set_id: RecoverySetId) -> (Secret<String>, Vec<u8>) {
        let letters = random_letters(2 * HALF_CODE);
        let hash = self.recovery_hash(set_id, &letters);
        let (first, second) = letters.split_at(HALF_CODE);
        (Secret::new(format!("{first}-{second}")), hash)
    }

    fn recovery_hash(&self, set_id: RecoverySetId, code: &str) -> Vec<u8> {
        self.mac(b"recovery code", set_id.as_uuid(), &[code.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kernel::Id;

    use super::*;
    use crate::domain::TypedCode;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn codes() -> TotpCodes {
        TotpCodes::new(Secret::new(vec![7; 32]))
    }

    fn factor(number: u128) -> SecondFactor {
        let id = Uuid::from_u128;
        SecondFactor::new(Id::from_uuid(id(1)), Id::from_uuid(id(2)), Id::from_uuid(id(number)), NOW)
    }

    /// As a device computes it that was given the URI.
    fn code_at(enrolment: &Enrolment, at: Timestamp) -> String {
        let device = Totp::from_url(enrolment.uri.expose()).expect("a device can read it");
        device.generate(u64::try_from(at.as_second()).expect("after 1970")).to_string()
    }

    /// Rule I25.a: a code is taken of its step, and of the one before and after; each names its step.
    #[test]
    fn a_device_may_be_a_step_off() {
        let (codes, factor) = (codes(), factor(3));
        let enrolment = codes.enrolment(&factor, "Help: Line", "anna@example.com").expect("a URI");
        let step = NOW.as_second() / 30;
        for off in -1..=1 {
            let code = code_at(&enrolment, NOW + SignedDuration::from_secs(off * 30));
            assert_eq!(codes.step(&factor, &code, NOW).expect("a moment"), Some(step + off), "{off}");
        }
        for off in [-2, 2] {
            let code = code_at(&enrolment, NOW + SignedDuration::from_secs(off * 30));
            assert_eq!(codes.step(&factor, &code, NOW).expect("a moment"), None, "{off}");
        }
        let other = codes.enrolment(&self::factor(4), "Line", "anna@example.com").expect("a URI");
        assert_ne!(other.key.expose(), enrolment.key.expose(), "another factor has another secret");
    }

    #[test]
    fn a_uri_says_whose_the_account_is_and_where() {
        let enrolment = codes().enrolment(&factor(3), "Help: Line", "anna@example.com").expect("a URI");
        let uri = enrolment.uri.expose();
        assert!(uri.starts_with("otpauth://totp/Help%20%20Line:anna%40example.com?secret="), "{uri}");
        assert!(uri.contains(enrolment.key.expose()) && uri.contains("issuer=Help%20%20Line"), "{uri}");
        assert_eq!(enrolment.key.expose().len(), 32);
    }

    /// Rule I25.a: a recovery code is known by its keyed hash, however it is typed, and only as one of its own set.
    #[test]
    fn a_recovery_code_is_known_by_its_hash() {
        let codes = codes();
        let set = |number| Id::from_uuid(Uuid::from_u128(number));
        let (code, hash) = codes.recovery_code(set(3));
        let Some(TypedCode::Recovery(typed)) = TypedCode::read(&code.expose().to_uppercase()) else { panic!("a code") };
        assert_eq!(codes.recovery_hash(set(3), typed.expose()), hash);
        assert_ne!(codes.recovery_hash(set(4), typed.expose()), hash);
        assert_ne!(TotpCodes::new(Secret::new(vec![8; 32])).recovery_hash(set(3), typed.expose()), hash);
    }
}
