//! Groups of a company's users, and who is in them (I14).

use std::collections::HashSet;
use std::sync::Arc;

use kernel::{Authorized, Call, Clock, CompanyId, GroupId, IdSource, Line, Permit, Refusal, UserId};

use super::user_actions::hidden_company;
use super::{ATTEMPTS, Error, GroupWriteError, Groups, Realms, UserUseCases, UserView};
use crate::domain::access::Action;
use crate::domain::{Group, GroupActivity, GroupChange, GroupMembership};

pub(crate) struct GroupUseCases {
    pub(crate) groups: Arc<dyn Groups>,
    pub(crate) realms: Arc<dyn Realms>,
    /// Shows users with what may be done with them.
    pub(crate) views: UserUseCases,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Debug)]
pub(crate) struct CreateGroup {
    pub(crate) company_id: CompanyId,
    pub(crate) name: String,
    pub(crate) leader_id: UserId,
}

/// What a group is to be, part by part, as it was typed.
#[derive(Debug)]
pub(crate) enum NewGroupPart {
    Name(String),
    Leader(UserId),
    Activity(GroupActivity),
}

#[derive(Debug)]
pub(crate) struct UpdateGroup {
    pub(crate) group_id: GroupId,
    pub(crate) parts: Vec<NewGroupPart>,
    /// What the caller saw; empty to change it whatever it is by now.
    pub(crate) etag: String,
}

#[derive(Debug)]
pub(crate) struct ListGroupUsers {
    pub(crate) group_id: GroupId,
    pub(crate) membership: GroupMembership,
    pub(crate) after: Option<UserId>,
    pub(crate) limit: i64,
}

impl GroupUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateGroup) -> Result<Authorized<Group>, Error> {
        let company_id = command.company_id;
        let permit = call.authorize(&Action::ManageGroups { company_id }).map_err(hidden_company)?;
        let realm_id = call.realm_id()?;
        self.realms.get_company(realm_id, company_id).await?.ok_or(Error::CompanyNotFound)?;
        let now = self.clock.now();
        if let Some(made) = self.groups.made(call, now).await? {
            return self.get(call, made).await;
        }
        let (id, name) = (self.ids.new_id(now), group_name(&command.name)?);
        let (leader_id, activity) = (command.leader_id, GroupActivity::Active);
        let group = Group { realm_id, id, company_id, name, leader_id, activity, version: 1, created_at: now };
        match self.groups.insert(&permit, call, &group).await {
            Ok(true) => Ok(permit.show(group)),
            Ok(false) => Err(Error::LeaderInvalid),
            Err(GroupWriteError::DoneBefore) => {
                let made = self.groups.made(call, self.clock.now()).await?.ok_or(Error::GroupNotFound)?;
                self.get(call, made).await
            }
            Err(GroupWriteError::Fault(fault)) => Err(fault.into()),
        }
    }

    pub(crate) async fn get(&self, call: &Call, group_id: GroupId) -> Result<Authorized<Group>, Error> {
        let (group, permit) = self.see(call, group_id).await?;
        Ok(permit.show(group))
    }

    async fn see(&self, call: &Call, group_id: GroupId) -> Result<(Group, Permit), Error> {
        let group = self.groups.get(call.realm_id()?, group_id).await?.ok_or(Error::GroupNotFound)?;
        let permit = call.authorize(&Action::SeeGroups { company_id: group.company_id }).map_err(hidden_group)?;
        Ok((group, permit))
    }

    async fn manage(&self, call: &Call, group_id: GroupId) -> Result<(Group, Permit), Error> {
        let group = self.groups.get(call.realm_id()?, group_id).await?.ok_or(Error::GroupNotFound)?;
        let permit = call.authorize(&Action::ManageGroups { company_id: group.company_id }).map_err(hidden_group)?;
        Ok((group, permit))
    }

    pub(crate) async fn list(
        &self,
        call: &Call,
        company_id: CompanyId,
        after: Option<GroupId>,
        limit: i64,
    ) -> Result<Authorized<Vec<Group>>, Error> {
        let permit = call.authorize(&Action::SeeGroups { company_id }).map_err(hidden_company)?;
        let realm_id = call.realm_id()?;
        self.realms.get_company(realm_id, company_id).await?.ok_or(Error::CompanyNotFound)?;
        Ok(permit.show(self.groups.page(realm_id, company_id, after, limit).await?))
    }

    pub(crate) async fn update(&self, call: &Call, command: UpdateGroup) -> Result<Authorized<Group>, Error> {
        for _ in 0..ATTEMPTS {
            let (group, permit) = self.manage(call, command.group_id).await?;
            if !command.etag.is_empty() && command.etag != group.etag() {
                return Err(Error::EtagMismatch);
            }
            let changes: Result<Vec<GroupChange>, Error> = command.parts.iter().map(read).collect();
            let changes = changes?;
            let Some(changed) = group.changed(&changes) else { return Ok(permit.show(group)) };
            // Who leads it already may be blocked by now, and goes on.
            let new_leader = Some(changed.leader_id).filter(|leader_id| *leader_id != group.leader_id);
            if new_leader.is_some() && !self.groups.may_lead(&changed).await? {
                return Err(Error::LeaderInvalid);
            }
            if self.groups.update(&permit, call, &changed, &changes).await? {
                return Ok(permit.show(changed));
            }
        }
        Err(Error::EtagMismatch)
    }

    /// Answers with those who are no users of the company.
    pub(crate) async fn add_members(
        &self,
        call: &Call,
        group_id: GroupId,
        user_ids: Vec<UserId>,
    ) -> Result<Authorized<Vec<UserId>>, Error> {
        let (group, permit) = self.manage(call, group_id).await?;
        let there: HashSet<UserId> = self.groups.add_members(&permit, call, &group, &user_ids, self.clock.now()).await?;
        Ok(permit.show(user_ids.into_iter().filter(|user_id| !there.contains(user_id)).collect()))
    }

    pub(crate) async fn remove_members(
        &self,
        call: &Call,
        group_id: GroupId,
        user_ids: &[UserId],
    ) -> Result<Authorized<()>, Error> {
        let (group, permit) = self.manage(call, group_id).await?;
        self.groups.remove_members(&permit, call, &group, user_ids).await?;
        Ok(permit.show(()))
    }

    pub(crate) async fn list_users(&self, call: &Call, query: ListGroupUsers) -> Result<Authorized<Vec<UserView>>, Error> {
        let (group, permit) = self.see(call, query.group_id).await?;
        let policy = self.realms.get(group.realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        let users = self.groups.users(&group, query.membership, query.after, query.limit).await?;
        Ok(permit.show(users.into_iter().map(|user| self.views.view(call, user, &policy)).collect()))
    }
}

fn read(part: &NewGroupPart) -> Result<GroupChange, Error> {
    Ok(match part {
        NewGroupPart::Name(name) => GroupChange::Name(group_name(name)?),
        NewGroupPart::Leader(leader_id) => GroupChange::Leader(*leader_id),
        NewGroupPart::Activity(activity) => GroupChange::Activity(*activity),
    })
}

fn group_name(text: &str) -> Result<Line, Error> {
    let name = Line::parse(text)?;
    if name.is_empty() { Err(Error::GroupNameMissing) } else { Ok(name) }
}

fn hidden_group(refusal: Refusal) -> Error {
    if refusal == Refusal::Hidden { Error::GroupNotFound } else { Error::Refused(refusal) }
}
