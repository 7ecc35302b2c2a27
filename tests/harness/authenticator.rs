//! A device of a user that computes one-time codes, as his phone does (RFC 6238).

use jiff::Timestamp;
use totp_rs::Totp;

/// A device that has been shown the QR code of a second factor.
pub struct Authenticator {
    totp: Totp,
    last_step: u64,
}

impl Authenticator {
    const STEP: u64 = 30;

    pub fn of(otpauth_uri: &str) -> Self {
        Self { totp: Totp::from_url(otpauth_uri).expect("any device can read it"), last_step: 0 }
    }

    /// A code that was not shown before: of this moment, or else of the next step, which is taken as well. A third one within half a minute
    /// is none that anybody takes.
    pub fn code(&mut self) -> String {
        let now = u64::try_from(Timestamp::now().as_second()).expect("after 1970") / Self::STEP;
        self.last_step = now.max(self.last_step + 1);
        self.totp.generate(self.last_step * Self::STEP).to_string()
    }

    /// Six digits that are no code of this hour.
    pub fn wrong_code(&self) -> String {
        let now = u64::try_from(Timestamp::now().as_second()).expect("after 1970");
        let codes: Vec<String> = (0..240).map(|step| self.totp.generate(now - 3600 + step * Self::STEP).to_string()).collect();
        let wrong = (0..1_000_000).map(|number| format!("{number:06}")).find(|code| !codes.contains(code));
        wrong.expect("an hour has few codes")
    }
}
