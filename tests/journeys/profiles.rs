//! Profiles: everybody has one, it is saved field by field, and it says what its person is shown as.

use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{
    Cabinet, Refused, eventually, eventually_async, is, new_id, reason, refused, user_id, user_request, violated, with_token,
};
use kernel::{Caller, Component, Role};
use prost_types::FieldMask;
use tonic::{Code, Status};

fn not_found() -> Refused {
    is(Code::NotFound, "PROFILE_NOT_FOUND")
}

async fn get(cabinet: &Cabinet, token: &str, realm_id: &str, user_id: &str) -> Result<pb::Profile, Status> {
    let message = pb::GetProfileRequest { user_id: user_id.to_owned(), realm_id: realm_id.to_owned() };
    let answer = ProfileServiceClient::new(cabinet.profile.channel()).get_profile(with_token(token, message)).await?;
    Ok(answer.into_inner().profile.expect("the contract promises the profile"))
}

/// As the realm's own machine sees it.
async fn profile(cabinet: &Cabinet, user_id: &str) -> pb::Profile {
    get(cabinet, &cabinet.service_token(), "", user_id).await.expect("everybody has a profile")
}

async fn batch_get(
    cabinet: &Cabinet,
    token: &str,
    realm_id: &str,
    user_ids: &[&str],
) -> Result<pb::BatchGetProfilesResponse, Status> {
    let user_ids = user_ids.iter().map(|id| (*id).to_owned()).collect();
    let message = pb::BatchGetProfilesRequest { realm_id: realm_id.to_owned(), user_ids };
    let answer = ProfileServiceClient::new(cabinet.profile.channel()).batch_get_profiles(with_token(token, message)).await?;
    Ok(answer.into_inner())
}

/// Saves those fields of `wanted` that `paths` name, if the profile still has this etag; an empty one fits all.
async fn update(cabinet: &Cabinet, token: &str, wanted: &pb::Profile, paths: &[&str], etag: &str) -> Result<pb::Profile, Status> {
    let update_mask = Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
    let message =
        pb::UpdateProfileRequest { profile: Some(wanted.clone()), update_mask, etag: etag.to_owned(), ..Default::default() };
    let answer = ProfileServiceClient::new(cabinet.profile.channel()).update_profile(with_token(token, message)).await?;
    Ok(answer.into_inner().profile.expect("the contract promises the profile"))
}

/// A profile that says this name and nothing else.
fn named(user_id: &str, full_name: &str) -> pb::Profile {
    pb::Profile { user_id: user_id.to_owned(), full_name: full_name.to_owned(), ..pb::Profile::default() }
}

/// What can be said of the facts that were told, whether or not they have left; those aside that tell of who administers.
fn facts(cabinet: &Cabinet, what: &str) -> String {
    let told = |table: &str| format!("SELECT type, lane, aggregate_version, payload FROM messaging.{table}");
    let all = format!("SELECT {what} FROM ({} UNION ALL {}) AS facts", told("outbox"), told("outbox_archive"));
    let all = format!("{all} WHERE type NOT LIKE '%.act.done.v1'");
    cabinet.databases.profile.value(&all)
}

/// Rules I21.b, P3.a: a user of whom profile has never heard has a profile, and is shown by his e-mail.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_there_before_anybody_saves_one() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("Anna@example.com").await;
    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);
    let profile = get(&cabinet, &her_own, "", &anna.user_id).await.expect("her own profile");
    let expected = pb::Profile {
        user_id: anna.user_id.clone(),
        display_label: "Anna@example.com".to_owned(),
        initials: "A".to_owned(),
        etag: profile.etag.clone(),
        ..pb::Profile::default()
    };
    assert_eq!(profile, expected);
    assert!(!profile.etag.is_empty(), "nothing saved is a state too");

    let unknown = new_id::<kernel::of::User>().to_string();
    assert_eq!(refused(get(&cabinet, &cabinet.service_token(), "", &unknown).await), not_found());
    let saved = update(&cabinet, &cabinet.service_token(), &named(&unknown, "Nobody"), &["full_name"], "").await;
    assert_eq!(refused(saved), not_found());
}

/// Rules P1.a, P2: what the mask names is saved as it was typed; what it does not name is not looked at.
#[tokio::test(flavor = "multi_thread")]
async fn fields_are_saved_one_by_one_or_all_at_once() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);
    let wanted = pb::Profile {
        user_id: anna.user_id.clone(),
        full_name: "  Анна Ковальська ".to_owned(),
        job_title: "Адвокат".to_owned(),
        time_zone: "Europe/Kyiv".to_owned(),
        language: "uk".to_owned(),
        ..pb::Profile::default()
    };
    let all = ["full_name", "job_title", "time_zone", "language"];
    let saved = update(&cabinet, &her_own, &wanted, &all, "").await.expect("good values");
    let expected = pb::Profile {
        full_name: "Анна Ковальська".to_owned(),
        display_label: "Анна Ковальська".to_owned(),
        initials: "АК".to_owned(),
        etag: saved.etag.clone(),
        version: 1,
        update_time: saved.update_time,
        ..wanted.clone()
    };
    assert_eq!(saved, expected);
    assert!(saved.update_time.is_some());

    let other =
        pb::Profile { job_title: "Суддя".to_owned(), time_zone: "Mars/Olympus".to_owned(), ..named(&anna.user_id, "") };
    let moved = update(&cabinet, &her_own, &other, &["job_title", "job_title"], "").await.expect("the mask names a good value");
    let expected = pb::Profile {
        job_title: "Суддя".to_owned(),
        etag: moved.etag.clone(),
        version: 2,
        update_time: moved.update_time,
        ..saved
    };
    assert_eq!(moved, expected);
    assert_eq!(profile(&cabinet, &anna.user_id).await, moved);
    let again = update(&cabinet, &her_own, &other, &["job_title"], "").await.expect("the same again");
    assert_eq!(again, moved, "what is there already changes nothing");

    let nothing = named(&anna.user_id, "");
    let emptied = update(&cabinet, &her_own, &nothing, &["time_zone", "language"], "").await.expect("empty is a value");
    assert_eq!((emptied.time_zone.as_str(), emptied.language.as_str(), emptied.version), ("", "", 3));
    assert_eq!(emptied.full_name, "Анна Ковальська");
}

/// Rule P2: nothing or everything: one wrong value keeps the others out, and every wrong one is named.
#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_is_answered_at_once() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let service = cabinet.service_token();
    let wrong = pb::Profile {
        user_id: anna.user_id.clone(),
        full_name: "Anna\u{202E}".to_owned(),
        job_title: "Lawyer".to_owned(),
        time_zone: "Mars/Olympus".to_owned(),
        language: "tlh".to_owned(),
        ..pb::Profile::default()
    };
    let status = update(&cabinet, &service, &wrong, &["language", "time_zone", "job_title", "full_name"], "").await;
    let status = status.expect_err("three wrong values");
    assert_eq!(reason(&status), is(Code::InvalidArgument, "PROFILE_INVALID"));
    assert_eq!(violated(&status), ["profile.full_name", "profile.time_zone", "profile.language"]);
    assert_eq!(profile(&cabinet, &anna.user_id).await.version, 0);

    let too_long = named(&anna.user_id, &"я".repeat(201));
    let status = update(&cabinet, &service, &too_long, &["full_name"], "").await.expect_err("201 characters");
    assert_eq!(violated(&status), ["profile.full_name"]);
    for paths in [&[][..], &["shoe_size"], &["full_name", "display_label"], &["*"]] {
        let status = update(&cabinet, &service, &named(&anna.user_id, "Anna"), paths, "").await.expect_err("a wrong mask");
        assert_eq!(reason(&status), is(Code::InvalidArgument, "UPDATE_MASK_INVALID"), "{paths:?}");
        assert_eq!(violated(&status), ["update_mask"]);
    }
    let status = update(&cabinet, &service, &named("7", "Anna"), &["full_name"], "").await.expect_err("no id");
    assert_eq!(reason(&status), is(Code::InvalidArgument, "REQUEST_INVALID"));
    assert_eq!(violated(&status), ["profile.user_id"]);
}

/// Rule P2: of two tabs that save what they read at the same time, one is told to read again.
#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_do_not_overwrite_each_other() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let service = cabinet.service_token();
    for round in 1..=10 {
        let etag = profile(&cabinet, &anna.user_id).await.etag;
        let (first, second) = (named(&anna.user_id, &format!("First {round}")), named(&anna.user_id, &format!("Second {round}")));
        let (one, other) = tokio::join!(
            update(&cabinet, &service, &first, &["full_name"], &etag),
            update(&cabinet, &service, &second, &["full_name"], &etag),
        );
        assert!(one.is_ok() != other.is_ok(), "round {round}: {one:?}, {other:?}");
        let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
        assert_eq!(refused(loser), is(Code::Aborted, "ETAG_MISMATCH"));
        let saved = profile(&cabinet, &anna.user_id).await;
        assert_eq!((Some(&saved), saved.version), (winner.ok().as_ref(), round));
    }
    let foreign = update(&cabinet, &service, &named(&anna.user_id, "Anna"), &["full_name"], "no such etag").await;
    assert_eq!(refused(foreign), is(Code::Aborted, "ETAG_MISMATCH"));
}

/// Rule P2: changes of different fields at the same time both hold, the very first ones too.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_different_fields_both_hold() {
    let cabinet = Cabinet::start().await;
    let service = cabinet.service_token();
    for round in 0..10 {
        let user = cabinet.create_customer(&format!("user{round}@example.com")).await;
        let wanted = pb::Profile { job_title: "Lawyer".to_owned(), language: "pl".to_owned(), ..named(&user.user_id, "Anna") };
        let (name, title, language) = tokio::join!(
            update(&cabinet, &service, &wanted, &["full_name"], ""),
            update(&cabinet, &service, &wanted, &["job_title"], ""),
            update(&cabinet, &service, &wanted, &["language"], ""),
        );
        for result in [name, title, language] {
            result.expect("nobody named an etag");
        }
        let saved = profile(&cabinet, &user.user_id).await;
        assert_eq!((saved.full_name.as_str(), saved.job_title.as_str(), saved.language.as_str()), ("Anna", "Lawyer", "pl"));
        assert_eq!(saved.version, 3);
    }
}

/// Who is overtaken again and again is told so; what was answered as saved is saved.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_saves_at_once_loses_no_answer() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let service = cabinet.service_token();
    let saves = (0..40).map(|number| {
        let (cabinet, service, wanted) = (&cabinet, &service, named(&anna.user_id, &format!("Anna {number}")));
        async move { update(cabinet, service, &wanted, &["full_name"], "").await }
    });
    let answers = futures::future::join_all(saves).await;
    let (saved, overtaken): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(!overtaken.is_empty(), "forty at once are too many for a few attempts each");
    for answer in overtaken {
        assert_eq!(refused(answer), is(Code::Aborted, "PROFILE_CHANGED"));
    }
    assert_eq!(usize::try_from(profile(&cabinet, &anna.user_id).await.version), Ok(saved.len()));
    assert_eq!(facts(&cabinet, "count(*)"), saved.len().to_string(), "every change was told, and nothing else");
}

/// Rule P3.a: the name, else the e-mail, else the user name, else the phone; an erased name brings the next one back.
#[tokio::test(flavor = "multi_thread")]
async fn an_erased_name_brings_the_next_one_back() {
    let cabinet = Cabinet::start().await;
    let service = cabinet.service_token();
    let mut users = UserServiceClient::new(cabinet.identity.channel());
    let request = identity::CreateUserRequest {
        phone: "+380671234567".to_owned(),
        user_name: "kovalska".to_owned(),
        ..user_request(cabinet.realm.company_id, identity::Role::Customer, "anna@example.com")
    };
    let anna = users.create_user(with_token(&service, request)).await.expect("a good user").into_inner().user.expect("the user");
    let shown = |profile: &pb::Profile| (profile.display_label.clone(), profile.initials.clone());

    let saved = update(&cabinet, &service, &named(&anna.user_id, "Анна Ковальська"), &["full_name"], "").await.expect("a name");
    assert_eq!(shown(&saved), ("Анна Ковальська".to_owned(), "АК".to_owned()));
    let erased = update(&cabinet, &service, &named(&anna.user_id, " \u{200B} "), &["full_name"], "").await.expect("no name");
    assert_eq!(shown(&erased), ("anna@example.com".to_owned(), "A".to_owned()));

    cabinet.change_email(&service, &anna.user_id, "maria@example.com").await.expect("a good address");
    let moved = profile(&cabinet, &anna.user_id).await;
    assert_eq!(shown(&moved), ("maria@example.com".to_owned(), "M".to_owned()));
    assert_eq!(moved.etag, erased.etag, "what is saved is as it was");
}

/// Rules I1.a, P1.a: a profile is seen by its person, by who administers his company, by the realm's machine and by components.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_hidden_from_everybody_else() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let (realm, abroad) = (cabinet.realm.id.to_string(), cabinet.other_realm.id.to_string());
    let colleague = |role| cabinet.user_token(new_id(), role);
    let elsewhere = cabinet.user_token_of(&cabinet.realm, cabinet.realm.other_company_id, new_id(), Role::Owner);
    let stranger = cabinet.service_token_of(&cabinet.other_realm);
    let component = cabinet.token(&Caller::Component(Component::Notification));
    let operator = cabinet.operator_token("operator");
    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);

    for saved in [false, true] {
        if saved {
            update(&cabinet, &her_own, &named(&anna.user_id, "Anna"), &["full_name"], "").await.expect("her own profile");
        }
        for token in [&her_own, &colleague(Role::Admin), &colleague(Role::Owner), &cabinet.service_token(), &component] {
            let seen = get(&cabinet, token, &realm, &anna.user_id).await.expect("who may see her");
            assert_eq!(seen.full_name.is_empty(), !saved);
        }
        for token in [&colleague(Role::Customer), &colleague(Role::Agent), &elsewhere, &stranger, &operator] {
            assert_eq!(refused(get(&cabinet, token, &realm, &anna.user_id).await), not_found());
        }
        assert_eq!(refused(get(&cabinet, &stranger, "", &anna.user_id).await), not_found());
        assert_eq!(refused(get(&cabinet, &component, &abroad, &anna.user_id).await), not_found());
    }

    let saved = |token: String| {
        let (cabinet, wanted) = (&cabinet, named(&anna.user_id, "Eve"));
        async move { refused(update(cabinet, &token, &wanted, &["full_name"], "").await) }
    };
    let denied = is(Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(saved(colleague(Role::Owner)).await, denied);
    assert_eq!(saved(component).await, denied);
    assert_eq!(saved(colleague(Role::Agent)).await, not_found());
    assert_eq!(saved(stranger).await, not_found());
    assert_eq!(saved(String::new()).await, is(Code::Unauthenticated, "UNAUTHENTICATED"));
    assert_eq!(profile(&cabinet, &anna.user_id).await.full_name, "Anna");
}

/// Rule I1.a: what a caller may not see is listed with what does not exist.
#[tokio::test(flavor = "multi_thread")]
async fn several_profiles_are_read_at_once() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let boris = cabinet.create_customer("boris@example.com").await;
    let unknown = new_id::<kernel::of::User>().to_string();
    update(&cabinet, &cabinet.service_token(), &named(&anna.user_id, "Anna"), &["full_name"], "").await.expect("a good name");
    let realm = cabinet.realm.id.to_string();
    let wanted = [&*anna.user_id, &boris.user_id, &unknown, &anna.user_id];
    let labels = |found: &pb::BatchGetProfilesResponse| {
        let mut labels: Vec<_> = found.profiles.iter().map(|profile| profile.display_label.clone()).collect();
        labels.sort();
        labels
    };

    let component = cabinet.token(&Caller::Component(Component::Notification));
    let found = batch_get(&cabinet, &component, &realm, &wanted).await.expect("an answer");
    assert_eq!((labels(&found), &found.missing_user_ids), (vec!["Anna".to_owned(), boris.email.clone()], &vec![unknown.clone()]));
    let his_own = cabinet.user_token(user_id(&boris), Role::Customer);
    let found = batch_get(&cabinet, &his_own, "", &wanted).await.expect("an answer");
    assert_eq!((labels(&found), found.missing_user_ids.len()), (vec![boris.email.clone()], 2));
    for (token, realm) in [(&cabinet.service_token_of(&cabinet.other_realm), &*realm), (&component, "")] {
        let found = batch_get(&cabinet, token, realm, &wanted).await.expect("an answer");
        assert_eq!((found.profiles.len(), found.missing_user_ids.len()), (0, 3));
    }
    assert_eq!(refused(batch_get(&cabinet, "", &realm, &wanted).await), is(Code::Unauthenticated, "UNAUTHENTICATED"));
}

/// Rule I21.b: while identity is away a profile with a name is read as ever; who else somebody is cannot be said.
#[tokio::test(flavor = "multi_thread")]
async fn while_identity_is_away_names_are_still_known() {
    let mut cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let boris = cabinet.create_customer("boris@example.com").await;
    let service = cabinet.service_token();
    let saved = update(&cabinet, &service, &named(&anna.user_id, "Anna"), &["full_name"], "").await.expect("a good name");
    cabinet.identity.kill();

    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);
    let owner = cabinet.user_token(new_id(), Role::Owner);
    let colleague = cabinet.user_token(new_id(), Role::Agent);
    for token in [&her_own, &owner, &service] {
        assert_eq!(get(&cabinet, token, "", &anna.user_id).await.expect("it is all here"), saved);
    }
    assert_eq!(refused(get(&cabinet, &colleague, "", &anna.user_id).await), not_found());
    let unavailable = is(Code::Unavailable, "UNAVAILABLE");
    assert_eq!(refused(get(&cabinet, &service, "", &boris.user_id).await), unavailable);
    let renamed = named(&anna.user_id, "Maria");
    let change = async || update(&cabinet, &service, &renamed, &["full_name"], "").await;
    // A change in the half second in which identity's word still counts needs nothing of it.
    eventually_async("changes to wait", async || change().await.is_err().then_some(())).await;
    assert_eq!(refused(change().await), unavailable);

    cabinet.identity.start();
    cabinet.identity.wait_until_ready().await;
    eventually_async("identity to be asked again", async || {
        get(&cabinet, &service, "", &boris.user_id).await.ok().map(|profile| assert_eq!(profile.display_label, boris.email))
    })
    .await;
}

/// Rule F10.a: a fact says that there is something new to ask for, and nothing of what it is.
#[tokio::test(flavor = "multi_thread")]
async fn names_never_travel() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let name = named(&anna.user_id, "Anna Unmistakable");
    update(&cabinet, &cabinet.service_token(), &name, &["full_name"], "").await.expect("a good name");
    let told = facts(&cabinet, "concat_ws(' ', type, lane, aggregate_version, encode(payload, 'escape'))");
    assert!(told.starts_with("profile.profile.changed.v1 normal 1 ") && told.contains(&anna.user_id), "{told}");
    assert!(!told.contains("Unmistakable"), "{told}");
}

/// Rules N9.b, P4.a: a letter speaks its reader's language, and its moments are by the reader's clocks, from the moment he says so.
#[tokio::test(flavor = "multi_thread")]
async fn letters_speak_the_language_of_their_reader() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&anna.user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    let english = text(&cabinet.letter_to("anna@example.com", 0).await);
    assert!(english.contains("The status of your case"), "{english}");

    let wanted = pb::Profile {
        user_id: anna.user_id.clone(),
        language: "pl".to_owned(),
        time_zone: "Asia/Tokyo".to_owned(),
        ..pb::Profile::default()
    };
    update(&cabinet, &cabinet.service_token(), &wanted, &["language", "time_zone"], "").await.expect("a good profile");
    cabinet.settled().await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "RESOLVED").await.expect("an allowed move");
    let polish = text(&cabinet.letter_to("anna@example.com", 1).await);
    assert!(polish.contains("Status Twojego zgłoszenia") && polish.contains("(JST)"), "{polish}");
}

/// Rule F1: while profile is away letters wait for the language of their reader; mail about his account does not.
#[tokio::test(flavor = "multi_thread")]
async fn without_profile_letters_wait_and_security_mail_does_not() {
    let mut cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&anna.user_id).await;
    cabinet.profile.kill();
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    let ledger = &cabinet.databases.notification;
    let waiting = "SELECT state || ' ' || reason FROM deliveries WHERE lane = 'normal'";
    eventually("the letter to wait", || (ledger.value(waiting) == "PENDING PROFILE_AWAY").then_some(())).await;
    cabinet.signed_in(&anna).await;

    cabinet.profile.start();
    cabinet.settled().await;
    assert_eq!(ledger.value("SELECT state FROM deliveries WHERE lane = 'normal'"), "SENT");
}

fn text(letter: &testkit::Letter) -> String {
    let message = mail_parser::MessageParser::default().parse(&letter.raw).expect("a good letter");
    message.body_text(0).expect("text").into_owned()
}
