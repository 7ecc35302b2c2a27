//! `cabinet.identity.v1.GroupService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::group_service_server::{GroupService, GroupServiceServer};
use kernel::UserId;
use runtime::grpc::{Page, Problem, id, open, timestamp};
use tonic::{Request, Response, Status};

use super::convert;
use super::policy::UnknownPath;
use crate::application::{CreateGroup, GroupUseCases, ListGroupUsers, NewGroupPart, UpdateGroup};
use crate::domain::{Group, GroupActivity, GroupMembership};

pub(crate) struct GroupGrpc {
    groups: GroupUseCases,
}

impl GroupGrpc {
    pub(crate) fn server(groups: GroupUseCases) -> GroupServiceServer<Self> {
        GroupServiceServer::new(Self { groups })
    }
}

fn told(group: &Group) -> pb::Group {
    pb::Group {
        group_id: group.id.to_string(),
        company_id: group.company_id.to_string(),
        name: group.name.as_str().to_owned(),
        leader_id: group.leader_id.to_string(),
        active: group.activity == GroupActivity::Active,
        etag: group.etag(),
        create_time: Some(timestamp(group.created_at)),
    }
}

fn part(path: &str, wanted: &pb::Group) -> Result<NewGroupPart, Problem> {
    Ok(match path {
        "name" => NewGroupPart::Name(wanted.name.clone()),
        "leader_id" => NewGroupPart::Leader(id("group.leader_id", &wanted.leader_id)?),
        "active" => NewGroupPart::Activity(if wanted.active { GroupActivity::Active } else { GroupActivity::Inactive }),
        _ => return Err(UnknownPath.into()),
    })
}

fn update_group(request: pb::UpdateGroupRequest) -> Result<UpdateGroup, Problem> {
    let (wanted, mask) = (request.group.unwrap_or_default(), request.update_mask.unwrap_or_default());
    if mask.paths.is_empty() {
        return Err(UnknownPath.into());
    }
    let parts: Result<_, Problem> = mask.paths.iter().map(|path| part(path, &wanted)).collect();
    Ok(UpdateGroup { group_id: id("group.group_id", &wanted.group_id)?, parts: parts?, etag: request.etag })
}

fn users(ids: &[String]) -> Result<Vec<UserId>, Problem> {
    ids.iter().map(|user_id| id("user_ids", user_id)).collect()
}

const fn membership(membership: pb::GroupMembership) -> GroupMembership {
    match membership {
        // The contract refuses one that is not named.
        pb::GroupMembership::Unspecified | pb::GroupMembership::Members => GroupMembership::Members,
        pb::GroupMembership::Others => GroupMembership::Others,
    }
}

#[tonic::async_trait]
impl GroupService for GroupGrpc {
    async fn create_group(&self, request: Request<pb::CreateGroupRequest>) -> Result<Response<pb::CreateGroupResponse>, Status> {
        let (call, request) = open(request)?;
        let (company_id, leader_id) = (id("company_id", &request.company_id)?, id("leader_id", &request.leader_id)?);
        let command = CreateGroup { company_id, name: request.name, leader_id };
        let group = self.groups.create(&call, command).await.map_err(Problem::from)?;
        Ok(Response::new(pb::CreateGroupResponse { group: Some(told(&group.into_inner())) }))
    }

    async fn get_group(&self, request: Request<pb::GetGroupRequest>) -> Result<Response<pb::GetGroupResponse>, Status> {
        let (call, request) = open(request)?;
        let group = self.groups.get(&call, id("group_id", &request.group_id)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::GetGroupResponse { group: Some(told(&group.into_inner())) }))
    }

    async fn list_groups(&self, request: Request<pb::ListGroupsRequest>) -> Result<Response<pb::ListGroupsResponse>, Status> {
        let (call, request) = open(request)?;
        let list = format!("ListGroups {}", request.company_id);
        let page = Page::read(&call, &list, request.page_size, &request.page_token)?;
        let company_id = id("company_id", &request.company_id)?;
        let groups = self.groups.list(&call, company_id, page.after(), page.size).await.map_err(Problem::from)?.into_inner();
        let next_page_token = page.next_token(groups.len(), groups.last().map(|group| group.id));
        Ok(Response::new(pb::ListGroupsResponse { groups: groups.iter().map(told).collect(), next_page_token }))
    }

    async fn update_group(&self, request: Request<pb::UpdateGroupRequest>) -> Result<Response<pb::UpdateGroupResponse>, Status> {
        let (call, request) = open(request)?;
        let group = self.groups.update(&call, update_group(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::UpdateGroupResponse { group: Some(told(&group.into_inner())) }))
    }

    async fn add_group_members(
        &self,
        request: Request<pb::AddGroupMembersRequest>,
    ) -> Result<Response<pb::AddGroupMembersResponse>, Status> {
        let (call, request) = open(request)?;
        let (group_id, user_ids) = (id("group_id", &request.group_id)?, users(&request.user_ids)?);
        let missing = self.groups.add_members(&call, group_id, user_ids).await.map_err(Problem::from)?.into_inner();
        let missing_user_ids = missing.iter().map(UserId::to_string).collect();
        Ok(Response::new(pb::AddGroupMembersResponse { missing_user_ids }))
    }

    async fn remove_group_members(
        &self,
        request: Request<pb::RemoveGroupMembersRequest>,
    ) -> Result<Response<pb::RemoveGroupMembersResponse>, Status> {
        let (call, request) = open(request)?;
        let (group_id, user_ids) = (id("group_id", &request.group_id)?, users(&request.user_ids)?);
        let () = self.groups.remove_members(&call, group_id, &user_ids).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::RemoveGroupMembersResponse {}))
    }

    async fn list_group_users(
        &self,
        request: Request<pb::ListGroupUsersRequest>,
    ) -> Result<Response<pb::ListGroupUsersResponse>, Status> {
        let (call, request) = open(request)?;
        let list = format!("ListGroupUsers {} {}", request.group_id, request.membership);
        let page = Page::read(&call, &list, request.page_size, &request.page_token)?;
        let (group_id, membership) = (id("group_id", &request.group_id)?, membership(request.membership()));
        let query = ListGroupUsers { group_id, membership, after: page.after(), limit: page.size };
        let users = self.groups.list_users(&call, query).await.map_err(Problem::from)?.into_inner();
        let next_page_token = page.next_token(users.len(), users.last().map(|view| view.user.id()));
        let users = users.into_iter().map(convert::user_view).collect();
        Ok(Response::new(pb::ListGroupUsersResponse { users, next_page_token }))
    }
}
