//! `cabinet.identity.v1.DeletionService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::deletion_service_server::{DeletionService, DeletionServiceServer};
use runtime::grpc::{Problem, id, open, timestamp};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{DeleteUser, DeletionUseCases};
use crate::domain::UserDeletion;

pub(crate) struct DeletionGrpc {
    deletions: DeletionUseCases,
}

impl DeletionGrpc {
    pub(crate) fn server(deletions: DeletionUseCases) -> DeletionServiceServer<Self> {
        DeletionServiceServer::new(Self { deletions })
    }
}

#[tonic::async_trait]
impl DeletionService for DeletionGrpc {
    async fn prepare_user_deletion(
        &self,
        request: Request<pb::PrepareUserDeletionRequest>,
    ) -> Result<Response<pb::PrepareUserDeletionResponse>, Status> {
        let (call, request) = open(request)?;
        let user_id = id("user_id", &request.user_id)?;
        let prepared = self.deletions.prepare(&call, user_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::PrepareUserDeletionResponse {
            user: Some(convert::user_view(prepared.user)),
            confirmation: prepared.confirmation.expose().clone(),
            expire_time: Some(timestamp(prepared.expires_at)),
        }))
    }

    async fn delete_user(&self, request: Request<pb::DeleteUserRequest>) -> Result<Response<pb::DeleteUserResponse>, Status> {
        let (call, request) = open(request)?;
        let command = DeleteUser { user_id: id("user_id", &request.user_id)?, confirmation: request.confirmation };
        let deletion = self.deletions.delete(&call, command).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::DeleteUserResponse { deletion: Some(told(&deletion)) }))
    }

    async fn get_user_deletion(
        &self,
        request: Request<pb::GetUserDeletionRequest>,
    ) -> Result<Response<pb::GetUserDeletionResponse>, Status> {
        let (call, request) = open(request)?;
        let user_id = id("user_id", &request.user_id)?;
        let deletion = self.deletions.get(&call, user_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::GetUserDeletionResponse { deletion: Some(told(&deletion)) }))
    }
}

fn told(deletion: &UserDeletion) -> pb::UserDeletion {
    let erasure = |(component, erased_at): &(kernel::Component, kernel::Timestamp)| pb::UserErasure {
        service: component.as_str().to_owned(),
        erase_time: Some(timestamp(*erased_at)),
    };
    pb::UserDeletion {
        user_id: deletion.deleted.user_id.to_string(),
        company_id: deletion.deleted.company_id.to_string(),
        delete_time: Some(timestamp(deletion.deleted.at)),
        erasures: deletion.erasures.iter().map(erasure).collect(),
        complete_time: deletion.completed_at().map(timestamp),
    }
}
