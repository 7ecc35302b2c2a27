//! Deleting users, for good (I13), and erasing what is kept of them (I27).

use std::time::Duration;

use kernel::{CompanyId, Component, RealmId, Timestamp, UserId};

/// How long somebody may take to confirm what he is about to delete.
const CONFIRMATION_LIFETIME: Duration = Duration::from_mins(10);

/// Who deletes users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserDeleter {
    /// An OWNER of his company.
    Owner,
    /// SUPPORT of the realm.
    Support,
    /// Users are blocked, and never deleted.
    Nobody,
}

/// Who is about to be deleted, as he was shown, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IntendedDeletion {
    pub(crate) realm_id: RealmId,
    pub(crate) user_id: UserId,
    /// Of the user: whoever has changed since has to be looked at again.
    pub(crate) version: i64,
    pub(crate) deleted_by: UserId,
}

impl IntendedDeletion {
    /// Until when what is shown now can be confirmed.
    pub(crate) fn confirmable_until(now: Timestamp) -> Timestamp {
        now.saturating_add(CONFIRMATION_LIFETIME).expect("whole minutes can be added to a moment")
    }
}

/// Fact: a user is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UserDeleted {
    pub(crate) user_id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) version: i64,
    pub(crate) at: Timestamp,
}

/// A deletion, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserDeletion {
    pub(crate) realm_id: RealmId,
    pub(crate) deleted: UserDeleted,
    /// Which services keep nothing of him any more, and since when.
    pub(crate) erasures: Vec<(Component, Timestamp)>,
}

impl UserDeletion {
    /// Since when nothing of him is kept anywhere; none while some service has not said so.
    pub(crate) fn completed_at(&self) -> Option<Timestamp> {
        let is_whole = Component::ALL.iter().all(|component| self.erasures.iter().any(|(erased, _)| erased == component));
        self.erasures.iter().map(|(_, erased_at)| *erased_at).max().filter(|_| is_whole)
    }
}

#[cfg(test)]
mod tests {
    use kernel::Id;
    use uuid::Uuid;

    use super::*;

    /// Rule I27.a: a deletion is not over before every service has said so.
    #[test]
    fn a_deletion_is_over_when_the_last_service_has_erased() {
        let moment = |second| Timestamp::constant(second, 0);
        let deleted = UserDeleted {
            user_id: Id::from_uuid(Uuid::from_u128(1)),
            company_id: Id::from_uuid(Uuid::from_u128(2)),
            version: 3,
            at: moment(0),
        };
        let mut deletion = UserDeletion { realm_id: Id::from_uuid(Uuid::from_u128(4)), deleted, erasures: Vec::new() };
        for (component, second) in Component::ALL.into_iter().zip(1..) {
            assert_eq!(deletion.completed_at(), None);
            deletion.erasures.push((component, moment(second)));
        }
        assert_eq!(deletion.completed_at(), Some(moment(4)));
    }
}
