//! Giving a person all that a service keeps of him (I27): what is to be erased one day can be had before.
//!
//! Records are read page by page, and no further than whoever takes them has come: however much there is, little of it is in memory,
//! and no connection to the database is held while somebody reads.

mod access;
mod desk;
mod grpc;

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use kernel::{Component, Fault, RealmId, UserId};
use runtime::{Process, postgres};
use tokio::sync::mpsc;
use uuid::Uuid;

use self::desk::ExportDesk;
use self::grpc::PersonalDataGrpc;
use crate::{DeadLetters, PersonalData};

/// Records that are read at once.
pub const EXPORT_PAGE: i64 = 200;
const DEAD_LETTER: &str = "dead_letter";

/// A record and its key, in whose order there are pages. None has the key that is the default.
pub struct KeyedRecord<Key = Uuid> {
    pub key: Key,
    /// A JSON object.
    pub record: String,
}

/// One thing that is kept of somebody.
pub struct PersonalRecord {
    pub kind: &'static str,
    /// A JSON object.
    pub json: String,
}

/// All of it, or an error at its end.
pub type PersonalRecords = BoxStream<'static, Result<PersonalRecord, Fault>>;

#[derive(Debug, thiserror::Error)]
#[error("nobody reads any more")]
struct NobodyReads;

/// Takes what a service keeps of somebody, and makes it wait until somebody reads on.
pub struct Records(mpsc::Sender<PersonalRecord>);

impl Records {
    pub async fn add(&self, kind: &'static str, json: String) -> Result<(), Fault> {
        self.0.send(PersonalRecord { kind, json }).await.map_err(|_| Fault::unavailable(NobodyReads))
    }

    /// Adds all records of a kind. `read` answers with those behind a key in the order of their keys, [`EXPORT_PAGE`] at the most.
    pub async fn add_pages<Key, Read>(&self, kind: &'static str, read: impl Fn(Key) -> Read + Send + Sync) -> Result<(), Fault>
    where
        Key: Copy + Default + Send + Sync,
        Read: Future<Output = sqlx::Result<Vec<KeyedRecord<Key>>>> + Send,
    {
        let mut behind = Key::default();
        loop {
            let page = read(behind).await.map_err(postgres::fault)?;
            let Some(last) = page.last() else { return Ok(()) };
            behind = last.key;
            for KeyedRecord { record, .. } in page {
                self.add(kind, record).await?;
            }
        }
    }
}

/// What a service keeps of users, and who says so.
#[derive(Clone)]
pub struct Holdings {
    pub component: Component,
    pub personal_data: Arc<dyn PersonalData>,
    pub dead_letters: DeadLetters,
}

impl Holdings {
    /// Everything that is kept of a user.
    pub fn of(&self, realm_id: RealmId, user_id: UserId) -> PersonalRecords {
        let (sender, read) = mpsc::channel(1);
        let reading = self.clone().give(realm_id, user_id, Records(sender)).boxed();
        let export = Export { reading: Some(reading), read, failed: None };
        stream::unfold(export, async |mut export| Some((export.next().await?, export))).boxed()
    }

    async fn give(self, realm_id: RealmId, user_id: UserId, records: Records) -> Result<(), Fault> {
        self.personal_data.export(realm_id, user_id, &records).await?;
        records.add_pages(DEAD_LETTER, |behind| self.dead_letters.naming(realm_id, user_id, behind)).await
    }
}

/// An export under way: it goes on while somebody asks for the next record.
struct Export {
    /// None once everything was read.
    reading: Option<BoxFuture<'static, Result<(), Fault>>>,
    read: mpsc::Receiver<PersonalRecord>,
    /// Said after what was read before.
    failed: Option<Fault>,
}

impl Export {
    async fn next(&mut self) -> Option<Result<PersonalRecord, Fault>> {
        while let Some(reading) = self.reading.as_mut() {
            tokio::select! {
                biased;
                Some(record) = self.read.recv() => return Some(Ok(record)),
                ended = reading => {
                    self.reading = None;
                    self.failed = ended.err();
                }
            }
        }
        let read = self.read.recv().await.map(Ok);
        read.or_else(|| self.failed.take().map(Err))
    }
}

/// Lets identity ask for what a service keeps. Services of one process are asked at one address.
pub fn serve_exports(process: &mut Process, holdings: Holdings) {
    if let Some(desk) = process.shared.get::<ExportDesk>() {
        desk.add(holdings);
        return;
    }
    let desk = ExportDesk::default();
    desk.add(holdings);
    process.routes.add_service(PersonalDataGrpc::server(desk.clone()));
    process.shared.insert(desk);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// What is left of reading when somebody has taken no more than the first records.
    #[tokio::test]
    async fn nothing_is_read_ahead_of_whoever_takes_it() {
        let pages = Arc::new(AtomicI64::new(0));
        let (sender, read) = mpsc::channel(1);
        let counted = pages.clone();
        let reading = async move {
            let page = |behind: Uuid| {
                counted.fetch_add(1, Ordering::Relaxed);
                let next = |number| Uuid::from_u128(behind.as_u128() + number);
                let page = (1..=10).map(|number| KeyedRecord { key: next(number), record: "{}".to_owned() });
                std::future::ready(Ok(page.collect()))
            };
            Records(sender).add_pages("endless", page).await
        };
        let mut export = Export { reading: Some(reading.boxed()), read, failed: None };
        for _ in 0..15 {
            assert!(matches!(export.next().await, Some(Ok(_))));
        }
        assert_eq!(pages.load(Ordering::Relaxed), 2);
    }

    /// What failed is not taken for the end.
    #[tokio::test]
    async fn an_export_that_fails_says_so() {
        let (sender, read) = mpsc::channel(1);
        let reading = async move {
            Records(sender).add("one", "{}".to_owned()).await?;
            Err(Fault::unavailable("away"))
        };
        let mut export = Export { reading: Some(reading.boxed()), read, failed: None };
        assert!(matches!(export.next().await, Some(Ok(_))));
        assert!(matches!(export.next().await, Some(Err(Fault::Unavailable(_)))));
        assert!(export.next().await.is_none());
    }
}
