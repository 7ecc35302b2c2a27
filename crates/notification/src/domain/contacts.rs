//! How somebody can be reached, and why not.

use super::Channel;

/// A phone number, which counts once its owner has confirmed it (I17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phone {
    Missing,
    Unconfirmed(String),
    /// E.164.
    Confirmed(String),
}

/// Why a channel cannot reach somebody (N1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("there is no such contact")]
    ContactMissing,
    #[error("the contact is not confirmed")]
    ContactUnconfirmed,
    #[error("nothing leaves this system by the channel")]
    ChannelNotConfigured,
}

impl Unavailable {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ContactMissing => "CONTACT_MISSING",
            Self::ContactUnconfirmed => "CONTACT_UNCONFIRMED",
            Self::ChannelNotConfigured => "CHANNEL_NOT_CONFIGURED",
        }
    }
}

/// The contact that a channel reaches somebody by. An e-mail address counts whether or not it was verified.
pub(crate) fn contact<'a>(channel: Channel, email: Option<&'a str>, phone: &'a Phone) -> Result<&'a str, Unavailable> {
    match (channel, phone) {
        (Channel::Email, _) => email.ok_or(Unavailable::ContactMissing),
        (Channel::Sms, Phone::Missing) => Err(Unavailable::ContactMissing),
        (Channel::Sms, Phone::Unconfirmed(_)) => Err(Unavailable::ContactUnconfirmed),
        (Channel::Sms, Phone::Confirmed(number)) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_counts_once_it_is_confirmed_and_an_address_at_once() {
        let number = || "+380671234567".to_owned();
        assert_eq!(contact(Channel::Sms, Some("anna@example.com"), &Phone::Missing), Err(Unavailable::ContactMissing));
        assert_eq!(contact(Channel::Sms, None, &Phone::Unconfirmed(number())), Err(Unavailable::ContactUnconfirmed));
        assert_eq!(contact(Channel::Sms, None, &Phone::Confirmed(number())), Ok("+380671234567"));
        assert_eq!(contact(Channel::Email, None, &Phone::Confirmed(number())), Err(Unavailable::ContactMissing));
        assert_eq!(contact(Channel::Email, Some("anna@example.com"), &Phone::Missing), Ok("anna@example.com"));
    }
}
