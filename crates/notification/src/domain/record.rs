//! What the ledger says of a delivery, and why there may be nothing to say.

use std::str::FromStr;

use jiff::SignedDuration;
use kernel::{DeliveryId, Timestamp, UserId};

use super::{Channel, Kind, ObjectId, Preference, Preferences};

/// How long a delivery is remembered: a season of letters, for whoever asks what he was told.
pub(crate) const LEDGER_DAYS: i32 = 90;

/// How far back the ledger goes.
pub(crate) fn kept_since(now: Timestamp) -> Timestamp {
    let memory = SignedDuration::from_hours(24 * i64::from(LEDGER_DAYS));
    now.saturating_sub(memory).expect("a duration of whole seconds can be taken from a moment")
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryState {
    Pending,
    Sent,
    Failed,
    Suppressed,
    Uncertain,
    Expired,
}

impl DeliveryState {
    const ALL: [Self; 6] = [Self::Pending, Self::Sent, Self::Failed, Self::Suppressed, Self::Uncertain, Self::Expired];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Sent => "SENT",
            Self::Failed => "FAILED",
            Self::Suppressed => "SUPPRESSED",
            Self::Uncertain => "UNCERTAIN",
            Self::Expired => "EXPIRED",
        }
    }
}

impl FromStr for DeliveryState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(())
    }
}

/// A delivery as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeliveryRecord {
    pub(crate) delivery_id: DeliveryId,
    pub(crate) user_id: UserId,
    pub(crate) kind: Kind,
    pub(crate) channel: Channel,
    pub(crate) state: DeliveryState,
    pub(crate) reason: Option<String>,
    pub(crate) object_id: ObjectId,
    pub(crate) attempt: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) settled_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) receipt: Option<String>,
}

/// A change of a case, as case-monitoring remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseChange {
    /// What its requester is told of it; none if nobody is.
    pub(crate) kind: Option<Kind>,
    pub(crate) at: Timestamp,
    pub(crate) requesters: Vec<UserId>,
}

/// A person's ticks from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TicksSince {
    pub(crate) changed_at: Timestamp,
    pub(crate) preferences: Preferences,
}

/// Why somebody was told of a change, or was not (N12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Recorded(DeliveryRecord),
    NotConcerned,
    NobodyTold,
    NotTicked,
    UnderWay,
    Forgotten,
}

/// What follows for somebody of whom nothing is recorded. `history` is his ticks, the oldest first; `kept_since` is how far
/// back the ledger goes.
pub(crate) fn derived(
    change: &CaseChange,
    user_id: UserId,
    channel: Channel,
    history: &[TicksSince],
    kept_since: Timestamp,
) -> Verdict {
    if !change.requesters.contains(&user_id) {
        return Verdict::NotConcerned;
    }
    let Some(preference) = change.kind.and_then(|kind| kind.preference(channel)) else { return Verdict::NobodyTold };
    // Neither records nor ticks go further back.
    if change.at < kept_since {
        return Verdict::Forgotten;
    }
    if was_ticked_ever_since(preference, change.at, history) { Verdict::UnderWay } else { Verdict::NotTicked }
}

/// Ticked at that moment, and not taken back since: it may not have been planned before that.
fn was_ticked_ever_since(preference: Preference, at: Timestamp, history: &[TicksSince]) -> bool {
    let later = history.partition_point(|ticks| ticks.changed_at <= at);
    // Every tick is off until it is set.
    later > 0 && history[later - 1..].iter().all(|ticks| ticks.preferences.is_ticked(preference))
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use uuid::Uuid;

    use super::*;

    fn moment(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + hour.hours()
    }

    fn anna() -> UserId {
        UserId::from_uuid(Uuid::from_u128(1))
    }

    fn ticks(hour: i64, email: bool) -> TicksSince {
        let preferences = Preferences { status_change_email: email, ..Preferences::none(anna()) };
        TicksSince { changed_at: moment(hour), preferences }
    }

    fn explained(at: i64, history: &[TicksSince]) -> Verdict {
        let change = CaseChange { kind: Some(Kind::StatusChange), at: moment(at), requesters: vec![anna()] };
        derived(&change, anna(), Channel::Email, history, moment(0))
    }

    /// Rule N12.b: the ticks that count are those of that moment, not those of today.
    #[test]
    fn ticks_count_as_they_stood_then() {
        let on_from_two_to_four = [ticks(2, true), ticks(4, false)];
        assert_eq!(explained(1, &on_from_two_to_four), Verdict::NotTicked, "not yet");
        assert_eq!(explained(1, &[]), Verdict::NotTicked, "off until set");
        assert_eq!(explained(1, &[ticks(0, false), ticks(2, true)]), Verdict::NotTicked, "on since");
        assert_eq!(explained(2, &on_from_two_to_four[..1]), Verdict::UnderWay);
        assert_eq!(explained(3, &on_from_two_to_four), Verdict::NotTicked, "taken back before it was planned");
        assert_eq!(explained(5, &[ticks(2, true), ticks(4, false), ticks(5, true)]), Verdict::UnderWay);
    }

    /// Rule N12.b: whom it did not concern is told nothing, whatever he ticked; nor is anybody told that a case was created.
    #[test]
    fn concern_comes_before_ticks() {
        let ticked = [ticks(0, true)];
        let of_bela = CaseChange { kind: Some(Kind::StatusChange), at: moment(1), requesters: vec![] };
        assert_eq!(derived(&of_bela, anna(), Channel::Email, &ticked, moment(0)), Verdict::NotConcerned);
        let created = CaseChange { kind: None, at: moment(1), requesters: vec![anna()] };
        assert_eq!(derived(&created, anna(), Channel::Email, &ticked, moment(0)), Verdict::NobodyTold);
        let sms = CaseChange { kind: Some(Kind::StatusChange), ..created };
        assert_eq!(derived(&sms, anna(), Channel::Sms, &ticked, moment(0)), Verdict::NotTicked);
        assert_eq!(derived(&sms, anna(), Channel::Email, &ticked, moment(2)), Verdict::Forgotten);
        assert_eq!(derived(&sms, anna(), Channel::Email, &[ticks(1, false)], moment(2)), Verdict::Forgotten, "nobody can say");
    }
}
