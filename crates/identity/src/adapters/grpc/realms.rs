//! `cabinet.identity.v1.RealmService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::realm_service_server::{RealmService, RealmServiceServer};
use runtime::grpc::{Page, Problem, id, open, optional_id};
use tonic::{Request, Response, Status};

use super::problem::{of_owner, of_settings};
use super::{convert, policy};
use crate::application::RealmUseCases;

pub(crate) struct RealmGrpc {
    realms: RealmUseCases,
}

impl RealmGrpc {
    pub(crate) fn server(realms: RealmUseCases) -> RealmServiceServer<Self> {
        RealmServiceServer::new(Self { realms })
    }
}

#[tonic::async_trait]
impl RealmService for RealmGrpc {
    async fn create_realm(&self, request: Request<pb::CreateRealmRequest>) -> Result<Response<pb::CreateRealmResponse>, Status> {
        let (call, request) = open(request)?;
        let realm = self.realms.create(&call, convert::create_realm(request)).await.map_err(Problem::from)?;
        Ok(Response::new(pb::CreateRealmResponse { realm: Some(convert::realm(realm.into_inner())) }))
    }

    async fn get_realm(&self, request: Request<pb::GetRealmRequest>) -> Result<Response<pb::GetRealmResponse>, Status> {
        let (call, request) = open(request)?;
        let realm = self.realms.get(&call, id("realm_id", &request.realm_id)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::GetRealmResponse { realm: Some(convert::realm(realm.into_inner())) }))
    }

    async fn update_realm(&self, request: Request<pb::UpdateRealmRequest>) -> Result<Response<pb::UpdateRealmResponse>, Status> {
        let (call, request) = open(request)?;
        let realm = self.realms.update(&call, convert::update_realm(request)?).await.map_err(of_settings)?;
        Ok(Response::new(pb::UpdateRealmResponse { realm: Some(convert::realm(realm.into_inner())) }))
    }

    async fn get_company_settings(
        &self,
        request: Request<pb::GetCompanySettingsRequest>,
    ) -> Result<Response<pb::GetCompanySettingsResponse>, Status> {
        let (call, request) = open(request)?;
        let company_id = id("company_id", &request.company_id)?;
        let company = self.realms.company_settings(&call, company_id).await.map_err(Problem::from)?.into_inner();
        let (settings, etag) = convert::company_settings(company);
        Ok(Response::new(pb::GetCompanySettingsResponse { settings: Some(settings), etag }))
    }

    async fn update_company_settings(
        &self,
        request: Request<pb::UpdateCompanySettingsRequest>,
    ) -> Result<Response<pb::UpdateCompanySettingsResponse>, Status> {
        let (call, request) = open(request)?;
        let command = convert::update_company_settings(request)?;
        let company = self.realms.update_company_settings(&call, command).await.map_err(Problem::from)?.into_inner();
        let (settings, etag) = convert::company_settings(company);
        Ok(Response::new(pb::UpdateCompanySettingsResponse { settings: Some(settings), etag }))
    }

    async fn list_realms(&self, request: Request<pb::ListRealmsRequest>) -> Result<Response<pb::ListRealmsResponse>, Status> {
        let (call, request) = open(request)?;
        let page = Page::read(&call, "ListRealms", request.page_size, &request.page_token)?;
        let realms = self.realms.list(&call, page.after(), page.size).await.map_err(Problem::from)?.into_inner();
        let next_page_token = page.next_token(realms.len(), realms.last().map(|realm| realm.id));
        Ok(Response::new(pb::ListRealmsResponse { realms: realms.into_iter().map(convert::realm).collect(), next_page_token }))
    }

    async fn get_policy(&self, request: Request<pb::GetPolicyRequest>) -> Result<Response<pb::GetPolicyResponse>, Status> {
        let (call, request) = open(request)?;
        let realm = self.realms.get(&call, id("realm_id", &request.realm_id)?).await.map_err(Problem::from)?.into_inner();
        Ok(Response::new(pb::GetPolicyResponse { policy: Some(policy::policy(&realm.policy)), etag: realm.etag() }))
    }

    async fn update_policy(
        &self,
        request: Request<pb::UpdatePolicyRequest>,
    ) -> Result<Response<pb::UpdatePolicyResponse>, Status> {
        let (call, request) = open(request)?;
        let realm = self.realms.update_policy(&call, policy::update_policy(request)?).await.map_err(Problem::from)?;
        let realm = realm.into_inner();
        Ok(Response::new(pb::UpdatePolicyResponse { policy: Some(policy::policy(&realm.policy)), etag: realm.etag() }))
    }

    async fn create_company(
        &self,
        request: Request<pb::CreateCompanyRequest>,
    ) -> Result<Response<pb::CreateCompanyResponse>, Status> {
        let (call, request) = open(request)?;
        let realm_id = optional_id("realm_id", &request.realm_id)?;
        let command = convert::create_company(realm_id, request);
        let created = self.realms.create_company(&call, command).await.map_err(of_owner)?.into_inner();
        Ok(Response::new(pb::CreateCompanyResponse {
            company: Some(convert::company(created.company)),
            owner: created.owner.map(convert::user_view),
        }))
    }

    async fn get_company(&self, request: Request<pb::GetCompanyRequest>) -> Result<Response<pb::GetCompanyResponse>, Status> {
        let (call, request) = open(request)?;
        let (realm_id, company_id) = (optional_id("realm_id", &request.realm_id)?, id("company_id", &request.company_id)?);
        let company = self.realms.get_company(&call, realm_id, company_id).await.map_err(Problem::from)?;
        Ok(Response::new(pb::GetCompanyResponse { company: Some(convert::company(company.into_inner())) }))
    }

    async fn list_companies(
        &self,
        request: Request<pb::ListCompaniesRequest>,
    ) -> Result<Response<pb::ListCompaniesResponse>, Status> {
        let (call, request) = open(request)?;
        let page = Page::read(&call, &format!("ListCompanies {}", request.realm_id), request.page_size, &request.page_token)?;
        let realm_id = optional_id("realm_id", &request.realm_id)?;
        let companies = self.realms.list_companies(&call, realm_id, page.after(), page.size).await.map_err(Problem::from)?;
        let companies = companies.into_inner();
        let next_page_token = page.next_token(companies.len(), companies.last().map(|company| company.id));
        let companies = companies.into_iter().map(convert::company).collect();
        Ok(Response::new(pb::ListCompaniesResponse { companies, next_page_token }))
    }
}
