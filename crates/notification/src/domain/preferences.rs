//! What a person wants to be told, and through which channel.

use kernel::UserId;

/// A person's ticks. All are off until they are set (N1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preferences {
    pub(crate) user_id: UserId,
    /// N1: the status of a case of his changed; told by e-mail.
    pub(crate) status_change_email: bool,
}

/// One tick that can be changed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preference {
    StatusChangeEmail,
}
