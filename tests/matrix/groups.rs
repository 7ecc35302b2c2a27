//! Calls about the groups of a company, each about one that the visit's own customer leads; and about what was done in it.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::audit_service_client::AuditServiceClient;
use api::cabinet::identity::v1::group_service_client::GroupServiceClient;
use prost_types::FieldMask;
use tonic::Status;

use crate::visit::{Answer, Visit, no_call, with_token};

pub(crate) async fn call(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = GroupServiceClient::new(visit.stage.identity.clone());
    let (company_id, leader_id) = (visit.company_id(), visit.user_id());
    let request =
        pb::CreateGroupRequest { company_id: company_id.clone(), name: "Night".into(), leader_id, ..Default::default() };
    if method == "CreateGroup" {
        return client.create_group(visit.request(request)).await.map(|_| Answer::Done);
    }
    let made = client.create_group(with_token(&visit.stage.owner_token(), request)).await.expect("an OWNER may").into_inner();
    let group = made.group.expect("the contract promises the group");
    let (group_id, user_ids) = (group.group_id.clone(), vec![visit.user_id()]);
    match method {
        "GetGroup" => client.get_group(visit.request(pb::GetGroupRequest { group_id })).await.map(|_| Answer::Done),
        "ListGroups" => {
            let request = pb::ListGroupsRequest { company_id, ..Default::default() };
            client.list_groups(visit.request(request)).await.map(|_| Answer::Done)
        }
        "UpdateGroup" => {
            let group = Some(pb::Group { name: "Day".into(), ..group });
            let update_mask = Some(FieldMask { paths: vec!["name".into()] });
            let request = pb::UpdateGroupRequest { group, update_mask, etag: String::new() };
            client.update_group(visit.request(request)).await.map(|_| Answer::Done)
        }
        "AddGroupMembers" => {
            let request = pb::AddGroupMembersRequest { group_id, user_ids };
            client.add_group_members(visit.request(request)).await.map(|_| Answer::Done)
        }
        "RemoveGroupMembers" => {
            let request = pb::RemoveGroupMembersRequest { group_id, user_ids };
            client.remove_group_members(visit.request(request)).await.map(|_| Answer::Done)
        }
        "ListGroupUsers" => {
            let membership = pb::GroupMembership::Others.into();
            let request = pb::ListGroupUsersRequest { group_id, membership, ..Default::default() };
            client.list_group_users(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

pub(crate) async fn call_audit(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = AuditServiceClient::new(visit.stage.identity.clone());
    match method {
        "ListAuditEntries" => {
            let (realm_id, company_id) = (visit.realm_id(), visit.company_id());
            let request = pb::ListAuditEntriesRequest { realm_id, company_id, ..Default::default() };
            client.list_audit_entries(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}
