//! All that is kept of a user, in one answer: whole, his alone, and for nobody else.

use std::collections::{BTreeMap, BTreeSet};

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::audit_service_client::AuditServiceClient;
use api::cabinet::profile::v1::AttributeAudience::{Owner, User};
use api::cabinet::profile::v1::AttributeType;
use api::cabinet::r#type::v1::PersonalRecord;
use cabinet_e2e::{Cabinet, Kind, Setup, case_request, is, new_id, picture, reason, refused, user_request, with_token};
use image::ImageFormat;
use kernel::UserId;
use serde_json::Value;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::attributes;
use crate::contact_changes::change_email;
use crate::groups::Desk;
use crate::preset_realm::PresetRealm;
use crate::sign_on;

const SERVICES: [&str; 4] = ["identity", "profile", "case-monitoring", "notification"];

/// Somebody of whom every service keeps something, each value his alone.
struct Known {
    user: pb::User,
    token: String,
    /// With which service each is found.
    values: Vec<(&'static str, String)>,
    /// What his company keeps from him.
    hidden: String,
}

impl Known {
    /// An AGENT, so that he has cases and changes some.
    async fn in_company_of(desk: &Desk<'_>, name: &str, phone: &str) -> Self {
        let cabinet = desk.cabinet;
        let (email, other_email) = (format!("{name}.zhuravel@example.com"), format!("{name}@elsewhere.example"));
        let (full_name, subject) = (format!("{name} Zhuravel-Lisovska"), format!("The lamp of {name} is out"));
        let (size, hidden, group) =
            (format!("Forty-{name}-two"), format!("Tends to {name} too often"), format!("Keepers of {name}"));
        for (kind, value) in [(Kind::Text, &size), (Kind::Text, &hidden), (Kind::Text, &group)] {
            cabinet.watch.canary(kind, value);
        }
        let introduction = Some(pb::Introduction { full_name: format!("{name} Newcomer"), ..Default::default() });
        let request = user_request(cabinet.realm.company_id, pb::Role::Agent, &email);
        let request = pb::CreateUserRequest { phone: phone.to_owned(), introduction, ..request };
        let user = cabinet.create_user_with(&desk.owner, request).await.expect("a good user");
        let token = cabinet.signed_in(&user).await.access_token;
        attributes::save(cabinet, &desk.owner, &user.user_id, &[("size", &[&size]), ("note", &[&hidden])], &[], "")
            .await
            .expect("an OWNER writes both");
        let etag = profile(cabinet, &token, &user.user_id, &full_name).await;
        let avatar = picture(ImageFormat::Png, 300, 300);
        cabinet.upload_avatar(&token, &user.user_id, &etag, &avatar).await.expect("a good picture");
        for tick in [false, true] {
            cabinet.update_preferences(&token, &user.user_id, tick, &["status_change.email"]).await.expect("a good tick");
        }
        let message = case_request(&cabinet.realm, &user.user_id);
        let message = api::cabinet::case_monitoring::v1::CreateCaseRequest { subject: subject.clone(), ..message };
        let case = cabinet.create_case_with(&cabinet.service_token(), message).await.expect("a good case");
        cabinet.change_status(&token, &case.case_id, "OPEN").await.expect("an allowed move");
        let group_of_his = desk.create(desk.request(&group, &user.user_id)).await.expect("a good group");
        assert!(desk.add(&group_of_his, &[&user.user_id]).await.is_empty());
        change_email(cabinet, &token, &other_email).await.expect("he may");
        let external_id = format!("{name}/1001");
        sign_on::link(cabinet, &cabinet.service_token(), &user.user_id, &external_id).await.expect("it is free");
        let values = vec![
            ("identity", email.clone()),
            ("identity", phone.to_owned()),
            ("identity", other_email),
            ("identity", external_id),
            ("identity", format!("{name} Newcomer")),
            ("identity", group),
            ("profile", full_name),
            ("profile", size),
            ("case-monitoring", subject),
            ("notification", email),
            ("notification", phone.to_owned()),
        ];
        Self { user, token, values, hidden }
    }
}

/// The etag of his profile with this name.
async fn profile(cabinet: &Cabinet, token: &str, user_id: &str, full_name: &str) -> String {
    use api::cabinet::profile::v1 as profiles;
    use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
    let profile = profiles::Profile { user_id: user_id.to_owned(), full_name: full_name.to_owned(), ..Default::default() };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["full_name".to_owned()] });
    let message = profiles::UpdateProfileRequest { profile: Some(profile), update_mask, ..Default::default() };
    let saved = ProfileServiceClient::new(cabinet.profile.channel()).update_profile(with_token(token, message)).await;
    saved.expect("a good profile").into_inner().profile.expect("the contract promises the profile").etag
}

/// What no call leaves, or none within a test: of the phone that is confirmed, of a VPN, of a device, and of how he came.
fn leave_rest(cabinet: &Cabinet, user: &pb::User) {
    let (realm_id, user_id, email) = (cabinet.realm.id, &user.user_id, &user.email);
    leave_registration(cabinet, user_id, email);
    cabinet.databases.identity.execute(&format!(
        "INSERT INTO phone_codes (realm_id, code_id, user_id, phone, code_mac, created_at, expires_at)
         VALUES ('{realm_id}', gen_random_uuid(), '{user_id}', '{}', 'a hash', now(), now() + interval '5 minutes');
         INSERT INTO second_factors (realm_id, user_id, factor_id, last_step, created_at)
         VALUES ('{realm_id}', '{user_id}', gen_random_uuid(), 0, now());
         INSERT INTO recovery_codes (realm_id, user_id, code_hash) VALUES ('{realm_id}', '{user_id}', 'a hash');
         INSERT INTO passkeys (realm_id, user_id, passkey_id, credential_id, record, counter, name, created_at)
         VALUES ('{realm_id}', '{user_id}', gen_random_uuid(), 'an id', '{{}}', 7, 'The key on her ring', now());
         INSERT INTO stations (realm_id, user_id, station, entered_at) VALUES ('{realm_id}', '{user_id}', 'a hash', now());
         INSERT INTO social_accounts (realm_id, social_account_id, user_id, issuer, subject, email, linked_at)
         VALUES ('{realm_id}', gen_random_uuid(), '{user_id}', 'https://provider.example', '{user_id}', '{email}', now())",
        user.phone,
    ));
    cabinet.databases.notification.execute(&format!(
        "INSERT INTO messaging.dead_letter (dead_letter_id, consumer, lane, realm_id, type, payload, reason, died_at)
         VALUES (gen_random_uuid(), 'notification.planner', 'normal', '{realm_id}', 'case_monitoring.case.created.v1',
             convert_to('{user_id}', 'UTF8'), 'a test', now())",
    ));
}

/// Of one that is over, of somebody with this address.
fn leave_registration(cabinet: &Cabinet, user_id: &str, email: &str) {
    cabinet.databases.identity.execute(&format!(
        "INSERT INTO registrations (realm_id, link_id, user_id, email, email_key, token_hash, created_at, expires_at, ended_at)
         VALUES ('{}', gen_random_uuid(), '{user_id}', '', '{}', 'a hash', now(), now() + interval '1 day', now())",
        cabinet.realm.id,
        email.to_lowercase(),
    ));
}

/// The kinds of records that the register of tables says there are.
fn kinds() -> BTreeSet<String> {
    let register: toml::Table = include_str!("../architecture/tables.toml").parse().expect("tables.toml is a register");
    let folders = register["tables"].as_table().expect("tables by folder").values();
    let tables = folders.flat_map(|folder| folder.as_table().expect("tables").values());
    tables.filter_map(|table| Some(table.get("exported")?.as_str()?.to_owned())).collect()
}

fn text_of(records: &[PersonalRecord], service: &str) -> String {
    let of_it = records.iter().filter(|record| record.service == service);
    of_it.map(|record| record.json.as_str()).collect::<Vec<_>>().join("\n")
}

fn of_kind(records: &[PersonalRecord], kind: &str) -> Vec<Value> {
    let of_it = records.iter().filter(|record| record.kind == kind);
    of_it.map(|record| serde_json::from_str(&record.json).expect("the contract promises JSON")).collect()
}

/// Rule I27.b: whatever any service keeps of him is in it, each kind that the register of tables names and each value; nothing of somebody
/// of the same company, no secret, and nothing that his company keeps from him. The summary has counted it.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_kept_of_a_user_is_in_his_export() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet).await;
    for (key, seen) in [("size", [User, Owner].as_slice()), ("note", [Owner].as_slice())] {
        let attribute = attributes::attribute(&cabinet, key, AttributeType::Text, seen, &[Owner]);
        attributes::define(&cabinet, &desk.owner, attribute).await.expect("a good attribute");
    }
    let stefan = Known::in_company_of(&desk, "Stefan", "+380671234599").await;
    let borys = Known::in_company_of(&desk, "Borys", "+380671234588").await;
    leave_rest(&cabinet, &stefan.user);
    cabinet.settled().await;
    // Word of the password, of the case and of the address that he wants.
    cabinet.letter_to(&stefan.user.email, 2).await;

    let (records, summary) = cabinet.export(&stefan.token, &stefan.user.user_id).await.expect("his own");
    for (service, value) in &stefan.values {
        assert!(text_of(&records, service).to_lowercase().contains(&value.to_lowercase()), "{value} of {service}");
    }
    let told: BTreeSet<String> = records.iter().map(|record| record.kind.clone()).collect();
    let missing: Vec<_> = kinds().difference(&told).cloned().collect();
    assert_eq!(missing, Vec::<String>::new());
    for more in ["avatar", "own_change", "hidden_attributes"] {
        assert!(told.contains(more), "{more}");
    }

    let all: String = SERVICES.iter().map(|service| text_of(&records, service)).collect();
    for (_, value) in &borys.values {
        assert!(!all.to_lowercase().contains(&value.to_lowercase()), "{value} is somebody else's");
    }
    for secret in [stefan.hidden.as_str(), "$argon2id", "6120686173", &borys.user.user_id] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert_eq!(of_kind(&records, "hidden_attributes")[0]["count"], 1);
    assert_eq!(of_kind(&records, "second_factor")[0]["recovery_codes"], 1);
    let by_himself: Vec<_> = of_kind(&records, "case_change").iter().map(|change| change["by_himself"].clone()).collect();
    assert_eq!(by_himself, [false, true], "he opened it himself");

    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for record in &records {
        *counts.entry(record.service.clone()).or_default() += 1;
    }
    assert_eq!(summary.user_id, stefan.user.user_id);
    assert_eq!(summary.services.iter().map(|each| each.service.as_str()).collect::<Vec<_>>(), SERVICES);
    assert_eq!(summary.services.into_iter().map(|each| (each.service, each.record_count)).collect::<BTreeMap<_, _>>(), counts);
}

/// Rule I27.b: he himself, who has shown recently who he is, and machines of his realm, which is written down: so it comes to somebody who is
/// blocked. Nobody above him.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_for_himself_and_the_realms_machines() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.signed_in(&anna).await.access_token;
    let (service, stranger) = (cabinet.service_token(), cabinet.service_token_of(&cabinet.other_realm));
    let acts = || cabinet.databases.identity.value("SELECT count(*) FROM audit_log WHERE act = 'USER_EXPORTED'");
    cabinet.export(&token, &anna.user_id).await.expect("her own");
    assert_eq!(acts(), "0", "whoever asks for himself administers nobody");
    let denied = is(Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(refused(cabinet.export(&owner, &anna.user_id).await), denied);
    assert_eq!(refused(cabinet.export(&stranger, &anna.user_id).await), is(Code::NotFound, "USER_NOT_FOUND"));

    cabinet.age_sessions("6 minutes");
    let too_old = cabinet.export(&token, &anna.user_id).await;
    assert_eq!(refused(too_old), is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED"));

    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may");
    cabinet.refused_everywhere(&token, &anna.user_id).await;
    assert_eq!(refused(cabinet.export(&token, &anna.user_id).await), is(Code::Unauthenticated, "TOKEN_INVALID"));
    let (records, _) = cabinet.export(&service, &anna.user_id).await.expect("a machine of the realm may");
    assert_eq!(of_kind(&records, "user")[0]["status"], "BLOCKED");
    let message = pb::ListAuditEntriesRequest { act: pb::AuditAct::UserExported.into(), ..Default::default() };
    let listed = AuditServiceClient::new(cabinet.identity.channel()).list_audit_entries(with_token(&service, message)).await;
    let entries = listed.expect("a machine may").into_inner().entries;
    assert_eq!(entries.iter().map(|entry| entry.object_id.as_str()).collect::<Vec<_>>(), [anna.user_id.as_str()]);
}

/// Rule I27.b: where the policy asks for no recent sign-in to change a password, everything is given for one all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_is_not_given_everything() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "tender").await;
    let (anna, token) = realm.newcomer(realm.invited("anna@example.com")).await;
    cabinet.age_sessions("14 minutes");
    cabinet.export(&token, &anna.user_id).await.expect("her own");
    cabinet.age_sessions("2 minutes");
    let too_old = cabinet.export(&token, &anna.user_id).await;
    assert_eq!(refused(too_old), is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED"));
}

/// Rule I27.b: whoever has not shown that an address is his is not told who has registered with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_shown_to_be_his_tells_of_nobody() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    leave_registration(&cabinet, &new_id::<()>().to_string(), &anna.email);
    let service = cabinet.service_token();
    let registrations = async || {
        let (records, _) = cabinet.export(&service, &anna.user_id).await.expect("a machine of the realm may");
        of_kind(&records, "registration").len()
    };
    assert_eq!(registrations().await, 0);
    cabinet.signed_in(&anna).await;
    assert_eq!(registrations().await, 1, "it is hers");
}

/// Rule I27.b: while a service is away nothing is told that would look whole: it is named, whether it is gone or does not answer. Each time
/// counts, since those that are there have worked for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_is_named() {
    let mut cabinet = Setup::default().with_identity("CABINET__GUESSING__EXPORTS_OF_USER", "5").start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let service = cabinet.service_token();
    cabinet.profile.kill();
    for _ in 0..3 {
        assert_eq!(away(&cabinet.begin_export(&service, &anna.user_id).await.expect_err("a refusal")), "profile");
    }
    cabinet.profile.start();
    cabinet.profile.wait_until_ready().await;
    cabinet.notification.signal("STOP");
    assert_eq!(away(&cabinet.begin_export(&service, &anna.user_id).await.expect_err("a refusal")), "notification");
    cabinet.notification.signal("CONT");
    cabinet.export(&service, &anna.user_id).await.expect("all of them are there");
    assert_eq!(refused(cabinet.export(&service, &anna.user_id).await), is(Code::ResourceExhausted, "ATTEMPTS_LIMITED"));
}

/// The service that is away, as a refusal says.
fn away(status: &Status) -> String {
    assert_eq!(reason(status), is(Code::Unavailable, "SERVICE_AWAY"));
    assert!(status.get_details_retry_info().is_some(), "when to come back");
    status.get_details_resource_info().expect("which one").resource_name
}

/// Makes notification keep more of somebody than is on its way at once.
fn leave_deliveries(cabinet: &Cabinet, user: &pb::User) {
    const DELIVERIES: usize = 18_000;
    let user_id: UserId = user.user_id.parse().expect("an id");
    cabinet.databases.notification.execute(&format!(
        "INSERT INTO deliveries (realm_id, cause_id, object_id, user_id, channel, delivery_id, event_id, kind, state, content,
             attempt, claimable_at, created_at, settled_at)
         SELECT '{}', gen_random_uuid(), gen_random_uuid(), '{user_id}', 'EMAIL', gen_random_uuid(), gen_random_uuid(),
             'STATUS_CHANGE', 'SENT', '', 1, now(), now(), now()
         FROM generate_series(1, {DELIVERIES})",
        cabinet.realm.id,
    ));
}

/// What a stream says at last that does not come to its end.
async fn broken_off(mut parts: Streaming<pb::ExportUserResponse>) -> Status {
    loop {
        match parts.message().await {
            Ok(Some(part)) => assert!(part.summary.is_none(), "it was told to the end"),
            Ok(None) => panic!("an end without a word"),
            Err(status) => return status,
        }
    }
}

/// Rule I27.b: a service that falls silent in the middle of it is named, and what came is not told to be all.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_a_service_leaves_is_not_whole() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    leave_deliveries(&cabinet, &anna);
    let mut parts = cabinet.begin_export(&cabinet.service_token(), &anna.user_id).await.expect("all of them are there");
    parts.message().await.expect("nothing is wrong").expect("there is more");
    cabinet.notification.signal("STOP");
    let end = broken_off(parts).await;
    cabinet.notification.signal("CONT");
    // What is told in the middle of a stream comes without a text in the reader's language: that goes with the head of an answer.
    let told = end.get_details_error_info().expect("a reason").reason;
    assert_eq!((end.code(), told.as_str()), (Code::Unavailable, "SERVICE_AWAY"));
    assert_eq!(end.get_details_resource_info().expect("which one").resource_name, "notification");
}

/// Rules I27.b, I4.d: however much there is, it comes in pages, each thing once; whoever loses access in the middle of it is told no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_export_ends_when_its_reader_loses_access() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.signed_in(&anna).await.access_token;
    cabinet.settled().await;
    leave_deliveries(&cabinet, &anna);
    let kept: usize = cabinet.databases.notification.value("SELECT count(*) FROM deliveries").parse().expect("a number");
    let (records, _) = cabinet.export(&token, &anna.user_id).await.expect("her own");
    let deliveries = of_kind(&records, "delivery");
    let ids: BTreeSet<String> = deliveries.iter().map(|each| each["delivery_id"].to_string()).collect();
    assert_eq!((deliveries.len(), ids.len()), (kept, kept));

    let mut parts = cabinet.begin_export(&token, &anna.user_id).await.expect("her own");
    parts.message().await.expect("nothing is wrong").expect("there is more");
    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may");
    cabinet.refused_everywhere(&token, &anna.user_id).await;
    assert_eq!(broken_off(parts).await.code(), Code::Unauthenticated);
}
