//! Attempts at secrets: counted before they are looked at, and taken back if they were right (I23).

use std::sync::Arc;

use kernel::{Clock, Fault, Permit, RealmId, UserId};
use uuid::Uuid;

use super::{Attempts, CountedBy, Error, HashError, Secrets, Waiting};
use crate::domain::guessing::{Bucket, Guessed, GuessingLimits, Subject, all_of};

/// What belongs to no realm, and is in none that there is, is counted and written down as of this one, which nobody has.
pub(crate) const PLATFORM: RealmId = RealmId::from_uuid(Uuid::nil());

#[derive(Clone)]
pub(crate) struct Guessing {
    pub(crate) attempts: Arc<dyn Attempts>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) limits: GuessingLimits,
    pub(crate) clock: Arc<dyn Clock>,
}

/// An attempt that counts as wrong until it turns out to be right: a kill in between gives nobody another one.
#[derive(Debug)]
pub(crate) struct Attempt {
    realm_id: RealmId,
    guessed: Guessed,
    subjects: Vec<Vec<u8>>,
}

impl Guessing {
    /// Counts an attempt, if there may be another.
    pub(crate) async fn begin(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        guessed: Guessed,
        buckets: &[Bucket],
    ) -> Result<Attempt, Error> {
        self.begin_several(permit, realm_id, guessed, buckets, 1).await
    }

    /// Counts several at once, if there may be as many.
    pub(crate) async fn begin_several(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        guessed: Guessed,
        buckets: &[Bucket],
        times: i32,
    ) -> Result<Attempt, Error> {
        let kept = |bucket: &Bucket| CountedBy { subject: self.kept_of(bucket), most: bucket.most, window: bucket.window };
        let counted_by: Vec<CountedBy> = buckets.iter().map(kept).collect();
        let now = self.clock.now();
        match self.attempts.begin(permit, realm_id, guessed, &counted_by, times, now).await? {
            None => {
                let subjects = counted_by.into_iter().map(|counted_by| counted_by.subject).collect();
                Ok(Attempt { realm_id, guessed, subjects })
            }
            Some(until) => Err(Error::AttemptsLimited { after: until.duration_since(now).unsigned_abs() }),
        }
    }

    /// Counts an attempt at the password of a user where he is known, and says as whom he waits.
    pub(crate) async fn begin_known(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        there: &[Bucket],
        user_id: UserId,
    ) -> Result<(Waiting, Attempt), Error> {
        let attempt = self.begin(permit, realm_id, Guessed::Password, there).await?;
        Ok((Waiting::KnownUser(user_id), attempt))
    }

    /// What is counted of a user where he is known is kept behind what stands for him, so that all of it can be found.
    fn kept_of(&self, bucket: &Bucket) -> Vec<u8> {
        let whose = bucket.of_user.map(|user_id| self.kept(&all_of(user_id))).unwrap_or_default();
        [whose, self.kept(&bucket.subject)].concat()
    }

    pub(crate) fn kept(&self, subject: &Subject) -> Vec<u8> {
        self.secrets.guess_subject(subject.as_str())
    }

    /// What came of looking at it: where it was not looked at, it does not count.
    pub(crate) async fn looked_at<T>(
        &self,
        permit: &Permit,
        attempt: &Attempt,
        result: Result<T, HashError>,
    ) -> Result<T, Error> {
        if result.is_err() {
            self.take_back(permit, attempt).await?;
        }
        Ok(result?)
    }

    /// It was right, or was not looked at.
    pub(crate) async fn take_back(&self, permit: &Permit, attempt: &Attempt) -> Result<(), Fault> {
        self.take_back_several(permit, attempt, 1).await
    }

    /// So many of those that were counted at once.
    pub(crate) async fn take_back_several(&self, permit: &Permit, attempt: &Attempt, times: i32) -> Result<(), Fault> {
        let Attempt { realm_id, guessed, subjects } = attempt;
        self.attempts.take_back(permit, *realm_id, *guessed, subjects, times, self.clock.now()).await
    }
}
