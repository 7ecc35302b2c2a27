//! `cabinet.identity.v1.AccessService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::access_service_server::{AccessService, AccessServiceServer};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use runtime::access::Revocation;
use runtime::grpc::{Problem, open, timestamp};
use tonic::{Request, Response, Status};

use super::convert;
use crate::adapters::revocation_feed::{RevocationFeed, Told};
use crate::application::AccessUseCases;

pub(crate) struct AccessGrpc {
    access: AccessUseCases,
    feed: RevocationFeed,
}

impl AccessGrpc {
    pub(crate) fn server(access: AccessUseCases, feed: RevocationFeed) -> AccessServiceServer<Self> {
        AccessServiceServer::new(Self { access, feed })
    }
}

#[tonic::async_trait]
impl AccessService for AccessGrpc {
    async fn list_signing_keys(
        &self,
        request: Request<pb::ListSigningKeysRequest>,
    ) -> Result<Response<pb::ListSigningKeysResponse>, Status> {
        let (call, _) = open(request)?;
        let keys = self.access.signing_keys(&call).map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ListSigningKeysResponse { keys: keys.into_iter().map(convert::signing_key).collect() }))
    }

    type WatchRevocationsStream = BoxStream<'static, Result<pb::WatchRevocationsResponse, Status>>;

    async fn watch_revocations(
        &self,
        request: Request<pb::WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        let (call, _) = open(request)?;
        let () = AccessUseCases::watch(&call).map_err(Problem::from)?.into_inner();
        let told = self.feed.watch().await.map_err(Problem::from)?;
        Ok(Response::new(told.map(|told| Ok(message(&told))).boxed()))
    }

    async fn check_access(&self, request: Request<pb::CheckAccessRequest>) -> Result<Response<pb::CheckAccessResponse>, Status> {
        let (call, request) = open(request)?;
        let subjects = convert::subjects(&request)?;
        let is_revoked = self.access.is_revoked(&call, &subjects).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::CheckAccessResponse { is_revoked }))
    }

    async fn issue_component_token(
        &self,
        request: Request<pb::IssueComponentTokenRequest>,
    ) -> Result<Response<pb::IssueComponentTokenResponse>, Status> {
        let (call, request) = open(request)?;
        let component = convert::component(request.component())?;
        let token = self.access.component_token(&call, component, &request.secret).map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::IssueComponentTokenResponse {
            access_token: token.token.expose().clone(),
            expire_time: Some(timestamp(token.expires_at)),
        }))
    }
}

fn message(told: &Told) -> pb::WatchRevocationsResponse {
    let revocation = |revocation: &Revocation| pb::Revocation {
        subject_id: revocation.subject.id.to_string(),
        generation: revocation.subject.generation,
        revoke_time: Some(timestamp(revocation.at)),
    };
    pb::WatchRevocationsResponse { revocations: told.revocations.iter().map(revocation).collect(), is_current: told.is_current }
}
