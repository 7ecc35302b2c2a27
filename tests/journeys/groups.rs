//! Groups of a company's users.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::group_service_client::GroupServiceClient;
use cabinet_e2e::{Cabinet, Held, is, new_id, refused, with_token};
use kernel::Role;
use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// An OWNER of the realm's company at work on its groups.
pub(crate) struct Desk<'a> {
    pub(crate) cabinet: &'a Cabinet,
    pub(crate) owner: String,
}

impl<'a> Desk<'a> {
    pub(crate) async fn of(cabinet: &'a Cabinet) -> Self {
        Self { cabinet, owner: cabinet.owner_token("owner@example.com").await }
    }

    fn client(&self) -> GroupServiceClient<Channel> {
        GroupServiceClient::new(self.cabinet.identity.channel())
    }

    pub(crate) fn request(&self, name: &str, leader_id: &str) -> pb::CreateGroupRequest {
        let company_id = self.cabinet.realm.company_id.to_string();
        pb::CreateGroupRequest { company_id, name: name.to_owned(), leader_id: leader_id.to_owned(), ..Default::default() }
    }

    pub(crate) async fn create(&self, request: pb::CreateGroupRequest) -> Result<pb::Group, Status> {
        let answer = self.client().create_group(with_token(&self.owner, request)).await?;
        Ok(answer.into_inner().group.expect("the contract promises the group"))
    }

    pub(crate) async fn update(&self, group: pb::Group, paths: &[&str], etag: &str) -> Result<pb::Group, Status> {
        let request = pb::UpdateGroupRequest {
            group: Some(group),
            update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
            etag: etag.to_owned(),
        };
        let answer = self.client().update_group(with_token(&self.owner, request)).await?;
        Ok(answer.into_inner().group.expect("the contract promises the group"))
    }

    /// Answers with those who are no users of the company.
    pub(crate) async fn add(&self, group: &pb::Group, users: &[&str]) -> Vec<String> {
        let user_ids = users.iter().map(|id| (*id).to_owned()).collect();
        let request = pb::AddGroupMembersRequest { group_id: group.group_id.clone(), user_ids };
        self.client()
            .add_group_members(with_token(&self.owner, request))
            .await
            .expect("an OWNER may")
            .into_inner()
            .missing_user_ids
    }

    pub(crate) async fn remove(&self, group: &pb::Group, user: &str) {
        let request = pb::RemoveGroupMembersRequest { group_id: group.group_id.clone(), user_ids: vec![user.to_owned()] };
        self.client().remove_group_members(with_token(&self.owner, request)).await.expect("an OWNER may");
    }

    /// The addresses of those who are in a group, or not, page by page.
    pub(crate) async fn users(&self, group: &pb::Group, membership: pb::GroupMembership) -> Vec<String> {
        let (mut addresses, mut page_token) = (Vec::new(), String::new());
        loop {
            let (group_id, membership) = (group.group_id.clone(), membership.into());
            let request = pb::ListGroupUsersRequest { group_id, membership, page_size: 2, page_token };
            let page = self.client().list_group_users(with_token(&self.owner, request)).await.expect("an OWNER may").into_inner();
            addresses.extend(page.users.into_iter().map(|user| user.email));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return addresses;
            }
        }
    }
}

/// Rules I14.a, I2.e, F15.a, F15.b: a group has a name, a leader who need not be in it, and is active; all of it can be changed, from what was seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_and_changed() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let bela = cabinet.create_customer("bela@example.com").await;
    let named = pb::CreateGroupRequest { request_id: new_id::<()>().to_string(), ..desk.request(" Night shift ", &anna.user_id) };
    let group = desk.create(named.clone()).await.expect("a good group");
    assert_eq!((group.name.as_str(), group.leader_id.as_str(), group.active), ("Night shift", anna.user_id.as_str(), true));
    assert_eq!(desk.create(named.clone()).await.expect("the same request"), group);
    let another = pb::CreateGroupRequest { name: "Day shift".to_owned(), ..named };
    assert_eq!(refused(desk.create(another).await), is(Code::InvalidArgument, "REQUEST_ID_REUSED"));
    assert_eq!(desk.users(&group, pb::GroupMembership::Members).await, Vec::<String>::new(), "its leader is not in it");

    for name in ["", "  ", "Night\nshift", &"я".repeat(201)] {
        assert_eq!(refused(desk.create(desk.request(name, &anna.user_id)).await), is(Code::InvalidArgument, "GROUP_INVALID"));
    }
    cabinet.block_user(&desk.owner, &bela.user_id).await.expect("an OWNER may");
    let service = cabinet.service_token();
    let neighbour = cabinet.create_user(&service, cabinet.realm.other_company_id, pb::Role::Agent, "n@example.com").await;
    for leader in [&bela.user_id, &neighbour.expect("a good user").user_id, &new_id::<kernel::of::User>().to_string()] {
        assert_eq!(refused(desk.create(desk.request("Day shift", leader)).await), is(Code::InvalidArgument, "LEADER_INVALID"));
        let led = pb::Group { leader_id: leader.clone(), ..group.clone() };
        assert_eq!(refused(desk.update(led, &["leader_id"], "").await), is(Code::InvalidArgument, "LEADER_INVALID"));
    }

    let quiet = pb::Group { name: "Weekend".to_owned(), active: false, ..group.clone() };
    let changed = desk.update(quiet.clone(), &["active"], &group.etag).await.expect("an OWNER may");
    assert_eq!((changed.name.as_str(), changed.active), ("Night shift", false), "what is not named stays");
    assert_eq!(refused(desk.update(quiet.clone(), &["name"], &group.etag).await), is(Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(desk.update(quiet.clone(), &["active"], "").await.expect("it is so already").etag, changed.etag);
    for paths in [&[][..], &["company_id"], &["name", "shoe_size"]] {
        let unknown = desk.update(quiet.clone(), paths, "").await;
        assert_eq!(refused(unknown), is(Code::InvalidArgument, "UPDATE_MASK_INVALID"), "{paths:?}");
    }
    cabinet.block_user(&desk.owner, &anna.user_id).await.expect("an OWNER may");
    let renamed = desk.update(pb::Group { name: "Nights".to_owned(), ..quiet }, &["name", "leader_id"], "").await;
    assert_eq!(renamed.expect("who leads it already goes on").name, "Nights");
}

/// Rule I14.b: users are added and taken out as often as one likes, and are listed in a group and not in it; a user is in several.
#[tokio::test(flavor = "multi_thread")]
async fn users_come_and_go() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet).await;
    let mut ids = Vec::new();
    for name in ["anna", "bela", "carl"] {
        ids.push(cabinet.create_customer(&format!("{name}@example.com")).await.user_id);
    }
    let service = cabinet.service_token();
    let neighbour = cabinet.create_user(&service, cabinet.realm.other_company_id, pb::Role::Agent, "n@example.com").await;
    let neighbour = neighbour.expect("a good user").user_id;
    let night = desk.create(desk.request("Night", &ids[0])).await.expect("a good group");
    let day = desk.create(desk.request("Day", &ids[0])).await.expect("a good group");
    let inactive = pb::Group { active: false, ..day.clone() };
    desk.update(inactive, &["active"], "").await.expect("an OWNER may");

    assert_eq!(desk.add(&night, &[&ids[0], &ids[2], &neighbour]).await, [neighbour.as_str()]);
    assert_eq!(desk.add(&night, &[&ids[2], &ids[0], &ids[2]]).await, Vec::<String>::new(), "again changes nothing");
    assert_eq!(desk.add(&day, &[&ids[2]]).await, Vec::<String>::new());
    let (members, others) = (pb::GroupMembership::Members, pb::GroupMembership::Others);
    assert_eq!(desk.users(&night, members).await, ["anna@example.com", "carl@example.com"]);
    assert_eq!(desk.users(&night, others).await, ["owner@example.com", "bela@example.com"]);
    assert_eq!(desk.users(&day, members).await, ["carl@example.com"], "an inactive group keeps its members");
    desk.remove(&night, &ids[2]).await;
    desk.remove(&night, &ids[2]).await;
    assert_eq!(desk.users(&night, members).await, ["anna@example.com"]);
    assert_eq!(desk.users(&day, members).await, ["carl@example.com"], "of another group nothing is changed");
}

/// Rules I2.e, I1.a: only an OWNER manages groups, and only those of his own company; others' do not exist for him.
#[tokio::test(flavor = "multi_thread")]
async fn groups_are_an_owners_and_his_own_companys() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let group = desk.create(desk.request("Night", &anna.user_id)).await.expect("a good group");
    let (realm, elsewhere) = (&cabinet.realm, &cabinet.other_realm);
    let neighbour = cabinet.user_token_of(realm, realm.other_company_id, new_id(), Role::Owner);
    let stranger = cabinet.user_token_of(elsewhere, elsewhere.company_id, new_id(), Role::Owner);
    for token in [&neighbour, &stranger] {
        let seen = with_token(token, pb::GetGroupRequest { group_id: group.group_id.clone() });
        assert_eq!(refused(desk.client().get_group(seen).await), is(Code::NotFound, "GROUP_NOT_FOUND"));
        let renamed = Desk { cabinet: &cabinet, owner: token.clone() }.update(group.clone(), &["name"], "").await;
        assert_eq!(refused(renamed), is(Code::NotFound, "GROUP_NOT_FOUND"));
        let made = Desk { cabinet: &cabinet, owner: token.clone() }.create(desk.request("Day", &anna.user_id)).await;
        assert_eq!(refused(made), is(Code::NotFound, "COMPANY_NOT_FOUND"));
    }
    let admin = cabinet.user_token(new_id(), Role::Admin);
    let made = Desk { cabinet: &cabinet, owner: admin }.create(desk.request("Day", &anna.user_id)).await;
    assert_eq!(refused(made), is(Code::PermissionDenied, "PERMISSION_DENIED"));
}

/// Rule I14.a: nobody becomes a leader who is blocked at that very moment.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_blocked_meanwhile_leads_nothing() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let bela = cabinet.create_customer("bela@example.com").await;
    let night = desk.create(desk.request("Night", &anna.user_id)).await.expect("a good group");
    let block = format!("UPDATE users SET status = 'BLOCKED', version = version + 1 WHERE user_id = '{}'", bela.user_id);
    let blocked = Held::by(&cabinet.databases.identity, &block).await;
    let led = pb::Group { leader_id: bela.user_id, ..night.clone() };
    assert_eq!(refused(desk.update(led, &["leader_id"], "").await), is(Code::InvalidArgument, "LEADER_INVALID"));
    blocked.committed();
    let renamed = pb::Group { name: "Nights".to_owned(), ..night };
    assert_eq!(desk.update(renamed, &["name"], "").await.expect("an OWNER may").leader_id, anna.user_id);
}
