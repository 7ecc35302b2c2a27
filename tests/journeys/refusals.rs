//! Every error reason of the contract, produced by a call over a socket; and the wall between realms.

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::identity::v1::Role as PbRole;
use cabinet_e2e::{Cabinet, case_request, is, new_id, reason, refused, user_id};
use kernel::{Caller, Component, Role};
use tonic::Code;
use tonic_types::StatusExt as _;

/// Rule I8.a: an e-mail address is unique in the realm, compared without regard to case; another realm knows nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn identity_says_what_is_wrong_with_a_new_user() {
    let cabinet = Cabinet::start().await;
    let (service, company) = (cabinet.service_token(), cabinet.realm.company_id);
    cabinet.create_customer("anna@example.com").await;

    let taken = cabinet.create_user(&service, company, PbRole::Agent, "Anna@Example.COM").await;
    assert_eq!(refused(taken), is(Code::AlreadyExists, "EMAIL_TAKEN"));
    let elsewhere = cabinet.service_token_of(&cabinet.other_realm);
    assert!(cabinet.create_user(&elsewhere, cabinet.other_realm.company_id, PbRole::Agent, "anna@example.com").await.is_ok());

    let invalid = cabinet.create_user(&service, company, PbRole::Agent, "anna@localhost").await;
    assert_eq!(refused(invalid), is(Code::InvalidArgument, "EMAIL_INVALID"));
    let injected = cabinet.create_user(&service, company, PbRole::Agent, "a@example.com\r\nBcc: eve@example.com").await;
    assert_eq!(refused(injected), is(Code::InvalidArgument, "EMAIL_INVALID"));
    let unknown = cabinet.create_user(&service, new_id(), PbRole::Agent, "boris@example.com").await;
    assert_eq!(refused(unknown), is(Code::NotFound, "COMPANY_NOT_FOUND"));
    let across = cabinet.create_user(&service, cabinet.other_realm.company_id, PbRole::Agent, "boris@example.com").await;
    assert_eq!(refused(across), is(Code::NotFound, "COMPANY_NOT_FOUND"));
}

/// Rule I2.a: only an OWNER adds users by hand, and only in his own company.
#[tokio::test(flavor = "multi_thread")]
async fn only_an_owner_adds_users_and_only_to_his_own_company() {
    let cabinet = Cabinet::start().await;
    for role in [Role::Customer, Role::Agent, Role::Admin] {
        let token = cabinet.user_token(new_id(), role);
        let result = cabinet.create_user(&token, cabinet.realm.company_id, PbRole::Customer, "new@example.com").await;
        assert_eq!(refused(result), is(Code::PermissionDenied, "PERMISSION_DENIED"), "{role}");
    }
    let owner = cabinet.user_token(new_id(), Role::Owner);
    let abroad = cabinet.create_user(&owner, cabinet.realm.other_company_id, PbRole::Customer, "new@example.com").await;
    assert_eq!(refused(abroad), is(Code::NotFound, "COMPANY_NOT_FOUND"));
    assert!(cabinet.create_user(&owner, cabinet.realm.company_id, PbRole::Owner, "new@example.com").await.is_ok());
}

/// Rule I1.a: nothing of one realm is visible from another: its ids answer as ids that do not exist.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_seen_across_the_wall_between_realms() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    let stranger = cabinet.service_token_of(&cabinet.other_realm);
    let unknown = new_id::<kernel::of::User>().to_string();

    for realm in ["", &cabinet.realm.id.to_string()] {
        let found = cabinet.batch_get_users(&stranger, realm, &[&customer.user_id, &unknown]).await.expect("an answer");
        assert_eq!((found.users.len(), found.missing_user_ids.len()), (0, 2), "asked of realm {realm:?}");
    }
    assert_eq!(refused(cabinet.get_case(&stranger, &case.case_id).await), is(Code::NotFound, "CASE_NOT_FOUND"));
    assert_eq!(refused(cabinet.change_status(&stranger, &case.case_id, "OPEN").await), is(Code::NotFound, "CASE_NOT_FOUND"));
    let tick = cabinet.update_preferences(&stranger, &customer.user_id, true, &["status_change"]).await;
    assert_eq!(refused(tick), is(Code::NotFound, "USER_NOT_FOUND"));
    let for_him = case_request(&cabinet.other_realm, &customer.user_id);
    assert_eq!(refused(cabinet.create_case_with(&stranger, for_him).await), is(Code::NotFound, "REQUESTER_NOT_FOUND"));
}

/// Rules C1.a, C2.a, C4.a: a status moves along the workflow only; a case is visible to its requester and the company's staff.
#[tokio::test(flavor = "multi_thread")]
async fn case_monitoring_says_what_is_wrong() {
    let cabinet = Cabinet::start().await;
    let service = cabinet.service_token();
    let customer = cabinet.create_customer("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;

    assert_eq!(
        refused(cabinet.change_status(&service, &case.case_id, "CLOSED").await),
        is(Code::FailedPrecondition, "TRANSITION_NOT_ALLOWED")
    );
    assert_eq!(
        refused(cabinet.change_status(&service, &case.case_id, "NEW").await),
        is(Code::FailedPrecondition, "TRANSITION_NOT_ALLOWED")
    );
    assert_eq!(
        refused(cabinet.change_status(&service, &case.case_id, "LOST").await),
        is(Code::InvalidArgument, "STATUS_UNKNOWN")
    );
    let nowhere = cases::CreateCaseRequest { status: "LOST".into(), ..case_request(&cabinet.realm, &customer.user_id) };
    assert_eq!(refused(cabinet.create_case_with(&service, nowhere).await), is(Code::InvalidArgument, "STATUS_UNKNOWN"));
    let nobody = case_request(&cabinet.realm, &new_id::<kernel::of::User>().to_string());
    assert_eq!(refused(cabinet.create_case_with(&service, nobody).await), is(Code::NotFound, "REQUESTER_NOT_FOUND"));

    let requester = cabinet.user_token(user_id(&customer), Role::Customer);
    let seen = cabinet.get_case(&requester, &case.case_id).await.expect("her own case");
    assert_eq!(seen.number, case.number);
    assert_eq!(
        refused(cabinet.change_status(&requester, &case.case_id, "OPEN").await),
        is(Code::PermissionDenied, "PERMISSION_DENIED")
    );
    let other_customer = cabinet.user_token(new_id(), Role::Customer);
    assert_eq!(refused(cabinet.get_case(&other_customer, &case.case_id).await), is(Code::NotFound, "CASE_NOT_FOUND"));
    let other_company = cabinet.user_token_of(&cabinet.realm, cabinet.realm.other_company_id, new_id(), Role::Owner);
    assert_eq!(refused(cabinet.get_case(&other_company, &case.case_id).await), is(Code::NotFound, "CASE_NOT_FOUND"));
}

/// Rules C2.a, C5: an AGENT works on requests, not on orders; cancelling an order is the OWNER's.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_cancelled_by_an_owner_only() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let order =
        cases::CreateCaseRequest { kind: cases::CaseKind::Order.into(), ..case_request(&cabinet.realm, &customer.user_id) };
    let order = cabinet.create_case_with(&cabinet.service_token(), order).await.expect("a good order").case_id;

    let by = |role| cabinet.user_token(new_id(), role);
    assert_eq!(refused(cabinet.get_case(&by(Role::Agent), &order).await), is(Code::NotFound, "CASE_NOT_FOUND"));
    assert_eq!(
        refused(cabinet.change_status(&by(Role::Admin), &order, "CANCELLED").await),
        is(Code::PermissionDenied, "PERMISSION_DENIED")
    );
    let service = cabinet.change_status(&cabinet.service_token(), &order, "CANCELLED").await;
    assert_eq!(refused(service), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    assert!(cabinet.change_status(&by(Role::Admin), &order, "OPEN").await.is_ok());

    // An AGENT who asked for an order sees it, like any requester, and no more.
    let agent = cabinet.create_user(&cabinet.service_token(), cabinet.realm.company_id, PbRole::Agent, "agent@example.com").await;
    let agent = agent.expect("a good agent");
    let own = cases::CreateCaseRequest { kind: cases::CaseKind::Order.into(), ..case_request(&cabinet.realm, &agent.user_id) };
    let own = cabinet.create_case_with(&by(Role::Owner), own).await.expect("a good order").case_id;
    let agent_token = cabinet.user_token(user_id(&agent), Role::Agent);
    assert!(cabinet.get_case(&agent_token, &own).await.is_ok());
    assert_eq!(refused(cabinet.change_status(&agent_token, &own, "OPEN").await), is(Code::PermissionDenied, "PERMISSION_DENIED"));

    assert!(cabinet.change_status(&by(Role::Owner), &order, "CANCELLED").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn notification_says_what_is_wrong_with_a_mask() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    for paths in [&["colour"][..], &["status_change.email", "status_change.pigeon"], &["*"], &[]] {
        let result = cabinet.update_preferences(&cabinet.service_token(), &customer.user_id, true, paths).await;
        assert_eq!(refused(result), is(Code::InvalidArgument, "UPDATE_MASK_INVALID"), "{paths:?}");
    }
    let nobody = new_id::<kernel::of::User>().to_string();
    let result = cabinet.update_preferences(&cabinet.service_token(), &nobody, true, &["status_change"]).await;
    assert_eq!(refused(result), is(Code::NotFound, "USER_NOT_FOUND"));
    let other = cabinet.user_token(new_id(), Role::Owner);
    let result = cabinet.update_preferences(&other, &customer.user_id, true, &["status_change"]).await;
    assert_eq!(refused(result), is(Code::NotFound, "USER_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_violation_of_a_field_rule_is_answered_at_once() {
    let cabinet = Cabinet::start().await;
    let request = cases::CreateCaseRequest {
        company_id: "7".into(),
        requester_id: String::new(),
        kind: 99,
        subject: "two\nlines".into(),
        status: "new".into(),
        origin: Some(cases::CaseOrigin { source: "Desk".into(), external_id: String::new(), position: 0 }),
        ..Default::default()
    };
    let status = cabinet.create_case_with(&cabinet.service_token(), request).await.expect_err("eight violations");
    assert_eq!(reason(&status), is(Code::InvalidArgument, "REQUEST_INVALID"));
    let violations = status.get_details_bad_request().expect("BadRequest").field_violations;
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    let origin = ["origin.source", "origin.external_id", "origin.position"];
    assert_eq!(fields, [&["company_id", "requester_id", "kind", "subject", "status"][..], &origin].concat());
}

/// A component has no business with what realms own.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_reads_people_and_nothing_else() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    let component = cabinet.token(&Caller::Component(Component::Notification));
    let realm = cabinet.realm.id.to_string();
    assert_eq!(cabinet.batch_get_users(&component, &realm, &[&customer.user_id]).await.expect("an answer").users.len(), 1);
    assert_eq!(cabinet.batch_get_users(&component, "", &[&customer.user_id]).await.expect("an answer").users.len(), 0);
    assert_eq!(refused(cabinet.get_case(&component, &case.case_id).await), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    let tick = cabinet.update_preferences(&component, &customer.user_id, true, &["status_change"]).await;
    assert_eq!(refused(tick), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    let user = cabinet.create_user(&component, cabinet.realm.company_id, PbRole::Owner, "root@example.com").await;
    assert_eq!(refused(user), is(Code::PermissionDenied, "PERMISSION_DENIED"));
}

/// Every answer carries an id that its log lines carry too: the client's own, if it is one, else ours.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id() {
    let cabinet = Cabinet::start().await;
    let answered = |given: &'static str| {
        let mut request = tonic::Request::new(cases::GetCaseRequest { case_id: new_id::<kernel::of::Case>().to_string() });
        request.metadata_mut().insert("x-request-id", given.parse().expect("visible ASCII"));
        let mut client = cases::case_service_client::CaseServiceClient::new(cabinet.case_monitoring.channel());
        async move {
            let status = client.get_case(request).await.expect_err("anonymous");
            status.metadata().get("x-request-id").expect("an id").to_str().expect("visible ASCII").to_owned()
        }
    };
    assert_eq!(answered("0af76519-16cd-43dd-8448-eb211c80319c").await, "0af76519-16cd-43dd-8448-eb211c80319c");
    assert_eq!(answered("380671234567").await.len(), 36);
}
