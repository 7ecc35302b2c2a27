//! `cabinet.messaging.v1.PersonalDataService`, served by every service that identity asks.

use api::cabinet::messaging::v1 as pb;
use api::cabinet::messaging::v1::personal_data_service_server::{PersonalDataService, PersonalDataServiceServer};
use api::cabinet::r#type::v1 as pb_type;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use kernel::Fault;
use runtime::grpc::{Problem, id, open_long};
use tonic::{Request, Response, Status};

use super::PersonalRecord;
use super::access::Action;
use super::desk::ExportDesk;

#[derive(Debug, thiserror::Error)]
#[error("this service is not served here")]
struct NotServedHere;

pub(super) struct PersonalDataGrpc {
    desk: ExportDesk,
}

impl PersonalDataGrpc {
    pub(super) fn server(desk: ExportDesk) -> PersonalDataServiceServer<Self> {
        PersonalDataServiceServer::new(Self { desk })
    }
}

#[tonic::async_trait]
impl PersonalDataService for PersonalDataGrpc {
    type ExportPersonalDataStream = BoxStream<'static, Result<pb::ExportPersonalDataResponse, Status>>;

    async fn export_personal_data(
        &self,
        request: Request<pb::ExportPersonalDataRequest>,
    ) -> Result<Response<Self::ExportPersonalDataStream>, Status> {
        let (call, request, answer) = open_long(request)?;
        let permit = call.authorize(&Action::ExportPersonalData).map_err(Problem::from)?;
        let (realm_id, user_id) = (id("realm_id", &request.realm_id)?, id("user_id", &request.user_id)?);
        let holdings = self.desk.of(&request.service).ok_or_else(|| Problem::from(Fault::unavailable(NotServedHere)))?;
        let service = holdings.component.as_str();
        let records = permit.show(holdings.of(realm_id, user_id)).into_inner();
        let told =
            records.map(move |record| record.map(|record| told(service, record)).map_err(|fault| Problem::from(fault).into()));
        Ok(Response::new(answer.tell(told.boxed())))
    }
}

fn told(service: &str, record: PersonalRecord) -> pb::ExportPersonalDataResponse {
    let PersonalRecord { kind, json } = record;
    let record = pb_type::PersonalRecord { service: service.to_owned(), kind: kind.to_owned(), json };
    pb::ExportPersonalDataResponse { record: Some(record) }
}
