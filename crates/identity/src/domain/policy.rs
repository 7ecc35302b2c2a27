//! What a realm decides for itself. Copied from its preset when the realm is opened: a later release never changes it.

use std::time::Duration;

use kernel::NameRule;

use super::{
    Contact, ContactChanger, PasswordChangeRule, PasswordRule, PhoneRule, RegistrationRule, SecondFactorRule, SignOnRule,
    SocialSignIn, UserDeleter, UserStatus,
};

const DAY: Duration = Duration::from_hours(24);
/// The shortest password that any product here has asked for.
const LEAST_MIN_LENGTH: usize = 6;
/// NIST SP 800-63B §5.1.1.2: at least this long is permitted.
const LEAST_MAX_LENGTH: usize = 64;
/// What hashing is asked to take.
const MOST_MAX_LENGTH: usize = 256;
/// Whoever signed in longer ago has left his desk.
const LONGEST_REAUTHENTICATION_AGE: Duration = DAY;

/// A realm's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Contacts without which nobody is added (I16).
    pub(crate) required_contacts: Vec<Contact>,
    /// What users sign in by.
    pub(crate) sign_in_by: Vec<Contact>,
    pub(crate) phones: PhoneRule,
    pub(crate) password: PasswordRule,
    pub(crate) sessions: SessionLifetimes,
    pub(crate) starting_status: StartingStatus,
    pub(crate) password_change: PasswordChangeRule,
    pub(crate) names: NameRule,
    pub(crate) contact_changes: ContactChanger,
    pub(crate) deletion: UserDeleter,
    pub(crate) registration: RegistrationRule,
    pub(crate) second_factor: SecondFactorRule,
    pub(crate) sign_on: SignOnRule,
    pub(crate) social_sign_in: SocialSignIn,
}

/// Which status new users have (I5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartingStatus {
    Active,
    /// As whoever adds them says.
    Chosen,
}

impl StartingStatus {
    pub(crate) fn allows(self, status: UserStatus) -> bool {
        self == Self::Chosen || status == UserStatus::Active
    }
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionLifetimes {
    /// Without being refreshed.
    pub(crate) idle: Duration,
    /// However often it is refreshed.
    pub(crate) longest: Duration,
}

impl SessionLifetimes {
    /// Lifetimes of whole days, as policies are written.
    pub(crate) const fn of_days(idle: u32, longest: u32) -> Self {
        Self { idle: DAY.saturating_mul(idle), longest: DAY.saturating_mul(longest) }
    }

    pub(crate) const fn idle_days(&self) -> u64 {
        self.idle.as_secs() / DAY.as_secs()
    }

    pub(crate) const fn longest_days(&self) -> u64 {
        self.longest.as_secs() / DAY.as_secs()
    }
}

/// One part of a policy, as it is to be.
#[derive(Debug, Clone)]
pub(crate) enum PolicyChange {
    RequiredContacts(Vec<Contact>),
    SignInBy(Vec<Contact>),
    Phones(PhoneRule),
    Password(PasswordRule),
    Sessions(SessionLifetimes),
    StartingStatus(StartingStatus),
    PasswordChange(PasswordChangeRule),
    Names(NameRule),
    ContactChanges(ContactChanger),
    Deletion(UserDeleter),
    Registration(RegistrationRule),
    SecondFactor(SecondFactorRule),
    SignOn(SignOnRule),
    SocialSignIn(SocialSignIn),
}

impl PolicyChange {
    /// As masks name the part.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::RequiredContacts(_) => "required_contacts",
            Self::SignInBy(_) => "sign_in_by",
            Self::Phones(_) => "phones",
            Self::Password(_) => "password",
            Self::Sessions(_) => "sessions",
            Self::StartingStatus(_) => "starting_status",
            Self::PasswordChange(_) => "password_change",
            Self::Names(_) => "names",
            Self::ContactChanges(_) => "contact_changes",
            Self::Deletion(_) => "deletion",
            Self::Registration(_) => "registration",
            Self::SecondFactor(_) => "second_factor",
            Self::SignOn(_) => "sign_on",
            Self::SocialSignIn(_) => "social_sign_in",
        }
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPolicy {
    #[error("users sign in by at least one contact")]
    NoSignIn,
    #[error("everybody needs one of the contacts that users sign in by")]
    SignInNotRequired,
    #[error("the shortest password has at least {LEAST_MIN_LENGTH} characters, and is no longer than the longest")]
    MinLength,
    #[error("the longest password has {LEAST_MAX_LENGTH} to {MOST_MAX_LENGTH} characters")]
    MaxLength,
    #[error("a session may be idle for 1 to 365 days, and lasts at least as long")]
    Idle,
    #[error("a session lasts 1 to 365 days")]
    Longest,
    #[error("whoever changes his password has signed in at most 1440 minutes ago; 0 if it does not matter")]
    ReauthenticationAge,
    #[error("whoever registers comes to an ordinary company of the realm")]
    RegistrationCompany,
}

impl InvalidPolicy {
    /// The field of the contract that is wrong.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::NoSignIn | Self::SignInNotRequired => "policy.sign_in_by",
            Self::MinLength => "policy.password.min_length",
            Self::MaxLength => "policy.password.max_length",
            Self::Idle => "policy.sessions.idle_days",
            Self::Longest => "policy.sessions.longest_days",
            Self::ReauthenticationAge => "policy.password_change.reauthentication_minutes",
            Self::RegistrationCompany => "policy.registration.company_id",
        }
    }
}

impl Policy {
    /// The policy with these changes, or everything that is wrong with it then.
    pub(crate) fn changed(&self, changes: &[PolicyChange]) -> Result<Self, Vec<InvalidPolicy>> {
        let mut policy = self.clone();
        for change in changes.iter().cloned() {
            match change {
                PolicyChange::RequiredContacts(contacts) => policy.required_contacts = contacts,
                PolicyChange::SignInBy(contacts) => policy.sign_in_by = contacts,
                PolicyChange::Phones(rule) => policy.phones = rule,
                PolicyChange::Password(rule) => policy.password = rule,
                PolicyChange::Sessions(lifetimes) => policy.sessions = lifetimes,
                PolicyChange::StartingStatus(status) => policy.starting_status = status,
                PolicyChange::PasswordChange(rule) => policy.password_change = rule,
                PolicyChange::Names(rule) => policy.names = rule,
                PolicyChange::ContactChanges(changer) => policy.contact_changes = changer,
                PolicyChange::Deletion(deleter) => policy.deletion = deleter,
                PolicyChange::Registration(rule) => policy.registration = rule,
                PolicyChange::SecondFactor(rule) => policy.second_factor = rule,
                PolicyChange::SignOn(rule) => policy.sign_on = rule,
                PolicyChange::SocialSignIn(social_sign_in) => policy.social_sign_in = social_sign_in,
            }
        }
        policy.checked()
    }

    /// The policy, or everything that is wrong with it.
    pub(crate) fn checked(self) -> Result<Self, Vec<InvalidPolicy>> {
        let (password, sessions) = (self.password, self.sessions);
        let lasts = DAY..=DAY * 365;
        let reauthentication_age = self.password_change.reauthentication_age;
        let everybody_signs_in = self.sign_in_by.iter().any(|contact| self.required_contacts.contains(contact));
        let problems = [
            self.sign_in_by.is_empty().then_some(InvalidPolicy::NoSignIn),
            (!self.sign_in_by.is_empty() && !everybody_signs_in).then_some(InvalidPolicy::SignInNotRequired),
            (!(LEAST_MIN_LENGTH..=password.max_length).contains(&password.min_length)).then_some(InvalidPolicy::MinLength),
            (!(LEAST_MAX_LENGTH..=MOST_MAX_LENGTH).contains(&password.max_length)).then_some(InvalidPolicy::MaxLength),
            (!lasts.contains(&sessions.idle) || sessions.idle > sessions.longest).then_some(InvalidPolicy::Idle),
            (!lasts.contains(&sessions.longest)).then_some(InvalidPolicy::Longest),
            reauthentication_age.filter(|age| *age > LONGEST_REAUTHENTICATION_AGE).map(|_| InvalidPolicy::ReauthenticationAge),
        ];
        let problems: Vec<_> = problems.into_iter().flatten().collect();
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{NameForm, NameLetters, NameNeed};

    use super::super::{Characters, Guessable, OwnerSetsPasswords, PasswordProof};
    use super::*;

    impl Policy {
        /// For tests that are about one part of it.
        pub(crate) fn any() -> Self {
            policy()
        }
    }

    fn policy() -> Policy {
        Policy {
            required_contacts: vec![Contact::Email],
            sign_in_by: vec![Contact::Email],
            phones: PhoneRule::International,
            password: PasswordRule { min_length: 8, max_length: 128, characters: Characters::Any, guessable: Guessable::Refused },
            sessions: SessionLifetimes::of_days(14, 90),
            starting_status: StartingStatus::Active,
            password_change: PasswordChangeRule {
                asks: vec![PasswordProof::Current],
                reauthentication_age: Some(Duration::from_mins(5)),
                by_owner: OwnerSetsPasswords::Refused,
            },
            names: NameRule { form: NameForm::Full, letters: NameLetters::Any, need: NameNeed::Optional },
            contact_changes: ContactChanger::User,
            deletion: UserDeleter::Owner,
            registration: RegistrationRule::CLOSED,
            second_factor: SecondFactorRule::default(),
            sign_on: SignOnRule::default(),
            social_sign_in: SocialSignIn::Closed,
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let both = vec![Contact::Phone, Contact::Email];
        let changed = policy().changed(&[PolicyChange::SignInBy(both.clone())]);
        assert_eq!(changed, Ok(Policy { sign_in_by: both, ..policy() }));
        assert_eq!(policy().changed(&[]), Ok(policy()));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let password = PasswordRule { min_length: 5, max_length: 63, ..policy().password };
        let sessions = SessionLifetimes::of_days(366, 0);
        let wrong = [PolicyChange::SignInBy(vec![]), PolicyChange::Password(password), PolicyChange::Sessions(sessions)];
        let all = [
            InvalidPolicy::NoSignIn,
            InvalidPolicy::MinLength,
            InvalidPolicy::MaxLength,
            InvalidPolicy::Idle,
            InvalidPolicy::Longest,
        ];
        assert_eq!(policy().changed(&wrong), Err(all.to_vec()));
    }

    #[test]
    fn nobody_is_added_who_could_not_sign_in() {
        let by_phone = policy().changed(&[PolicyChange::SignInBy(vec![Contact::Phone])]);
        assert_eq!(by_phone, Err(vec![InvalidPolicy::SignInNotRequired]), "users need an address and no number");
        assert_eq!(policy().changed(&[PolicyChange::RequiredContacts(vec![])]), Err(vec![InvalidPolicy::SignInNotRequired]));
    }

    #[test]
    fn the_shorter_is_not_longer_than_the_longer() {
        let password = PasswordRule { min_length: 129, ..policy().password };
        assert_eq!(policy().changed(&[PolicyChange::Password(password)]), Err(vec![InvalidPolicy::MinLength]));
        let sessions = SessionLifetimes::of_days(3, 2);
        assert_eq!(policy().changed(&[PolicyChange::Sessions(sessions)]), Err(vec![InvalidPolicy::Idle]));
    }
}
