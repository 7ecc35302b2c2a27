//! Signing in, refreshing, and a user's own sessions.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use cabinet_e2e::{Cabinet, is, new_id, reason, refused, with_token};
use futures::future::join_all;
use tonic::{Code, Request, Status};

pub(crate) async fn sessions(cabinet: &Cabinet, token: &str) -> Vec<pb::Session> {
    let request = with_token(token, pb::ListSessionsRequest {});
    SessionServiceClient::new(cabinet.identity.channel()).list_sessions(request).await.expect("one's own").into_inner().sessions
}

pub(crate) async fn end(cabinet: &Cabinet, token: &str, session_id: &str) -> Result<(), Status> {
    let request = with_token(token, pb::EndSessionRequest { session_id: session_id.to_owned() });
    SessionServiceClient::new(cabinet.identity.channel()).end_session(request).await.map(|_| ())
}

/// Rule I22.b: an account that does not exist, is blocked or has no password, another realm, and a wrong password: one answer.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_sign_in_is_told_the_same() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    cabinet.create_customer("never@example.com").await;
    let blocked = cabinet.create_customer("blocked@example.com").await;
    cabinet.signed_in(&blocked).await;
    cabinet.block_user(&owner, &blocked.user_id).await.expect("an OWNER may block");

    let mut answers = Vec::new();
    for (login, password) in [
        ("anna@example.com", "wrong"),
        ("nobody@example.com", Cabinet::PASSWORD),
        ("never@example.com", Cabinet::PASSWORD),
        ("blocked@example.com", Cabinet::PASSWORD),
        ("not an address", Cabinet::PASSWORD),
    ] {
        let error = cabinet.sign_in(login, password).await.expect_err("nobody signs in with this");
        answers.push((reason(&error), error.message().to_owned()));
    }
    let elsewhere = cabinet.sign_in_to(&cabinet.other_realm, "anna@example.com", Cabinet::PASSWORD).await;
    let elsewhere = elsewhere.expect_err("another realm");
    answers.push((reason(&elsewhere), elsewhere.message().to_owned()));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
    cabinet.sign_in("Anna@EXAMPLE.com", Cabinet::PASSWORD).await.expect("the right password, and another spelling of the login");
}

/// Rule I24.c: a refresh token gives way to the next one; fifty clients that show the same one at once get the same next one.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_clients_with_one_refresh_token_get_the_same_next_one() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let first = cabinet.signed_in(&anna).await;
    let raced = join_all((0..50).map(|_| cabinet.refresh(&first.refresh_token))).await;
    let next: Vec<String> = raced.into_iter().map(|tokens| tokens.expect("within the grace").refresh_token).collect();
    assert!(next.iter().all(|token| *token == next[0] && *token != first.refresh_token));
    let third = cabinet.refresh(&next[0]).await.expect("the present one");
    assert_ne!(third.refresh_token, next[0]);
    cabinet.batch_get_users(&third.access_token, "", &[&anna.user_id]).await.expect("a good access token");
}

/// Rule I24.c: a second use after the grace ends the session, its access tokens included, and the user is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_used_again_ends_the_session() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let first = cabinet.signed_in(&anna).await;
    let second = cabinet.refresh(&first.refresh_token).await.expect("the present one");
    cabinet.databases.identity.execute("UPDATE sessions SET refreshed_at = refreshed_at - interval '11 seconds'");
    let before = cabinet.mail.letters().len();

    assert_eq!(refused(cabinet.refresh(&first.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    assert_eq!(refused(cabinet.refresh(&second.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    cabinet.refused_everywhere(&second.access_token, &anna.user_id).await;
    cabinet.letters(before + 1).await;
    cabinet.settled().await;
    assert_eq!(cabinet.mail.letters().len(), before + 1, "he is told once");
}

/// Rule I24.d: a user lists, names and ends his own sessions, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_manages_his_own_sessions() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let bela = cabinet.create_customer("bela@example.com").await;
    let phone = cabinet.signed_in(&anna).await;
    let laptop = cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("her password");
    let stranger = cabinet.signed_in(&bela).await;

    let listed = sessions(&cabinet, &laptop.access_token).await;
    let current: Vec<_> = listed.iter().map(|session| (session.session_id.as_str(), session.is_current)).collect();
    assert_eq!(current, [(laptop.session_id.as_str(), true), (phone.session_id.as_str(), false)]);
    let rename = pb::RenameSessionRequest { session_id: phone.session_id.clone(), name: "My phone".into() };
    let mut client = SessionServiceClient::new(cabinet.identity.channel());
    let renamed = client.rename_session(with_token(&laptop.access_token, rename.clone())).await.expect("one's own").into_inner();
    assert_eq!(renamed.session.map(|session| session.name), Some("My phone".into()));
    let foreign = client.rename_session(with_token(&stranger.access_token, rename)).await;
    assert_eq!(refused(foreign), is(Code::NotFound, "SESSION_NOT_FOUND"));
    let foreign = end(&cabinet, &stranger.access_token, &phone.session_id).await;
    assert_eq!(refused(foreign), is(Code::NotFound, "SESSION_NOT_FOUND"));
    let unknown = end(&cabinet, &laptop.access_token, &new_id::<kernel::of::Session>().to_string()).await;
    assert_eq!(refused(unknown), is(Code::NotFound, "SESSION_NOT_FOUND"));

    end(&cabinet, &laptop.access_token, &phone.session_id).await.expect("one's own");
    end(&cabinet, &laptop.access_token, &phone.session_id).await.expect("again changes nothing");
    cabinet.refused_everywhere(&phone.access_token, &anna.user_id).await;
    assert_eq!(sessions(&cabinet, &laptop.access_token).await.len(), 1);
    end(&cabinet, &laptop.access_token, "").await.expect("the present one");
    cabinet.refused_everywhere(&laptop.access_token, &anna.user_id).await;
}

/// What a gateway says of its client is believed; what the client says of itself is not.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_gateway_says_where_a_client_comes_from() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let gateway = cabinet.credential(pb::CredentialKind::Gateway).await;
    let sign_in = |gateway: Option<&str>| {
        let mut request = Request::new(pb::SignInRequest {
            realm_id: cabinet.realm.id.to_string(),
            login: "anna@example.com".into(),
            password: Cabinet::PASSWORD.into(),
            session_name: String::new(),
        });
        let metadata = request.metadata_mut();
        metadata.insert("x-cabinet-client-address", "203.0.113.7".parse().expect("ASCII"));
        metadata.insert("x-cabinet-client-agent", "Firefox".parse().expect("ASCII"));
        if let Some(token) = gateway {
            metadata.insert("x-cabinet-gateway-authorization", format!("Bearer {token}").parse().expect("ASCII"));
        }
        let mut client = SessionServiceClient::new(cabinet.identity.channel());
        async move { client.sign_in(request).await }
    };
    let pretended = sign_in(None).await.expect("her password").into_inner().tokens.expect("tokens");
    let told = sign_in(Some(&gateway)).await.expect("her password").into_inner().tokens.expect("tokens");
    let listed = sessions(&cabinet, &told.access_token).await;
    let origin = |id: &str| {
        let session = listed.iter().find(|session| session.session_id == id).expect("it was just begun");
        (session.client_address.as_str(), session.client_agent.as_str())
    };
    assert_eq!(origin(&told.session_id), ("203.0.113.7", "Firefox"));
    assert_eq!(origin(&pretended.session_id), ("127.0.0.1", ""));
    let stranger = cabinet.credential_of(&cabinet.other_realm, pb::CredentialKind::Gateway).await;
    let forged = sign_in(Some(&stranger)).await.expect("her password").into_inner().tokens.expect("tokens");
    let listed = sessions(&cabinet, &forged.access_token).await;
    let of_stranger = listed.iter().find(|session| session.session_id == forged.session_id).expect("it was just begun");
    assert_eq!(of_stranger.client_address, "127.0.0.1", "another realm's gateway is believed there alone");
    let as_gateway = sign_in(Some(&told.access_token)).await;
    assert_eq!(refused(as_gateway), is(Code::Unauthenticated, "TOKEN_INVALID"));
}

/// Rule I24.e: of one user two hundred sessions go on; another one ends that which was not used for longest, its access tokens with it. Those that
/// are over do not count.
#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_too_many_sessions_ends() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let bela = cabinet.create_customer("bela@example.com").await;
    let others = cabinet.signed_in(&bela).await;
    let oldest = cabinet.signed_in(&anna).await;
    let copies = |count: u32, expires_at: &str| {
        format!(
            "INSERT INTO sessions (realm_id, session_id, user_id, name, generation, created_at, refreshed_at, expires_at, proof)
             SELECT realm_id, gen_random_uuid(), user_id, name, generation, created_at, refreshed_at + number * interval '1 millisecond',
                 {expires_at}, proof
             FROM sessions, generate_series(1, {count}) AS number
             WHERE session_id = '{}'",
            oldest.session_id,
        )
    };
    cabinet.databases.identity.execute(&copies(300, "created_at"));
    cabinet.databases.identity.execute(&copies(199, "expires_at"));
    let listed = sessions(&cabinet, &oldest.access_token).await;
    assert!(listed.len() == 200 && listed.iter().any(|session| session.is_current));

    let newest = cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("her password");
    cabinet.refused_everywhere(&oldest.access_token, &anna.user_id).await;
    assert_eq!(refused(cabinet.refresh(&oldest.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    // Used again: others have not been for longer.
    let newest = cabinet.refresh(&newest.refresh_token).await.expect("it goes on");
    let many = join_all((0..6).map(|_| cabinet.sign_in("anna@example.com", Cabinet::PASSWORD))).await;
    assert!(many.iter().all(Result::is_ok), "{many:?}");
    let last = cabinet.sign_in("anna@example.com", Cabinet::PASSWORD).await.expect("her password");
    assert_eq!(sessions(&cabinet, &last.access_token).await.len(), 200);
    for goes_on in [&newest, &others] {
        cabinet.refresh(&goes_on.refresh_token).await.expect("neither old nor hers");
    }
}
