//! Calls about what the visit's own customer wants to be told, and about facts that a service gave up.

use api::cabinet::case_monitoring::v1::CaseKind;
use api::cabinet::messaging::v1 as messaging;
use api::cabinet::messaging::v1::dead_letter_service_client::DeadLetterServiceClient;
use api::cabinet::notification::v1 as pb;
use api::cabinet::notification::v1::delivery_service_client::DeliveryServiceClient;
use api::cabinet::notification::v1::preference_service_client::PreferenceServiceClient;
use tonic::Status;

use crate::visit::{Answer, Visit, no_call};

pub(crate) async fn call_preferences(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = PreferenceServiceClient::new(visit.stage.notification.clone());
    match method {
        "GetPreferences" => client
            .get_preferences(visit.request(pb::GetPreferencesRequest { user_id: visit.user_id() }))
            .await
            .map(|_| Answer::Done),
        "UpdatePreferences" => {
            let status_change = Some(pb::ChannelTicks { email: true, ..Default::default() });
            let request = pb::UpdatePreferencesRequest {
                preferences: Some(pb::Preferences { user_id: visit.user_id(), status_change }),
                update_mask: Some(prost_types::FieldMask { paths: vec!["status_change.email".into()] }),
            };
            client.update_preferences(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

/// About a delivery to himself.
pub(crate) async fn call_deliveries(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = DeliveryServiceClient::new(visit.stage.notification.clone());
    let user_id = visit.user_id();
    match method {
        "ListDeliveries" => {
            visit.delivery_id().await;
            let request = pb::ListDeliveriesRequest { user_id, ..Default::default() };
            let listed = client.list_deliveries(visit.request(request)).await?.into_inner();
            Ok(if listed.deliveries.is_empty() { Answer::Empty } else { Answer::Done })
        }
        "GetDelivery" => {
            let request = pb::GetDeliveryRequest { user_id, delivery_id: visit.delivery_id().await };
            client.get_delivery(visit.request(request)).await.map(|_| Answer::Done)
        }
        "ExplainDelivery" => {
            let case_id = visit.case_id(CaseKind::Request).await;
            let channel = pb::Channel::Email.into();
            let request = pb::ExplainDeliveryRequest { user_id, case_id, case_version: 1, channel };
            client.explain_delivery(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

pub(crate) async fn call_dead_letters(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = DeadLetterServiceClient::new(visit.stage.notification.clone());
    match method {
        "ListDeadLetters" => {
            client.list_dead_letters(visit.request(messaging::ListDeadLettersRequest::default())).await.map(|_| Answer::Done)
        }
        "ReplayDeadLetters" => {
            let request = messaging::ReplayDeadLettersRequest { dead_letter_ids: vec![visit.user_id()] };
            client.replay_dead_letters(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}
