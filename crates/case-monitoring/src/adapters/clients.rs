//! What case-monitoring asks of its peers.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use async_trait::async_trait;
use kernel::{Call, CompanyId, Fault, RealmId, UserId};
use runtime::grpc::{Client, peer_fault};
use tonic::Code;

use crate::application::{Realms, Users};

/// Identity, as case-monitoring needs it.
pub(crate) struct IdentityClient(Client);

impl IdentityClient {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }
}

#[async_trait]
impl Users for IdentityClient {
    async fn is_user_of(&self, call: &Call, realm_id: RealmId, company_id: CompanyId, user_id: UserId) -> Result<bool, Fault> {
        let question = pb::BatchGetUsersRequest { realm_id: realm_id.to_string(), user_ids: vec![user_id.to_string()] };
        let request = self.0.request(question, call.errand()).await?;
        let answer = UserServiceClient::new(self.0.channel()).batch_get_users(request).await.map_err(peer_fault)?;
        let company_id = company_id.to_string();
        Ok(answer.into_inner().users.iter().any(|user| user.company_id == company_id))
    }
}

#[async_trait]
impl Realms for IdentityClient {
    async fn preset(&self, call: &Call, realm_id: RealmId) -> Result<Option<String>, Fault> {
        let question = pb::GetRealmRequest { realm_id: realm_id.to_string() };
        let request = self.0.request(question, call.errand()).await?;
        match RealmServiceClient::new(self.0.channel()).get_realm(request).await {
            Ok(answer) => Ok(answer.into_inner().realm.map(|realm| realm.preset)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(peer_fault(status)),
        }
    }
}
