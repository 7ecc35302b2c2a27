//! What a person wants to be told, and through which channel.

use std::str::FromStr;

use kernel::UserId;

use super::Channel;

/// A person's ticks. All are off until they are set (N1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preferences {
    pub(crate) user_id: UserId,
    /// N1: the status of a case of his changed; told by e-mail.
    pub(crate) status_change_email: bool,
    /// The same, told by SMS.
    pub(crate) status_change_sms: bool,
}

impl Preferences {
    /// Every tick off.
    pub(crate) const fn none(user_id: UserId) -> Self {
        Self { user_id, status_change_email: false, status_change_sms: false }
    }

    pub(crate) const fn is_ticked(&self, preference: Preference) -> bool {
        match preference {
            Preference::StatusChangeEmail => self.status_change_email,
            Preference::StatusChangeSms => self.status_change_sms,
        }
    }
}

/// One tick that can be changed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preference {
    StatusChangeEmail,
    StatusChangeSms,
}

impl Preference {
    pub(crate) const ALL: [Self; 2] = [Self::StatusChangeEmail, Self::StatusChangeSms];

    /// As the contract names it, and links that were signed long ago.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::StatusChangeEmail => "status_change.email",
            Self::StatusChangeSms => "status_change.sms",
        }
    }

    pub(crate) const fn channel(self) -> Channel {
        match self {
            Self::StatusChangeEmail => Channel::Email,
            Self::StatusChangeSms => Channel::Sms,
        }
    }
}

impl FromStr for Preference {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|preference| preference.as_str() == text).ok_or(())
    }
}
