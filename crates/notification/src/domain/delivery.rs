//! A delivery: one person told one thing through one channel.

use std::str::FromStr;

use kernel::{CommandId, DeliveryId, EventId, Id, RealmId, Timestamp, UserId};
use messaging::Lane;

use super::Preference;

/// What a delivery can be about: a case, a link, a session or a user. Never constructed.
#[derive(Debug)]
pub(crate) enum Object {}

/// Its id, whichever it is: part of what makes a delivery one.
pub(crate) type ObjectId = Id<Object>;

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Channel {
    Email,
    Sms,
}

impl Channel {
    pub(crate) const ALL: [Self; 2] = [Self::Email, Self::Sms];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Sms => "SMS",
        }
    }

    /// Whether what may have been sent is sent again. A mail program shows two letters with the same Message-ID as one. A phone
    /// shows an SMS twice, and an SMSC cannot be asked: SMPP's query wants the name it gave the message, which is what its
    /// answer would have told. So an SMS without an answer stays UNCERTAIN for good.
    pub(crate) const fn forgives_repeats(self) -> bool {
        match self {
            Self::Email => true,
            Self::Sms => false,
        }
    }
}

impl FromStr for Channel {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or(())
    }
}

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// N1: the status of his case changed.
    StatusChange,
    /// He is to set his first password.
    Invitation,
    /// He asked to set another password, by mail or by SMS (I17).
    PasswordReset,
    /// He, or somebody else, has set another password.
    PasswordChanged,
    /// Two had the same session, which was ended.
    SessionCompromised,
    /// He cannot sign in any more.
    AccountBlocked,
    /// He is to show that messages to his number reach him (I17).
    PhoneCode,
    /// The same of the number he wants.
    PhoneChange,
    /// He is to show that mail to the address he wants reaches him (I16).
    EmailChange,
    /// Another address has taken the place of his, which is told.
    EmailReplaced,
    /// Another phone number has taken the place of his.
    PhoneReplaced,
    /// He has registered, and is to show that mail to his address reaches him (I22).
    Registration,
    /// Somebody has registered with his address.
    RegistrationRepeated,
    /// His second factor was turned on or off, he has other passkeys or recovery codes, or there may be a copy of a passkey.
    SecondFactorChanged,
    /// An account of a provider was linked to his, or unlinked.
    SocialAccountChanged,
}

impl Kind {
    pub(crate) const ALL: [Self; 15] = [
        Self::StatusChange,
        Self::Invitation,
        Self::PasswordReset,
        Self::PasswordChanged,
        Self::SessionCompromised,
        Self::AccountBlocked,
        Self::PhoneCode,
        Self::PhoneChange,
        Self::EmailChange,
        Self::EmailReplaced,
        Self::PhoneReplaced,
        Self::Registration,
        Self::RegistrationRepeated,
        Self::SecondFactorChanged,
        Self::SocialAccountChanged,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::StatusChange => "STATUS_CHANGE",
            Self::Invitation => "INVITATION",
            Self::PasswordReset => "PASSWORD_RESET",
            Self::PasswordChanged => "PASSWORD_CHANGED",
            Self::SessionCompromised => "SESSION_COMPROMISED",
            Self::AccountBlocked => "ACCOUNT_BLOCKED",
            Self::PhoneCode => "PHONE_CODE",
            Self::PhoneChange => "PHONE_CHANGE",
            Self::EmailChange => "EMAIL_CHANGE",
            Self::EmailReplaced => "EMAIL_REPLACED",
            Self::PhoneReplaced => "PHONE_REPLACED",
            Self::Registration => "REGISTRATION",
            Self::RegistrationRepeated => "REGISTRATION_REPEATED",
            Self::SecondFactorChanged => "SECOND_FACTOR_CHANGED",
            Self::SocialAccountChanged => "SOCIAL_ACCOUNT_CHANGED",
        }
    }

    /// The lane of the fact it follows from, which it keeps.
    pub(crate) const fn lane(self) -> Lane {
        match self {
            Self::StatusChange | Self::AccountBlocked => Lane::Normal,
            Self::Invitation
            | Self::PasswordReset
            | Self::PasswordChanged
            | Self::SessionCompromised
            | Self::PhoneCode
            | Self::PhoneChange
            | Self::EmailChange
            | Self::EmailReplaced
            | Self::PhoneReplaced
            | Self::Registration
            | Self::RegistrationRepeated
            | Self::SecondFactorChanged
            | Self::SocialAccountChanged => Lane::Security,
        }
    }

    /// The channel by which everybody is told who is told without asking for it, unless the fact says which.
    pub(crate) const fn channel(self) -> Channel {
        match self {
            Self::PhoneCode | Self::PhoneChange => Channel::Sms,
            _ => Channel::Email,
        }
    }

    /// Whether a number that nobody has confirmed will do: the one that is being confirmed.
    pub(crate) const fn confirms_phone(self) -> bool {
        matches!(self, Self::PhoneCode)
    }

    /// Whether it is for somebody who is no user yet: nobody knows him, and the fact says how he is reached and spoken to.
    pub(crate) const fn precedes_its_user(self) -> bool {
        matches!(self, Self::Registration)
    }

    /// The tick without which nobody is told of it by this channel; none for what everybody is told.
    pub(crate) const fn preference(self, channel: Channel) -> Option<Preference> {
        match (self, channel) {
            (Self::StatusChange, Channel::Email) => Some(Preference::StatusChangeEmail),
            (Self::StatusChange, Channel::Sms) => Some(Preference::StatusChangeSms),
            (
                Self::Invitation
                | Self::PasswordReset
                | Self::PasswordChanged
                | Self::SessionCompromised
                | Self::AccountBlocked
                | Self::PhoneCode
                | Self::PhoneChange
                | Self::EmailChange
                | Self::EmailReplaced
                | Self::PhoneReplaced
                | Self::Registration
                | Self::RegistrationRepeated
                | Self::SecondFactorChanged
                | Self::SocialAccountChanged,
                Channel::Email | Channel::Sms,
            ) => None,
        }
    }

    /// Whether its message by this channel opens its reader's account at the case it is about (I19).
    pub(crate) const fn has_autologin(self, channel: Channel) -> bool {
        matches!((self, channel), (Self::StatusChange, Channel::Email))
    }

    /// Whether somebody who is blocked may be told (I4): only that he is.
    pub(crate) const fn reaches_blocked(self) -> bool {
        matches!(self, Self::AccountBlocked)
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// Somebody who may have to be told of a fact: told if he ticked it, or if it is of a kind that nobody ticks.
#[derive(Debug, Clone)]
pub(crate) struct NewDelivery {
    pub(crate) realm_id: RealmId,
    pub(crate) cause_id: CommandId,
    pub(crate) object_id: ObjectId,
    pub(crate) user_id: UserId,
    pub(crate) delivery_id: DeliveryId,
    pub(crate) event_id: EventId,
    pub(crate) kind: Kind,
    pub(crate) channel: Channel,
    /// From this moment on it is not worth sending.
    pub(crate) expires_at: Option<Timestamp>,
    /// The fact itself, rendered at the moment of sending.
    pub(crate) content: Vec<u8>,
    pub(crate) traceparent: Option<String>,
}

/// A delivery that this process is to send now. Nobody else may, until the lease is over.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) realm_id: RealmId,
    pub(crate) cause_id: CommandId,
    pub(crate) object_id: ObjectId,
    pub(crate) user_id: UserId,
    pub(crate) delivery_id: DeliveryId,
    pub(crate) channel: Channel,
    pub(crate) kind: Kind,
    pub(crate) content: Vec<u8>,
    /// Which attempt this is, counted from 1.
    pub(crate) attempt: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// The trace that every attempt belongs to, whoever makes it.
    pub(crate) traceparent: Option<String>,
    /// When this process claimed it, by its own monotonic clock.
    pub(crate) leased_since: std::time::Instant,
}

impl Claimed {
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The provider has taken it, and given it these names, if it gives any.
    Sent { address_hash: Vec<u8>, message_ids: Vec<String> },
    /// The provider has refused it for good.
    Failed { reason: &'static str },
    /// It must not or cannot be sent to this person.
    Suppressed { reason: &'static str },
    /// It came too late to be worth sending.
    Expired,
    /// It was certainly not sent; to be tried again.
    Retry { reason: &'static str },
    /// The provider may or may not have taken it: the connection broke before its answer. Whether it is sent again,
    /// under the same name, is for its channel to say.
    Uncertain { reason: &'static str },
}

impl Outcome {
    /// Why it was not taken.
    pub(crate) const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Sent { .. } => None,
            Self::Expired => Some("TOO_LATE"),
            Self::Failed { reason } | Self::Suppressed { reason } | Self::Retry { reason } | Self::Uncertain { reason } => {
                Some(*reason)
            }
        }
    }
}

/// An attempt and its end, to be written to the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) delivery: Claimed,
    pub(crate) outcome: Outcome,
}
