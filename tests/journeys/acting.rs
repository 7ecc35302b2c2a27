//! Machines that call in the name of users: what they may, and what ends it.

use api::cabinet::case_monitoring::v1::CreateCaseRequest;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::{CredentialKind, ListSessionsRequest, Role as PbRole};
use cabinet_e2e::{Cabinet, case_request, is, new_id, refused, user_id, with_token};
use kernel::Role;
use tonic::Code;

/// Rule N14.a: a cabinet of a company's own does for a customer what he would: his ticks, his cases, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_cabinet_of_ones_own_does_what_its_user_would() {
    let cabinet = Cabinet::start().await;
    let machine = cabinet.credential(CredentialKind::ActingService).await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let boris = cabinet.create_customer("boris@example.com").await;
    let for_anna = cabinet.user_token_by(&machine, &anna.user_id).await.expect("an acting service may");

    cabinet.update_preferences(&for_anna, &anna.user_id, true, &["status_change.email"]).await.expect("her own tick");
    let not_his = cabinet.update_preferences(&for_anna, &boris.user_id, true, &["status_change.email"]).await;
    assert_eq!(refused(not_his).0, Code::NotFound);
    let case = cabinet.create_case(&anna.user_id).await;
    let seen = cabinet.get_case(&for_anna, &case.case_id).await.expect("her own case");
    assert_eq!(seen.case_id, case.case_id);
    let not_hers = cabinet.create_case(&boris.user_id).await;
    assert_eq!(refused(cabinet.get_case(&for_anna, &not_hers.case_id).await).0, Code::NotFound);
    // She changes no status (C4), and so no one does in her name.
    assert_eq!(refused(cabinet.change_status(&for_anna, &case.case_id, "OPEN").await).0, Code::PermissionDenied);

    cabinet.change_status(&machine, &case.case_id, "OPEN").await.expect("a service may");
    assert!(cabinet.letters(1).await[0].rcpt_to.contains(&anna.email));
}

/// Rule N14.a: what is done in somebody's name is his act; that a machine did it is kept beside.
#[tokio::test(flavor = "multi_thread")]
async fn the_history_knows_for_whom_and_by_whom() {
    let cabinet = Cabinet::start().await;
    let (credential_id, secret) = cabinet.make_credential(CredentialKind::ActingService).await;
    let machine = cabinet.service_token_by(&credential_id, &secret).await.expect("a good secret");
    let company_id = cabinet.realm.company_id;
    let agent = cabinet.create_user(&machine, company_id, PbRole::Agent, "agent@example.com").await.expect("a good user");
    let anna = cabinet.create_customer("anna@example.com").await;
    let for_agent = cabinet.user_token_by(&machine, &agent.user_id).await.expect("an acting service may");
    let himself = cabinet.user_token(user_id(&agent), Role::Agent);

    let request: CreateCaseRequest = case_request(&cabinet.realm, &anna.user_id);
    let case = cabinet.create_case_with(&for_agent, request).await.expect("an agent may");
    cabinet.change_status(&himself, &case.case_id, "OPEN").await.expect("an agent may");
    cabinet.change_status(&for_agent, &case.case_id, "RESOLVED").await.expect("an agent may");

    let history = "SELECT string_agg(changed_by || ' ' || COALESCE(acting_service::text, 'himself'), ', ' ORDER BY version)
         FROM case_history";
    let id = &agent.user_id;
    let expected = format!("{id} {credential_id}, {id} himself, {id} {credential_id}");
    assert_eq!(cabinet.databases.case_monitoring.value(history), expected);
}

/// Rule N14.a: only a machine that was trusted with it calls in users' names, and only of its own realm.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_calls_in_somebodys_name() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let acting = cabinet.credential(CredentialKind::ActingService).await;
    let service = cabinet.credential(CredentialKind::Service).await;
    let gateway = cabinet.credential(CredentialKind::Gateway).await;
    let foreign = cabinet.credential_of(&cabinet.other_realm, CredentialKind::ActingService).await;
    let for_anna = cabinet.user_token_by(&acting, &anna.user_id).await.expect("an acting service may");

    let (denied, hidden) = (is(Code::PermissionDenied, "PERMISSION_DENIED"), is(Code::NotFound, "USER_NOT_FOUND"));
    for (who, token) in [("a service", &service), ("a gateway", &gateway), ("an owner", &owner), ("she herself", &for_anna)] {
        assert_eq!(refused(cabinet.user_token_by(token, &anna.user_id).await), denied, "{who}");
    }
    assert_eq!(refused(cabinet.user_token_by(&foreign, &anna.user_id).await), hidden);
    let nobody = new_id::<kernel::of::User>().to_string();
    assert_eq!(refused(cabinet.user_token_by(&acting, &nobody).await), hidden);
    let listed = with_token(&for_anna, ListSessionsRequest {});
    let listed = SessionServiceClient::new(cabinet.identity.channel()).list_sessions(listed).await;
    assert_eq!(refused(listed), denied, "he has no session of hers");
}

/// Rules N14.a, F15.b: who names a request in a user's name is another caller than the user.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_named_in_his_name_is_not_his() {
    let cabinet = Cabinet::start().await;
    let machine = cabinet.credential(CredentialKind::ActingService).await;
    let company_id = cabinet.realm.company_id;
    let agent = cabinet.create_user(&machine, company_id, PbRole::Agent, "agent@example.com").await.expect("a good user");
    let anna = cabinet.create_customer("anna@example.com").await;
    let for_agent = cabinet.user_token_by(&machine, &agent.user_id).await.expect("an acting service may");
    let himself = cabinet.user_token(user_id(&agent), Role::Agent);

    let request = CreateCaseRequest {
        request_id: new_id::<kernel::of::Event>().to_string(),
        ..case_request(&cabinet.realm, &anna.user_id)
    };
    let made = cabinet.create_case_with(&for_agent, request.clone()).await.expect("an agent may");
    let repeated = cabinet.create_case_with(&for_agent, request.clone()).await.expect("the same again");
    let own = cabinet.create_case_with(&himself, request).await.expect("an agent may");
    assert_eq!(made.case_id, repeated.case_id);
    assert_ne!(made.case_id, own.case_id);
}
