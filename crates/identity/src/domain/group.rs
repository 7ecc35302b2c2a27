//! A group of a company's users (I14).

use kernel::{CompanyId, GroupId, Line, RealmId, Timestamp, UserId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) realm_id: RealmId,
    pub(crate) id: GroupId,
    pub(crate) company_id: CompanyId,
    pub(crate) name: Line,
    /// Was an active user of the company when he became it; need not be a member.
    pub(crate) leader_id: UserId,
    pub(crate) activity: GroupActivity,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
}

/// Whether a group takes anything new. It keeps its members either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupActivity {
    Active,
    Inactive,
}

/// What a group is to be, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupChange {
    Name(Line),
    Leader(UserId),
    Activity(GroupActivity),
}

/// Who of a company is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupMembership {
    Members,
    Others,
}

impl Group {
    /// Names the state of the group, so that whoever changes it can say which one he saw.
    pub(crate) fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// The group with these changes; nothing if it is so already.
    pub(crate) fn changed(&self, changes: &[GroupChange]) -> Option<Self> {
        let mut group = self.clone();
        for change in changes.iter().cloned() {
            match change {
                GroupChange::Name(name) => group.name = name,
                GroupChange::Leader(leader_id) => group.leader_id = leader_id,
                GroupChange::Activity(activity) => group.activity = activity,
            }
        }
        if group == *self {
            return None;
        }
        group.version += 1;
        Some(group)
    }
}
