//! A realm opened with a preset, and what its people do there.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use cabinet_e2e::{Cabinet, Kind, link_in, new_id, realm_request, user_id, user_request, with_token};
use kernel::{Caller, CompanyId, RealmId, Role, Through, UserCaller};
use prost_types::FieldMask;
use tonic::Status;

/// A realm of a preset, with a company.
pub(crate) struct PresetRealm<'a> {
    pub(crate) cabinet: &'a Cabinet,
    pub(crate) realm_id: RealmId,
    pub(crate) company_id: CompanyId,
    pub(crate) operator: String,
}

impl<'a> PresetRealm<'a> {
    pub(crate) async fn open(cabinet: &'a Cabinet, preset: &str) -> Self {
        let operator = cabinet.operator_token("operator");
        let request = pb::CreateRealmRequest { preset: preset.to_owned(), ..realm_request("Shop") };
        let mut realms = RealmServiceClient::new(cabinet.identity.channel());
        let realm = realms.create_realm(with_token(&operator, request)).await.expect("a preset");
        let realm_id = realm.into_inner().realm.expect("the contract promises the realm").realm_id;
        let request = pb::CreateCompanyRequest { realm_id: realm_id.clone(), name: "Company".to_owned(), ..Default::default() };
        let company = realms.create_company(with_token(&operator, request)).await.expect("a company");
        let company_id = company.into_inner().company.expect("the contract promises the company").company_id;
        let (realm_id, company_id) = (realm_id.parse().expect("an id"), company_id.parse().expect("an id"));
        Self { cabinet, realm_id, company_id, operator }
    }

    /// The realm that every test has.
    pub(crate) fn of(cabinet: &'a Cabinet) -> Self {
        let (realm_id, company_id) = (cabinet.realm.id, cabinet.realm.company_id);
        Self { cabinet, realm_id, company_id, operator: cabinet.operator_token("operator") }
    }

    /// Adds a user, as the realm's own service.
    pub(crate) async fn add(&self, request: pb::CreateUserRequest) -> Result<pb::User, Status> {
        let token = self.cabinet.service_token_in(self.realm_id);
        self.cabinet.create_user_with(&token, request).await
    }

    /// Somebody who is invited.
    pub(crate) fn invited(&self, email: &str) -> pb::CreateUserRequest {
        let invitation = pb::Invitation::Send.into();
        pb::CreateUserRequest { invitation, ..user_request(self.company_id, pb::Role::Customer, email) }
    }

    /// Redeems the first letter to this address.
    pub(crate) async fn redeem(&self, email: &str, password: &str) -> Result<pb::RedeemLinkResponse, Status> {
        let letter = self.cabinet.letter_to(email, 0).await;
        self.cabinet.redeem(&link_in(&letter), password).await
    }

    /// Somebody who was invited to the company, and has signed in by his letter.
    pub(crate) async fn newcomer(&self, request: pb::CreateUserRequest) -> (pb::User, String) {
        let user = self.add(request).await.expect("a good user");
        let redeemed = self.redeem(&user.email, Cabinet::PASSWORD).await.expect("an open link");
        (user, redeemed.tokens.expect("the contract promises tokens").access_token)
    }

    /// SUPPORT of the realm, from a desk of its own.
    pub(crate) async fn support(&self, email: &str) -> (pb::User, String) {
        let desk = self.support_desk().await;
        let role = pb::Role::Support.into();
        self.member(pb::CreateUserRequest { company_id: desk.to_string(), role, ..self.invited(email) }).await
    }

    pub(crate) async fn support_desk(&self) -> CompanyId {
        let (realm_id, kind) = (self.realm_id.to_string(), pb::CompanyKind::SupportDesk.into());
        let request = pb::CreateCompanyRequest { realm_id, name: "Support desk".to_owned(), kind, ..Default::default() };
        let mut realms = RealmServiceClient::new(self.cabinet.identity.channel());
        let desk = realms.create_company(with_token(&self.operator, request)).await.expect("an operator may").into_inner();
        desk.company.expect("the contract promises the company").company_id.parse().expect("an id")
    }

    pub(crate) async fn sign_in(&self, login: &str, password: &str) -> Result<pb::User, Status> {
        let (user, _) = self.session(login, password).await?;
        Ok(user)
    }

    /// Signs somebody in, and keeps what he is given.
    pub(crate) async fn session(&self, login: &str, password: &str) -> Result<(pb::User, pb::SessionTokens), Status> {
        self.cabinet.watch.canary(Kind::Address, login);
        let request = pb::SignInRequest {
            realm_id: self.realm_id.to_string(),
            login: login.to_owned(),
            password: password.to_owned(),
            session_name: "a test".to_owned(),
        };
        let answer = SessionServiceClient::new(self.cabinet.identity.channel()).sign_in(request).await?.into_inner();
        let tokens = answer.tokens.expect("the contract promises tokens");
        self.cabinet.watch.canary(Kind::Token, &tokens.refresh_token);
        Ok((answer.user.expect("the contract promises the user"), tokens))
    }

    pub(crate) async fn policy(&self) -> (pb::Policy, String) {
        let request = pb::GetPolicyRequest { realm_id: self.realm_id.to_string() };
        let mut realms = RealmServiceClient::new(self.cabinet.identity.channel());
        let answer = realms.get_policy(with_token(&self.operator, request)).await.expect("an operator may").into_inner();
        (answer.policy.expect("the contract promises the policy"), answer.etag)
    }

    pub(crate) async fn update(&self, policy: pb::Policy, paths: &[&str], etag: &str) -> Result<pb::Policy, Status> {
        let request = pb::UpdatePolicyRequest {
            realm_id: self.realm_id.to_string(),
            policy: Some(policy),
            update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
            etag: etag.to_owned(),
        };
        let mut realms = RealmServiceClient::new(self.cabinet.identity.channel());
        let answer = realms.update_policy(with_token(&self.operator, request)).await?.into_inner();
        Ok(answer.policy.expect("the contract promises the policy"))
    }

    /// A new user of the company who has signed in nowhere, and a token of his.
    pub(crate) async fn member(&self, request: pb::CreateUserRequest) -> (pb::User, String) {
        let role = match request.role() {
            pb::Role::Owner => Role::Owner,
            pb::Role::Admin => Role::Admin,
            pb::Role::Agent => Role::Agent,
            pb::Role::Support => Role::Support,
            pb::Role::Customer | pb::Role::Unspecified => Role::Customer,
        };
        let company_id = request.company_id.parse().expect("an id");
        let user = self.add(request).await.expect("a good user");
        let (realm_id, user_id) = (self.realm_id, user_id(&user));
        let through = Through::Session(new_id());
        let token = self.cabinet.token(&Caller::User(UserCaller { realm_id, company_id, user_id, role, through }));
        (user, token)
    }
}
