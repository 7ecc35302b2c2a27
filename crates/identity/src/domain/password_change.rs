//! How passwords are changed by those who can sign in already (I11, I12).

use std::str::FromStr;
use std::time::Duration;

use super::{Password, PasswordRefused, PasswordRule};

/// What a user shows beside his new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordProof {
    /// The password there is.
    Current,
    /// The new one once more.
    Confirmation,
}

impl PasswordProof {
    const ALL: [Self; 2] = [Self::Current, Self::Confirmation];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "CURRENT",
            Self::Confirmation => "CONFIRMATION",
        }
    }
}

impl FromStr for PasswordProof {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|proof| proof.as_str() == text).ok_or(())
    }
}

/// Whether an OWNER sets the passwords of his company's users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerSetsPasswords {
    Refused,
    Allowed,
}

/// How passwords are changed in a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordChangeRule {
    /// What a user shows who changes his own.
    pub(crate) asks: Vec<PasswordProof>,
    /// How long ago he may have signed in at the most; none if it does not matter.
    pub(crate) reauthentication_age: Option<Duration>,
    pub(crate) by_owner: OwnerSetsPasswords,
}

impl PasswordChangeRule {
    /// The age as policies are written; 0 if it does not matter.
    pub(crate) fn reauthentication_minutes(&self) -> u32 {
        let minutes = self.reauthentication_age.map_or(0, |age| age.as_secs() / 60);
        u32::try_from(minutes).unwrap_or(u32::MAX)
    }
}

/// What is wrong with a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordChangeProblem {
    #[error("it is not the caller's password")]
    CurrentWrong,
    #[error("the new password was typed differently the second time")]
    ConfirmationDiffers,
    #[error(transparent)]
    Refused(#[from] PasswordRefused),
}

/// A password that is to be set by somebody who types it.
pub(crate) struct TypedPassword {
    pub(crate) new: Password,
    pub(crate) confirmation: Password,
}

impl TypedPassword {
    /// Everything that speaks against it, whether or not it was to be typed twice.
    pub(crate) fn problems<Data: AsRef<str>>(
        &self,
        rule: &PasswordRule,
        asks: &[PasswordProof],
        own_data: &[Data],
    ) -> Vec<PasswordChangeProblem> {
        let differs = asks.contains(&PasswordProof::Confirmation) && self.new.expose() != self.confirmation.expose();
        let refused = rule.check(&self.new, own_data).err().unwrap_or_default();
        let differs = differs.then_some(PasswordChangeProblem::ConfirmationDiffers);
        differs.into_iter().chain(refused.into_iter().map(PasswordChangeProblem::Refused)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;

    fn problems(new: &str, confirmation: &str, asks: &[PasswordProof]) -> Vec<PasswordChangeProblem> {
        let typed = TypedPassword { new: Password::new(new), confirmation: Password::new(confirmation) };
        typed.problems(&Policy::any().password, asks, &["anna@example.com"])
    }

    /// Rule I11: a confirmation is compared where it is asked for, as passwords are compared, and everything is said at once.
    #[test]
    fn a_confirmation_counts_where_it_is_asked_for() {
        let both = [PasswordProof::Current, PasswordProof::Confirmation];
        assert_eq!(problems("correct horse battery", "correct horse", &[PasswordProof::Current]), []);
        assert_eq!(problems("correct horse battery", "correct horse", &both), [PasswordChangeProblem::ConfirmationDiffers]);
        assert_eq!(problems("ﬁne horse battery", "fine horse battery", &both), [], "NFKC");
        let all = [PasswordChangeProblem::ConfirmationDiffers, PasswordChangeProblem::Refused(PasswordRefused::TooShort)];
        assert_eq!(problems("f8Kq", "f8Kz", &both), all);
    }
}
