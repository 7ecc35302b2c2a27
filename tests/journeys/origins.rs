//! Cases that come from a source: brought once, in order, and silently if wished (C12).

use api::cabinet::case_monitoring::v1 as pb;
use api::cabinet::notification::v1::delivery_service_client::DeliveryServiceClient;
use api::cabinet::notification::v1::{Channel, DeliveryVerdict, ExplainDeliveryRequest};
use cabinet_e2e::{Cabinet, case_request, is, new_id, reason, refused, with_token};
use kernel::Role;
use mail_parser::MessageParser;
use tonic::Code;
use tonic_types::StatusExt as _;

const SOURCE: &str = "service-desk";

/// A case of this requester as its source tells of it first.
fn from_source(cabinet: &Cabinet, requester_id: &str, external_id: &str) -> pb::CreateCaseRequest {
    let origin = pb::CaseOrigin { source: SOURCE.to_owned(), external_id: external_id.to_owned(), position: 1 };
    pb::CreateCaseRequest { origin: Some(origin), ..case_request(&cabinet.realm, requester_id) }
}

/// What the source tells at this place.
fn change(case_id: &str, position: i64, status: &str) -> pb::ChangeCaseStatusRequest {
    let origin = pb::ChangeOrigin { source: SOURCE.to_owned(), position };
    pb::ChangeCaseStatusRequest {
        case_id: case_id.to_owned(),
        status: status.to_owned(),
        origin: Some(origin),
        ..Default::default()
    }
}

fn at(time: &str) -> prost_types::Timestamp {
    let moment: jiff::Timestamp = time.parse().expect("a moment");
    prost_types::Timestamp { seconds: moment.as_second(), nanos: 0 }
}

/// Rule C12.a: a case comes from its source once; whoever brings it again is told which one it is. Another realm knows nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_created_once_however_often_its_source_brings_it() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let bring = || cabinet.create_case_with(&token, from_source(&cabinet, &anna.user_id, "INC-1"));
    let (created, again): (Vec<_>, Vec<_>) =
        futures::future::join_all((0..10).map(|_| bring())).await.into_iter().partition(Result::is_ok);
    assert_eq!(created.len(), 1);
    let case = created.into_iter().next().expect("one").expect("a good case");
    for outcome in again {
        let status = outcome.expect_err("a refusal");
        assert_eq!(reason(&status), is(Code::AlreadyExists, "CASE_EXISTS"));
        assert_eq!(status.get_details_resource_info().expect("ResourceInfo").resource_name, case.case_id);
    }
    assert_eq!(cabinet.databases.case_monitoring.value("SELECT count(*) FROM cases"), "1");

    let other = cabinet.create_case_with(&token, from_source(&cabinet, &anna.user_id, "INC-2")).await;
    assert!(other.is_ok());
    let stranger = cabinet.service_token_of(&cabinet.other_realm);
    let abroad = pb::CreateCaseRequest {
        company_id: cabinet.other_realm.company_id.to_string(),
        ..from_source(&cabinet, &anna.user_id, "INC-1")
    };
    assert_eq!(refused(cabinet.create_case_with(&stranger, abroad).await), is(Code::NotFound, "REQUESTER_NOT_FOUND"));
}

/// Rule C12.a: a change is taken from its source once, even if it is brought many times at once, and tells its requester once.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_taken_once_however_often_its_source_brings_it() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let token = cabinet.service_token();
    let case = cabinet.create_case_with(&token, from_source(&cabinet, &anna.user_id, "INC-1")).await.expect("a good case");
    let brought = (0..10).map(|_| cabinet.change_status_with(&token, change(&case.case_id, 2, "OPEN")));
    let answers: Result<Vec<_>, _> = futures::future::join_all(brought).await.into_iter().collect();
    let made = answers.expect("all are answered").into_iter().filter(|answer| !answer.already_taken).count();
    assert_eq!(made, 1);
    cabinet.change_status_with(&token, change(&case.case_id, 5, "RESOLVED")).await.expect("places may be left out");
    let earlier = cabinet.change_status_with(&token, change(&case.case_id, 4, "CANCELLED")).await.expect("an answer");
    assert!(earlier.already_taken, "what comes before the last one taken changes nothing");
    assert_eq!(earlier.case.expect("the case").status.expect("a status").code, "RESOLVED");
    cabinet.letters(2).await;
    cabinet.settled().await;
    assert_eq!(cabinet.mail.letters().len(), 2);
}

/// Rule C12.a: of a silent change nobody is told, and asking why says so; the next one is told again.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_silent_change_nobody_is_told() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let token = cabinet.service_token();
    let case = cabinet.create_case_with(&token, from_source(&cabinet, &anna.user_id, "INC-1")).await.expect("a good case");
    let silent = pb::ChangeCaseStatusRequest { silent: true, ..change(&case.case_id, 2, "OPEN") };
    cabinet.change_status_with(&token, silent).await.expect("an allowed move");
    cabinet.change_status(&token, &case.case_id, "RESOLVED").await.expect("an allowed move");
    cabinet.letters(1).await;
    cabinet.settled().await;
    let letters = cabinet.mail.letters();
    assert_eq!(letters.len(), 1);
    let letter = MessageParser::default().parse(&letters[0].raw).expect("a good letter");
    assert!(letter.subject().expect("a subject").contains("Resolved"));

    let request =
        ExplainDeliveryRequest { user_id: anna.user_id, case_id: case.case_id, case_version: 2, channel: Channel::Email.into() };
    let mut client = DeliveryServiceClient::new(cabinet.notification.channel());
    let explained = client.explain_delivery(with_token(&token, request)).await.expect("a service may").into_inner();
    assert_eq!(explained.verdict(), DeliveryVerdict::NobodyTold);
}

/// Rule C12.a: a letter says when the change happened by its source's account, in the reader's time zone; the history keeps both times.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_says_when_it_happened_at_the_source() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let token = cabinet.service_token();
    let created =
        pb::CreateCaseRequest { source_time: Some(at("2016-03-01T08:00:00Z")), ..from_source(&cabinet, &anna.user_id, "INC-1") };
    let case = cabinet.create_case_with(&token, created).await.expect("a good case");
    let opened =
        pb::ChangeCaseStatusRequest { source_time: Some(at("2016-03-02T08:52:00Z")), ..change(&case.case_id, 2, "OPEN") };
    cabinet.change_status_with(&token, opened).await.expect("an allowed move");
    let letter = cabinet.letters(1).await.remove(0);
    let parsed = MessageParser::default().parse(&letter.raw).expect("a good letter");
    let text = parsed.body_text(0).expect("text");
    assert!(text.contains("2016") && text.contains("10:52"), "{text}");
    let times = "SELECT string_agg(extract(year FROM source_time)::text || ' ' || (changed_at > '2026-01-01')::text, ',')
                 FROM case_history";
    assert_eq!(cabinet.databases.case_monitoring.value(times), "2016 true,2016 true");
}

/// Rule C12.a: only a machine of the realm says what happened elsewhere; what it says must be possible.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_service_speaks_for_a_source_and_it_tells_what_has_happened() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let case = cabinet.create_case_with(&token, from_source(&cabinet, &anna.user_id, "INC-1")).await.expect("a good case");
    let owner = cabinet.user_token(new_id(), Role::Owner);
    let denied = is(Code::PermissionDenied, "PERMISSION_DENIED");
    let plain = case_request(&cabinet.realm, &anna.user_id);
    let past = Some(at("2016-03-01T08:00:00Z"));
    for creation in [
        from_source(&cabinet, &anna.user_id, "INC-2"),
        pb::CreateCaseRequest { source_time: past, ..plain.clone() },
        pb::CreateCaseRequest { silent: true, ..plain.clone() },
    ] {
        assert_eq!(refused(cabinet.create_case_with(&owner, creation).await), denied);
    }
    let here = pb::ChangeCaseStatusRequest { origin: None, ..change(&case.case_id, 2, "OPEN") };
    for attempt in [
        change(&case.case_id, 2, "OPEN"),
        pb::ChangeCaseStatusRequest { source_time: past, ..here.clone() },
        pb::ChangeCaseStatusRequest { silent: true, ..here.clone() },
    ] {
        assert_eq!(refused(cabinet.change_status_with(&owner, attempt).await), denied);
    }

    let tomorrow = Some(at("2999-01-01T00:00:00Z"));
    let future = is(Code::InvalidArgument, "SOURCE_TIME_IN_FUTURE");
    let created = pb::CreateCaseRequest { source_time: tomorrow, ..plain };
    assert_eq!(refused(cabinet.create_case_with(&token, created).await), future);
    let opened = pb::ChangeCaseStatusRequest { source_time: tomorrow, ..change(&case.case_id, 2, "OPEN") };
    assert_eq!(refused(cabinet.change_status_with(&token, opened).await), future);
    let nonsense = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: -1 });
    let opened = pb::ChangeCaseStatusRequest { source_time: nonsense, ..change(&case.case_id, 2, "OPEN") };
    assert_eq!(refused(cabinet.change_status_with(&token, opened).await), is(Code::InvalidArgument, "REQUEST_INVALID"));

    let mut elsewhere = change(&case.case_id, 2, "OPEN");
    elsewhere.origin.as_mut().expect("set above").source = "court".to_owned();
    let mismatch = is(Code::FailedPrecondition, "SOURCE_MISMATCH");
    assert_eq!(refused(cabinet.change_status_with(&token, elsewhere).await), mismatch);
    let home_grown = cabinet.create_case(&anna.user_id).await.case_id;
    assert_eq!(refused(cabinet.change_status_with(&token, change(&home_grown, 2, "OPEN")).await), mismatch);
}

/// Whoever sets ticks for others can tell a person who was never asked from one who has taken his tick back.
#[tokio::test(flavor = "multi_thread")]
async fn a_tick_taken_back_is_not_one_that_was_never_set() {
    let cabinet = Cabinet::start().await;
    let token = cabinet.service_token();
    let anna = cabinet.create_customer("anna@example.com").await;
    let ever_set = async || cabinet.get_preferences(&token, &anna.user_id).await.expect("a service may").ever_set;
    assert!(!ever_set().await);
    cabinet.update_preferences(&token, &anna.user_id, true, &["status_change.email"]).await.expect("ticked");
    cabinet.update_preferences(&token, &anna.user_id, false, &["status_change.email"]).await.expect("unticked");
    assert!(ever_set().await);
}
