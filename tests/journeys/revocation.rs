//! Access that is taken back is gone everywhere within a second (I4).

use std::time::Duration;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use cabinet_e2e::{Cabinet, Silencer, eventually_async, is, reason, refused, user_request, with_token};
use tonic::{Code, Status};

use crate::audit::done;
use crate::preset_realm::PresetRealm;

/// The bound that the rule itself names.
const BOUND: Duration = Duration::from_secs(1);

/// Rule I4.b: a second after the answer a token good for four more minutes is refused by every process; once unblocked, the
/// same login and password work.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_user_is_refused_everywhere_within_a_second() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let tokens = cabinet.signed_in(&anna).await;
    cabinet.accepted_everywhere(&tokens.access_token, &anna.user_id).await;

    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may block");
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&tokens.access_token, &anna.user_id).await;
    assert_eq!(refused(cabinet.refresh(&tokens.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    let signed_in = cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await;
    assert_eq!(refused(signed_in), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));

    cabinet.unblock_user(&owner, &anna.user_id).await.expect("an OWNER may unblock");
    let again = cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("the same login and password");
    cabinet.accepted_everywhere(&again.access_token, &anna.user_id).await;
    cabinet.refused_everywhere_now(&tokens.access_token, &anna.user_id).await;
}

/// Rule I4.b: the same of a user who is deleted, and nobody signs in as him again.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_refused_everywhere_within_a_second() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let tokens = cabinet.signed_in(&anna).await;
    cabinet.accepted_everywhere(&tokens.access_token, &anna.user_id).await;

    let prepared = cabinet.prepare_deletion(&owner, &anna.user_id).await.expect("an OWNER may");
    cabinet.delete_user(&owner, &anna.user_id, &prepared.confirmation).await.expect("an OWNER may");
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&tokens.access_token, &anna.user_id).await;
    assert_eq!(refused(cabinet.refresh(&tokens.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    let signed_in = cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await;
    assert_eq!(refused(signed_in), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
}

/// Rule I4.b: a token that tells of a role one has no more is void; the session goes on with the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_a_former_role_is_void() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let service = cabinet.service_token();
    let bela = cabinet.create_user(&service, cabinet.realm.company_id, pb::Role::Admin, "bela@example.com").await;
    let bela = bela.expect("a good user");
    let tokens = cabinet.signed_in(&bela).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.batch_get_users(&tokens.access_token, "", &[&anna.user_id]).await.expect("an ADMIN sees her");

    cabinet.change_role(&owner, &bela.user_id, pb::Role::Customer).await.expect("an OWNER may");
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&tokens.access_token, &bela.user_id).await;
    let fresh = cabinet.refresh(&tokens.refresh_token).await.expect("the session goes on");
    let seen = cabinet.batch_get_users(&fresh.access_token, "", &[&anna.user_id]).await.expect("an answer");
    assert_eq!(seen.missing_user_ids, [anna.user_id]);
}

/// Rules I4.b, I4.c: with the stream cut without a word, who is blocked changes nothing more, and is refused once it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_of_revocations_is_noticed() {
    let mut cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let service = cabinet.service_token();
    let bela = cabinet.create_user(&service, cabinet.realm.company_id, pb::Role::Agent, "bela@example.com").await;
    let bela = bela.expect("a good user");
    let tokens = cabinet.signed_in(&bela).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let case = cabinet.create_case(&anna.user_id).await;
    // Another replica answers; the one whose stream the others hold falls silent.
    let mut other = cabinet.identity.replica();
    other.start();
    other.wait_until_ready().await;
    cabinet.accepted_everywhere(&tokens.access_token, &bela.user_id).await;
    cabinet.identity.signal("STOP");
    std::mem::swap(&mut cabinet.identity, &mut other);

    cabinet.block_user(&owner, &bela.user_id).await.expect("an OWNER may block");
    tokio::time::sleep(BOUND).await;
    // Identity cannot be reached from there, and this change would need nothing else of it.
    let changed = cabinet.change_status(&tokens.access_token, &case.case_id, "OPEN").await;
    assert_eq!(reason(&changed.expect_err("nobody can say")).0, Code::Unavailable);

    other.signal("CONT");
    cabinet.refused_everywhere(&tokens.access_token, &bela.user_id).await;
}

/// Rule I4.b: with the stream cut without a word while identity answers everything else, who is blocked is refused everywhere within a
/// second as well, and nobody else is.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_is_made_up_for_by_questions() {
    let mut cabinet = Cabinet::start().await;
    let between = Silencer::before(&cabinet.identity, "/cabinet.identity.v1.AccessService/WatchRevocations").await;
    for service in [&mut cabinet.profile, &mut cabinet.case_monitoring, &mut cabinet.notification] {
        service.stop();
        service.set("CABINET__PEERS__IDENTITY", &between.url());
        service.start();
        service.wait_until_ready().await;
    }
    let owner = cabinet.owner_token("owner@example.com").await;
    let (anna, bela) = (cabinet.create_customer("anna@example.com").await, cabinet.create_customer("bela@example.com").await);
    let tokens = cabinet.signed_in(&anna).await;
    let of_bela = cabinet.signed_in(&bela).await;
    cabinet.accepted_everywhere(&tokens.access_token, &anna.user_id).await;

    between.silence();
    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may block");
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&tokens.access_token, &anna.user_id).await;
    cabinet.accepted_everywhere(&of_bela.access_token, &bela.user_id).await;
}

/// Rule I4.c: while identity is away, who is signed in goes on reading, and changes are answered UNAVAILABLE.
#[tokio::test(flavor = "multi_thread")]
async fn without_identity_reads_go_on_and_changes_wait() {
    let mut cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let case = cabinet.create_case(&anna.user_id).await;
    let tokens = cabinet.signed_in(&anna).await;
    cabinet.accepted_everywhere(&tokens.access_token, &anna.user_id).await;

    cabinet.identity.kill();
    eventually_async("changes to wait", async || {
        let tick = cabinet.update_preferences(&tokens.access_token, &anna.user_id, true, &["status_change.email"]).await;
        (tick.err().map(|error| error.code()) == Some(Code::Unavailable)).then_some(())
    })
    .await;
    cabinet.get_case(&tokens.access_token, &case.case_id).await.expect("reads go on");

    cabinet.identity.start();
    cabinet.identity.wait_until_ready().await;
    eventually_async("changes to go on", async || {
        let tick = cabinet.update_preferences(&tokens.access_token, &anna.user_id, true, &["status_change.email"]).await;
        tick.is_ok().then_some(())
    })
    .await;
}

/// A machine whose credential was deleted has no access within a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_credential_is_refused() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let (credential_id, secret) = cabinet.make_credential(pb::CredentialKind::Service).await;
    let token = cabinet.service_token_by(&credential_id, &secret).await.expect("a good secret");
    cabinet.accepted_everywhere(&token, &anna.user_id).await;
    cabinet.delete_credential(&credential_id).await.expect("an operator may");
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&token, &anna.user_id).await;
    let refused = cabinet.service_token_by(&credential_id, &secret).await.expect_err("it is gone");
    assert_eq!(reason(&refused), (Code::Unauthenticated, "CREDENTIAL_REFUSED".into()));
    let again = cabinet.delete_credential(&credential_id).await.expect_err("it is gone");
    assert_eq!(reason(&again), (Code::NotFound, "CREDENTIAL_NOT_FOUND".into()));
}

/// Rules N14.a, I4.b: a block ends what machines do in his name, everywhere within a second.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_calls_in_the_name_of_a_blocked_user() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let machine = cabinet.credential(pb::CredentialKind::ActingService).await;
    let for_anna = cabinet.user_token_by(&machine, &anna.user_id).await.expect("an acting service may");
    cabinet.accepted_everywhere(&for_anna, &anna.user_id).await;

    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may block");
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&for_anna, &anna.user_id).await;
    let refused = cabinet.user_token_by(&machine, &anna.user_id).await.expect_err("she is blocked");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "USER_BLOCKED".into()));

    cabinet.unblock_user(&owner, &anna.user_id).await.expect("an OWNER may unblock");
    let again = cabinet.user_token_by(&machine, &anna.user_id).await.expect("active again");
    cabinet.accepted_everywhere(&again, &anna.user_id).await;
}

/// Rules N14.a, I4.b: another role ends what machines do in his name with the one he had; with a new token they have the new one.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_calls_with_a_role_that_was_taken() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let company_id = cabinet.realm.company_id;
    let token = cabinet.service_token();
    let admin = cabinet.create_user(&token, company_id, pb::Role::Admin, "admin@example.com").await.expect("a good user");
    let anna = cabinet.create_customer("anna@example.com").await;
    let machine = cabinet.credential(pb::CredentialKind::ActingService).await;
    let for_admin = cabinet.user_token_by(&machine, &admin.user_id).await.expect("an acting service may");
    let seen = cabinet.batch_get_users(&for_admin, "", &[&anna.user_id]).await.expect("an answer").users.len();

    cabinet.change_role(&owner, &admin.user_id, pb::Role::Customer).await.expect("an OWNER may");
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&for_admin, &admin.user_id).await;
    let for_customer = cabinet.user_token_by(&machine, &admin.user_id).await.expect("he is active");
    let seen_then = cabinet.batch_get_users(&for_customer, "", &[&anna.user_id]).await.expect("an answer").users.len();
    assert_eq!((seen, seen_then), (1, 0), "an ADMIN sees the company, a CUSTOMER himself");
}

/// Rules N14.a, I4.b: with its credential a machine loses every user it calls for, everywhere within a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_credential_ends_what_was_done_in_users_names() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let (credential_id, secret) = cabinet.make_credential(pb::CredentialKind::ActingService).await;
    let machine = cabinet.service_token_by(&credential_id, &secret).await.expect("a good secret");
    let for_anna = cabinet.user_token_by(&machine, &anna.user_id).await.expect("an acting service may");
    cabinet.accepted_everywhere(&for_anna, &anna.user_id).await;

    cabinet.delete_credential(&credential_id).await.expect("an operator may");
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&for_anna, &anna.user_id).await;
}

/// Rule I4.b: whoever signs in at the very moment of his block has no session left when he is unblocked.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_at_the_moment_of_a_block_does_not_outlive_it() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    for round in 0..6 {
        let (blocked, raced) = tokio::join!(
            cabinet.block_user(&owner, &anna.user_id),
            futures::future::join_all((0..4).map(|_| cabinet.sign_in("anna@example.com", Cabinet::PASSWORD))),
        );
        blocked.expect("an OWNER may block");
        cabinet.unblock_user(&owner, &anna.user_id).await.expect("an OWNER may unblock");
        for tokens in raced.into_iter().flatten() {
            // Begun before the block, it has ended; a sign-in that came after the unblock is none of these.
            let survived = cabinet.refresh(&tokens.refresh_token).await;
            assert_eq!(refused(survived), is(Code::Unauthenticated, "SESSION_OVER"), "round {round}");
        }
    }
}

/// Rule I4.b: the end of a session takes hold everywhere within a second.
#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_refused_everywhere_within_a_second() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let tokens = cabinet.signed_in(&anna).await;
    cabinet.accepted_everywhere(&tokens.access_token, &anna.user_id).await;
    let request = with_token(&tokens.access_token, pb::EndSessionRequest { session_id: String::new() });
    SessionServiceClient::new(cabinet.identity.channel()).end_session(request).await.expect("one's own");
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&tokens.access_token, &anna.user_id).await;
}

async fn end_for(cabinet: &Cabinet, token: &str, realm_id: &str, user_id: &str, session_id: &str) -> Result<i32, Status> {
    let (realm_id, user_id, session_id) = (realm_id.to_owned(), user_id.to_owned(), session_id.to_owned());
    let request = with_token(token, pb::EndUserSessionsRequest { realm_id, user_id, session_id });
    let answer = SessionServiceClient::new(cabinet.identity.channel()).end_user_sessions(request).await?;
    Ok(answer.into_inner().ended_count)
}

/// Rules I24.f, I4.b, I26.a: SUPPORT of the realm, or whoever runs the platform, sees the sessions of a user and ends one or all of them: they
/// are refused everywhere within a second, and he signs in again. It is written down, if there was anything to end.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_support_ends_are_refused_everywhere_within_a_second() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::of(&cabinet);
    let (_, support) = realm.support("support@example.com").await;
    let (anna, bela) = (cabinet.create_customer("anna@example.com").await, cabinet.create_customer("bela@example.com").await);
    let first = cabinet.signed_in(&anna).await;
    let of_bela = cabinet.signed_in(&bela).await;
    let again = async || cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("her password");
    let (second, third) = (again().await, again().await);
    let request = pb::ListUserSessionsRequest { user_id: anna.user_id.clone(), ..Default::default() };
    let mut sessions = SessionServiceClient::new(cabinet.identity.channel());
    let listed = sessions.list_user_sessions(with_token(&support, request)).await.expect("SUPPORT may").into_inner().sessions;
    let ids: Vec<_> = listed.iter().map(|session| session.session_id.clone()).collect();
    assert_eq!(ids, [&third, &second, &first].map(|tokens| tokens.session_id.clone()));
    assert!(listed.iter().all(|session| session.client_address == "127.0.0.1" && !session.is_current));

    let end = async |session_id: &str| end_for(&cabinet, &support, "", &anna.user_id, session_id).await;
    assert_eq!(end(&second.session_id).await.expect("hers"), 1);
    tokio::time::sleep(BOUND).await;
    cabinet.refused_everywhere_now(&second.access_token, &anna.user_id).await;
    cabinet.accepted_everywhere(&first.access_token, &anna.user_id).await;
    assert_eq!(end(&second.session_id).await.expect("hers, and over"), 0);
    let not_hers = end(&of_bela.session_id).await.expect_err("another's");
    assert_eq!(reason(&not_hers), (Code::NotFound, "SESSION_NOT_FOUND".into()));

    let realm_id = cabinet.realm.id.to_string();
    assert_eq!(end_for(&cabinet, &realm.operator, &realm_id, &anna.user_id, "").await.expect("an operator may"), 2);
    tokio::time::sleep(BOUND).await;
    for ended in [&first, &third] {
        cabinet.refused_everywhere_now(&ended.access_token, &anna.user_id).await;
        assert_eq!(reason(&cabinet.refresh(&ended.refresh_token).await.expect_err("it has ended")).1, "SESSION_OVER");
    }
    assert_eq!(end("").await.expect("there are none"), 0);
    cabinet.accepted_everywhere(&of_bela.access_token, &bela.user_id).await;
    cabinet.accepted_everywhere(&again().await.access_token, &anna.user_id).await;

    let ended = pb::ListAuditEntriesRequest { realm_id, act: pb::AuditAct::SessionsEnded.into(), ..Default::default() };
    let act = |detail: &str| ("SESSIONS_ENDED".to_owned(), anna.user_id.clone(), detail.to_owned());
    assert_eq!(done(&cabinet, &realm.operator, ended).await, [act(&second.session_id), act("2")]);
}

/// Rules I24.f, I1.a: nobody of a support desk ends the sessions of his own desk, and nobody those of another realm; whoever runs the platform
/// says which realm he means.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_ended_from_outside_the_desk_and_inside_the_realm() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::of(&cabinet);
    let desk = realm.support_desk().await;
    let of_desk = |email: &str| user_request(desk, pb::Role::Support, email);
    let (_, support) = realm.member(of_desk("support@example.com")).await;
    let (colleague, _) = realm.member(of_desk("colleague@example.com")).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let (here, elsewhere) = (cabinet.realm.id.to_string(), cabinet.other_realm.id.to_string());
    let refused = [
        (&support, "", &colleague, "PERMISSION_DENIED"),
        (&support, &elsewhere, &anna, "REALM_NOT_FOUND"),
        (&realm.operator, &elsewhere, &anna, "USER_NOT_FOUND"),
        (&realm.operator, "", &anna, "REALM_NOT_FOUND"),
    ];
    for (token, realm_id, user, expected) in refused {
        let outcome = end_for(&cabinet, token, realm_id, &user.user_id, "").await;
        assert_eq!(reason(&outcome.expect_err("a refusal")).1, expected);
    }
    let helped = end_for(&cabinet, &realm.operator, &here, &colleague.user_id, "").await;
    assert_eq!(helped.expect("an operator helps the desk"), 0);
}

/// Rule I4.b: of revocations that many make at once, sharing nothing but their numbers, none is skipped.
#[tokio::test(flavor = "multi_thread")]
async fn none_of_many_revocations_at_once_is_skipped() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let mut machines = Vec::new();
    for _ in 0..40 {
        let (credential_id, secret) = cabinet.make_credential(pb::CredentialKind::Service).await;
        let token = cabinet.service_token_by(&credential_id, &secret).await.expect("a good secret");
        machines.push((credential_id, token));
    }
    let deleted = futures::future::join_all(machines.iter().map(|(id, _)| cabinet.delete_credential(id))).await;
    assert!(deleted.iter().all(Result::is_ok));
    tokio::time::sleep(BOUND).await;
    for (_, token) in &machines {
        cabinet.refused_everywhere_now(token, &anna.user_id).await;
    }
}
