//! What profile keeps of persons, in its tables and in files, erased and given to them (I27).

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::{AvatarId, Fault, RealmId, Timestamp, UserId};
use messaging::{PersonalData, Records};
use serde_json::json;

use super::avatar_store::AvatarStore;
use super::postgres::PgPersonalData;
use crate::application::AvatarFiles as _;
use crate::domain::AvatarSize;

pub(crate) struct StoredPersonalData {
    pub(crate) tables: PgPersonalData,
    pub(crate) files: AvatarStore,
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

    async fn export(&self, realm_id: RealmId, user_id: UserId, records: &Records) -> Result<(), Fault> {
        self.tables.export(realm_id, user_id, records).await?;
        match self.tables.avatar_of(realm_id, user_id).await? {
            Some(avatar_id) => self.export_avatar(realm_id, avatar_id, records).await,
            None => Ok(()),
        }
    }
}

impl StoredPersonalData {
    /// The picture itself, in each size: a file that was replaced meanwhile is nobody's any more.
    async fn export_avatar(&self, realm_id: RealmId, avatar_id: AvatarId, records: &Records) -> Result<(), Fault> {
        for size in AvatarSize::ALL {
            let Some(content) = self.files.get(realm_id, avatar_id, size).await? else { continue };
            let record = json!({
                "avatar_id": avatar_id.to_string(),
                "pixels": size.pixels(),
                "media_type": "image/jpeg",
                "content_base64": STANDARD.encode(content),
            });
            records.add("avatar", record.to_string()).await?;
        }
        Ok(())
    }
}
