//! What is written down of those who administer in other services than identity, and on the command line.

use std::collections::BTreeSet;

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::case_monitoring::v1::workflow_service_client::WorkflowServiceClient;
use api::cabinet::identity::v1 as pb;
use api::cabinet::messaging::events::v1::AdministrativeActDone;
use api::cabinet::profile::v1 as profiles;
use api::cabinet::profile::v1::AttributeAudience::{Owner, User};
use api::cabinet::profile::v1::AttributeType;
use api::cabinet::profile::v1::attribute_service_client::AttributeServiceClient;
use api::cabinet::profile::v1::department_service_client::DepartmentServiceClient;
use cabinet_e2e::{Cabinet, eventually, eventually_async, new_id, picture, reason, user_id, with_token};
use image::ImageFormat;
use kernel::{Role, UserId};
use prost::Message as _;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::attributes::{attribute, define, save};
use crate::audit::{done, list};
use crate::dead_letters::{publish_garbage, wait_for_dead_letters};
use crate::deletions::{completed, delete};
use crate::workflows::status;

const ACT_DONE: &str = "profile.act.done.v1";
/// What stands for no realm.
const PLATFORM: &str = "00000000-0000-0000-0000-000000000000";
/// How often a message was put by that has had all its tiers: the next failure is its last.
const EVERY_TIER: u32 = 3;

type Act = (String, String, String);

fn act(act: &str, object: &str, detail: &str) -> Act {
    (act.to_owned(), object.to_owned(), detail.to_owned())
}

/// What was done, once it is so much: what is told by other services comes a moment later.
async fn told(cabinet: &Cabinet, token: &str, request: &pb::ListAuditEntriesRequest, count: usize) -> Vec<Act> {
    eventually_async(&format!("{count} acts"), async || {
        let found = done(cabinet, token, request.clone()).await;
        (found.len() >= count).then_some(found)
    })
    .await
}

/// A new OWNER of the realm's company, and his token.
async fn owner(cabinet: &Cabinet, email: &str) -> (UserId, String) {
    let owner = cabinet.create_user(&cabinet.service_token(), cabinet.realm.company_id, pb::Role::Owner, email).await;
    let id = user_id(&owner.expect("a good user"));
    (id, cabinet.user_token(id, Role::Owner))
}

/// Rule I26.b: what somebody else does to a profile is written down, with the names of its fields and no value of them; what its person
/// does is not.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_do_to_a_profile_is_written_down() {
    let cabinet = Cabinet::start().await;
    let (owner_id, owner) = owner(&cabinet, "owner@example.com").await;
    let (anna, service) = (cabinet.create_customer("anna@example.com").await, cabinet.service_token());
    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);
    let size = attribute(&cabinet, "size", AttributeType::Text, &[User, Owner], &[User, Owner]);
    define(&cabinet, &owner, size).await.expect("a good attribute");
    save(&cabinet, &owner, &anna.user_id, &[("size", &["Forty-two"])], &[], "").await.expect("an OWNER may write it");
    save(&cabinet, &owner, &anna.user_id, &[("size", &["Forty-two"])], &[], "").await.expect("it is so already");
    let refused = save(&cabinet, &owner, &anna.user_id, &[("size", &["Forty-one"])], &["job_title"], "").await;
    assert_eq!(reason(&refused.expect_err("the rest is her own")).0, Code::PermissionDenied);
    save(&cabinet, &service, &anna.user_id, &[("size", &["Forty-three"])], &["job_title"], "").await.expect("a SERVICE may");
    save(&cabinet, &her_own, &anna.user_id, &[("size", &["Forty-four"])], &[], "").await.expect("her own");
    let photograph = picture(ImageFormat::Png, 300, 300);
    cabinet.upload_avatar(&her_own, &anna.user_id, "", &photograph).await.expect("her own");
    cabinet.upload_avatar(&service, &anna.user_id, "", &photograph).await.expect("a SERVICE may");
    cabinet.delete_avatar(&service, &anna.user_id, "").await.expect("a SERVICE may");
    cabinet.delete_avatar(&service, &anna.user_id, "").await.expect("she has none already");

    let expected = [
        act("USER_ADDED", &anna.user_id, "CUSTOMER"),
        act("PROFILE_CHANGED", &anna.user_id, "attributes.size"),
        act("PROFILE_CHANGED", &anna.user_id, "job_title attributes.size"),
        act("AVATAR_UPLOADED", &anna.user_id, ""),
        act("AVATAR_DELETED", &anna.user_id, ""),
    ];
    let to_anna = pb::ListAuditEntriesRequest { object_id: anna.user_id.clone(), ..Default::default() };
    assert_eq!(told(&cabinet, &owner, &to_anna, expected.len()).await, expected);
    let changed = pb::ListAuditEntriesRequest {
        act: pb::AuditAct::ProfileChanged.into(),
        actor_id: owner_id.to_string(),
        ..Default::default()
    };
    let entries = list(&cabinet, &owner, changed).await.expect("he may").entries;
    let [entry] = entries.as_slice() else { panic!("one act of his: {entries:?}") };
    assert_eq!((entry.actor_kind(), entry.client_address.as_str()), (pb::AuditActorKind::User, "127.0.0.1"));
    assert_eq!((&entry.company_id, entry.act_time.is_some()), (&cabinet.realm.company_id.to_string(), true));
}

/// Rules I26.b, I1.a: what an OWNER does to the fields and departments of his company is written down, nothing that was refused or changed
/// nothing, and for nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_fields_and_departments_is_written_down() {
    let cabinet = Cabinet::start().await;
    let (owner_id, owner) = owner(&cabinet, "owner@example.com").await;
    let wanted = attribute(&cabinet, "size", AttributeType::Text, &[User], &[User]);
    let field = define(&cabinet, &owner, wanted.clone()).await.expect("a good attribute").attribute_id;
    define(&cabinet, &owner, wanted.clone()).await.expect_err("there is one of this key");
    let admin = cabinet.user_token(new_id(), Role::Admin);
    define(&cabinet, &admin, profiles::Attribute { key: "other".to_owned(), ..wanted.clone() }).await.expect_err("no OWNER");
    let mut attributes = AttributeServiceClient::new(cabinet.profile.channel());
    let changed = profiles::Attribute { attribute_id: field.clone(), required: true, placed: false, ..wanted };
    let update = profiles::UpdateAttributeRequest {
        attribute: Some(changed),
        update_mask: Some(FieldMask { paths: vec!["required".to_owned(), "placed".to_owned(), "label".to_owned()] }),
        etag: String::new(),
    };
    attributes.update_attribute(with_token(&owner, update.clone())).await.expect("an OWNER may");
    attributes.update_attribute(with_token(&owner, update)).await.expect("it is so already");
    let gone = profiles::DeleteAttributeRequest { attribute_id: field.clone(), etag: String::new() };
    attributes.delete_attribute(with_token(&owner, gone)).await.expect("an OWNER may");
    let department = keep_a_department(&cabinet, &owner).await.expect("an OWNER may");

    let expected = [
        act("ATTRIBUTE_CREATED", &field, ""),
        act("ATTRIBUTE_CHANGED", &field, "required placed"),
        act("ATTRIBUTE_DELETED", &field, ""),
        act("DEPARTMENT_CREATED", &department, ""),
        act("DEPARTMENT_RENAMED", &department, ""),
        act("DEPARTMENT_DELETED", &department, ""),
    ];
    let by_owner = pb::ListAuditEntriesRequest { actor_id: owner_id.to_string(), ..Default::default() };
    assert_eq!(told(&cabinet, &owner, &by_owner, expected.len()).await, expected);
    let by_admin = pb::ListAuditEntriesRequest { act: pb::AuditAct::AttributeCreated.into(), ..Default::default() };
    assert_eq!(done(&cabinet, &owner, by_admin).await, [act("ATTRIBUTE_CREATED", &field, "")]);
    let neighbour = cabinet.user_token_of(&cabinet.realm, cabinet.realm.other_company_id, new_id(), Role::Owner);
    let stranger = cabinet.service_token_of(&cabinet.other_realm);
    for token in [neighbour, stranger] {
        assert!(done(&cabinet, &token, by_owner.clone()).await.is_empty());
    }
}

/// Makes a department, gives it another name, twice, and deletes it. Answers with its id.
async fn keep_a_department(cabinet: &Cabinet, owner: &str) -> Result<String, Status> {
    let mut departments = DepartmentServiceClient::new(cabinet.profile.channel());
    let company_id = cabinet.realm.company_id.to_string();
    let created = profiles::CreateDepartmentRequest { company_id, name: "Sales of Lamps".to_owned() };
    let created = departments.create_department(with_token(owner, created)).await?.into_inner().department;
    let department_id = created.expect("the contract promises the department").department_id;
    for _ in 0..2 {
        let (department_id, name) = (department_id.clone(), "Repairs of Lamps".to_owned());
        let renamed = profiles::RenameDepartmentRequest { department_id, name, etag: String::new() };
        departments.rename_department(with_token(owner, renamed)).await?;
    }
    let gone = profiles::DeleteDepartmentRequest { department_id: department_id.clone(), etag: String::new() };
    departments.delete_department(with_token(owner, gone)).await?;
    Ok(department_id)
}

/// Rule I26.b: a replaced workflow is written down, with its version and who replaced it; one that was refused is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_workflow_is_written_down() {
    let cabinet = Cabinet::start().await;
    let realm_id = cabinet.realm.id.to_string();
    let replace = async |token: &str, etag: &str| {
        let statuses =
            vec![status("NEW", cases::StatusCategory::New, &["PARKED"]), status("PARKED", cases::StatusCategory::OnHold, &["*"])];
        let message = cases::ReplaceWorkflowRequest { realm_id: realm_id.clone(), statuses, etag: etag.to_owned() };
        WorkflowServiceClient::new(cabinet.case_monitoring.channel()).replace_workflow(with_token(token, message)).await
    };
    let (operator, service) = (cabinet.operator_token("olga"), cabinet.service_token());
    replace(&service, "").await.expect("a SERVICE may");
    replace(&cabinet.user_token(new_id(), Role::Owner), "").await.expect_err("an OWNER may not");
    replace(&service, "v1").await.expect_err("it is another by now");
    replace(&operator, "").await.expect("an operator may");

    let replaced = pb::ListAuditEntriesRequest {
        realm_id: realm_id.clone(),
        act: pb::AuditAct::WorkflowReplaced.into(),
        ..Default::default()
    };
    // The first one makes the realm that all tests have.
    let expected = ["2", "3", "4"].map(|version| act("WORKFLOW_REPLACED", &realm_id, version));
    assert_eq!(told(&cabinet, &operator, &replaced, expected.len()).await, expected);
    let entries = list(&cabinet, &operator, replaced).await.expect("he may").entries;
    let actors = entries.iter().map(|entry| (entry.actor_kind(), &*entry.actor_name, &*entry.actor_id)).take(2);
    // The realm's own machine has the realm's id, in these tests.
    let expected = [(pb::AuditActorKind::PlatformAdmin, "olga", ""), (pb::AuditActorKind::Service, "", &*realm_id)];
    assert_eq!(actors.collect::<Vec<_>>(), expected);
}

/// Rules I26.b, F6.b: whoever hands dead letters back is written down, each of them once, in the realm that it is of.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_hands_dead_letters_back_is_written_down() {
    let cabinet = Cabinet::start().await;
    publish_garbage(&cabinet).await;
    wait_for_dead_letters(&cabinet, 1).await;
    let operator = cabinet.operator_token("olga");
    let listed = cabinet.list_dead_letters(&operator, 0, "").await.expect("an operator may").dead_letters;
    let letter = listed[0].dead_letter_id.as_str();
    let unknown = new_id::<()>().to_string();
    for _ in 0..2 {
        cabinet.replay_dead_letters(&operator, &[letter, &unknown]).await.expect("an operator may");
    }

    let replayed = pb::ListAuditEntriesRequest {
        realm_id: cabinet.realm.id.to_string(),
        act: pb::AuditAct::DeadLetterReplayed.into(),
        ..Default::default()
    };
    let expected = [act("DEAD_LETTER_REPLAYED", letter, "notification.planner normal")];
    assert_eq!(told(&cabinet, &operator, &replayed, 1).await, expected);
    let entry = list(&cabinet, &operator, replayed.clone()).await.expect("he may").entries.pop().expect("one act");
    assert_eq!((entry.actor_kind(), entry.actor_name.as_str()), (pb::AuditActorKind::PlatformAdmin, "olga"));
    let elsewhere = pb::ListAuditEntriesRequest { realm_id: cabinet.other_realm.id.to_string(), ..replayed };
    assert!(done(&cabinet, &operator, elsewhere).await.is_empty());
}

/// Lets this fact arrive, for the last time if it cannot be done.
async fn publish(cabinet: &Cabinet, event_id: &str, fact: &AdministrativeActDone) {
    let headers = serde_json::json!({
        "cloudEvents_id": event_id,
        "cloudEvents_specversion": "1.0",
        "cloudEvents_type": ACT_DONE,
        "cloudEvents_source": "/cabinet/profile",
        "cloudEvents_time": "2026-01-01T00:00:00Z",
        "cloudEvents_realmid": cabinet.realm.id.to_string(),
        "cloudEvents_causeid": new_id::<kernel::of::Command>().to_string(),
        "cabinet-attempt": EVERY_TIER,
    });
    eventually("identity to listen", || {
        cabinet.vhost.queue("identity.acts.normal")?;
        cabinet.vhost.publish("cabinet.events", ACT_DONE, &headers, &fact.encode_to_vec()).then_some(())
    })
    .await;
}

fn avatar_deleted(object: &str, actor: &str) -> AdministrativeActDone {
    AdministrativeActDone {
        act: pb::AuditAct::AvatarDeleted.into(),
        object_id: object.to_owned(),
        actor_kind: pb::AuditActorKind::User.into(),
        actor_id: actor.to_owned(),
        client_address: "192.0.2.1".to_owned(),
        ..Default::default()
    }
}

/// Rules I26.b, F2, F6.a: an act that is told twice is written down once. One that this release does not know is kept as a dead letter until it
/// does, and holds up no other: of what is in the log it can always be said what it was.
#[tokio::test(flavor = "multi_thread")]
async fn an_act_is_written_down_once_and_as_what_it_was() {
    let cabinet = Cabinet::start().await;
    let (object, actor) = (new_id::<()>().to_string(), new_id::<()>().to_string());
    let fact = avatar_deleted(&object, &actor);
    let newer = AdministrativeActDone { act: i32::MAX, ..fact.clone() };
    let (first, second, third) = (new_id::<()>().to_string(), new_id::<()>().to_string(), new_id::<()>().to_string());
    publish(&cabinet, &first, &newer).await;
    for event_id in [&second, &second, &third] {
        publish(&cabinet, event_id, &fact).await;
    }
    let (service, to_object) =
        (cabinet.service_token(), pb::ListAuditEntriesRequest { object_id: object.clone(), ..Default::default() });
    let written = told(&cabinet, &service, &to_object, 2).await;
    assert_eq!(written, [act("AVATAR_DELETED", &object, ""), act("AVATAR_DELETED", &object, "")]);
    let entries = list(&cabinet, &service, to_object).await.expect("a SERVICE may").entries;
    let ids: BTreeSet<_> = entries.iter().map(|entry| entry.audit_entry_id.clone()).collect();
    assert_eq!(ids, BTreeSet::from([second, third]), "each once");
    assert!(entries.iter().all(|entry| entry.client_address == "192.0.2.1"));
    // As if a later release had been here and gone.
    cabinet.databases.identity.execute(&format!(
        "INSERT INTO audit_log (realm_id, entry_id, act, object_id, actor_kind, command_id, done_at)
         SELECT realm_id, gen_random_uuid(), what, object_id, kind, command_id, done_at
         FROM audit_log, (VALUES ('OF_TOMORROW', 'USER'), ('AVATAR_DELETED', 'ROBOT')) AS later (what, kind)
         WHERE object_id = '{object}'"
    ));
    let to_object = pb::ListAuditEntriesRequest { object_id: object.clone(), ..Default::default() };
    assert_eq!(done(&cabinet, &service, to_object).await, written, "what cannot be said is left out");
    let dead = "SELECT string_agg(event_id::text, ',') FROM messaging.dead_letter WHERE consumer = 'identity.acts'";
    eventually("a dead letter", || (cabinet.databases.identity.value(dead) == first).then_some(())).await;
}

/// Rules I26.b, I27.a: of what an erased user did it is neither kept nor written down later where he came from; what could not be written down
/// yet is not forgotten with him.
#[tokio::test(flavor = "multi_thread")]
async fn where_an_erased_administrator_came_from_is_forgotten() {
    let cabinet = Cabinet::start().await;
    let (owner_id, owner) = owner(&cabinet, "owner@example.com").await;
    let (_, other_owner) = self::owner(&cabinet, "other@example.com").await;
    let department = keep_a_department(&cabinet, &owner).await.expect("an OWNER may");
    let by_him = pb::ListAuditEntriesRequest { actor_id: owner_id.to_string(), ..Default::default() };
    assert_eq!(told(&cabinet, &other_owner, &by_him, 3).await.len(), 3);
    let addresses = || {
        let says_it = "position(convert_to('127.0.0.1', 'UTF8') IN payload) > 0";
        cabinet.databases.profile.value(&format!("SELECT count(*) FROM messaging.outbox_archive WHERE {says_it}"))
    };
    eventually("the facts to be archived", || (addresses() == "3").then_some(())).await;
    let newer = AdministrativeActDone { act: i32::MAX, ..avatar_deleted(&department, &owner_id.to_string()) };
    publish(&cabinet, &new_id::<()>().to_string(), &newer).await;
    let dead = |says: &str| {
        let of_acts = "SELECT count(*) FROM messaging.dead_letter WHERE consumer = 'identity.acts'";
        cabinet.databases.identity.value(&format!("{of_acts} AND position(convert_to('{says}', 'UTF8') IN payload) > 0"))
    };
    eventually("a dead letter", || (dead("192.0.2.1") == "1").then_some(())).await;
    delete(&cabinet, &other_owner, &owner_id.to_string()).await.expect("an OWNER may");
    completed(&cabinet, &other_owner, &owner_id.to_string()).await;
    assert_eq!(addresses(), "0");
    assert_eq!(
        (dead("192.0.2.1"), dead(&owner_id.to_string())),
        ("0".to_owned(), "1".to_owned()),
        "it is still to be written down"
    );

    let company_id = cabinet.realm.company_id.to_string();
    let late = AdministrativeActDone { company_id, ..avatar_deleted(&department, &owner_id.to_string()) };
    publish(&cabinet, &new_id::<()>().to_string(), &late).await;
    assert_eq!(told(&cabinet, &other_owner, &by_him, 4).await.len(), 4);
    let entries = list(&cabinet, &other_owner, by_him).await.expect("he may").entries;
    assert!(entries.iter().all(|entry| entry.client_address.is_empty()), "{entries:?}");
}

/// Rule I26.b: who runs the platform is decided on the command line, and written down: for those who run it, and in no realm.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_on_the_command_line_is_written_down() {
    let cabinet = Cabinet::start().await;
    for _ in 0..2 {
        cabinet.identity.answer_of(&["administrator", "olga"]);
    }
    let remove = || cabinet.identity.output_of(cabinet.identity.command("administrator").args(["olga", "--remove"]));
    assert!(remove().status.success());
    assert!(!remove().status.success(), "there is no such administrator any more");

    let platform = PLATFORM.to_owned();
    let operator = cabinet.operator_token("another");
    let given = act("ADMINISTRATOR_PASSWORD_GIVEN", &platform, "olga");
    let expected = [given.clone(), given, act("ADMINISTRATOR_REMOVED", &platform, "olga")];
    assert_eq!(done(&cabinet, &operator, pb::ListAuditEntriesRequest::default()).await, expected);
    let entries = list(&cabinet, &operator, pb::ListAuditEntriesRequest::default()).await.expect("he may").entries;
    let is_said = |entry: &pb::AuditEntry| {
        entry.actor_kind() == pb::AuditActorKind::CommandLine && entry.actor_id.is_empty() && entry.actor_name.is_empty()
    };
    assert!(entries.iter().all(is_said), "{entries:?}");
    let of_platform = pb::ListAuditEntriesRequest { realm_id: platform, ..Default::default() };
    let refused = list(&cabinet, &cabinet.service_token(), of_platform).await.expect_err("it is no realm of his");
    assert_eq!(reason(&refused), (Code::NotFound, "REALM_NOT_FOUND".to_owned()));
}
