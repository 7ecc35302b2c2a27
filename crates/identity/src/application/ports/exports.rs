//! What is kept of users, here and elsewhere, and that it was given away.

use async_trait::async_trait;
use futures::stream::BoxStream;
use kernel::{Call, Component, Errand, Fault, Permit, RealmId, UserId};

use crate::domain::User;

/// One thing that is kept of somebody. Tells of people, and is printed nowhere.
pub(crate) struct KeptRecord {
    pub(crate) kind: String,
    /// A JSON object.
    pub(crate) json: String,
}

/// All that a service keeps of somebody, or an error at its end.
pub(crate) type KeptRecords = BoxStream<'static, Result<KeptRecord, Fault>>;

/// A service that keeps something of users.
#[async_trait]
pub(crate) trait Keeper: Send + Sync {
    fn component(&self) -> Component;

    /// What it keeps of a user, as somebody reads it.
    async fn records(&self, realm_id: RealmId, user_id: UserId, errand: Errand<'_>) -> Result<KeptRecords, Fault>;
}

/// Where it is written down that somebody was given what is kept of a user.
#[async_trait]
pub(crate) trait Exports: Send + Sync {
    async fn note(&self, permit: &Permit, call: &Call, user: &User) -> Result<(), Fault>;
}
