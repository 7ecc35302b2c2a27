//! What profile's use cases want of the world.

use async_trait::async_trait;
use kernel::{Call, EventId, Fault, NameRule, Permit, RealmId, RepeatError, Timestamp, UserId};

use crate::domain::{Person, Profile, ProfileChanged};

/// Where profiles are kept that somebody has saved. A write is one statement: the profile and the fact, both or neither.
#[async_trait]
pub(crate) trait Profiles: Send + Sync {
    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<Profile>, Fault>;

    /// Those of the users' profiles that there are.
    async fn list(&self, realm_id: RealmId, user_ids: &[UserId]) -> Result<Vec<Profile>, Fault>;

    /// Whose profile this very request changed when it came before.
    async fn done(&self, call: &Call, now: Timestamp) -> Result<Option<UserId>, RepeatError>;

    /// Keeps the first thing a person has saved, unless there is something already, or the request was done meanwhile.
    async fn insert(
        &self,
        permit: &Permit,
        call: &Call,
        profile: &Profile,
        event_id: EventId,
        changed: ProfileChanged,
    ) -> Result<(), WriteProfileError>;

    /// Writes the profile only if nobody has changed it since it was read, and the request was not done meanwhile.
    async fn update(
        &self,
        permit: &Permit,
        call: &Call,
        profile: &Profile,
        event_id: EventId,
        changed: ProfileChanged,
    ) -> Result<(), WriteProfileError>;
}

/// Why a profile could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteProfileError {
    #[error("the profile was changed meanwhile, or the request was done")]
    Stale,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Who exists, and how he can be reached: asked of identity.
#[async_trait]
pub(crate) trait Users: Send + Sync {
    /// Those of the users that the realm has.
    async fn people(&self, call: &Call, realm_id: RealmId, user_ids: &[UserId]) -> Result<Vec<Person>, Fault>;
}

/// What a realm takes for a name: asked of identity.
#[async_trait]
pub(crate) trait NameRules: Send + Sync {
    /// Nothing if there is no such realm.
    async fn of(&self, call: &Call, realm_id: RealmId) -> Result<Option<NameRule>, Fault>;
}
