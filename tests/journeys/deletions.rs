//! Users who are deleted: who may do it, what has to be confirmed, and that nothing of them stays anywhere.

use api::cabinet::identity::events::v1::UserBlocked;
use api::cabinet::identity::v1 as pb;
use api::cabinet::profile::v1 as profiles;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cabinet_e2e::{
    Cabinet, Refused, case_request, eventually, eventually_async, is, new_id, picture, reason, refused, user_id, user_request,
    with_token,
};
use image::ImageFormat;
use kernel::Role;
use prost::Message as _;
use testkit::TestDatabase;
use tonic::{Code, Status};

use crate::contact_changes::{change_email, request_code};
use crate::preset_realm::PresetRealm;

const EMAIL: &str = "Stefaniya.Zhuravel@example.com";
const PHONE: &str = "+380671234599";
const NAME: &str = "Stefaniya Zhuravel-Lisovska";
const JOB_TITLE: &str = "Keeper of the lighthouse at Pryluky";
const SUBJECT: &str = "The lamp of Zhuravel is out";

/// Every queue that facts arrive in. Beside each stand those in which they are put by.
const QUEUES: [&str; 8] = [
    "case_monitoring.erasure.normal",
    "identity.acts.normal",
    "identity.deletions.normal",
    "identity.erasure.normal",
    "notification.erasure.normal",
    "notification.planner.normal",
    "notification.planner.security",
    "profile.erasure.normal",
];
/// How many milliseconds facts are put by.
const TIERS: [u32; 3] = [5_000, 60_000, 600_000];

fn not_confirmed() -> Refused {
    is(Code::FailedPrecondition, "DELETION_NOT_CONFIRMED")
}

pub(crate) async fn delete(cabinet: &Cabinet, token: &str, user_id: &str) -> Result<pb::UserDeletion, Status> {
    let prepared = cabinet.prepare_deletion(token, user_id).await?;
    cabinet.delete_user(token, user_id, &prepared.confirmation).await
}

/// The deletion, once every service has erased.
pub(crate) async fn completed(cabinet: &Cabinet, token: &str, user_id: &str) -> pb::UserDeletion {
    eventually_async("every service to erase", async || {
        let deletion = cabinet.get_deletion(token, user_id).await.ok()?;
        deletion.complete_time.is_some().then_some(deletion)
    })
    .await
}

/// All rows of all tables of a database, as text; bytes in hexadecimal.
pub(crate) fn dump(database: &TestDatabase) -> String {
    let tables =
        "SELECT string_agg(format('SELECT %L || t::text FROM %I.%I AS t', relname || ' ', nspname, relname), ' UNION ALL ')
         FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname IN ('public', 'messaging')";
    database.value(&database.value(tables))
}

/// Where this stands, as text or as bytes.
pub(crate) fn lines_with(dump: &str, value: &str) -> Vec<String> {
    let bytes = value.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let value = value.to_lowercase();
    dump.lines().filter(|line| line.to_lowercase().contains(&value) || line.contains(&bytes)).map(str::to_owned).collect()
}

pub(crate) fn databases(cabinet: &Cabinet) -> [&TestDatabase; 4] {
    let all = &cabinet.databases;
    [&all.identity, &all.profile, &all.case_monitoring, &all.notification]
}

/// Somebody of whom every service keeps something, with a token of his session.
async fn well_known(cabinet: &Cabinet) -> (pb::User, pb::SessionTokens) {
    let request = pb::CreateUserRequest {
        phone: PHONE.to_owned(),
        introduction: Some(pb::Introduction { full_name: NAME.to_owned(), language: "en".to_owned(), ..Default::default() }),
        ..user_request(cabinet.realm.company_id, pb::Role::Customer, EMAIL)
    };
    let user = cabinet.create_user_with(&cabinet.service_token(), request).await.expect("a good user");
    let tokens = cabinet.signed_in(&user).await;
    let token = &tokens.access_token;
    let profile = profiles::Profile {
        user_id: user.user_id.clone(),
        full_name: NAME.to_owned(),
        job_title: JOB_TITLE.to_owned(),
        ..Default::default()
    };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["full_name".to_owned(), "job_title".to_owned()] });
    let message = profiles::UpdateProfileRequest { profile: Some(profile), update_mask, ..Default::default() };
    let saved = ProfileServiceClient::new(cabinet.profile.channel()).update_profile(with_token(token, message)).await;
    let etag = saved.expect("a good profile").into_inner().profile.expect("the contract promises the profile").etag;
    let avatar = picture(ImageFormat::Png, 300, 300);
    cabinet.upload_avatar(token, &user.user_id, &etag, &avatar).await.expect("a good picture");
    cabinet.update_preferences(token, &user.user_id, true, &["status_change.email"]).await.expect("a good tick");
    let message = cases_of(cabinet, &user.user_id);
    let case = cabinet.create_case_with(&cabinet.service_token(), message).await.expect("a good case");
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    // The link, word of the password, and of the case.
    cabinet.letter_to(EMAIL, 2).await;
    cabinet.settled().await;
    (user, tokens)
}

fn cases_of(cabinet: &Cabinet, user_id: &str) -> api::cabinet::case_monitoring::v1::CreateCaseRequest {
    let subject = SUBJECT.to_owned();
    api::cabinet::case_monitoring::v1::CreateCaseRequest { subject, ..case_request(&cabinet.realm, user_id) }
}

/// Somebody who would have his address, and his number.
async fn others_want_his_contacts(cabinet: &Cabinet) {
    let stranger = cabinet.create_customer("stranger@example.com").await;
    let token = cabinet.signed_in(&stranger).await.access_token;
    change_email(cabinet, &token, EMAIL).await.expect("as for any other");
    request_code(cabinet, &token, PHONE).await.expect("as for any other");
    cabinet.letter_to(EMAIL, 3).await;
    cabinet.settled().await;
}

/// Puts a fact about him by for ten minutes: it was tried twice before, and what follows it cannot be read.
async fn put_by(cabinet: &Cabinet, user: &pb::User) {
    const CREATED: &str = "identity.user.created.v1";
    let headers = serde_json::json!({
        "cloudEvents_id": new_id::<kernel::of::Event>().to_string(),
        "cloudEvents_specversion": "1.0",
        "cloudEvents_type": CREATED,
        "cloudEvents_source": "/cabinet/identity",
        "cloudEvents_time": jiff::Timestamp::now().to_string(),
        "cloudEvents_realmid": cabinet.realm.id.to_string(),
        "cloudEvents_causeid": new_id::<kernel::of::Command>().to_string(),
        "cabinet-attempt": 2,
    });
    let told = format!(
        "SELECT encode(payload, 'base64') FROM messaging.outbox_archive WHERE type = '{CREATED}' AND aggregate_id = '{}'",
        user.user_id
    );
    let told = STANDARD.decode(cabinet.databases.identity.value(&told).replace('\n', "")).expect("base64");
    let payload = [told, vec![0xff]].concat();
    assert!(cabinet.vhost.publish("cabinet.events", CREATED, &headers, &payload));
    let tier = "notification.planner.normal.retry.600000";
    eventually("a fact to be put by", || (cabinet.vhost.queue_depth(tier) == 1).then_some(())).await;
}

/// All messages of all queues, each with its queue, as text.
fn on_the_broker(cabinet: &Cabinet) -> Vec<(String, String)> {
    for database in databases(cabinet) {
        let types = database.value("SELECT string_agg(DISTINCT type, ',') FROM messaging.outbox_archive");
        for queue in types.split(',').flat_map(|told| cabinet.vhost.bound_queues("cabinet.events", told)) {
            assert!(QUEUES.contains(&queue.as_str()), "nobody looks into {queue}");
        }
    }
    let beside = |queue: &str| {
        let tiers = TIERS.map(|tier| format!("{queue}.retry.{tier}"));
        let given_up = queue.ends_with(".normal").then(|| format!("{queue}.undeliverable"));
        [queue.to_owned()].into_iter().chain(tiers).chain(given_up).collect::<Vec<_>>()
    };
    let messages = |queue: String| {
        let messages = cabinet.vhost.messages(&queue, 1000).into_iter();
        messages.map(move |message| {
            let text = format!("{} {}", message.envelope, String::from_utf8_lossy(&message.payload));
            (queue.clone(), text.to_lowercase())
        })
    };
    QUEUES.into_iter().flat_map(beside).flat_map(messages).collect()
}

/// Rules I13.a, I27.a: what every service kept of a user is gone once all of them have said so: from tables, archives, dead letters and
/// ledgers, and from the files. What is to be tried again is still under way, and tells no more than his id. His address is free.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_deleted_user_stays_anywhere() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let (user, tokens) = well_known(&cabinet).await;
    // A fact that nobody could do, kept by notification with what it says.
    cabinet.databases.notification.execute(&format!(
        "INSERT INTO messaging.dead_letter (dead_letter_id, consumer, lane, realm_id, type, payload, reason, died_at)
         VALUES (gen_random_uuid(), 'notification.planner', 'normal', '{}', 'case_monitoring.case.created.v1',
             convert_to('{} {SUBJECT}', 'UTF8'), 'a test', now())",
        cabinet.realm.id, user.user_id,
    ));
    // What he wanted to be before he was added.
    cabinet.databases.identity.execute(&format!(
        "INSERT INTO registrations (realm_id, link_id, user_id, email, email_key, token_hash, created_at, expires_at)
         VALUES ('{}', gen_random_uuid(), gen_random_uuid(), '{EMAIL}', lower('{EMAIL}'), '', now(), now() + interval '1 day')",
        cabinet.realm.id,
    ));
    others_want_his_contacts(&cabinet).await;
    put_by(&cabinet, &user).await;
    let values = [EMAIL, PHONE, NAME, JOB_TITLE, SUBJECT];
    let before: Vec<String> = databases(&cabinet).map(dump).to_vec();
    for (value, least) in values.iter().zip([2, 2, 1, 1, 4]) {
        let found: usize = before.iter().map(|dump| lines_with(dump, value).len()).sum();
        assert!(found >= least, "{value} stands in {found} lines before");
    }
    let files = || walk(cabinet.avatars_folder.path());
    assert!(!files().is_empty());

    let deletion = delete(&cabinet, &owner, &user.user_id).await.expect("an OWNER may");
    assert_eq!((deletion.user_id.as_str(), deletion.company_id.as_str()), (user.user_id.as_str(), user.company_id.as_str()));
    let completed = completed(&cabinet, &owner, &user.user_id).await;
    let mut services: Vec<&str> = completed.erasures.iter().map(|erasure| erasure.service.as_str()).collect();
    services.sort_unstable();
    assert_eq!(services, ["case-monitoring", "identity", "notification", "profile"]);

    for (database, dump) in ["identity", "profile", "case-monitoring", "notification"].iter().zip(databases(&cabinet).map(dump)) {
        for value in values {
            assert_eq!(lines_with(&dump, value), Vec::<String>::new(), "{value} in {database}");
        }
    }
    let told = on_the_broker(&cabinet);
    assert!(told.iter().any(|(queue, text)| queue.contains(".retry.") && text.contains(&user.user_id)), "{told:?}");
    for value in values.map(str::to_lowercase) {
        let queues: Vec<_> = told.iter().filter(|(_, text)| text.contains(&value)).collect();
        assert_eq!(queues, Vec::<&(String, String)>::new(), "{value}");
    }
    assert_eq!(files(), Vec::<std::path::PathBuf>::new());
    assert_eq!(refused(cabinet.get_profile(&owner, &user.user_id).await), is(Code::NotFound, "PROFILE_NOT_FOUND"));
    assert_eq!(cabinet.batch_get_users(&owner, "", &[&user.user_id]).await.expect("an answer").missing_user_ids, [user.user_id]);
    assert_eq!(refused(cabinet.refresh(&tokens.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    let again = cabinet.create_customer(EMAIL).await;
    assert_ne!(again.user_id, completed.user_id);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Rule I27.a: his cases stay with the company as numbers with a history, and whatever is told of them later tells nobody and keeps
/// nothing of him.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_outlives_whoever_asked_for_it() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    delete(&cabinet, &owner, &customer.user_id).await.expect("an OWNER may");
    completed(&cabinet, &owner, &customer.user_id).await;

    let kept = cabinet.change_status(&owner, &case.case_id, "OPEN").await.expect("the staff goes on");
    assert_eq!((kept.number, kept.subject.as_str(), kept.requester_id), (case.number, "", customer.user_id));
    cabinet.settled().await;
    assert_eq!(cabinet.mail.letters().len(), 0);
    assert_eq!(cabinet.databases.notification.value("SELECT count(*) FROM deliveries"), "0");
}

/// Rule I27.a: a fact that arrives once he is erased tells him nothing, and is not kept.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_is_told_nothing_that_comes_late() {
    const BLOCKED: &str = "identity.user.blocked.v1";
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let customer = cabinet.create_customer("anna@example.com").await;
    delete(&cabinet, &owner, &customer.user_id).await.expect("an OWNER may");
    completed(&cabinet, &owner, &customer.user_id).await;
    cabinet.settled().await;

    let headers = serde_json::json!({
        "cloudEvents_id": new_id::<kernel::of::Event>().to_string(),
        "cloudEvents_specversion": "1.0",
        "cloudEvents_type": BLOCKED,
        "cloudEvents_source": "/cabinet/identity",
        "cloudEvents_time": jiff::Timestamp::now().to_string(),
        "cloudEvents_realmid": cabinet.realm.id.to_string(),
        "cloudEvents_causeid": new_id::<kernel::of::Command>().to_string(),
    });
    let blocked = UserBlocked { user_id: customer.user_id, company_id: customer.company_id, version: 2, block_time: None };
    let done = async || cabinet.notification.counter("cabinet_consumer_done_total").await;
    let before = done().await;
    assert!(cabinet.vhost.publish("cabinet.events", BLOCKED, &headers, &blocked.encode_to_vec()));
    eventually_async("the fact to be done", async || (done().await > before).then_some(())).await;
    assert_eq!(cabinet.databases.notification.value("SELECT count(*) FROM deliveries"), "0");
}

/// Rule I13.a: what is confirmed is what was shown: this user, as he was, to this caller. Doing it twice is doing it once.
#[tokio::test(flavor = "multi_thread")]
async fn just_what_was_shown_can_be_confirmed() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let other_owner = cabinet.owner_token("other-owner@example.com").await;
    let (anna, boris) =
        (cabinet.create_customer("anna@example.com").await.user_id, cabinet.create_customer("boris@example.com").await.user_id);
    let prepared = cabinet.prepare_deletion(&owner, &anna).await.expect("an OWNER may");
    assert_eq!(prepared.user.expect("the contract promises the user").email, "anna@example.com");
    let confirmation = prepared.confirmation;
    for wrong in ["x", &confirmation[1..]] {
        assert_eq!(refused(cabinet.delete_user(&owner, &anna, wrong).await), not_confirmed());
    }
    assert_eq!(refused(cabinet.delete_user(&owner, &boris, &confirmation).await), not_confirmed(), "another user");
    assert_eq!(refused(cabinet.delete_user(&other_owner, &anna, &confirmation).await), not_confirmed(), "another caller");
    cabinet.change_role(&owner, &anna, pb::Role::Agent).await.expect("an OWNER may");
    assert_eq!(refused(cabinet.delete_user(&owner, &anna, &confirmation).await), not_confirmed(), "she is another by now");
    assert_eq!(refused(cabinet.get_deletion(&owner, &anna).await), is(Code::NotFound, "USER_NOT_FOUND"), "she is not deleted");

    let confirmation = cabinet.prepare_deletion(&owner, &anna).await.expect("an OWNER may").confirmation;
    let (one, other) =
        tokio::join!(cabinet.delete_user(&owner, &anna, &confirmation), cabinet.delete_user(&owner, &anna, &confirmation));
    assert_eq!(one.expect("confirmed").delete_time, other.expect("confirmed").delete_time);
    let acts = cabinet.databases.identity.value("SELECT count(*) FROM audit_log WHERE act = 'USER_DELETED'");
    assert_eq!(acts, "1");
}

/// Rule I13.a: who deletes users is the policy's: an OWNER in his company, SUPPORT in all but its own desk, or nobody.
#[tokio::test(flavor = "multi_thread")]
async fn only_whom_the_policy_names_deletes() {
    let cabinet = Cabinet::start().await;
    let denied = is(Code::PermissionDenied, "PERMISSION_DENIED");
    for (preset, owner_may, support_may) in [("standard", true, false), ("tender", false, true), ("marketplace", false, false)] {
        let realm = PresetRealm::open(&cabinet, preset).await;
        let named = |request: pb::CreateUserRequest, phone: &str| pb::CreateUserRequest {
            phone: phone.to_owned(),
            introduction: Some(pb::Introduction {
                first_name: if preset == "tender" { String::new() } else { "Ганна".to_owned() },
                last_name: if preset == "tender" { String::new() } else { "Коваль".to_owned() },
                ..Default::default()
            }),
            ..request
        };
        let named = |request, phone| if preset == "marketplace" { named(request, phone) } else { request };
        let owner = named(user_request(realm.company_id, pb::Role::Owner, "owner@example.com"), "0671234501");
        let (_, owner) = realm.member(owner).await;
        let desk = realm.support_desk().await;
        let (_, support) = realm.member(named(user_request(desk, pb::Role::Support, "help@example.com"), "0671234502")).await;
        let colleague = named(user_request(desk, pb::Role::Support, "desk@example.com"), "0671234503");
        let colleague = realm.add(colleague).await.expect("a good user");
        let customer = named(realm.invited("anna@example.com"), "0671234504");
        let customer = realm.add(customer).await.expect("a good user").user_id;
        assert_eq!(refused(cabinet.prepare_deletion(&support, &colleague.user_id).await), denied, "{preset}: her own desk");
        // Whoever may last: then there is nobody left to be refused.
        let mut deleters = [("OWNER", &owner, owner_may), ("SUPPORT", &support, support_may)];
        deleters.sort_by_key(|(.., may)| *may);
        for (who, token, may) in deleters {
            if may {
                delete(&cabinet, token, &customer).await.expect("whom the policy names");
            } else {
                assert_eq!(refused(cabinet.prepare_deletion(token, &customer).await), denied, "{preset}: {who}");
                assert_eq!(refused(cabinet.delete_user(token, &customer, "x").await), denied, "{preset}: {who}");
            }
        }
    }
}

/// Rule I3.c: nobody deletes himself, and of owners who delete each other one is left.
#[tokio::test(flavor = "multi_thread")]
async fn owners_who_delete_each_other_leave_one() {
    let cabinet = Cabinet::start().await;
    let company_id = cabinet.realm.company_id;
    let (first, second) = ("first@example.com", "second@example.com");
    let service = cabinet.service_token();
    for round in 0..5 {
        let add = async |email: &str| {
            let email = format!("{round}{email}");
            let user = cabinet.create_user(&service, company_id, pb::Role::Owner, &email).await.expect("a good user");
            let token = cabinet.user_token(user_id(&user), Role::Owner);
            (user.user_id, token)
        };
        let ((first, first_token), (second, second_token)) = (add(first).await, add(second).await);
        let oneself = is(Code::FailedPrecondition, "ACTING_ON_ONESELF");
        assert_eq!(refused(cabinet.prepare_deletion(&first_token, &first).await), oneself);
        assert_eq!(refused(cabinet.delete_user(&first_token, &first, "x").await), oneself);
        let one = cabinet.prepare_deletion(&first_token, &second).await.expect("an OWNER may").confirmation;
        let other = cabinet.prepare_deletion(&second_token, &first).await.expect("an OWNER may").confirmation;
        let (one, other) =
            tokio::join!(cabinet.delete_user(&first_token, &second, &one), cabinet.delete_user(&second_token, &first, &other));
        assert!(one.is_ok() != other.is_ok(), "round {round}: {one:?}, {other:?}");
    }
}

/// Rule I3.c: SUPPORT, too, leaves a company its last active OWNER, however many are deleted at once.
#[tokio::test(flavor = "multi_thread")]
async fn support_leaves_a_company_its_last_owner() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "tender").await;
    let (_, support) = realm.support("help@example.com").await;
    let mut owners = Vec::new();
    for number in 0..4 {
        let owner = user_request(realm.company_id, pb::Role::Owner, &format!("owner{number}@example.com"));
        let owner = realm.add(owner).await.expect("a good user").user_id;
        let confirmation = cabinet.prepare_deletion(&support, &owner).await.expect("SUPPORT may").confirmation;
        owners.push((owner, confirmation));
    }
    let deletions = owners.iter().map(|(owner, confirmation)| cabinet.delete_user(&support, owner, confirmation));
    let refusals: Vec<Refused> =
        futures::future::join_all(deletions).await.into_iter().filter_map(|deleted| Some(reason(&deleted.err()?))).collect();
    assert_eq!(refusals, [is(Code::FailedPrecondition, "LAST_OWNER")]);
}

/// Rules I13.a, I27.a: whoever dies on the way, what was begun is finished: the services that were away, and identity itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_finished_whoever_dies() {
    let mut cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let (user, _) = well_known(&cabinet).await;
    cabinet.profile.kill();
    cabinet.notification.kill();
    delete(&cabinet, &owner, &user.user_id).await.expect("an OWNER may");
    cabinet.identity.kill();
    cabinet.case_monitoring.kill();
    for service in [&mut cabinet.identity, &mut cabinet.case_monitoring, &mut cabinet.profile, &mut cabinet.notification] {
        service.start();
        service.wait_until_ready().await;
    }
    completed(&cabinet, &owner, &user.user_id).await;
    for value in [EMAIL, PHONE, NAME, JOB_TITLE, SUBJECT] {
        for database in databases(&cabinet) {
            assert_eq!(lines_with(&dump(database), value), Vec::<String>::new(), "{value}");
        }
    }
}

/// Rule I27.a: a service that has not heard of a deletion is told again.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_has_not_heard_is_told_again() {
    let mut cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let (user, _) = well_known(&cabinet).await;
    cabinet.profile.kill();
    delete(&cabinet, &owner, &user.user_id).await.expect("an OWNER may");
    // As if it had never had a queue.
    eventually_async("three services to erase", async || {
        let deletion = cabinet.get_deletion(&owner, &user.user_id).await.expect("an OWNER may");
        (deletion.erasures.len() == 3).then_some(())
    })
    .await;
    cabinet.vhost.purge("profile.erasure.normal");
    cabinet.databases.identity.execute("UPDATE user_deletions SET told_at = told_at - interval '61 minutes'");
    cabinet.profile.start();
    cabinet.profile.wait_until_ready().await;
    cabinet.identity.kill();
    cabinet.identity.start();
    cabinet.identity.wait_until_ready().await;
    completed(&cabinet, &owner, &user.user_id).await;
    assert_eq!(lines_with(&dump(&cabinet.databases.profile), JOB_TITLE), Vec::<String>::new());
}
