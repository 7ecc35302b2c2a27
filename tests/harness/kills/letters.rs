//! What came to the mail server, when, and when the change was committed that it tells of.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use testkit::SmtpSink;

use crate::{Databases, Told, told};

/// Every letter that was taken, by its Message-ID, its copies in the order they came.
pub(super) struct Taken(BTreeMap<String, Vec<Copy>>);

pub(super) struct Copy {
    pub(super) told: Told,
    pub(super) at: Timestamp,
}

/// From a change to the first copy of its letter.
pub(super) struct Path {
    pub(super) committed_at: Timestamp,
    pub(super) taken_at: Timestamp,
}

/// A copy after another of the same letter.
pub(super) struct Repeat {
    pub(super) first_at: Timestamp,
    pub(super) again_at: Timestamp,
}

impl Taken {
    pub(super) fn read(mail: &SmtpSink) -> Self {
        let mut taken: BTreeMap<String, Vec<Copy>> = BTreeMap::new();
        for (accepted_at, letter) in mail.dated_letters() {
            let at = Timestamp::try_from(accepted_at).expect("a file of today");
            taken.entry(letter.message_id.clone()).or_default().push(Copy { told: told(&letter), at });
        }
        Self(taken)
    }

    /// What was told, each letter once, with the name of its delivery and the moment at which its first copy came. The delivery's
    /// name is what stands before the @ of a Message-ID.
    pub(super) fn letters(&self) -> impl Iterator<Item = (&str, &Copy)> {
        self.0.iter().filter_map(|(id, copies)| Some((id.strip_prefix('<')?.split('@').next()?, copies.first()?)))
    }

    /// The ways of the letters whose commits are known.
    pub(super) fn paths(&self, commits: &HashMap<String, Timestamp>) -> impl Iterator<Item = Path> {
        self.letters().filter_map(|(delivery, letter)| Some(Path { committed_at: *commits.get(delivery)?, taken_at: letter.at }))
    }

    /// How many Message-IDs came more than once.
    pub(super) fn duplicated(&self) -> usize {
        self.0.values().filter(|copies| copies.len() > 1).count()
    }

    pub(super) fn repeats(&self) -> impl Iterator<Item = Repeat> {
        let pairs = self.0.values().flat_map(|copies| copies.windows(2));
        pairs.map(|pair| Repeat { first_at: pair[0].at, again_at: pair[1].at })
    }

    /// Message-IDs under which two different things were told.
    pub(super) fn ambiguous(&self) -> usize {
        self.0.values().filter(|copies| copies.iter().any(|copy| copy.told != copies[0].told)).count()
    }
}

/// Whether there are two letters of one Message-ID. Quicker than reading all that was told.
pub(super) fn any_came_again(mail: &SmtpSink) -> bool {
    let letters = mail.letters();
    let ids: HashSet<&str> = letters.iter().map(|letter| letter.message_id.as_str()).collect();
    ids.len() < letters.len()
}

/// The moment at which PostgreSQL committed the change that a delivery tells of, by the delivery's name.
pub(super) fn commits(databases: &Databases) -> HashMap<String, Timestamp> {
    // The history is only added to: whoever wrote a row has made the change.
    let committed =
        "SELECT concat_ws(' ', cause_id, (extract(epoch FROM pg_xact_commit_timestamp(history.xmin)) * 1000000)::bigint)
        FROM messaging.outbox_archive
        JOIN case_history AS history
            ON history.realm_id = outbox_archive.realm_id
           AND history.case_id = aggregate_id
           AND history.version = aggregate_version
        WHERE type = 'case_monitoring.case.status_changed.v1'";
    let committed: HashMap<String, Timestamp> = pairs(&databases.case_monitoring.value(committed))
        .map(|(cause, micros)| {
            (cause, Timestamp::from_microsecond(micros.parse().expect("a number")).expect("a moment of today"))
        })
        .collect();
    let told = databases.notification.value("SELECT concat_ws(' ', delivery_id, cause_id) FROM deliveries");
    pairs(&told).filter_map(|(delivery, cause)| Some((delivery, *committed.get(&cause)?))).collect()
}

fn pairs(lines: &str) -> impl Iterator<Item = (String, String)> {
    lines.lines().filter_map(|line| line.split_once(' ')).map(|(first, second)| (first.to_owned(), second.to_owned()))
}
