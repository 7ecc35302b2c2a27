//! `cabinet.identity.v1.SocialAccountService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::social_account_service_server::{SocialAccountService, SocialAccountServiceServer};
use kernel::Secret;
use runtime::grpc::{Problem, id, open, timestamp};
use tonic::{Request, Response, Status};

use super::convert;
use crate::application::{SocialAccountUseCases, SocialAccountView, SocialReturn, SocialVisitBegun};
use crate::domain::SocialProvider;

pub(crate) struct SocialAccountGrpc {
    accounts: SocialAccountUseCases,
}

impl SocialAccountGrpc {
    pub(crate) fn server(accounts: SocialAccountUseCases) -> SocialAccountServiceServer<Self> {
        SocialAccountServiceServer::new(Self { accounts })
    }
}

fn provider(provider: SocialProvider) -> pb::SocialProvider {
    pb::SocialProvider { name: provider.name, label: provider.label }
}

fn visit(begun: &SocialVisitBegun) -> pb::SocialVisit {
    let (authorization_url, binding) = (begun.authorization_url.expose().clone(), begun.binding.expose().clone());
    pb::SocialVisit { authorization_url, binding, expire_time: Some(timestamp(begun.expires_at)) }
}

fn returned(returned: Option<pb::SocialReturn>) -> SocialReturn {
    let pb::SocialReturn { provider, code, state, binding } = returned.unwrap_or_default();
    SocialReturn { provider, code: Secret::new(code), state, binding: Secret::new(binding) }
}

fn account(view: SocialAccountView) -> pb::SocialAccount {
    let SocialAccountView { account, provider: its_provider, is_last_way_in } = view;
    // Who it is remains, whatever it was called.
    let gone = || pb::SocialProvider { name: String::new(), label: account.account.issuer.clone() };
    pb::SocialAccount {
        social_account_id: account.id.to_string(),
        provider: Some(its_provider.map_or_else(gone, provider)),
        email: account.email.as_ref().map(|email| email.expose().clone()).unwrap_or_default(),
        link_time: Some(timestamp(account.linked_at)),
        is_last_way_in,
    }
}

#[tonic::async_trait]
impl SocialAccountService for SocialAccountGrpc {
    async fn list_social_providers(
        &self,
        request: Request<pb::ListSocialProvidersRequest>,
    ) -> Result<Response<pb::ListSocialProvidersResponse>, Status> {
        let (call, request) = open(request)?;
        let realm_id = id("realm_id", &request.realm_id)?;
        let providers = self.accounts.list_providers(&call, realm_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ListSocialProvidersResponse { providers: providers.into_iter().map(provider).collect() }))
    }

    async fn begin_social_sign_in(
        &self,
        request: Request<pb::BeginSocialSignInRequest>,
    ) -> Result<Response<pb::BeginSocialSignInResponse>, Status> {
        let (call, request) = open(request)?;
        let realm_id = id("realm_id", &request.realm_id)?;
        let begun = self.accounts.begin_sign_in(&call, realm_id, &request.provider).await.map_err(Problem::from)?;
        Ok(Response::new(pb::BeginSocialSignInResponse { visit: Some(visit(&begun.into_inner())) }))
    }

    async fn complete_social_sign_in(
        &self,
        request: Request<pb::CompleteSocialSignInRequest>,
    ) -> Result<Response<pb::CompleteSocialSignInResponse>, Status> {
        let (call, request) = open(request)?;
        let pb::CompleteSocialSignInRequest { realm_id, social_return, session_name } = request;
        let (realm_id, returned) = (id("realm_id", &realm_id)?, returned(social_return));
        let entered = self.accounts.sign_in(&call, realm_id, returned, session_name).await.map_err(Problem::from)?.into_inner();
        let (user, tokens, device_token, second_factor) = convert::entered(&entered);
        Ok(Response::new(pb::CompleteSocialSignInResponse { user, tokens, device_token, second_factor }))
    }

    async fn list_social_accounts(
        &self,
        request: Request<pb::ListSocialAccountsRequest>,
    ) -> Result<Response<pb::ListSocialAccountsResponse>, Status> {
        let (call, _) = open(request)?;
        let accounts = self.accounts.list(&call).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::ListSocialAccountsResponse { social_accounts: accounts.into_iter().map(account).collect() }))
    }

    async fn begin_social_account_link(
        &self,
        request: Request<pb::BeginSocialAccountLinkRequest>,
    ) -> Result<Response<pb::BeginSocialAccountLinkResponse>, Status> {
        let (call, request) = open(request)?;
        let begun = self.accounts.begin_link(&call, &request.provider).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::BeginSocialAccountLinkResponse { visit: Some(visit(&begun)) }))
    }

    async fn link_social_account(
        &self,
        request: Request<pb::LinkSocialAccountRequest>,
    ) -> Result<Response<pb::LinkSocialAccountResponse>, Status> {
        let (call, request) = open(request)?;
        let linked = self.accounts.link(&call, returned(request.social_return)).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::LinkSocialAccountResponse { social_account: Some(account(linked)) }))
    }

    async fn unlink_social_account(
        &self,
        request: Request<pb::UnlinkSocialAccountRequest>,
    ) -> Result<Response<pb::UnlinkSocialAccountResponse>, Status> {
        let (call, request) = open(request)?;
        let account_id = id("social_account_id", &request.social_account_id)?;
        let () = self.accounts.unlink(&call, account_id).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::UnlinkSocialAccountResponse {}))
    }
}
