//! Holds what came against what was to come, and the kills against what they were to show.

use std::collections::{BTreeSet, HashMap};

use jiff::SignedDuration;

use super::letters::{Path, Repeat};
use super::plan::Showing;
use super::report::Kill;
use super::victim::Victim;
use crate::Told;

/// What a kill of a dispatcher may repeat, as the README says: letters being sent at the same time (`smtp.connections`), and results
/// not yet written. There is no security mail here.
const MOST_REPEATED: usize = 8 + 256;
/// A letter that was at the mail server already when its sender was killed is taken some time later, as slow as that is.
const TAKEN_LATE: SignedDuration = SignedDuration::from_secs(5);
/// A result is written at once, or when its database is back, which is never away for so long here: whatever was taken earlier is
/// known to be sent.
const WRITTEN_WITHIN: SignedDuration = SignedDuration::from_mins(1);
/// How many examples of what is wrong are given.
const EXAMPLES: usize = 5;

/// The letters of all realms: those of the log, without those that came, and the other way round.
pub(super) struct Expectations {
    pub(super) expected: usize,
    pub(super) lost: Vec<Told>,
    pub(super) unexpected: Vec<Told>,
}

impl Expectations {
    pub(super) fn of<'a>(letters: Vec<Told>, taken: impl Iterator<Item = &'a Told>) -> Self {
        let expected = letters.len();
        let mut balance: HashMap<Told, i64> = HashMap::new();
        for letter in letters {
            *balance.entry(letter).or_default() += 1;
        }
        for letter in taken {
            *balance.entry(letter.clone()).or_default() -= 1;
        }
        let (mut lost, mut unexpected) = (Vec::new(), Vec::new());
        for (letter, balance) in balance {
            let of = if balance > 0 { &mut lost } else { &mut unexpected };
            of.extend((0..balance.unsigned_abs()).map(|_| letter.clone()));
        }
        Self { expected, lost, unexpected }
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (letters, what) in [(&self.lost, "lost"), (&self.unexpected, "unexpected")] {
            if !letters.is_empty() {
                let examples: Vec<String> = letters.iter().take(EXAMPLES).map(|letter| letter.join(" ")).collect();
                problems.push(format!("{} letters {what}: {} …", letters.len(), examples.join("; ")));
            }
        }
        problems
    }
}

/// Counts for each kill what came after it, committed before; answers with how many letters that were in all.
pub(super) fn count_recovered(kills: &mut [Kill], letters: impl Iterator<Item = Path>) -> usize {
    let mut recovered = 0;
    for Path { committed_at, taken_at } in letters {
        let mut outlived = kills.iter_mut().filter(|kill| committed_at < kill.killed_at && kill.killed_at < taken_at).peekable();
        recovered += usize::from(outlived.peek().is_some());
        outlived.for_each(|kill| kill.recovered += 1);
    }
    recovered
}

/// Counts for each kill of a dispatcher the letters that came before it was back, and again after it was killed; answers with how
/// many came again and no such kill explains.
pub(super) fn count_repeats(kills: &mut [Kill], repeats: impl Iterator<Item = Repeat>) -> usize {
    let mut unexplained = 0;
    for Repeat { first_at, again_at } in repeats {
        let explains = |kill: &&mut Kill| {
            let was_under_way = (kill.killed_at - WRITTEN_WITHIN..kill.started_at + TAKEN_LATE).contains(&first_at);
            kill.victim == Victim::Notification && was_under_way && kill.killed_at < again_at
        };
        match kills.iter_mut().find(explains) {
            Some(kill) => kill.letters_repeated += 1,
            None => unexplained += 1,
        }
    }
    unexplained
}

pub(super) fn problems(wanted: &[Victim], showing: Showing, kills: &[Kill], unexplained: usize) -> Vec<String> {
    let mut problems = Vec::new();
    let every: BTreeSet<Victim> = wanted.iter().copied().collect();
    let killed: BTreeSet<Victim> = kills.iter().filter(|kill| kill.was_at_work()).map(|kill| kill.victim).collect();
    problems.extend(every.difference(&killed).map(|victim| format!("{victim:?} was never killed at work")));
    let count = kills.iter().filter(|kill| kill.was_at_work()).count();
    if count < wanted.len() {
        problems.push(format!("{count} kills instead of {}", wanted.len()));
    }
    let of = |victim| kills.iter().filter(move |kill: &&Kill| kill.victim == victim);
    if showing == Showing::Wanted && !kills.iter().any(Kill::shows_repeated_facts) {
        problems.push("no kill of a relay has shown a repeat that the inbox absorbed".to_owned());
    }
    if showing == Showing::Wanted && of(Victim::Notification).all(|kill| kill.letters_repeated == 0) {
        problems.push("no kill of a dispatcher has shown a letter that came again".to_owned());
    }
    let too_many = of(Victim::Notification).filter(|kill| kill.letters_repeated > MOST_REPEATED);
    problems.extend(too_many.map(|kill| format!("{} letters came again after one kill", kill.letters_repeated)));
    if unexplained > 0 {
        problems.push(format!("{unexplained} letters came again, and no dispatcher was killed over them"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    /// Killed at this second, and started ten seconds later.
    fn kill(victim: Victim, killed_at: i64) -> Kill {
        Kill { started_at: second(killed_at + 10), unanswered: 1, ..Kill::new(victim, second(killed_at)) }
    }

    fn told(status: &str) -> Told {
        ["caller-1@desk1.example", "INC1", status].map(str::to_owned)
    }

    #[test]
    fn a_letter_is_lost_or_unexpected_however_many_are_like_it() {
        let expected = vec![told("Active"), told("Resolved"), told("Active")];
        let letters = Expectations::of(expected, [told("Active"), told("Closed"), told("Closed")].iter());
        let mut lost = letters.lost.clone();
        lost.sort();
        assert_eq!((letters.expected, lost), (3, vec![told("Active"), told("Resolved")]));
        assert_eq!(letters.unexpected, [told("Closed"), told("Closed")]);
        assert_eq!(letters.problems().len(), 2);
        assert!(Expectations::of(vec![told("Active")], [told("Active")].iter()).problems().is_empty());
    }

    #[test]
    fn a_letter_is_recovered_if_a_kill_lies_between_its_commit_and_its_arrival() {
        let mut kills = [kill(Victim::Identity, 100), kill(Victim::RabbitMq, 200)];
        let path = |committed_at, taken_at| Path { committed_at: second(committed_at), taken_at: second(taken_at) };
        let letters = [path(90, 99), path(99, 101), path(90, 210), path(101, 199), path(201, 300)];
        assert_eq!(count_recovered(&mut kills, letters.into_iter()), 2);
        assert_eq!(kills.map(|kill| kill.recovered), [2, 1]);
    }

    #[test]
    fn a_letter_comes_again_because_its_dispatcher_was_killed_or_without_a_reason() {
        let repeat = |first_at, again_at| Repeat { first_at: second(first_at), again_at: second(again_at) };
        let mut kills = [kill(Victim::Identity, 50), kill(Victim::Notification, 100)];
        let repeats = [repeat(99, 220), repeat(101, 112), repeat(80, 90), repeat(120, 130), repeat(30, 220)];
        assert_eq!(count_repeats(&mut kills, repeats.into_iter()), 3);
        assert_eq!(kills.map(|kill| kill.letters_repeated), [0, 2]);
    }

    #[test]
    fn what_was_to_be_shown_and_was_not_is_a_problem() {
        let relay = |unarchived, facts_repeated| Kill { unarchived, facts_repeated, ..kill(Victim::CaseMonitoring, 1) };
        let dispatcher = |letters_repeated| Kill { letters_repeated, ..kill(Victim::Notification, 1) };
        let both = [Victim::CaseMonitoring, Victim::Notification];
        assert!(problems(&both, Showing::Wanted, &[relay(1, 1), dispatcher(264)], 0).is_empty());
        let wrong = [
            (relay(0, 1), dispatcher(1), 0, "no kill of a relay"),
            (relay(2, 1), dispatcher(1), 0, "no kill of a relay"),
            (relay(1, 1), dispatcher(0), 0, "no kill of a dispatcher"),
            (relay(1, 1), dispatcher(265), 0, "265 letters came again"),
            (relay(1, 1), dispatcher(1), 1, "1 letters came again"),
        ];
        for (relay, dispatcher, unexplained, problem) in wrong {
            let found = problems(&both, Showing::Wanted, &[relay, dispatcher], unexplained);
            assert!(found.len() == 1 && found[0].starts_with(problem), "{found:?}");
        }
        assert!(problems(&both, Showing::Welcome, &[relay(0, 0), dispatcher(0)], 0).is_empty(), "chance decides");
        let idle = Kill { unanswered: 0, ..kill(Victim::Identity, 1) };
        let found = problems(&[Victim::Identity], Showing::Wanted, &[idle, relay(1, 1), dispatcher(1)], 0);
        assert_eq!(found, ["Identity was never killed at work"]);
        assert_eq!(
            problems(&both, Showing::Wanted, &[relay(1, 1), relay(1, 1)], 0).len(),
            2,
            "one missing, and nothing shown of it"
        );
    }
}
