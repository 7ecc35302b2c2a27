//! A second factor beside the password: codes that a device of the user computes (RFC 6238), passkeys, and recovery codes for when all of
//! that is lost (I25).

use std::time::Duration;

use kernel::{RealmId, Role, SecondFactorId, Secret, Timestamp, UserId};

use super::{FirstFactor, SecondFactorKind};

/// How many codes somebody has for when his device is lost.
pub(crate) const RECOVERY_CODES: usize = 10;
/// Of so many letters and digits they are made; what stands between them does not count.
const RECOVERY_CODE: usize = 10;
/// How long somebody takes to let his device have the secret.
const ENROLMENT: Duration = Duration::from_hours(1);
/// How long somebody who has shown his password takes to show a code.
const SIGN_IN: Duration = Duration::from_mins(5);

/// Who signs in with a second factor, whether or not he wants one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SecondFactorRule {
    pub(crate) required_of: Vec<Role>,
}

/// The one-time codes of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SecondFactor {
    pub(crate) realm_id: RealmId,
    pub(crate) user_id: UserId,
    /// What its secret is computed from: another one is another secret.
    pub(crate) id: SecondFactorId,
    pub(crate) state: SecondFactorState,
    /// The step of the last code that was taken: older ones, and itself, are none any more (RFC 6238 §5.2).
    pub(crate) last_step: i64,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecondFactorState {
    /// His device may have the secret by now; nothing is asked for yet.
    Begun,
    /// He has shown a code: from then on it is asked for.
    On,
}

impl SecondFactor {
    pub(crate) const fn new(realm_id: RealmId, user_id: UserId, id: SecondFactorId, now: Timestamp) -> Self {
        Self { realm_id, user_id, id, state: SecondFactorState::Begun, last_step: 0, created_at: now }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.state == SecondFactorState::On
    }

    /// Whether a first code may be shown still.
    pub(crate) fn can_be_confirmed(&self, now: Timestamp) -> bool {
        !self.is_on() && now < end(self.created_at, ENROLMENT)
    }

    /// Whether the code of this step was never taken.
    pub(crate) const fn is_new(&self, step: i64) -> bool {
        step > self.last_step
    }
}

/// What a user has beside his password that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HeldFactors {
    pub(crate) codes: Option<SecondFactorId>,
    pub(crate) passkeys: Vec<SecondFactorId>,
}

impl HeldFactors {
    pub(crate) fn is_none(&self) -> bool {
        self.any().is_none()
    }

    /// What a device is known by on which he has used a recovery code, which is of all of them.
    pub(crate) fn any(&self) -> Option<SecondFactorId> {
        self.codes.or_else(|| self.passkeys.first().copied())
    }

    pub(crate) fn has(&self, id: SecondFactorId) -> bool {
        self.codes == Some(id) || self.passkeys.contains(&id)
    }

    /// Whether it is all that he has.
    pub(crate) fn is_only(&self, passkey_id: SecondFactorId) -> bool {
        self.codes.is_none() && self.passkeys == [passkey_id]
    }

    pub(crate) fn kinds(&self) -> Vec<SecondFactorKind> {
        let codes = self.codes.map(|_| SecondFactorKind::Code);
        let passkeys = self.passkeys.first().map(|_| SecondFactorKind::Passkey);
        codes.into_iter().chain(passkeys).collect()
    }
}

/// What is asked of somebody who has shown his password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecondFactorWanted {
    /// To show one of these.
    Factor(Vec<SecondFactorKind>),
    /// To get one: his role wants it.
    Enrolment,
}

impl SecondFactorWanted {
    /// Nothing where the password alone signs in.
    pub(crate) fn of(rule: &SecondFactorRule, role: Role, held: &HeldFactors) -> Option<Self> {
        if !held.is_none() {
            return Some(Self::Factor(held.kinds()));
        }
        rule.required_of.contains(&role).then_some(Self::Enrolment)
    }
}

/// Somebody who has shown what he came with, and nothing else yet: what he holds proves just that, to the call that asks for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HalfSignedIn {
    pub(crate) realm_id: RealmId,
    pub(crate) user_id: UserId,
    /// It is void once his standing is another.
    pub(crate) access_generation: i64,
    pub(crate) shown_at: Timestamp,
    /// What he came with.
    pub(crate) first: FirstFactor,
    /// Since when he has been known by that: with another password it is void.
    pub(crate) known_since: Timestamp,
}

impl HalfSignedIn {
    pub(crate) fn expires_at(&self) -> Timestamp {
        end(self.shown_at, SIGN_IN)
    }

    pub(crate) fn is_open_at(&self, now: Timestamp) -> bool {
        now < self.expires_at()
    }
}

/// What somebody has typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TypedCode {
    /// Six digits.
    OfDevice(Secret<String>),
    /// As it is compared: without what stands between its letters, and without case.
    Recovery(Secret<String>),
}

impl TypedCode {
    /// None if it is neither.
    pub(crate) fn read(typed: &str) -> Option<Self> {
        let code: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
        if code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()) {
            return Some(Self::OfDevice(Secret::new(code)));
        }
        (code.len() == RECOVERY_CODE).then(|| Self::Recovery(Secret::new(code.to_lowercase())))
    }
}

/// What became of somebody's second factor, as he is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecondFactorChange {
    On,
    Off,
    /// Taken away by somebody else.
    Reset,
    /// He has other recovery codes.
    RecoveryCodes,
    PasskeyAdded,
    /// One of several factors.
    PasskeyDeleted,
    /// A passkey was refused whose counter does not go on.
    PasskeyCopied,
}

fn end(from: Timestamp, lifetime: Duration) -> Timestamp {
    from.saturating_add(lifetime).expect("whole minutes can be added to a moment")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kernel::Id;
    use uuid::Uuid;

    use super::*;

    fn factor(state: SecondFactorState) -> SecondFactor {
        let id = Uuid::from_u128;
        let new = SecondFactor::new(Id::from_uuid(id(1)), Id::from_uuid(id(2)), Id::from_uuid(id(3)), Timestamp::UNIX_EPOCH);
        SecondFactor { state, last_step: 7, ..new }
    }

    /// Rules I25.a, I25.b: whatever is on is asked for; of whom one is required who has none, he is asked to get one.
    #[test]
    fn what_is_asked_for_follows_from_the_factors_and_the_role() {
        let rule = SecondFactorRule { required_of: vec![Role::Owner] };
        let id = |number| Id::from_uuid(Uuid::from_u128(number));
        let codes = HeldFactors { codes: Some(id(3)), passkeys: vec![] };
        let passkeys = HeldFactors { codes: None, passkeys: vec![id(4), id(5)] };
        let both = HeldFactors { codes: Some(id(3)), ..passkeys.clone() };
        let asked = |role, held| SecondFactorWanted::of(&rule, role, held);
        for (held, kinds) in [
            (&codes, vec![SecondFactorKind::Code]),
            (&passkeys, vec![SecondFactorKind::Passkey]),
            (&both, vec![SecondFactorKind::Code, SecondFactorKind::Passkey]),
        ] {
            assert_eq!(asked(Role::Customer, held), Some(SecondFactorWanted::Factor(kinds.clone())));
            assert_eq!(asked(Role::Owner, held), Some(SecondFactorWanted::Factor(kinds)));
        }
        let nothing = HeldFactors::default();
        assert_eq!((asked(Role::Owner, &nothing), asked(Role::Admin, &nothing)), (Some(SecondFactorWanted::Enrolment), None));
    }

    #[test]
    fn one_of_several_factors_is_not_the_only_one() {
        let id = |number| Id::from_uuid(Uuid::from_u128(number));
        let one = HeldFactors { codes: None, passkeys: vec![id(4)] };
        assert!(one.is_only(id(4)) && !one.is_only(id(5)));
        assert!(!HeldFactors { codes: Some(id(3)), ..one.clone() }.is_only(id(4)));
        assert!(!HeldFactors { passkeys: vec![id(4), id(5)], ..one }.is_only(id(4)));
    }

    /// Rule I25.a: a code is good once, and none that is older than one that was taken.
    #[test]
    fn a_code_is_good_once() {
        let factor = factor(SecondFactorState::On);
        assert_eq!([6, 7, 8].map(|step| factor.is_new(step)), [false, false, true]);
    }

    #[test]
    fn what_was_begun_ends() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let begun = factor(SecondFactorState::Begun);
        assert!(begun.can_be_confirmed(at(59)) && !begun.can_be_confirmed(at(60)));
        assert!(!factor(SecondFactorState::On).can_be_confirmed(at(0)));
        let half = HalfSignedIn {
            realm_id: begun.realm_id,
            user_id: begun.user_id,
            access_generation: 1,
            shown_at: at(0),
            first: FirstFactor::Password,
            known_since: at(0),
        };
        assert!(half.is_open_at(at(4)) && !half.is_open_at(at(5)));
    }

    #[test]
    fn codes_are_told_apart_however_they_are_typed() {
        let secret = |text: &str| Secret::new(text.to_owned());
        assert_eq!(TypedCode::read(" 042 137"), Some(TypedCode::OfDevice(secret("042137"))));
        assert_eq!(TypedCode::read("ABCDE-fghjk"), Some(TypedCode::Recovery(secret("abcdefghjk"))));
        for neither in ["", "04213", "0421378", "abcde-fghj", "абвгд-еёжзи"] {
            assert_eq!(TypedCode::read(neither), None, "{neither}");
        }
    }
}
