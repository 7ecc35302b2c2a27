//! Further fields of profiles: an OWNER defines them, people have values in them, and each sees and writes what is for him.

use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::AttributeAudience::{Agent, Owner, User};
use api::cabinet::profile::v1::attribute_service_client::AttributeServiceClient;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use api::cabinet::profile::v1::{AttributeAudience, AttributeType};
use api::cabinet::r#type::v1::LocalizedText;
use cabinet_e2e::{Cabinet, Held, Kind, is, new_id, reason, refused, user_id, violated, with_token};
use kernel::{Caller, Component, Role};
use prost_types::FieldMask;
use tonic::{Code, Status};

fn label(text: &str) -> LocalizedText {
    LocalizedText { by_language: [("en".to_owned(), text.to_owned()), ("uk".to_owned(), text.to_owned())].into() }
}

/// One that is on profiles, seen by some and written by some of them.
pub(crate) fn attribute(
    cabinet: &Cabinet,
    key: &str,
    kind: AttributeType,
    seen: &[AttributeAudience],
    written: &[AttributeAudience],
) -> pb::Attribute {
    let has_options = [AttributeType::Choice, AttributeType::MultipleChoice].contains(&kind);
    let options = if has_options { &["small", "large"][..] } else { &[] };
    pb::Attribute {
        company_id: cabinet.realm.company_id.to_string(),
        key: key.to_owned(),
        r#type: kind.into(),
        label: Some(label("Size")),
        options: options.iter().map(|key| pb::AttributeOption { key: (*key).to_owned(), label: Some(label(key)) }).collect(),
        visible_to: seen.iter().map(|audience| (*audience).into()).collect(),
        editable_by: written.iter().map(|audience| (*audience).into()).collect(),
        placed: true,
        ..Default::default()
    }
}

pub(crate) async fn define(cabinet: &Cabinet, token: &str, attribute: pb::Attribute) -> Result<pb::Attribute, Status> {
    let request = with_token(token, pb::CreateAttributeRequest { attribute: Some(attribute) });
    let answer = AttributeServiceClient::new(cabinet.profile.channel()).create_attribute(request).await?;
    Ok(answer.into_inner().attribute.expect("the contract promises the attribute"))
}

async fn redefine(
    cabinet: &Cabinet,
    token: &str,
    attribute: pb::Attribute,
    paths: &[&str],
    etag: &str,
) -> Result<pb::Attribute, Status> {
    let message = pb::UpdateAttributeRequest {
        attribute: Some(attribute),
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        etag: etag.to_owned(),
    };
    let answer = AttributeServiceClient::new(cabinet.profile.channel()).update_attribute(with_token(token, message)).await?;
    Ok(answer.into_inner().attribute.expect("the contract promises the attribute"))
}

async fn delete(cabinet: &Cabinet, token: &str, attribute_id: &str, etag: &str) -> Result<(), Status> {
    let message = pb::DeleteAttributeRequest { attribute_id: attribute_id.to_owned(), etag: etag.to_owned() };
    AttributeServiceClient::new(cabinet.profile.channel()).delete_attribute(with_token(token, message)).await.map(|_| ())
}

/// The keys that somebody is told.
async fn keys(cabinet: &Cabinet, token: &str) -> Vec<String> {
    let message = pb::ListAttributesRequest { company_id: cabinet.realm.company_id.to_string() };
    let answer = AttributeServiceClient::new(cabinet.profile.channel()).list_attributes(with_token(token, message)).await;
    let listed = answer.expect("one's own company").into_inner().attributes;
    listed.into_iter().map(|attribute| attribute.key).collect()
}

async fn get(cabinet: &Cabinet, token: &str, user_id: &str) -> pb::Profile {
    let message = pb::GetProfileRequest { user_id: user_id.to_owned(), realm_id: cabinet.realm.id.to_string() };
    let answer = ProfileServiceClient::new(cabinet.profile.channel()).get_profile(with_token(token, message)).await;
    answer.expect("he may see it").into_inner().profile.expect("the contract promises the profile")
}

/// Writes these values, and a name if the mask names it.
pub(crate) async fn save(
    cabinet: &Cabinet,
    token: &str,
    user_id: &str,
    values: &[(&str, &[&str])],
    more: &[&str],
    etag: &str,
) -> Result<pb::Profile, Status> {
    let attributes = values.iter().map(|(key, values)| pb::ProfileAttribute {
        key: (*key).to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        editable: false,
    });
    let profile = pb::Profile {
        user_id: user_id.to_owned(),
        full_name: "Anna\u{202E}".to_owned(),
        job_title: "Lawyer".to_owned(),
        attributes: attributes.collect(),
        ..Default::default()
    };
    let mut paths: Vec<_> = values.iter().map(|(key, _)| format!("attributes.{key}")).collect();
    paths.extend(more.iter().map(|path| (*path).to_owned()));
    let update_mask = Some(FieldMask { paths });
    let message = pb::UpdateProfileRequest { profile: Some(profile), update_mask, etag: etag.to_owned(), ..Default::default() };
    let answer = ProfileServiceClient::new(cabinet.profile.channel()).update_profile(with_token(token, message)).await?;
    Ok(answer.into_inner().profile.expect("the contract promises the profile"))
}

/// Key, values and whether they may be written, as a profile shows them.
fn shown(profile: &pb::Profile) -> Vec<(&str, Vec<&str>, bool)> {
    let attributes = profile.attributes.iter();
    attributes.map(|shown| (shown.key.as_str(), shown.values.iter().map(String::as_str).collect(), shown.editable)).collect()
}

/// Rule P6.a: an OWNER defines fields of his own company, changes them part by part with an etag, and deletes them.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_defines_further_fields() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.user_token(new_id(), Role::Owner);
    let wanted = attribute(&cabinet, "shoe_size", AttributeType::Choice, &[User, Owner], &[User]);
    let made = define(&cabinet, &owner, wanted.clone()).await.expect("a good attribute");
    let expected = pb::Attribute { attribute_id: made.attribute_id.clone(), etag: made.etag.clone(), ..wanted.clone() };
    assert_eq!(made, expected);
    assert_eq!(refused(define(&cabinet, &owner, wanted.clone()).await), is(Code::AlreadyExists, "ATTRIBUTE_EXISTS"));

    let other = pb::Attribute { label: Some(label("Розмір")), placed: false, required: true, ..made.clone() };
    let changed = redefine(&cabinet, &owner, other.clone(), &["label", "placed"], &made.etag).await.expect("the present etag");
    let expected =
        pb::Attribute { label: Some(label("Розмір")), placed: false, etag: changed.etag.clone(), ..made.clone() };
    assert_eq!(changed, expected, "what is not named is not looked at");
    assert_ne!(changed.etag, made.etag);
    let again = redefine(&cabinet, &owner, other.clone(), &["label"], "").await.expect("the same again");
    assert_eq!(again, changed, "what is so already changes nothing");
    let stale = redefine(&cabinet, &owner, other.clone(), &["required"], &made.etag).await;
    assert_eq!(refused(stale), is(Code::Aborted, "ETAG_MISMATCH"));
    for paths in [&[][..], &["key"], &["type"], &["label", "shoe_size"]] {
        let status = redefine(&cabinet, &owner, other.clone(), paths, "").await.expect_err("a wrong mask");
        assert_eq!(reason(&status), is(Code::InvalidArgument, "UPDATE_MASK_INVALID"), "{paths:?}");
    }

    let company_id = cabinet.realm.company_id.to_string();
    let nothing = pb::Attribute { company_id, visible_to: vec![99], ..Default::default() };
    let status = define(&cabinet, &owner, nothing).await.expect_err("nothing is said of it");
    assert_eq!(reason(&status), is(Code::InvalidArgument, "ATTRIBUTE_INVALID"));
    assert_eq!(violated(&status), ["attribute.key", "attribute.type", "attribute.label", "attribute.visible_to"]);
    let unseen = pb::Attribute { visible_to: vec![Owner.into()], ..made.clone() };
    let status = redefine(&cabinet, &owner, unseen, &["visible_to"], "").await.expect_err("who writes it sees it");
    assert_eq!((reason(&status).1.as_str(), violated(&status)), ("ATTRIBUTE_INVALID", vec!["attribute.editable_by".to_owned()]));

    let neighbour = cabinet.user_token_of(&cabinet.realm, cabinet.realm.other_company_id, new_id(), Role::Owner);
    assert_eq!(refused(define(&cabinet, &neighbour, wanted).await), is(Code::NotFound, "COMPANY_NOT_FOUND"));
    let elsewhere = redefine(&cabinet, &neighbour, other, &["placed"], "").await;
    assert_eq!(refused(elsewhere), is(Code::NotFound, "ATTRIBUTE_NOT_FOUND"));
    let id = &made.attribute_id;
    assert_eq!(refused(delete(&cabinet, &owner, id, &made.etag).await), is(Code::Aborted, "ETAG_MISMATCH"));
    delete(&cabinet, &owner, id, &changed.etag).await.expect("the present etag");
    assert_eq!(refused(delete(&cabinet, &owner, id, "").await), is(Code::NotFound, "ATTRIBUTE_NOT_FOUND"));
    assert_eq!(keys(&cabinet, &owner).await, [""; 0]);
}

/// Rule P6.a: fifty fields are enough, also for owners who define them at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_company_has_fifty_fields_at_the_most() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.user_token(new_id(), Role::Owner);
    let made = futures::future::join_all((0..55).map(|number| {
        let wanted = attribute(&cabinet, &format!("field_{number}"), AttributeType::Text, &[Owner], &[]);
        define(&cabinet, &owner, wanted)
    }))
    .await;
    let (made, limited): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), limited.len()), (50, 5));
    for answer in limited {
        assert_eq!(refused(answer), is(Code::FailedPrecondition, "ATTRIBUTES_LIMITED"));
    }
    assert_eq!(keys(&cabinet, &owner).await.len(), 50);
}

/// Rules P2, P6.b: values are saved one by one or all at once, with the rest of the profile; each as its type writes it.
#[tokio::test(flavor = "multi_thread")]
async fn values_are_saved_as_the_rest_of_a_profile_is() {
    const MOTTO: &str = "per aspera ad lanternam";
    let cabinet = Cabinet::start().await;
    assert!(cabinet.watch.canary(Kind::Text, MOTTO));
    let owner = cabinet.user_token(new_id(), Role::Owner);
    let anna = cabinet.create_customer("anna@example.com").await;
    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);
    let kinds = [
        ("born", AttributeType::Date),
        ("member", AttributeType::Boolean),
        ("motto", AttributeType::Text),
        ("shifts", AttributeType::MultipleChoice),
        ("shirt", AttributeType::Choice),
        ("shoe", AttributeType::Number),
    ];
    for (key, kind) in kinds {
        let wanted = pb::Attribute { required: key == "motto", ..attribute(&cabinet, key, kind, &[User], &[User]) };
        define(&cabinet, &owner, wanted).await.expect("a good attribute");
    }
    let nothing = get(&cabinet, &her_own, &anna.user_id).await;
    assert_eq!(shown(&nothing), kinds.map(|(key, _)| (key, Vec::new(), true)));
    assert_eq!(nothing.version, 0);

    let typed: [(&str, &[&str]); 6] = [
        ("born", &["1999-02-28"]),
        ("member", &["true"]),
        ("motto", &["  per aspera ad lanternam "]),
        ("shifts", &["large", "small"]),
        ("shirt", &["large"]),
        ("shoe", &["038.50"]),
    ];
    let saved = save(&cabinet, &her_own, &anna.user_id, &typed, &["job_title"], &nothing.etag).await.expect("good values");
    let expected = vec![
        ("born", vec!["1999-02-28"], true),
        ("member", vec!["true"], true),
        ("motto", vec![MOTTO], true),
        ("shifts", vec!["small", "large"], true),
        ("shirt", vec!["large"], true),
        ("shoe", vec!["38.5"], true),
    ];
    assert_eq!((shown(&saved), saved.job_title.as_str(), saved.version), (expected.clone(), "Lawyer", 1));
    assert_eq!(get(&cabinet, &her_own, &anna.user_id).await, saved);
    let again = save(&cabinet, &her_own, &anna.user_id, &typed, &[], "").await.expect("the same again");
    assert_eq!(again, saved, "what is there already changes nothing");
    let stale = save(&cabinet, &her_own, &anna.user_id, &[("shoe", &["39"])], &[], &nothing.etag).await;
    assert_eq!(refused(stale), is(Code::Aborted, "ETAG_MISMATCH"));

    let wrong: [(&str, &[&str]); 5] =
        [("born", &["28.02.1999"]), ("member", &["yes"]), ("motto", &[" "]), ("shirt", &["medium"]), ("shoe", &["39"])];
    let status = save(&cabinet, &her_own, &anna.user_id, &wrong, &["full_name"], "").await.expect_err("five are wrong");
    assert_eq!(reason(&status), is(Code::InvalidArgument, "PROFILE_INVALID"));
    let all = ["full_name", "attributes.born", "attributes.member", "attributes.motto", "attributes.shirt"];
    assert_eq!(violated(&status), all.map(|field| format!("profile.{field}")));
    assert_eq!(get(&cabinet, &her_own, &anna.user_id).await, saved, "nothing or everything");

    let emptied = save(&cabinet, &her_own, &anna.user_id, &[("shoe", &[]), ("shifts", &["small"])], &[], &saved.etag).await;
    let emptied = emptied.expect("the present etag");
    let mut left = expected;
    (left[3].1, left[5].1) = (vec!["small"], Vec::new());
    assert_eq!((shown(&emptied), emptied.version), (left, 2));
    let facts = "SELECT count(*)
         FROM (SELECT type FROM messaging.outbox UNION ALL SELECT type FROM messaging.outbox_archive) AS told
         WHERE type = 'profile.profile.changed.v1'";
    assert_eq!(cabinet.databases.profile.value(facts), "2", "each change was told once");
}

/// Rule P6.c: a field that is not for somebody's eyes is not there for him; writing it is answered as for a key that does not exist.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_may_not_be_seen_does_not_exist() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.user_token(new_id(), Role::Owner);
    let admin = cabinet.user_token(new_id(), Role::Admin);
    let anna = cabinet.create_customer("anna@example.com").await;
    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);
    let wanted = [
        attribute(&cabinet, "for_all", AttributeType::Text, &[User, Agent, Owner], &[Agent, Owner]),
        attribute(&cabinet, "for_her", AttributeType::Text, &[User], &[User]),
        attribute(&cabinet, "for_owners", AttributeType::Text, &[Owner], &[Owner]),
        pb::Attribute { placed: false, ..attribute(&cabinet, "for_later", AttributeType::Text, &[User, Owner], &[User, Owner]) },
    ];
    for attribute in wanted {
        define(&cabinet, &owner, attribute).await.expect("a good attribute");
    }
    let saved = save(&cabinet, &owner, &anna.user_id, &[("for_all", &["a"]), ("for_owners", &["o"])], &[], "").await;
    let saved = saved.expect("an owner may");
    assert_eq!(shown(&saved), [("for_all", vec!["a"], true), ("for_owners", vec!["o"], true)]);
    assert_eq!(shown(&get(&cabinet, &admin, &anna.user_id).await), [("for_all", vec!["a"], true)]);
    let hers = [("for_all", vec!["a"], false), ("for_her", Vec::new(), true)];
    assert_eq!(shown(&get(&cabinet, &her_own, &anna.user_id).await), hers);
    let machines = get(&cabinet, &cabinet.service_token(), &anna.user_id).await;
    assert_eq!(machines.attributes.iter().map(|shown| shown.editable).collect::<Vec<_>>(), [true; 3], "all that are placed");
    let component = cabinet.token(&Caller::Component(Component::Notification));
    assert_eq!(shown(&get(&cabinet, &component, &anna.user_id).await), []);
    let several = pb::BatchGetProfilesRequest { user_ids: vec![anna.user_id.clone()], ..Default::default() };
    let found = ProfileServiceClient::new(cabinet.profile.channel()).batch_get_profiles(with_token(&her_own, several)).await;
    assert_eq!(shown(&found.expect("she may see hers").into_inner().profiles[0]), hers);

    assert_eq!(keys(&cabinet, &her_own).await, ["for_all", "for_her"]);
    assert_eq!(keys(&cabinet, &admin).await, ["for_all", "for_her"], "he has a profile of his own");
    assert_eq!(keys(&cabinet, &owner).await, ["for_all", "for_her", "for_later", "for_owners"]);

    let answered = async |token: &str, key: &str| {
        let status = save(&cabinet, token, &anna.user_id, &[(key, &["x"])], &[], "").await.expect_err("a refusal");
        (reason(&status), status.message().to_owned(), violated(&status))
    };
    let unknown = answered(&her_own, "shoe_size").await;
    assert_eq!((&unknown.0, &unknown.2), (&is(Code::InvalidArgument, "UPDATE_MASK_INVALID"), &vec!["update_mask".to_owned()]));
    for (token, key) in [(&her_own, "for_owners"), (&her_own, "for_later"), (&owner, "for_later"), (&owner, "for_her")] {
        assert_eq!(answered(token, key).await, unknown, "{key}");
    }
    let read_only = save(&cabinet, &her_own, &anna.user_id, &[("for_all", &["x"])], &[], "").await;
    assert_eq!(refused(read_only), is(Code::PermissionDenied, "ATTRIBUTE_READ_ONLY"));
    let with_title = save(&cabinet, &owner, &anna.user_id, &[("for_all", &["x"])], &["job_title"], "").await;
    assert_eq!(refused(with_title), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    assert_eq!(get(&cabinet, &owner, &anna.user_id).await, saved, "nothing was written");
}

/// Rule P6.a: with a field go its values; another one of the same key has none of them.
#[tokio::test(flavor = "multi_thread")]
async fn values_go_with_their_field() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.user_token(new_id(), Role::Owner);
    let anna = cabinet.create_customer("anna@example.com").await;
    let wanted = attribute(&cabinet, "shirt", AttributeType::Choice, &[Owner], &[Owner]);
    let made = define(&cabinet, &owner, wanted.clone()).await.expect("a good attribute");
    save(&cabinet, &owner, &anna.user_id, &[("shirt", &["large"])], &[], "").await.expect("an option");
    let small = pb::Attribute { options: wanted.options[..1].to_vec(), ..made.clone() };
    redefine(&cabinet, &owner, small, &["options"], "").await.expect("good options");
    assert_eq!(shown(&get(&cabinet, &owner, &anna.user_id).await), [("shirt", Vec::new(), true)], "it is offered no more");
    redefine(&cabinet, &owner, made.clone(), &["options"], "").await.expect("good options");
    assert_eq!(shown(&get(&cabinet, &owner, &anna.user_id).await), [("shirt", vec!["large"], true)], "it is offered again");

    delete(&cabinet, &owner, &made.attribute_id, "").await.expect("it is there");
    assert_eq!(shown(&get(&cabinet, &owner, &anna.user_id).await), []);
    assert_eq!(cabinet.databases.profile.value("SELECT count(*) FROM attribute_values"), "0");
    define(&cabinet, &owner, wanted).await.expect("the key is free");
    assert_eq!(shown(&get(&cabinet, &owner, &anna.user_id).await), [("shirt", Vec::new(), true)]);
}

/// Rules P6.a, P6.c: what an OWNER takes from people at this moment is written by none of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_taken_away_meanwhile_is_not_written() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.user_token(new_id(), Role::Owner);
    let anna = cabinet.create_customer("anna@example.com").await;
    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);
    let badge = attribute(&cabinet, "badge", AttributeType::Text, &[User, Owner], &[User, Owner]);
    define(&cabinet, &owner, badge).await.expect("a good attribute");
    let take = "UPDATE attributes
         SET version = version + 1, rules = jsonb_set(rules, '{editable_by}', '[\"OWNER\"]')";
    let taken = Held::by(&cabinet.databases.profile, take).await;
    let late = save(&cabinet, &her_own, &anna.user_id, &[("badge", &["7"])], &[], "").await;
    assert_eq!(refused(late), is(Code::PermissionDenied, "ATTRIBUTE_READ_ONLY"));
    taken.committed();
    assert_eq!(shown(&get(&cabinet, &her_own, &anna.user_id).await), [("badge", Vec::new(), false)]);
}
