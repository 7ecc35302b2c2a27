//! `cabinet.identity.v1.AutologinService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::autologin_service_server::{AutologinService, AutologinServiceServer};
use kernel::RealmId;
use runtime::grpc::{Problem, id, moment, open};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{AutologinUseCases, MadeAutologin, RedeemedAutologin};
use crate::domain::Autologin;

pub(crate) struct AutologinGrpc {
    autologins: AutologinUseCases,
}

impl AutologinGrpc {
    pub(crate) fn server(autologins: AutologinUseCases) -> AutologinServiceServer<Self> {
        AutologinServiceServer::new(Self { autologins })
    }
}

#[tonic::async_trait]
impl AutologinService for AutologinGrpc {
    async fn batch_make_autologins(
        &self,
        request: Request<pb::BatchMakeAutologinsRequest>,
    ) -> Result<Response<pb::BatchMakeAutologinsResponse>, Status> {
        let (call, request) = open(request)?;
        let realm_id = id("realm_id", &request.realm_id)?;
        let letters = request.deliveries.iter().map(|delivery| letter(realm_id, delivery)).collect::<Result<_, _>>()?;
        let made = self.autologins.make(&call, realm_id, letters).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::BatchMakeAutologinsResponse { autologins: made.into_iter().map(told).collect() }))
    }

    async fn inspect_autologin(
        &self,
        request: Request<pb::InspectAutologinRequest>,
    ) -> Result<Response<pb::InspectAutologinResponse>, Status> {
        let (call, request) = open(request)?;
        let inspected = self.autologins.inspect(&call, &request.token).await.map_err(Problem::from)?.into_inner();
        let state = if inspected.is_open { pb::AutologinState::Open } else { pb::AutologinState::Over };
        Ok(Response::new(pb::InspectAutologinResponse { case_id: inspected.case_id.to_string(), state: state.into() }))
    }

    async fn redeem_autologin(
        &self,
        request: Request<pb::RedeemAutologinRequest>,
    ) -> Result<Response<pb::RedeemAutologinResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::RedeemAutologinRequest { token, session_name } = request;
        let redeemed = self.autologins.redeem(&call, &token, &session_name).await.map_err(Problem::from)?.into_inner();
        let RedeemedAutologin { user, tokens, case_id } = redeemed;
        let (user, tokens) = (Some(convert::user(&user)), Some(convert::session_tokens(&tokens)));
        Ok(Response::new(pb::RedeemAutologinResponse { user, tokens, case_id: case_id.to_string() }))
    }
}

fn letter(realm_id: RealmId, delivery: &pb::CaseDelivery) -> Result<Autologin, Problem> {
    Ok(Autologin {
        realm_id,
        delivery_id: id("deliveries.delivery_id", &delivery.delivery_id)?,
        user_id: id("deliveries.user_id", &delivery.user_id)?,
        case_id: id("deliveries.case_id", &delivery.case_id)?,
        made_at: moment("deliveries.create_time", delivery.create_time.unwrap_or_default())?,
    })
}

fn told(made: MadeAutologin) -> pb::Autologin {
    let MadeAutologin { delivery_id, token, email } = made;
    pb::Autologin { delivery_id: delivery_id.to_string(), token: token.expose().clone(), email }
}
