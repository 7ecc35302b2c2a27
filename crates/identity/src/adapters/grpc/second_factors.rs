//! `cabinet.identity.v1.SecondFactorService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::second_factor_service_server::{SecondFactorService, SecondFactorServiceServer};
use kernel::Secret;
use runtime::grpc::{Problem, id, open};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{BeginFactor, ConfirmFactor, FactorConfirmed, SecondFactorUseCases, SignInWithCode};

pub(crate) struct SecondFactorGrpc {
    factors: SecondFactorUseCases,
}

impl SecondFactorGrpc {
    pub(crate) fn server(factors: SecondFactorUseCases) -> SecondFactorServiceServer<Self> {
        SecondFactorServiceServer::new(Self { factors })
    }
}

pub(super) fn shown(codes: &[Secret<String>]) -> Vec<String> {
    codes.iter().map(|code| code.expose().clone()).collect()
}

fn confirmed(FactorConfirmed { recovery_codes, signed_in }: &FactorConfirmed) -> pb::ConfirmSecondFactorResponse {
    let signed_in = signed_in.as_ref();
    pb::ConfirmSecondFactorResponse {
        recovery_codes: shown(recovery_codes),
        user: signed_in.map(|signed_in| convert::user(&signed_in.user)),
        tokens: signed_in.map(|signed_in| convert::session_tokens(&signed_in.tokens)),
        device_token: signed_in.map(|signed_in| signed_in.device_token.expose().clone()).unwrap_or_default(),
    }
}

#[tonic::async_trait]
impl SecondFactorService for SecondFactorGrpc {
    async fn sign_in_with_second_factor(
        &self,
        request: Request<pb::SignInWithSecondFactorRequest>,
    ) -> Result<Response<pb::SignInWithSecondFactorResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::SignInWithSecondFactorRequest { token, code, session_name } = request;
        let command = SignInWithCode { token, code: Secret::new(code), session_name };
        let signed_in = self.factors.sign_in(&call, command).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::SignInWithSecondFactorResponse {
            user: Some(convert::user(&signed_in.user)),
            tokens: Some(convert::session_tokens(&signed_in.tokens)),
            device_token: signed_in.device_token.expose().clone(),
        }))
    }

    async fn begin_second_factor(
        &self,
        request: Request<pb::BeginSecondFactorRequest>,
    ) -> Result<Response<pb::BeginSecondFactorResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::BeginSecondFactorRequest { token, code, assertion } = request;
        let command = BeginFactor { token, shown: convert::shown_factor(code, assertion) };
        let enrolment = self.factors.begin(&call, command).await.map_err(Problem::from)?.into_inner();
        let (otpauth_uri, key) = (enrolment.uri.expose().clone(), enrolment.key.expose().clone());
        Ok(Response::new(pb::BeginSecondFactorResponse { otpauth_uri, key }))
    }

    async fn confirm_second_factor(
        &self,
        request: Request<pb::ConfirmSecondFactorRequest>,
    ) -> Result<Response<pb::ConfirmSecondFactorResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::ConfirmSecondFactorRequest { token, code, session_name } = request;
        let command = ConfirmFactor { token, code: Secret::new(code), session_name };
        let answer = self.factors.confirm(&call, command).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(confirmed(&answer)))
    }

    async fn get_second_factor(
        &self,
        request: Request<pb::GetSecondFactorRequest>,
    ) -> Result<Response<pb::GetSecondFactorResponse>, Status> {
        let (call, _) = open(request)?;
        let standing = self.factors.get(&call).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::GetSecondFactorResponse {
            is_on: !standing.kinds.is_empty(),
            is_required: standing.is_required,
            recovery_codes_left: i32::try_from(standing.recovery_codes_left).unwrap_or(i32::MAX),
            kinds: convert::factor_kinds(&standing.kinds).map(i32::from).collect(),
        }))
    }

    async fn replace_recovery_codes(
        &self,
        request: Request<pb::ReplaceRecoveryCodesRequest>,
    ) -> Result<Response<pb::ReplaceRecoveryCodesResponse>, Status> {
        let (call, request) = open(request)?;
        let factor = convert::shown_factor(request.code, request.assertion);
        let codes = self.factors.replace_recovery_codes(&call, factor).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ReplaceRecoveryCodesResponse { recovery_codes: shown(&codes) }))
    }

    async fn turn_off_second_factor(
        &self,
        request: Request<pb::TurnOffSecondFactorRequest>,
    ) -> Result<Response<pb::TurnOffSecondFactorResponse>, Status> {
        let (call, request) = open(request)?;
        let factor = convert::shown_factor(request.code, request.assertion);
        let () = self.factors.turn_off(&call, factor).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::TurnOffSecondFactorResponse {}))
    }

    async fn reset_user_second_factor(
        &self,
        request: Request<pb::ResetUserSecondFactorRequest>,
    ) -> Result<Response<pb::ResetUserSecondFactorResponse>, Status> {
        let (call, request) = open(request)?;
        let user_id = id("user_id", &request.user_id)?;
        let user = self.factors.reset(&call, user_id).await.map_err(Problem::from)?;
        Ok(Response::new(pb::ResetUserSecondFactorResponse { user: Some(convert::user_view(user.into_inner())) }))
    }
}
