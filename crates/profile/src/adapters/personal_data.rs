//! What profile keeps of persons, in its tables and in files, erased (I27).

use async_trait::async_trait;
use kernel::{Fault, RealmId, Timestamp, UserId};
use messaging::PersonalData;

use super::avatar_folder::AvatarFolder;
use super::postgres::{PgPersonalData, PgUnusedAvatars};

pub(crate) struct StoredPersonalData {
    pub(crate) tables: PgPersonalData,
    pub(crate) unused: PgUnusedAvatars,
    pub(crate) files: AvatarFolder,
}

#[async_trait]
impl PersonalData for StoredPersonalData {
    /// The files go at once instead of at the next housekeeping, so that nothing is said to be erased that is not. Whoever dies in
    /// between leaves them to that.
    async fn erase(&self, realm_id: RealmId, user_id: UserId, now: Timestamp) -> Result<(), Fault> {
        if let Some(avatar_id) = self.tables.erase(realm_id, user_id, now).await? {
            self.files.delete(realm_id, avatar_id).await?;
            self.unused.forget(realm_id, avatar_id).await?;
        }
        Ok(())
    }
}
