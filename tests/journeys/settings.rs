//! What realms show of themselves, and what companies decide for themselves.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use cabinet_e2e::{Cabinet, eventually_async, is, reason, refused, user_request, violated, with_token};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::preset_realm::PresetRealm;

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}

async fn update_realm(
    realm: &PresetRealm<'_>,
    settings: pb::RealmSettings,
    paths: &[&str],
    etag: &str,
) -> Result<pb::Realm, Status> {
    let (realm_id, etag) = (realm.realm_id.to_string(), etag.to_owned());
    let request = pb::UpdateRealmRequest { realm_id, settings: Some(settings), update_mask: Some(mask(paths)), etag };
    let mut realms = RealmServiceClient::new(realm.cabinet.identity.channel());
    let answer = realms.update_realm(with_token(&realm.operator, request)).await?;
    Ok(answer.into_inner().realm.expect("the contract promises the realm"))
}

/// Rule I1.e: a realm's settings are changed one by one or together, or not at all if one is wrong; its letters show it soon.
#[tokio::test(flavor = "multi_thread")]
async fn a_realm_is_called_something_else() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    realm.add(realm.invited("anna@example.com")).await.expect("a good user");
    let before = cabinet.letter_to("anna@example.com", 0).await;
    assert!(before.subject.starts_with("Shop:"), "{}", before.subject);

    let wrong =
        pb::RealmSettings { name: " ".into(), language: "tlh".into(), time_zone: "Mars/Olympus".into(), ..Default::default() };
    let wrong = update_realm(&realm, wrong, &["name", "language", "time_zone"], "").await.expect_err("all three are wrong");
    assert_eq!(reason(&wrong), is(Code::InvalidArgument, "REALM_SETTING_INVALID"));
    assert_eq!(violated(&wrong), ["settings.name", "settings.language", "settings.time_zone"]);
    for paths in [&[][..], &["preset"], &["name", "shoe_size"]] {
        let unknown = update_realm(&realm, pb::RealmSettings::default(), paths, "").await;
        assert_eq!(refused(unknown), is(Code::InvalidArgument, "UPDATE_MASK_INVALID"), "{paths:?}");
    }

    let named = pb::RealmSettings { name: "Market".into(), language: "tlh".into(), ..Default::default() };
    let changed = update_realm(&realm, named.clone(), &["name"], "").await.expect("what is not named is not looked at");
    assert_eq!((changed.name.as_str(), changed.language.as_str(), changed.version), ("Market", "en", 2));
    let again = update_realm(&realm, named.clone(), &["name"], "").await.expect("it is so already");
    assert_eq!((again.version, &again.etag), (2, &changed.etag));
    assert_eq!(refused(update_realm(&realm, named, &["name"], "v1").await), is(Code::Aborted, "ETAG_MISMATCH"));
    cabinet.settled().await;
    let mut number = 0;
    eventually_async("a letter of the new name", async || {
        number += 1;
        let email = format!("user{number}@example.com");
        realm.add(realm.invited(&email)).await.expect("a good user");
        cabinet.letter_to(&email, 0).await.subject.starts_with("Market:").then_some(())
    })
    .await;
    let of_realm = "SELECT detail FROM audit_log WHERE act = 'REALM_CHANGED'";
    assert_eq!(cabinet.databases.identity.value(of_realm), "name");
}

/// Rules I2.d, I26.a: the cash register of a company is read and written by its OWNERs, not by an ADMIN; written down without what it is.
#[tokio::test(flavor = "multi_thread")]
async fn owners_say_which_cash_register_their_company_has() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let company_id = realm.company_id.to_string();
    let mut realms = RealmServiceClient::new(cabinet.identity.channel());
    let (_, owner) = realm.member(user_request(realm.company_id, pb::Role::Owner, "owner@example.com")).await;
    let (_, admin) = realm.member(user_request(realm.company_id, pb::Role::Admin, "admin@example.com")).await;
    let write = |cash_desk: &str, etag: &str| pb::UpdateCompanySettingsRequest {
        company_id: company_id.clone(),
        settings: Some(pb::CompanySettings { cash_desk: cash_desk.to_owned() }),
        update_mask: Some(mask(&["cash_desk"])),
        etag: etag.to_owned(),
    };
    let read = pb::GetCompanySettingsRequest { company_id: company_id.clone() };
    let at_first = realms.get_company_settings(with_token(&owner, read.clone())).await.expect("an OWNER may").into_inner();
    assert_eq!(at_first.settings, Some(pb::CompanySettings::default()));
    let written = realms.update_company_settings(with_token(&owner, write(" 4000123456 ", &at_first.etag))).await;
    let written = written.expect("an OWNER may").into_inner();
    assert_eq!(written.settings.expect("the contract promises them").cash_desk, "4000123456");
    let late = realms.update_company_settings(with_token(&owner, write("4000999999", &at_first.etag))).await;
    assert_eq!(refused(late), is(Code::Aborted, "ETAG_MISMATCH"));
    let wrong = realms.update_company_settings(with_token(&owner, write("1\u{2028}2", ""))).await;
    assert_eq!(refused(wrong), is(Code::InvalidArgument, "COMPANY_SETTING_INVALID"));
    let unknown = pb::UpdateCompanySettingsRequest { update_mask: Some(mask(&["safe"])), ..write("1", "") };
    let unknown = realms.update_company_settings(with_token(&owner, unknown)).await;
    assert_eq!(refused(unknown), is(Code::InvalidArgument, "UPDATE_MASK_INVALID"));
    let denied = is(Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(refused(realms.update_company_settings(with_token(&admin, write("1", ""))).await), denied);
    assert_eq!(refused(realms.get_company_settings(with_token(&admin, read.clone())).await), denied);
    let kept = realms.get_company_settings(with_token(&owner, read)).await.expect("an OWNER may").into_inner();
    assert_eq!((kept.settings.expect("the contract promises them").cash_desk.as_str(), kept.etag), ("4000123456", written.etag));
    let of_company = "SELECT string_agg(detail, ', ') FROM audit_log WHERE act = 'COMPANY_SETTINGS_CHANGED'";
    assert_eq!(cabinet.databases.identity.value(of_company), "cash_desk");
}
