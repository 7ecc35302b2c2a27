//! Links in letters about a case.

use async_trait::async_trait;
use kernel::{DeliveryId, Fault, Permit, RealmId, Timestamp, UserId};

use crate::domain::{Autologin, AutologinReader, Session};

/// Whose account a link opens, and which of them were used.
#[async_trait]
pub(crate) trait Autologins: Send + Sync {
    /// Those of the users who are active and have an address, in no particular order.
    async fn readers(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<AutologinReader>, Fault>;

    async fn is_redeemed(&self, realm_id: RealmId, delivery_id: DeliveryId) -> Result<bool, Fault>;

    /// Uses a link up and keeps the session that it opens, if the user is active and nobody has changed him since he was read. False if
    /// somebody has, or if the link was used before.
    async fn redeem(
        &self,
        permit: &Permit,
        autologin: &Autologin,
        session: &Session,
        user_version: i64,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}
