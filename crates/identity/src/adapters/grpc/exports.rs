//! `cabinet.identity.v1.ExportService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::export_service_server::{ExportService, ExportServiceServer};
use api::cabinet::r#type::v1 as pb_type;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use kernel::Component;
use runtime::grpc::{Problem, id, open_long, timestamp};
use tonic::{Request, Response, Status};

use crate::application::{ExportSummary, ExportUseCases, Exported};

pub(crate) struct ExportGrpc {
    exports: ExportUseCases,
}

impl ExportGrpc {
    pub(crate) fn server(exports: ExportUseCases) -> ExportServiceServer<Self> {
        ExportServiceServer::new(Self { exports })
    }
}

#[tonic::async_trait]
impl ExportService for ExportGrpc {
    type ExportUserStream = BoxStream<'static, Result<pb::ExportUserResponse, Status>>;

    async fn export_user(&self, request: Request<pb::ExportUserRequest>) -> Result<Response<Self::ExportUserStream>, Status> {
        let (call, request, answer) = open_long(request)?;
        let user_id = id("user_id", &request.user_id)?;
        let parts = self.exports.export(&call, user_id).await.map_err(Problem::from)?.into_inner();
        let told = parts.map(|part| part.map(told).map_err(|error| Problem::from(error).into()));
        Ok(Response::new(answer.tell(told.boxed())))
    }
}

fn told(part: Exported) -> pb::ExportUserResponse {
    match part {
        Exported::Record(component, record) => {
            let service = component.as_str().to_owned();
            let record = pb_type::PersonalRecord { service, kind: record.kind, json: record.json };
            pb::ExportUserResponse { record: Some(record), summary: None }
        }
        Exported::Summary(summary) => pb::ExportUserResponse { record: None, summary: Some(told_summary(summary)) },
    }
}

fn told_summary(summary: ExportSummary) -> pb::ExportSummary {
    let service = |(component, record_count): (Component, i64)| pb::ExportedService {
        service: component.as_str().to_owned(),
        record_count,
    };
    pb::ExportSummary {
        user_id: summary.user_id.to_string(),
        export_time: Some(timestamp(summary.exported_at)),
        services: summary.counts.into_iter().map(service).collect(),
    }
}
