//! `cabinet.identity.v1.LimitService`.

use std::net::IpAddr;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::limit_service_server::{LimitService, LimitServiceServer};
use runtime::grpc::{Problem, open, optional_id};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::LimitUseCases;

pub(crate) struct LimitGrpc {
    limits: LimitUseCases,
}

impl LimitGrpc {
    pub(crate) fn server(limits: LimitUseCases) -> LimitServiceServer<Self> {
        LimitServiceServer::new(Self { limits })
    }
}

fn address(text: &str) -> Result<IpAddr, Problem> {
    text.parse().map_err(|_| Problem::field_invalid("address", "must be an address: 198.51.100.7, 2001:db8::1"))
}

#[tonic::async_trait]
impl LimitService for LimitGrpc {
    async fn lift_user_limits(
        &self,
        request: Request<pb::LiftUserLimitsRequest>,
    ) -> Result<Response<pb::LiftUserLimitsResponse>, Status> {
        let (call, request) = open(request)?;
        let of_user = convert::of_user(&request.realm_id, &request.user_id)?;
        let lifted = self.limits.lift_of_user(&call, of_user).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::LiftUserLimitsResponse { lifted_count: convert::count(lifted) }))
    }

    async fn lift_address_limits(
        &self,
        request: Request<pb::LiftAddressLimitsRequest>,
    ) -> Result<Response<pb::LiftAddressLimitsResponse>, Status> {
        let (call, request) = open(request)?;
        let (realm_id, address) = (optional_id("realm_id", &request.realm_id)?, address(&request.address)?);
        let lifted = self.limits.lift_of_address(&call, realm_id, address).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::LiftAddressLimitsResponse { lifted_count: convert::count(lifted) }))
    }
}
