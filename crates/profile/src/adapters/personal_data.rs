//! What profile keeps of persons, in its tables and in files, erased (I27).

use async_trait::async_trait;
use kernel::{Fault, RealmId, Timestamp, UserId};
use messaging::PersonalData;

use super::avatar_folder::AvatarFolder;
use super::postgres::PgPersonalData;

pub(crate) struct StoredPersonalData {
    pub(crate) tables: PgPersonalData,
    pub(crate) files: AvatarFolder,
}

#[async_trait]
impl PersonalData for StoredPersonalData {
    /// The files go first, so that nothing is said to be erased that is not: while they do not, the profile says whose they are.
    async fn erase(&self, realm_id: RealmId, user_id: UserId, now: Timestamp) -> Result<(), Fault> {
        if let Some(avatar_id) = self.tables.avatar_of(realm_id, user_id).await? {
            self.files.delete(realm_id, avatar_id).await?;
        }
        self.tables.erase(realm_id, user_id, now).await
    }
}
