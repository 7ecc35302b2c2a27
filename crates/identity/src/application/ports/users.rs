//! Users, and what becomes of them.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use kernel::{Call, CompanyId, EventId, Fault, GroupId, Permit, RealmId, RepeatError, Timestamp, UserId};

use super::{ContactUpdate, NewLink};
use crate::domain::{Contact, Group, GroupChange, GroupMembership, Introduction, Login, StandingChanged, User, UserCreated};

/// A user to be added, with the facts that follow.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) user: User,
    pub(crate) created: UserCreated,
    pub(crate) introduction: Introduction,
    pub(crate) event_id: EventId,
    pub(crate) invitation: Option<NewLink>,
}

/// What became of one of several users who were to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admitted {
    Added(UserId),
    /// Others have these contacts; none if they have let go of them since.
    Taken(Vec<Contact>),
    /// He could not be made from what was said of him.
    Invalid,
}

/// Another standing of a user, as an OWNER decides it, with what follows.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    /// The user as he is then.
    pub(crate) user: &'a User,
    pub(crate) decided_by: UserId,
    pub(crate) event_id: EventId,
    pub(crate) changed: StandingChanged,
    /// Of one who has access for the first time.
    pub(crate) invitation: Option<NewLink>,
}

/// A user together with what proves him.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) user: User,
    /// None until one was set.
    pub(crate) password: Option<StoredPassword>,
}

/// A password as it is kept. Whoever is recognised by it is recognised until another one is set, however it is hashed.
#[derive(Debug, Clone)]
pub(crate) struct StoredPassword {
    pub(crate) hash: String,
    pub(crate) set_at: Timestamp,
}

impl Account {
    pub(crate) fn password_set_at(&self) -> Option<Timestamp> {
        self.password.as_ref().map(|password| password.set_at)
    }

    /// Since when he has been known by what he shows: his password, or, while he has none, what others say of him.
    pub(crate) fn known_since(&self) -> Timestamp {
        self.password_set_at().unwrap_or_else(|| self.user.created_at())
    }
}

/// Where users are kept. A write is one statement: the users and the facts, all or nothing.
#[async_trait]
pub(crate) trait Users: Send + Sync {
    /// Those of the ids that exist in the realm, in no particular order.
    async fn list(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<User>, Fault>;

    async fn get(&self, realm_id: RealmId, id: UserId) -> Result<Option<User>, Fault>;

    /// Users of a company behind one of them, the oldest first.
    async fn page(&self, realm_id: RealmId, company_id: CompanyId, after: Option<UserId>, limit: i64)
    -> Result<Vec<User>, Fault>;

    /// Those of the user names that somebody in the realm has.
    async fn taken_names(&self, realm_id: RealmId, names: &[String]) -> Result<HashSet<String>, Fault>;

    /// Whoever has this contact; asked as well where there is none to ask about, so that the work is the same (I22).
    async fn account(&self, realm_id: RealmId, login: Option<&Login>) -> Result<Option<Account>, Fault>;

    /// What was said of these users when they were added, if anything was.
    async fn introductions(&self, realm_id: RealmId, ids: &[UserId]) -> Result<HashMap<UserId, Introduction>, Fault>;

    /// A user with what proves him.
    async fn account_of(&self, realm_id: RealmId, id: UserId) -> Result<Option<Account>, Fault>;

    /// What this very request led to when it came before.
    async fn admitted(&self, call: &Call, now: Timestamp) -> Result<Option<Vec<Admitted>>, RepeatError>;

    /// Adds those whose contacts nobody has. Says of each, in their order, what became of him: all contacts that others have
    /// (I8). None stands for one who could not be made.
    async fn insert(
        &self,
        permit: &Permit,
        call: &Call,
        admissions: &[Option<&Admission>],
        now: Timestamp,
    ) -> Result<Vec<Admitted>, InsertError>;

    /// Writes the user only if nobody has changed him since he was read.
    async fn update_contact(&self, permit: &Permit, call: &Call, update: &ContactUpdate<'_>) -> Result<(), UpdateUserError>;

    /// Writes the user only if nobody has changed him since he was read, and if `decided_by` is an active OWNER of the company
    /// at that very moment: so two owners cannot block each other, and a company keeps its last one (I3). Access tokens that
    /// tell of his former standing are void from then on, and a blocked user's sessions have ended.
    async fn update_standing(&self, permit: &Permit, call: &Call, decision: &Decision<'_>) -> Result<(), ChangeStandingError>;

    /// True if somebody is an active OWNER of his company.
    async fn is_active_owner(&self, realm_id: RealmId, id: UserId) -> Result<bool, Fault>;
}

/// Why nothing could be added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InsertError {
    #[error("the request was done meanwhile")]
    DoneBefore,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a user's standing could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeStandingError {
    #[error("the user was changed meanwhile, or whoever decided is no active OWNER any more")]
    Stale,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a user could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateUserError {
    #[error("another user has this contact")]
    Taken,
    #[error("the user was changed meanwhile")]
    Stale,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a group could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroupWriteError {
    #[error("the request was done meanwhile")]
    DoneBefore,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Where groups are kept, and who is in them.
#[async_trait]
pub(crate) trait Groups: Send + Sync {
    /// The group that this very request made when it came before.
    async fn made(&self, call: &Call, now: Timestamp) -> Result<Option<GroupId>, RepeatError>;

    /// Keeps a group if its leader is an active user of the company at that very moment.
    async fn insert(&self, permit: &Permit, call: &Call, group: &Group) -> Result<bool, GroupWriteError>;

    async fn get(&self, realm_id: RealmId, id: GroupId) -> Result<Option<Group>, Fault>;

    /// Groups of a company behind one of them, the oldest first.
    async fn page(
        &self,
        realm_id: RealmId,
        company_id: CompanyId,
        after: Option<GroupId>,
        limit: i64,
    ) -> Result<Vec<Group>, Fault>;

    /// True if the leader is an active user of the company.
    async fn may_lead(&self, group: &Group) -> Result<bool, Fault>;

    /// Writes the group only if nobody has changed it since it was read.
    async fn update(&self, permit: &Permit, call: &Call, group: &Group, changes: &[GroupChange]) -> Result<bool, Fault>;

    /// Adds those who are users of the company; answers with them, whether or not they were in it before.
    async fn add_members(
        &self,
        permit: &Permit,
        call: &Call,
        group: &Group,
        user_ids: &[UserId],
        now: Timestamp,
    ) -> Result<HashSet<UserId>, Fault>;

    async fn remove_members(&self, permit: &Permit, call: &Call, group: &Group, user_ids: &[UserId]) -> Result<(), Fault>;

    /// Users of the company who are in the group, or not, behind one of them, the oldest first.
    async fn users(
        &self,
        group: &Group,
        membership: GroupMembership,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<User>, Fault>;
}
