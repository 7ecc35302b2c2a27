//! `cabinet.identity.v1.PasskeyService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::passkey_service_server::{PasskeyService, PasskeyServiceServer};
use runtime::grpc::{Problem, id, open, timestamp};
use tonic::{Request, Response, Status};

use super::convert;
use super::second_factors::shown;
use crate::application::{BeginPasskey, FinishPasskey, PasskeyRegistered, PasskeyUseCases, SignInWithPasskey};
use crate::domain::Passkey;

pub(crate) struct PasskeyGrpc {
    passkeys: PasskeyUseCases,
}

impl PasskeyGrpc {
    pub(crate) fn server(passkeys: PasskeyUseCases) -> PasskeyServiceServer<Self> {
        PasskeyServiceServer::new(Self { passkeys })
    }
}

fn passkey(passkey: Passkey) -> pb::Passkey {
    pb::Passkey {
        passkey_id: passkey.id.to_string(),
        name: passkey.name,
        create_time: Some(timestamp(passkey.created_at)),
        use_time: passkey.used_at.map(timestamp),
        copy_time: passkey.copied_at.map(timestamp),
    }
}

fn registered(registered: PasskeyRegistered) -> pb::FinishPasskeyRegistrationResponse {
    let signed_in = registered.signed_in.as_ref();
    pb::FinishPasskeyRegistrationResponse {
        recovery_codes: shown(&registered.recovery_codes),
        user: signed_in.map(|signed_in| convert::user(&signed_in.user)),
        tokens: signed_in.map(|signed_in| convert::session_tokens(&signed_in.tokens)),
        device_token: signed_in.map(|signed_in| signed_in.device_token.expose().clone()).unwrap_or_default(),
        passkey: Some(passkey(registered.passkey)),
    }
}

#[tonic::async_trait]
impl PasskeyService for PasskeyGrpc {
    async fn begin_passkey_registration(
        &self,
        request: Request<pb::BeginPasskeyRegistrationRequest>,
    ) -> Result<Response<pb::BeginPasskeyRegistrationResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::BeginPasskeyRegistrationRequest { token, code, assertion } = request;
        let command = BeginPasskey { token, shown: convert::shown_factor(code, assertion) };
        let asked = self.passkeys.begin_registration(&call, command).await.map_err(Problem::from)?.into_inner();
        let expire_time = Some(timestamp(asked.expires_at));
        Ok(Response::new(pb::BeginPasskeyRegistrationResponse { creation_options: asked.options.expose().clone(), expire_time }))
    }

    async fn finish_passkey_registration(
        &self,
        request: Request<pb::FinishPasskeyRegistrationRequest>,
    ) -> Result<Response<pb::FinishPasskeyRegistrationResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::FinishPasskeyRegistrationRequest { token, credential, name, session_name } = request;
        let command = FinishPasskey { token, credential, name, session_name };
        let answer = self.passkeys.finish_registration(&call, command).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(registered(answer)))
    }

    async fn begin_passkey_assertion(
        &self,
        request: Request<pb::BeginPasskeyAssertionRequest>,
    ) -> Result<Response<pb::BeginPasskeyAssertionResponse>, Status> {
        let (call, request) = open(request)?;
        let asked = self.passkeys.begin_assertion(&call, &request.token).await.map_err(Problem::from)?.into_inner();
        let expire_time = Some(timestamp(asked.expires_at));
        Ok(Response::new(pb::BeginPasskeyAssertionResponse { request_options: asked.options.expose().clone(), expire_time }))
    }

    async fn sign_in_with_passkey(
        &self,
        request: Request<pb::SignInWithPasskeyRequest>,
    ) -> Result<Response<pb::SignInWithPasskeyResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::SignInWithPasskeyRequest { token, assertion, session_name } = request;
        let command = SignInWithPasskey { token, assertion, session_name };
        let signed_in = self.passkeys.sign_in(&call, command).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::SignInWithPasskeyResponse {
            user: Some(convert::user(&signed_in.user)),
            tokens: Some(convert::session_tokens(&signed_in.tokens)),
            device_token: signed_in.device_token.expose().clone(),
        }))
    }

    async fn list_passkeys(
        &self,
        request: Request<pb::ListPasskeysRequest>,
    ) -> Result<Response<pb::ListPasskeysResponse>, Status> {
        let (call, _) = open(request)?;
        let passkeys = self.passkeys.list(&call).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ListPasskeysResponse { passkeys: passkeys.into_iter().map(passkey).collect() }))
    }

    async fn rename_passkey(
        &self,
        request: Request<pb::RenamePasskeyRequest>,
    ) -> Result<Response<pb::RenamePasskeyResponse>, Status> {
        let (call, request) = open(request)?;
        let passkey_id = id("passkey_id", &request.passkey_id)?;
        let renamed = self.passkeys.rename(&call, passkey_id, request.name).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::RenamePasskeyResponse { passkey: Some(passkey(renamed)) }))
    }

    async fn delete_passkey(
        &self,
        request: Request<pb::DeletePasskeyRequest>,
    ) -> Result<Response<pb::DeletePasskeyResponse>, Status> {
        let (call, request) = open(request)?;
        let passkey_id = id("passkey_id", &request.passkey_id)?;
        let factor = convert::shown_factor(request.code, request.assertion);
        let () = self.passkeys.delete(&call, passkey_id, factor).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::DeletePasskeyResponse {}))
    }
}
