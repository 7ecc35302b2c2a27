//! What profile's use cases want of the world.

use std::collections::BTreeMap;

use async_trait::async_trait;
use kernel::{
    AttributeId, AvatarId, Call, CompanyId, DepartmentId, EventId, Fault, NameRule, Permit, RealmId, RepeatError, Timestamp,
    UserId,
};

use crate::domain::{
    Attribute, AttributeChange, AttributeValues, Avatar, AvatarSize, Department, Person, PictureFile, PictureFlaw, PictureFormat,
    Profile, ProfileChanged,
};

/// Where profiles are kept that somebody has saved. A write is one statement: the profile and the fact, both or neither.
#[async_trait]
pub(crate) trait Profiles: Send + Sync {
    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<Profile>, Fault>;

    /// Those of the users' profiles that there are.
    async fn list(&self, realm_id: RealmId, user_ids: &[UserId]) -> Result<Vec<Profile>, Fault>;

    /// Whose profile this very request changed when it came before.
    async fn done(&self, call: &Call, now: Timestamp) -> Result<Option<UserId>, RepeatError>;

    /// Writes the profile, and what is another in its attributes, only if nobody has changed it since it was read, all of these
    /// attributes and its department are there, and the request was not done meanwhile.
    async fn save(
        &self,
        permit: &Permit,
        call: &Call,
        profile: &Profile,
        event_id: EventId,
        update: &ProfileUpdate<'_>,
    ) -> Result<(), WriteProfileError>;
}

/// What is another in a profile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProfileUpdate<'a> {
    pub(crate) changed: ProfileChanged,
    /// As masks name them, attributes included: what is written down if it is not his own who calls.
    pub(crate) fields: &'a [String],
    pub(crate) attributes: &'a [AttributeChange],
}

/// Further fields of companies' profiles, and what people have in them.
#[async_trait]
pub(crate) trait Attributes: Send + Sync {
    async fn get(&self, realm_id: RealmId, id: AttributeId) -> Result<Option<Attribute>, Fault>;

    /// Those of these companies, by their keys.
    async fn list(&self, realm_id: RealmId, company_ids: &[CompanyId]) -> Result<Vec<Attribute>, Fault>;

    /// What these users have, in whichever attributes.
    async fn values(
        &self,
        realm_id: RealmId,
        user_ids: &[UserId],
    ) -> Result<BTreeMap<(UserId, AttributeId), AttributeValues>, Fault>;

    async fn insert(&self, permit: &Permit, call: &Call, attribute: &Attribute) -> Result<InsertAttribute, Fault>;

    /// Writes it, which is another in these parts, only if nobody has changed it since it was read; says whether it did.
    async fn update(&self, permit: &Permit, call: &Call, attribute: &Attribute, parts: &[&str]) -> Result<bool, Fault>;

    /// Deletes it, with all that people have in it, only if nobody has changed it since it was read; says whether it did.
    async fn delete(&self, permit: &Permit, call: &Call, attribute: &Attribute) -> Result<bool, Fault>;
}

/// What became of a new attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InsertAttribute {
    Done,
    /// There is one of this key.
    Exists,
    TooMany,
}

/// Departments and branches of companies.
#[async_trait]
pub(crate) trait Departments: Send + Sync {
    /// Those of these that there are.
    async fn list(&self, realm_id: RealmId, ids: &[DepartmentId]) -> Result<Vec<Department>, Fault>;

    /// Those of a company behind `after`, the oldest first.
    async fn page(
        &self,
        realm_id: RealmId,
        company_id: CompanyId,
        after: Option<DepartmentId>,
        limit: i64,
    ) -> Result<Vec<Department>, Fault>;

    async fn insert(&self, permit: &Permit, call: &Call, department: &Department) -> Result<InsertDepartment, Fault>;

    /// Writes it only if nobody has changed it since it was read.
    async fn update(&self, permit: &Permit, call: &Call, department: &Department) -> Result<RenameDepartment, Fault>;

    /// Deletes it, also from all profiles, only if nobody has changed it since it was read; says whether it did.
    async fn delete(&self, permit: &Permit, call: &Call, department: &Department) -> Result<bool, Fault>;
}

/// What became of a new department.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InsertDepartment {
    Done,
    /// There is one of this name.
    Exists,
    TooMany,
}

/// What became of another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RenameDepartment {
    Done,
    /// Another one has it.
    Exists,
    /// Somebody has changed it since it was read.
    Stale,
}

/// Whose avatar is which, and which ones are nobody's.
#[async_trait]
pub(crate) trait Avatars: Send + Sync {
    /// Says that there will be files of this avatar. If no profile has it by then, they are to go.
    async fn expect(&self, permit: &Permit, realm_id: RealmId, avatar_id: AvatarId, by: Timestamp) -> Result<(), Fault>;

    /// Writes a profile that has another avatar, or none, as [`Profiles::save`] does. The new one is expected no longer, and the
    /// files of the former one are to go: all of it, or nothing.
    async fn change(
        &self,
        permit: &Permit,
        call: &Call,
        profile: &Profile,
        event_id: EventId,
        changed: ProfileChanged,
        former: Option<AvatarId>,
    ) -> Result<(), WriteProfileError>;
}

/// Where the files of avatars are.
#[async_trait]
pub(crate) trait AvatarFiles: Send + Sync {
    /// Keeps an avatar in all sizes.
    async fn put(&self, realm_id: RealmId, avatar_id: AvatarId, avatar: &Avatar) -> Result<(), Fault>;

    /// Nothing if it is not there.
    async fn get(&self, realm_id: RealmId, avatar_id: AvatarId, size: AvatarSize) -> Result<Option<Vec<u8>>, Fault>;
}

/// Makes avatars of the pictures that people send.
#[async_trait]
pub(crate) trait AvatarMaker: Send + Sync {
    async fn make(&self, format: PictureFormat, file: PictureFile) -> Result<Avatar, MakeAvatarError>;
}

/// Why no avatar was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeAvatarError {
    #[error(transparent)]
    Flaw(#[from] PictureFlaw),
    #[error(transparent)]
    Fault(#[from] Fault),
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
