//! Where the SMSC is, and who we are to it.

use std::str::FromStr;
use std::time::Duration;

use kernel::Secret;
use runtime::settings::Settings;
use rusmpp::types::COctetString;
use rusmpp::values::{Npi, Ton};

/// The longest a submission may wait for its answer; less than any attempt takes (`application::dispatch`).
const RESPONSE_TIMEOUT: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(50);

#[derive(Debug, Clone)]
pub(crate) struct SmppConfig {
    /// `host:port`
    pub(super) server: String,
    pub(super) system_id: COctetString<1, 16>,
    pub(super) password: Secret<COctetString<1, 9>>,
    pub(super) source: Source,
    pub(super) response_timeout: Duration,
    /// SMS sent and not answered yet, at the most.
    pub(crate) window: usize,
    /// Those of the lane security, beside them.
    pub(crate) security_window: usize,
}

impl SmppConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let server = settings.value("smpp.server");
        let system_id = settings.value("smpp.system_id");
        let password = read_password(settings);
        let source = settings.value("smpp.source");
        let response_timeout = settings.duration("smpp.response_timeout", RESPONSE_TIMEOUT);
        let window = settings.number("smpp.window", 1..=256);
        let security_window = settings.number("smpp.security_window", 1..=256);
        Some(Self {
            server: server?,
            system_id: system_id?,
            password: password?,
            source: source?,
            response_timeout: response_timeout?,
            window: window?,
            security_window: security_window?,
        })
    }
}

fn read_password(settings: &mut Settings) -> Option<Secret<COctetString<1, 9>>> {
    const PASSWORD: &str = "smpp.password";
    let text = settings.secret(PASSWORD)?;
    let password = COctetString::from_str(text.expose());
    password.map(Secret::new).map_err(|_| settings.problem(PASSWORD, "must be eight ASCII characters at the most")).ok()
}

/// Whom SMS are from: a number, a short code, or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) ton: Ton,
    pub(super) npi: Npi,
    pub(super) address: COctetString<1, 21>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number (+380…), a short code, or a name of 11 ASCII letters and digits at the most")]
pub(super) struct InvalidSource;

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        let is_name = text.len() <= 11 && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let (ton, npi, address) = match text.strip_prefix('+') {
            Some(number) if is_number(number) => (Ton::International, Npi::Isdn, number),
            None if is_number(text) => (Ton::NetworkSpecific, Npi::Unknown, text),
            None if is_name => (Ton::Alphanumeric, Npi::Unknown, text),
            _ => return Err(InvalidSource),
        };
        let address = COctetString::from_str(address).map_err(|_| InvalidSource)?;
        Ok(Self { ton, npi, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_number_a_short_code_or_a_name() {
        let kind = |text: &str| text.parse::<Source>().map(|source| (source.ton, source.npi));
        assert_eq!(kind("+380671234567"), Ok((Ton::International, Npi::Isdn)));
        assert_eq!(kind("7575"), Ok((Ton::NetworkSpecific, Npi::Unknown)));
        assert_eq!(kind("Helpline"), Ok((Ton::Alphanumeric, Npi::Unknown)));
        for wrong in ["+38 067", "Twelve chars", "Ліга", "+", "123456789012345678901"] {
            assert_eq!(kind(wrong), Err(InvalidSource), "{wrong}");
        }
    }
}
