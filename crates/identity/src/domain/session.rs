//! A session: a family of refresh tokens, each good for one use (I24).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use kernel::{CompanyId, RealmId, Role, SessionId, Timestamp, UserId};

use super::{Policy, SessionLifetimes};

/// How long the token before the present one gives the same answer again: its client may not have heard the first one.
const GRACE: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);
/// How long a session goes on that a letter has opened.
const AUTOLOGIN_LONGEST: Duration = Duration::from_hours(24);

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) realm_id: RealmId,
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) name: String,
    pub(crate) client_address: Option<String>,
    pub(crate) client_agent: Option<String>,
    /// Which refresh token of the family is the present one, counted from 1.
    pub(crate) generation: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) refreshed_at: Timestamp,
    /// When it ends unless it is refreshed before.
    pub(crate) expires_at: Timestamp,
    /// When its user last showed that he is who he says.
    pub(crate) authenticated_at: Timestamp,
    /// By what he did when it began, or since.
    pub(crate) proof: Proof,
}

/// How somebody has shown who he is: what he came with, and what else he was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) first: FirstFactor,
    pub(crate) second: Option<SecondFactorKind>,
}

/// What somebody comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstFactor {
    Password,
    /// An account of his elsewhere (I18).
    Provider,
    /// The word of his realm's own service (I20).
    SignOn,
    /// The link of a letter about a case (I19).
    Autologin,
}

/// What somebody is asked for beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecondFactorKind {
    /// A code of his device, or a recovery code.
    Code,
    Passkey,
}

/// Between the two in the name of a proof.
const AND: &str = "_AND_";

impl Proof {
    pub(crate) const PASSWORD: Self = Self::by(FirstFactor::Password);

    pub(crate) const fn by(first: FirstFactor) -> Self {
        Self { first, second: None }
    }

    /// As access tokens say it (RFC 8176; `fed`, for what somebody else has looked at, and `link`, for the link of a letter, are of no registry).
    pub(crate) fn methods(self) -> Vec<&'static str> {
        let first = match self.first {
            FirstFactor::Password => "pwd",
            FirstFactor::Provider | FirstFactor::SignOn => "fed",
            FirstFactor::Autologin => "link",
        };
        let second = self.second.map(|second| match second {
            SecondFactorKind::Code => "otp",
            SecondFactorKind::Passkey => "hwk",
        });
        [first].into_iter().chain(second).collect()
    }

    /// How long a session goes on that began by it: what a letter opens is for today.
    pub(crate) fn lifetimes(self, policy: &Policy) -> SessionLifetimes {
        let SessionLifetimes { idle, longest } = policy.sessions;
        match self.first {
            FirstFactor::Autologin => SessionLifetimes { idle, longest: longest.min(AUTOLOGIN_LONGEST) },
            FirstFactor::Password | FirstFactor::Provider | FirstFactor::SignOn => policy.sessions,
        }
    }

    /// Whether that goes on being enough for somebody of this role.
    pub(crate) fn is_enough(self, policy: &Policy, role: Role) -> bool {
        let has_second = self.second.is_some() || !policy.second_factor.required_of.contains(&role);
        has_second && policy.sign_on.admits(role, self.first)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.first.as_str())?;
        self.second.map_or(Ok(()), |second| write!(f, "{AND}{}", second.as_str()))
    }
}

impl FromStr for Proof {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (first, second) = text.split_once(AND).map_or((text, None), |(first, second)| (first, Some(second)));
        Ok(Self { first: first.parse()?, second: second.map(str::parse).transpose()? })
    }
}

impl FirstFactor {
    const ALL: [Self; 4] = [Self::Password, Self::Provider, Self::SignOn, Self::Autologin];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::Provider => "PROVIDER",
            Self::SignOn => "SIGN_ON",
            Self::Autologin => "AUTOLOGIN",
        }
    }
}

impl FromStr for FirstFactor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|first| first.as_str() == text).ok_or(())
    }
}

impl SecondFactorKind {
    pub(crate) const ALL: [Self; 2] = [Self::Code, Self::Passkey];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "CODE",
            Self::Passkey => "PASSKEY",
        }
    }
}

impl FromStr for SecondFactorKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|second| second.as_str() == text).ok_or(())
    }
}

/// What becomes of a refresh token that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// The next one takes its place.
    Rotate,
    /// The next one was given out a moment ago: it is given again.
    Repeat,
    /// It was used before: two have it.
    Reuse,
    /// The session ended by itself.
    Over,
}

impl Session {
    /// Lifetimes that were shortened since it was refreshed hold for it, too.
    pub(crate) fn obey(&mut self, policy: &Policy) {
        self.expires_at = self.expires_at.min(self.proof.lifetimes(policy).end(self.created_at, self.refreshed_at));
    }

    /// True if its user showed no longer ago than this that he is who he says; it does not matter if there is no age.
    pub(crate) fn is_authenticated(&self, age: Option<Duration>, now: Timestamp) -> bool {
        age.is_none_or(|age| now.duration_since(self.authenticated_at).unsigned_abs() <= age)
    }

    /// Whether this token of the family may be used now.
    pub(crate) fn refresh(&self, shown_generation: i64, now: Timestamp) -> Refresh {
        if now >= self.expires_at {
            Refresh::Over
        } else if shown_generation == self.generation {
            Refresh::Rotate
        } else if shown_generation + 1 == self.generation && now.duration_since(self.refreshed_at) < GRACE {
            Refresh::Repeat
        } else {
            Refresh::Reuse
        }
    }
}

impl SessionLifetimes {
    /// When a session ends that began and was last refreshed at these moments.
    pub(crate) fn end(&self, created_at: Timestamp, refreshed_at: Timestamp) -> Timestamp {
        let after = |from: Timestamp, duration| from.saturating_add(duration).expect("whole seconds can be added to a moment");
        after(refreshed_at, self.idle).min(after(created_at, self.longest))
    }
}

/// What an access token says of a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionUser {
    pub(crate) company_id: CompanyId,
    pub(crate) role: Role,
    pub(crate) access_generation: i64,
    pub(crate) version: i64,
    pub(crate) is_active: bool,
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kernel::Id;
    use uuid::Uuid;

    use super::super::{SecondFactorRule, SignOnRule};
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn session() -> Session {
        Session {
            realm_id: Id::from_uuid(Uuid::from_u128(1)),
            id: Id::from_uuid(Uuid::from_u128(2)),
            user_id: Id::from_uuid(Uuid::from_u128(3)),
            name: String::new(),
            client_address: None,
            client_agent: None,
            generation: 5,
            created_at: START,
            refreshed_at: START,
            expires_at: START + SignedDuration::from_hours(1),
            authenticated_at: START,
            proof: Proof::PASSWORD,
        }
    }

    /// Rule I19.c: what a letter has opened ends a day after it began, however late it was refreshed, and sooner where all sessions do.
    #[test]
    fn what_a_letter_opens_is_for_a_day() {
        let at = |hours| START + SignedDuration::from_hours(hours);
        let policy = |longest| {
            let sessions = SessionLifetimes { idle: Duration::from_hours(20), longest: Duration::from_hours(longest) };
            Policy { sessions, ..Policy::any() }
        };
        let end = |first, longest| Proof::by(first).lifetimes(&policy(longest)).end(at(0), at(10));
        assert_eq!(end(FirstFactor::Autologin, 100), at(24));
        assert_eq!(end(FirstFactor::Password, 100), at(30));
        assert_eq!(end(FirstFactor::Autologin, 5), at(5));
    }

    /// Rule I11: a sign-in is recent for as long as the policy says, to the microsecond.
    #[test]
    fn a_sign_in_is_recent_for_a_while() {
        let session = session();
        let age = Some(Duration::from_mins(5));
        let end = START + SignedDuration::from_mins(5);
        assert!(session.is_authenticated(age, end));
        assert!(!session.is_authenticated(age, end + SignedDuration::from_micros(1)));
        assert!(session.is_authenticated(None, START + SignedDuration::from_hours(999)), "where it does not matter");
    }

    /// Rule I24.c: the token before the present one repeats its answer for ten seconds; after that, and any older one at
    /// once, it is a second use.
    #[test]
    fn a_token_is_good_once_and_repeats_for_ten_seconds() {
        let session = session();
        let at = |milliseconds| START + SignedDuration::from_millis(milliseconds);
        assert_eq!(session.refresh(5, at(0)), Refresh::Rotate);
        assert_eq!(session.refresh(4, at(9_999)), Refresh::Repeat);
        assert_eq!(session.refresh(4, at(10_000)), Refresh::Reuse);
        assert_eq!(session.refresh(3, at(0)), Refresh::Reuse);
        assert_eq!(session.refresh(6, at(0)), Refresh::Reuse);
        assert_eq!(session.refresh(5, at(3_600_000)), Refresh::Over);
    }

    /// Rule I25.a: a session that began by a password alone does not go on where more is required of the role.
    #[test]
    fn a_password_alone_is_enough_where_no_more_is_required() {
        let policy = Policy { second_factor: SecondFactorRule { required_of: vec![Role::Owner] }, ..Policy::any() };
        assert!(Proof::PASSWORD.is_enough(&policy, Role::Customer));
        assert!(!Proof::PASSWORD.is_enough(&policy, Role::Owner));
        assert!(!Proof::by(FirstFactor::Provider).is_enough(&policy, Role::Owner), "however well somebody else has looked");
        assert!(Proof { second: Some(SecondFactorKind::Code), ..Proof::PASSWORD }.is_enough(&policy, Role::Owner));
    }

    /// Rule I20.c: a session that began by a password does not go on where the realm's own service is to be asked.
    #[test]
    fn a_password_is_not_enough_where_the_realm_is_asked() {
        let policy = Policy { sign_on: SignOnRule { required_of: vec![Role::Customer] }, ..Policy::any() };
        assert!(!Proof::PASSWORD.is_enough(&policy, Role::Customer));
        assert!(Proof::by(FirstFactor::SignOn).is_enough(&policy, Role::Customer));
        assert!(Proof::PASSWORD.is_enough(&policy, Role::Owner));
    }

    #[test]
    fn a_proof_is_kept_by_its_name() {
        for (proof, name, methods) in [
            (Proof::PASSWORD, "PASSWORD", vec!["pwd"]),
            (Proof { second: Some(SecondFactorKind::Code), ..Proof::PASSWORD }, "PASSWORD_AND_CODE", vec!["pwd", "otp"]),
            (Proof::by(FirstFactor::SignOn), "SIGN_ON", vec!["fed"]),
            (
                Proof { first: FirstFactor::Provider, second: Some(SecondFactorKind::Passkey) },
                "PROVIDER_AND_PASSKEY",
                vec!["fed", "hwk"],
            ),
        ] {
            assert_eq!(proof.to_string(), name);
            assert_eq!(name.parse(), Ok(proof));
            assert_eq!(proof.methods(), methods);
        }
        for unknown in ["", "PASSWORD_AND_", "PASSWORD_AND_CODE_AND_CODE", "CODE"] {
            assert_eq!(unknown.parse::<Proof>(), Err(()), "{unknown}");
        }
    }

    #[test]
    fn a_session_ends_by_whichever_comes_first() {
        let lifetimes = SessionLifetimes { idle: Duration::from_hours(2), longest: Duration::from_hours(5) };
        let at = |hours| START + SignedDuration::from_hours(hours);
        assert_eq!(lifetimes.end(at(0), at(1)), at(3));
        assert_eq!(lifetimes.end(at(0), at(4)), at(5));
    }
}
