//! One trace from the call to the mail server, over every process that has a part in it.

use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::case_monitoring::v1::{Case, ChangeCaseStatusRequest, CreateCaseRequest};
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use api::cabinet::profile::v1::{Profile, UpdateProfileRequest};
use cabinet_e2e::{Cabinet, CollectedSpan, Collector, Setup, case_request, new_id, user_id, with_token};
use kernel::Role;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

const RPC: &str = "cabinet.case_monitoring.v1.CaseService/ChangeCaseStatus";
const PROCESS: &str = "process case_monitoring.case.status_changed.v1";
const SEND: &str = "send e-mail";
/// A trace that began elsewhere, and the span of the caller in it.
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLERS_SPAN: &str = "b7ad6b7169203331";

fn traceparent(trace_id: &str) -> String {
    format!("00-{trace_id}-{CALLERS_SPAN}-01")
}

/// Moves the case on; with what the caller says of his trace.
async fn change_status(cabinet: &Cabinet, token: &str, case: &Case, traceparent: &str) {
    let (case_id, status) = (case.case_id.clone(), "OPEN".to_owned());
    let mut request = with_token(token, ChangeCaseStatusRequest { case_id, status, ..Default::default() });
    request.metadata_mut().insert("traceparent", traceparent.parse().expect("visible ASCII"));
    let mut client = CaseServiceClient::new(cabinet.case_monitoring.channel());
    client.change_case_status(request).await.expect("an allowed move");
}

async fn rename(cabinet: &Cabinet, token: &str, user_id: &str, full_name: &str) {
    let profile = Profile { user_id: user_id.to_owned(), full_name: full_name.to_owned(), ..Profile::default() };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["full_name".to_owned()] });
    let message = UpdateProfileRequest { profile: Some(profile), update_mask, etag: String::new(), ..Default::default() };
    let mut client = ProfileServiceClient::new(cabinet.profile.channel());
    client.update_profile(with_token(token, message)).await.expect("one's own name");
}

/// Somebody who wants a letter, and his case, in a system whose traces go to this address.
async fn prepared(collector: &str, sample_ratio: &str) -> (Cabinet, Case) {
    let cabinet = Setup::default().traced(collector, sample_ratio).start().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    (cabinet, case)
}

/// Each span and what it is a part of, sorted.
fn told(spans: &[CollectedSpan]) -> Vec<String> {
    let short = |span: &CollectedSpan| {
        let kind = span.kind.as_str_name().trim_start_matches("SPAN_KIND_").to_lowercase();
        let name = span.name.rsplit('.').next().filter(|_| span.name.contains('/')).unwrap_or(&span.name);
        let name = name.replace("case_monitoring.case.status_changed.v1", "the change");
        format!("{} {kind} {name}", span.service.trim_start_matches("cabinet-"))
    };
    let parent = |span: &CollectedSpan| spans.iter().find(|other| other.span_id == span.parent_id).map(short);
    let mut told: Vec<_> = spans
        .iter()
        .map(|span| format!("{} <- {}", short(span), parent(span).unwrap_or_else(|| span.parent_id.clone())))
        .collect();
    told.sort();
    told
}

/// Rule F10.c: of the person, the case and the letter nothing is in what leaves for the collector.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_change_is_one_trace_from_the_call_to_the_mail_server() {
    let collector = Collector::start().await;
    let cabinet = Setup::default().traced(&collector.url(), "1").start().await;
    let personal = ["canary-address@example.com", "Canary Nightingale", "canary in the printer"];
    let [address, name, subject] = personal;
    let customer = cabinet.create_customer_who_ticked(address).await;
    rename(&cabinet, &cabinet.user_token(user_id(&customer), Role::Customer), &customer.user_id, name).await;
    let request = CreateCaseRequest { subject: subject.to_owned(), ..case_request(&cabinet.realm, &customer.user_id) };
    let case = cabinet.create_case_with(&cabinet.service_token(), request).await.expect("a good case");
    cabinet.settled().await;

    change_status(&cabinet, &cabinet.service_token(), &case, &traceparent(TRACE_ID)).await;
    let letter = cabinet.letters(1).await.remove(0);
    assert!(String::from_utf8_lossy(&letter.raw).contains(subject));

    let expected = [
        "case-monitoring producer publish the change <- case-monitoring server CaseService/ChangeCaseStatus",
        "case-monitoring server CaseService/ChangeCaseStatus <- b7ad6b7169203331",
        "identity server AutologinService/BatchMakeAutologins <- notification client AutologinService/BatchMakeAutologins",
        "identity server RealmService/GetRealm <- notification client RealmService/GetRealm",
        "notification client AutologinService/BatchMakeAutologins <- notification consumer process the change",
        "notification client ProfileService/BatchGetProfiles <- notification consumer process the change",
        "notification client RealmService/GetRealm <- notification consumer process the change",
        "notification client send e-mail <- notification consumer process the change",
        "notification consumer process the change <- case-monitoring server CaseService/ChangeCaseStatus",
        "profile server ProfileService/BatchGetProfiles <- notification client ProfileService/BatchGetProfiles",
    ];
    let spans = collector.trace(TRACE_ID, expected.len()).await;
    assert_eq!(told(&spans), expected);
    assert!(spans.iter().all(|span| !span.is_error), "{spans:?}");
    let send = spans.iter().find(|span| span.name == SEND).expect("it stands above");
    let message = mail_parser::MessageParser::default().parse(&letter.raw).expect("a good letter");
    let delivery_id = message.message_id().and_then(|id| id.split('@').next()).expect("every letter has one");
    assert_eq!(send.attributes["cabinet.delivery.id"], delivery_id);

    cabinet.watch.hear("spans", &collector.bytes());
    let sent = String::from_utf8_lossy(&collector.bytes()).to_lowercase();
    assert!(sent.contains(delivery_id), "ids are there");
    for part in personal.iter().flat_map(|text| text.split([' ', '@'])).filter(|part| part.len() > 3) {
        assert!(!sent.contains(&part.to_lowercase()), "{part}");
    }
}

/// What is no `traceparent` is ignored: the call is answered as ever, in a trace of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_traceparent_begins_a_trace_of_its_own() {
    let collector = Collector::start().await;
    let (cabinet, case) = prepared(&collector.url(), "1").await;
    change_status(&cabinet, &cabinet.service_token(), &case, &format!("00-{TRACE_ID}-{CALLERS_SPAN}-01-anna")).await;
    cabinet.letters(1).await;

    let rpc = collector.span("the call", |span| span.name == RPC).await;
    assert_eq!(rpc.parent_id, "");
    assert_ne!(rpc.trace_id, TRACE_ID);
    let send = collector.span("the letter", |span| span.name == SEND).await;
    assert_eq!(send.trace_id, rpc.trace_id);
}

/// That a trace is wanted is believed of a service, not of a user: he could have everything recorded.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_credential_does_not_decide_what_is_recorded() {
    let collector = Collector::start().await;
    let (cabinet, case) = prepared(&collector.url(), "0").await;
    let strangers_trace = "11111111111111111111111111111111";
    change_status(&cabinet, &cabinet.user_token(new_id(), Role::Owner), &case, &traceparent(strangers_trace)).await;
    cabinet.letters(1).await;
    let other = cabinet.create_case(&case.requester_id).await;
    change_status(&cabinet, &cabinet.service_token(), &other, &traceparent(TRACE_ID)).await;

    collector.span("the service's call", |span| span.trace_id == TRACE_ID && span.name == RPC).await;
    collector.span("its letter", |span| span.trace_id == TRACE_ID && span.name == SEND).await;
    let strangers: Vec<_> = collector.spans().into_iter().filter(|span| span.trace_id != TRACE_ID).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

/// A letter that is tried again by another process than the one that planned it is a part of the same trace.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_tried_again_stays_in_its_trace() {
    let collector = Collector::start().await;
    let (mut cabinet, case) = prepared(&collector.url(), "0").await;
    cabinet.mail.stop();
    change_status(&cabinet, &cabinet.service_token(), &case, &traceparent(TRACE_ID)).await;
    let process = collector.span("the message", |span| span.name == PROCESS).await;
    let refused = collector.span("the first attempt", |span| span.name == SEND).await;
    cabinet.notification.stop();
    cabinet.mail.start_again();
    cabinet.notification.start();
    cabinet.letters(1).await;

    let sent = collector.span("the last attempt", |span| span.name == SEND && !span.is_error).await;
    assert_eq!((refused.attributes["error.type"].as_str(), refused.is_error), ("PROVIDER_AWAY", true));
    assert_eq!(refused.attributes["cabinet.delivery.id"], sent.attributes["cabinet.delivery.id"]);
    for attempt in [&refused, &sent] {
        assert_eq!((attempt.trace_id.as_str(), &attempt.parent_id), (TRACE_ID, &process.span_id), "{attempt:?}");
        assert_eq!(attempt.kind, SpanKind::Client);
    }
}

/// A collector that takes connections and says nothing holds up neither letters nor the end of a process.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_up_nothing() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", silent.local_addr().expect("it is bound"));
    let (mut cabinet, case) = prepared(&address, "1").await;
    change_status(&cabinet, &cabinet.service_token(), &case, &traceparent(TRACE_ID)).await;
    cabinet.letters(1).await;
    cabinet.settled().await;
    // Asserts that it ends by itself and well.
    cabinet.notification.stop();
    cabinet.case_monitoring.stop();
}
