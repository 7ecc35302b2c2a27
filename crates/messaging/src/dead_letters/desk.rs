//! The dead letters of all services of a process, as if they lay in one place.

use std::sync::{Arc, Mutex};

use kernel::{DeadLetterId, Fault};

use super::store::{DeadLetter, DeadLetters};
use crate::{Lane, Message};

#[derive(Clone, Default)]
pub struct DeadLetterDesk(Arc<Mutex<Vec<DeadLetters>>>);

/// A dead letter as a message to its consumer, and where it lies.
pub(super) struct Found {
    pub(super) lies_in: DeadLetters,
    pub(super) consumer: String,
    pub(super) lane: Lane,
    pub(super) message: Message,
}

impl DeadLetterDesk {
    pub fn add(&self, dead_letters: DeadLetters) {
        self.0.lock().expect("nobody panics while holding the desk").push(dead_letters);
    }

    fn all(&self) -> Vec<DeadLetters> {
        self.0.lock().expect("nobody panics while holding the desk").clone()
    }

    /// Those behind `after`, the newest first.
    pub(super) async fn list(&self, after: Option<DeadLetterId>, limit: i64) -> Result<Vec<DeadLetter>, Fault> {
        let mut listed = Vec::new();
        for dead_letters in self.all() {
            listed.extend(dead_letters.list(after, limit).await?);
        }
        listed.sort_by_key(|letter| std::cmp::Reverse(letter.id));
        listed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(listed)
    }

    /// None if there is no such letter, or none that could be done again.
    pub(super) async fn get(&self, id: DeadLetterId) -> Result<Option<Found>, Fault> {
        for dead_letters in self.all() {
            if let Some((consumer, lane, message)) = dead_letters.get(id).await? {
                return Ok(Some(Found { lies_in: dead_letters, consumer, lane, message }));
            }
        }
        Ok(None)
    }
}
