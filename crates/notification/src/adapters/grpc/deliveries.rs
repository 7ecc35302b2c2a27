//! `cabinet.notification.v1.DeliveryService`.

use api::cabinet::notification::v1 as pb;
use api::cabinet::notification::v1::delivery_service_server::{DeliveryService, DeliveryServiceServer};
use runtime::grpc::{Page, Problem, id, open, optional_id};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{ListDeliveries, RecordUseCases};

pub(crate) struct DeliveryGrpc {
    records: RecordUseCases,
}

impl DeliveryGrpc {
    pub(crate) fn server(records: RecordUseCases) -> DeliveryServiceServer<Self> {
        DeliveryServiceServer::new(Self { records })
    }
}

#[tonic::async_trait]
impl DeliveryService for DeliveryGrpc {
    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Result<Response<pb::ListDeliveriesResponse>, Status> {
        let (call, request) = open(request)?;
        let list = format!("ListDeliveries {} {}", request.user_id, request.object_id);
        let page = Page::read(&call, &list, request.page_size, &request.page_token)?;
        let user_id = id("user_id", &request.user_id)?;
        let object_id = optional_id("object_id", &request.object_id)?;
        let query = ListDeliveries { user_id, object_id, after: page.after(), limit: page.size };
        let records = self.records.list(&call, query).await.map_err(Problem::from)?.into_inner();
        let next_page_token = page.next_token(records.len(), records.last().map(|record| record.delivery_id));
        let deliveries = records.into_iter().map(convert::delivery).collect();
        Ok(Response::new(pb::ListDeliveriesResponse { deliveries, next_page_token }))
    }

    async fn get_delivery(&self, request: Request<pb::GetDeliveryRequest>) -> Result<Response<pb::GetDeliveryResponse>, Status> {
        let (call, request) = open(request)?;
        let (user_id, delivery_id) = (id("user_id", &request.user_id)?, id("delivery_id", &request.delivery_id)?);
        let record = self.records.get(&call, user_id, delivery_id).await.map_err(Problem::from)?;
        Ok(Response::new(pb::GetDeliveryResponse { delivery: Some(convert::delivery(record.into_inner())) }))
    }

    async fn explain_delivery(
        &self,
        request: Request<pb::ExplainDeliveryRequest>,
    ) -> Result<Response<pb::ExplainDeliveryResponse>, Status> {
        let (call, request) = open(request)?;
        let explanation = self.records.explain(&call, convert::explain_delivery(&request)?).await.map_err(Problem::from)?;
        Ok(Response::new(convert::explanation(explanation)))
    }
}
