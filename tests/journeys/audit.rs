//! What is written down of those who administer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::audit_service_client::AuditServiceClient;
use api::cabinet::identity::v1::group_service_client::GroupServiceClient;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Cabinet, is, new_id, refused, user_request, with_token};
use kernel::{Caller, Role, Through, UserCaller};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::preset_realm::PresetRealm;

pub(crate) async fn list(
    cabinet: &Cabinet,
    token: &str,
    request: pb::ListAuditEntriesRequest,
) -> Result<pb::ListAuditEntriesResponse, Status> {
    AuditServiceClient::new(cabinet.identity.channel())
        .list_audit_entries(with_token(token, request))
        .await
        .map(tonic::Response::into_inner)
}

/// What was done, and to whom, the oldest first.
pub(crate) async fn done(cabinet: &Cabinet, token: &str, request: pb::ListAuditEntriesRequest) -> Vec<(String, String, String)> {
    let mut entries = list(cabinet, token, request).await.expect("he may").entries;
    entries.reverse();
    let told = |entry: pb::AuditEntry| {
        let act = entry.act().as_str_name().trim_start_matches("AUDIT_ACT_").to_owned();
        (act, entry.object_id, entry.detail)
    };
    entries.into_iter().map(told).collect()
}

/// Rule I26.a: whatever an administrator does is written down: who, whom, what, when and from where; nothing that he was refused.
#[tokio::test(flavor = "multi_thread")]
async fn every_administrative_act_is_written_down() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "call_center").await;
    let named = |role: pb::Role, name: &str| pb::CreateUserRequest {
        role: role.into(),
        user_name: name.to_owned(),
        ..realm.invited(&format!("{name}@example.com"))
    };
    let (boss, owner) = realm.member(named(pb::Role::Owner, "boss")).await;
    let anna = cabinet.create_user_with(&owner, named(pb::Role::Agent, "anna")).await.expect("an OWNER may").user_id;
    let taken = cabinet.create_user_with(&owner, named(pb::Role::Agent, "anna")).await;
    assert_eq!(taken.expect_err("it is taken").code(), Code::AlreadyExists);
    cabinet.change_role(&owner, &anna, pb::Role::Admin).await.expect("an OWNER may");
    cabinet.change_role(&owner, &anna, pb::Role::Admin).await.expect("it is so already");
    cabinet.block_user(&owner, &anna).await.expect("an OWNER may");
    cabinet.unblock_user(&owner, &anna).await.expect("an OWNER may");
    let (user_id, new_password, confirmation) = (anna.clone(), Cabinet::PASSWORD.to_owned(), Cabinet::PASSWORD.to_owned());
    let set = with_token(&owner, pb::SetUserPasswordRequest { user_id, new_password, confirmation });
    PasswordServiceClient::new(cabinet.identity.channel()).set_user_password(set).await.expect("an OWNER may");
    let company_id = realm.company_id.to_string();
    let group = pb::CreateGroupRequest { company_id, name: "Night".to_owned(), leader_id: anna.clone(), ..Default::default() };
    let mut groups = GroupServiceClient::new(cabinet.identity.channel());
    let group = groups.create_group(with_token(&owner, group)).await.expect("an OWNER may").into_inner();
    let group_id = group.group.expect("the contract promises the group").group_id;
    let member = pb::AddGroupMembersRequest { group_id: group_id.clone(), user_ids: vec![anna.clone()] };
    groups.add_group_members(with_token(&owner, member.clone())).await.expect("an OWNER may");
    groups.add_group_members(with_token(&owner, member)).await.expect("she is in it already");
    let away = pb::RemoveGroupMembersRequest { group_id: group_id.clone(), user_ids: vec![anna.clone()] };
    groups.remove_group_members(with_token(&owner, away.clone())).await.expect("an OWNER may");
    groups.remove_group_members(with_token(&owner, away)).await.expect("she is not in it any more");
    let quiet = pb::UpdateGroupRequest {
        group: Some(pb::Group { group_id: group_id.clone(), leader_id: boss.user_id.clone(), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["leader_id".to_owned(), "active".to_owned()] }),
        etag: String::new(),
    };
    groups.update_group(with_token(&owner, quiet)).await.expect("an OWNER may");
    let agent = cabinet.token(&Caller::User(UserCaller {
        realm_id: realm.realm_id,
        company_id: realm.company_id,
        user_id: anna.parse().expect("an id"),
        role: Role::Agent,
        through: Through::Session(new_id()),
    }));
    cabinet.block_user(&agent, &boss.user_id).await.expect_err("an AGENT may not");
    cabinet
        .change_email(&cabinet.service_token_in(realm.realm_id), &anna, "anna@elsewhere.example")
        .await
        .expect("a SERVICE may");
    cabinet.change_phone(&cabinet.service_token_in(realm.realm_id), &anna, "+380671234567").await.expect("a SERVICE may");

    let act = |act: &str, object: &str, detail: &str| (act.to_owned(), object.to_owned(), detail.to_owned());
    let company = realm.company_id.to_string();
    let all = [
        act("COMPANY_ADDED", &company, "ORDINARY"),
        act("USER_ADDED", &boss.user_id, "OWNER"),
        act("USER_ADDED", &anna, "AGENT"),
        act("ROLE_CHANGED", &anna, "ADMIN"),
        act("USER_BLOCKED", &anna, ""),
        act("USER_UNBLOCKED", &anna, ""),
        act("PASSWORD_SET", &anna, ""),
        act("GROUP_CREATED", &group_id, ""),
        act("GROUP_MEMBER_ADDED", &anna, &group_id),
        act("GROUP_MEMBER_REMOVED", &anna, &group_id),
        act("GROUP_CHANGED", &group_id, &format!("leader_id {}, inactive", boss.user_id)),
        act("EMAIL_CHANGED", &anna, ""),
        act("PHONE_CHANGED", &anna, ""),
    ];
    // Of whoever was not added there is the id that he would have had.
    let conflict = |entry: &(String, String, String)| entry.0 == "CONFLICT_TOLD" && entry.2 == "EMAIL USER_NAME";
    let mut found = done(&cabinet, &owner, pb::ListAuditEntriesRequest::default()).await;
    assert!(conflict(&found.remove(3)), "{found:?}");
    assert_eq!(found, all);
    let by_owner = pb::ListAuditEntriesRequest { actor_id: boss.user_id.clone(), ..Default::default() };
    let mut found = done(&cabinet, &owner, by_owner).await;
    assert!(conflict(&found.remove(1)), "{found:?}");
    assert_eq!(found, all[2..11]);
    let blocks =
        pb::ListAuditEntriesRequest { act: pb::AuditAct::UserBlocked.into(), object_id: anna.clone(), ..Default::default() };
    let entry = list(&cabinet, &owner, blocks).await.expect("he may").entries.pop().expect("one act");
    assert_eq!(
        (entry.actor_kind(), entry.actor_id, entry.client_address),
        (pb::AuditActorKind::User, boss.user_id, "127.0.0.1".to_owned())
    );
    assert_eq!(entry.company_id, company);
    let at = entry.act_time.expect("a moment");
    let before = pb::ListAuditEntriesRequest { end_time: Some(at), ..Default::default() };
    let mut found = done(&cabinet, &owner, before).await;
    assert!(conflict(&found.remove(3)), "{found:?}");
    assert_eq!(found, all[..4]);
    let since = pb::ListAuditEntriesRequest { start_time: Some(at), ..Default::default() };
    assert_eq!(done(&cabinet, &owner, since).await, all[4..]);
}

/// Rule I26.a: so is what is done to a realm, and whom a machine calls for.
#[tokio::test(flavor = "multi_thread")]
async fn acts_on_realms_and_by_machines_are_written_down() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let starting = pb::Policy { starting_status: pb::StartingStatus::Chosen.into(), ..Default::default() };
    realm.update(starting.clone(), &["starting_status"], "").await.expect("an operator may");
    realm.update(starting, &["starting_status"], "").await.expect("it is so already");
    let of_realm = pb::ListAuditEntriesRequest { realm_id: realm.realm_id.to_string(), ..Default::default() };
    let acts = done(&cabinet, &realm.operator, of_realm).await;
    let (realm_id, company_id) = (realm.realm_id.to_string(), realm.company_id.to_string());
    let act = |act: &str, object: &str, detail: &str| (act.to_owned(), object.to_owned(), detail.to_owned());
    let expected = [
        act("REALM_OPENED", &realm_id, ""),
        act("COMPANY_ADDED", &company_id, "ORDINARY"),
        act("POLICY_CHANGED", &realm_id, "starting_status"),
    ];
    assert_eq!(acts, expected);

    let (credential_id, secret) = cabinet.make_credential(pb::CredentialKind::ActingService).await;
    let machine = cabinet.service_token_by(&credential_id, &secret).await.expect("a good secret");
    let owner = cabinet.create_user(&machine, cabinet.realm.company_id, pb::Role::Owner, "owner@example.com").await;
    let owner = owner.expect("a SERVICE may").user_id;
    let blocked = pb::CreateUserRequest {
        invitation: pb::Invitation::Send.into(),
        ..user_request(cabinet.realm.company_id, pb::Role::Customer, "anna@example.com")
    };
    let anna = cabinet.create_user_with(&machine, blocked).await.expect("a good user").user_id;
    let for_owner = cabinet.user_token_by(&machine, &owner).await.expect("it may");
    cabinet.age_links("2 minutes");
    for _ in 0..2 {
        let again = with_token(&for_owner, pb::ResendInvitationRequest { user_id: anna.clone() });
        UserServiceClient::new(cabinet.identity.channel()).resend_invitation(again).await.expect("an OWNER may");
    }
    let invited = pb::ListAuditEntriesRequest { act: pb::AuditAct::UserInvited.into(), ..Default::default() };
    let entries = list(&cabinet, &for_owner, invited).await.expect("his own").entries;
    let told: Vec<_> = entries.iter().map(|entry| (&*entry.object_id, &*entry.actor_id, &*entry.acting_credential_id)).collect();
    assert_eq!(told, [(&*anna, &*owner, &*credential_id)], "one that was too soon is not told");
    cabinet.delete_credential(&credential_id).await.expect("an operator may");
    let credentials = pb::ListAuditEntriesRequest {
        realm_id: cabinet.realm.id.to_string(),
        object_id: credential_id.clone(),
        ..Default::default()
    };
    let acts = done(&cabinet, &cabinet.operator_token("operator"), credentials).await;
    assert_eq!(acts, [act("CREDENTIAL_CREATED", &credential_id, ""), act("CREDENTIAL_DELETED", &credential_id, "")]);
}

/// Rule I26.a: pages go from the newest to the oldest, and hang on their filters.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_page_by_page() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    for name in ["anna", "bela", "carl"] {
        cabinet.create_customer(&format!("{name}@example.com")).await;
    }
    let added = pb::ListAuditEntriesRequest { act: pb::AuditAct::UserAdded.into(), page_size: 3, ..Default::default() };
    let first = list(&cabinet, &owner, added.clone()).await.expect("he may");
    let rest = pb::ListAuditEntriesRequest { page_token: first.next_page_token.clone(), ..added.clone() };
    let second = list(&cabinet, &owner, rest.clone()).await.expect("he may");
    assert_eq!((first.entries.len(), second.entries.len(), second.next_page_token.as_str()), (3, 1, ""));
    let ids: Vec<_> = first.entries.iter().chain(&second.entries).map(|entry| entry.audit_entry_id.clone()).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
    let elsewhere = pb::ListAuditEntriesRequest { act: pb::AuditAct::UserBlocked.into(), ..rest };
    assert_eq!(refused(list(&cabinet, &owner, elsewhere).await), is(Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
}

/// Rules I26.a, I1.a: an OWNER reads of his own company; nobody of another realm reads anything, and nobody changes what is written.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_its_companys_own_and_only_added_to() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let (realm, elsewhere) = (&cabinet.realm, &cabinet.other_realm);
    let neighbour = cabinet.user_token_of(realm, realm.other_company_id, new_id(), Role::Owner);
    let of_company = pb::ListAuditEntriesRequest { company_id: realm.company_id.to_string(), ..Default::default() };
    assert!(!list(&cabinet, &owner, of_company.clone()).await.expect("his own").entries.is_empty());
    assert_eq!(refused(list(&cabinet, &neighbour, of_company.clone()).await), is(Code::NotFound, "COMPANY_NOT_FOUND"));
    let seen = list(&cabinet, &neighbour, pb::ListAuditEntriesRequest::default()).await.expect("his own").entries;
    assert!(!seen.is_empty() && seen.iter().all(|entry| entry.company_id == realm.other_company_id.to_string()));
    let admin = cabinet.user_token(new_id(), Role::Admin);
    assert_eq!(refused(list(&cabinet, &admin, of_company).await), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    let of_realm = pb::ListAuditEntriesRequest { realm_id: realm.id.to_string(), ..Default::default() };
    let stranger = cabinet.service_token_of(elsewhere);
    assert_eq!(refused(list(&cabinet, &stranger, of_realm.clone()).await), is(Code::NotFound, "REALM_NOT_FOUND"));
    let operator = cabinet.operator_token("operator");
    let opened = list(&cabinet, &operator, of_realm).await.expect("he may").entries.pop().expect("the first act");
    assert_eq!((opened.act(), opened.actor_name.as_str()), (pb::AuditAct::RealmOpened, "operator"));

    cabinet.databases.identity.execute("UPDATE audit_log SET client_address = NULL");
    for change in [
        "UPDATE audit_log SET act = 'X'",
        "UPDATE audit_log SET client_address = NULL, act = 'X'",
        "UPDATE audit_log SET client_address = '192.0.2.1'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ] {
        let tried = catch_unwind(AssertUnwindSafe(|| cabinet.databases.identity.execute(change)));
        assert!(tried.is_err(), "{change}");
    }
}
