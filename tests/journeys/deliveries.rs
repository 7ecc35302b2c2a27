//! What somebody was told, and why he was not.

use api::cabinet::notification::v1::delivery_service_client::DeliveryServiceClient;
use api::cabinet::notification::v1::{
    Channel, Delivery, DeliveryKind, DeliveryState, DeliveryVerdict, ExplainDeliveryRequest, ExplainDeliveryResponse,
    GetDeliveryRequest, ListDeliveriesRequest,
};
use cabinet_e2e::{Cabinet, reason, with_token};
use kernel::Role;
use mail_parser::MessageParser;
use tonic::{Code, Status};

async fn list(cabinet: &Cabinet, token: &str, request: ListDeliveriesRequest) -> Result<(Vec<Delivery>, String), Status> {
    let mut client = DeliveryServiceClient::new(cabinet.notification.channel());
    let page = client.list_deliveries(with_token(token, request)).await?.into_inner();
    Ok((page.deliveries, page.next_page_token))
}

async fn explain(
    cabinet: &Cabinet,
    token: &str,
    (user_id, case_id, case_version): (&str, &str, i64),
    channel: Channel,
) -> Result<ExplainDeliveryResponse, Status> {
    let (user_id, case_id) = (user_id.to_owned(), case_id.to_owned());
    let request = ExplainDeliveryRequest { user_id, case_id, case_version, channel: channel.into() };
    let mut client = DeliveryServiceClient::new(cabinet.notification.channel());
    Ok(client.explain_delivery(with_token(token, request)).await?.into_inner())
}

/// Moves the case through these statuses, each to be told of before the next.
async fn moved(cabinet: &Cabinet, case_id: &str, statuses: &[&str]) {
    for status in statuses {
        cabinet.change_status(&cabinet.service_token(), case_id, status).await.expect("an allowed move");
        cabinet.settled().await;
    }
}

/// Rule N12.a: deliveries are listed with their state and reason, the newest first, page by page, all or of one case.
#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_the_newest_first() {
    let cabinet = Cabinet::start().await;
    let service = cabinet.service_token();
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let (first, second) = (cabinet.create_case(&anna.user_id).await.case_id, cabinet.create_case(&anna.user_id).await.case_id);
    moved(&cabinet, &first, &["OPEN", "RESOLVED"]).await;
    moved(&cabinet, &second, &["OPEN"]).await;

    let all = ListDeliveriesRequest { user_id: anna.user_id.clone(), ..Default::default() };
    let (listed, rest) = list(&cabinet, &service, all.clone()).await.expect("a service may");
    let about: Vec<&str> = listed.iter().map(|delivery| delivery.object_id.as_str()).collect();
    assert_eq!(about, [&second, &first, &first]);
    assert_eq!(rest, "");
    for delivery in &listed {
        assert_eq!((delivery.state(), delivery.reason.as_str()), (DeliveryState::Sent, ""));
        assert_eq!((delivery.kind(), delivery.channel(), delivery.attempt), (DeliveryKind::StatusChange, Channel::Email, 1));
        assert!(delivery.settle_time.is_some() && delivery.create_time.is_some());
    }

    let two = ListDeliveriesRequest { page_size: 2, ..all.clone() };
    let (page, next) = list(&cabinet, &service, two.clone()).await.expect("a first page");
    assert_eq!(page, listed[..2]);
    let (page, end) =
        list(&cabinet, &service, ListDeliveriesRequest { page_token: next.clone(), ..two }).await.expect("the last");
    assert_eq!((page.as_slice(), end.as_str()), (&listed[2..], ""));

    let of_first = ListDeliveriesRequest { object_id: first, ..all };
    assert_eq!(list(&cabinet, &service, of_first.clone()).await.expect("a filter").0, listed[1..]);
    let foreign = list(&cabinet, &service, ListDeliveriesRequest { page_token: next, ..of_first }).await;
    assert_eq!(reason(&foreign.expect_err("the token of another list")).1, "PAGE_TOKEN_INVALID");
}

/// Rule N12.a: the name in a letter's Message-ID finds its delivery, for the person and for the realm's services only.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_names_its_delivery() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&anna.user_id).await;
    moved(&cabinet, &case.case_id, &["OPEN"]).await;
    let letter = cabinet.letters(1).await.remove(0);
    let message = MessageParser::default().parse(&letter.raw).expect("RFC 5322");
    let delivery_id = message.message_id().and_then(|name| name.split('@').next()).expect("a name").to_owned();

    let get = async |token: &str, delivery_id: &str| {
        let request = GetDeliveryRequest { user_id: anna.user_id.clone(), delivery_id: delivery_id.to_owned() };
        DeliveryServiceClient::new(cabinet.notification.channel()).get_delivery(with_token(token, request)).await
    };
    let own = cabinet.user_token(cabinet_e2e::user_id(&anna), Role::Customer);
    let delivery = get(&own, &delivery_id).await.expect("her own").into_inner().delivery.expect("the contract promises it");
    assert_eq!((delivery.object_id, delivery.user_id), (case.case_id, anna.user_id.clone()));
    let unknown = get(&own, &anna.user_id).await.expect_err("no delivery");
    assert_eq!(reason(&unknown), (Code::NotFound, "DELIVERY_NOT_FOUND".into()));
    let foreign = get(&cabinet.service_token_of(&cabinet.other_realm), &delivery_id).await.expect_err("another realm");
    assert_eq!(reason(&foreign), (Code::NotFound, "DELIVERY_NOT_FOUND".into()));
}

/// Rule N12.b: why somebody was told, or was not: recorded where there is a record, else derived from whom it concerned and from
/// the ticks as they stood then.
#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_said_why_somebody_was_not_told() {
    let cabinet = Cabinet::start().await;
    let service = cabinet.service_token();
    let anna = cabinet.create_customer("anna@example.com").await;
    let bela = cabinet.create_customer_who_ticked("bela@example.com").await;
    let case = cabinet.create_case(&anna.user_id).await;
    moved(&cabinet, &case.case_id, &["OPEN"]).await;
    cabinet.update_preferences(&service, &anna.user_id, true, &["status_change.email"]).await.expect("a tick");
    moved(&cabinet, &case.case_id, &["RESOLVED"]).await;
    cabinet.update_preferences(&service, &anna.user_id, false, &["status_change.email"]).await.expect("a tick");

    let verdict = async |token: &str, user_id: &str, version: i64, channel: Channel| {
        let answer = explain(&cabinet, token, (user_id, &case.case_id, version), channel).await?;
        Ok::<_, Status>((answer.verdict(), answer.delivery.map(|delivery| delivery.state())))
    };
    let told = |answer: Result<_, Status>| answer.expect("an explanation");
    let (anna_id, bela_id) = (anna.user_id.as_str(), bela.user_id.as_str());
    assert_eq!(told(verdict(&service, anna_id, 1, Channel::Email).await), (DeliveryVerdict::NobodyTold, None), "created");
    assert_eq!(told(verdict(&service, anna_id, 2, Channel::Email).await), (DeliveryVerdict::NotTicked, None), "not yet");
    let recorded = (DeliveryVerdict::Recorded, Some(DeliveryState::Sent));
    assert_eq!(told(verdict(&service, anna_id, 3, Channel::Email).await), recorded);
    assert_eq!(told(verdict(&service, anna_id, 3, Channel::Sms).await), (DeliveryVerdict::NotTicked, None));
    assert_eq!(told(verdict(&service, bela_id, 3, Channel::Email).await), (DeliveryVerdict::NotConcerned, None));

    // She may ask for herself; he learns nothing of a case that is none of his.
    let her_own = cabinet.user_token(cabinet_e2e::user_id(&anna), Role::Customer);
    assert_eq!(told(verdict(&her_own, anna_id, 3, Channel::Email).await), recorded);
    let his_own = cabinet.user_token(cabinet_e2e::user_id(&bela), Role::Customer);
    for (token, version) in [(&his_own, 3), (&his_own, 9), (&service, 9)] {
        let refused = verdict(token, bela_id, version, Channel::Email).await.expect_err("no such change for him");
        assert_eq!(reason(&refused), (Code::NotFound, "CASE_CHANGE_NOT_FOUND".into()));
    }
}
