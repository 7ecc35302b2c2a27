//! What case-monitoring asks of its peers.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use async_trait::async_trait;
use kernel::{Call, CompanyId, Fault, RealmId, UserId};
use runtime::grpc::{Client, peer_fault};

use crate::application::Users;

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
        let request = self.0.request(question, call.deadline());
        let answer = UserServiceClient::new(self.0.channel()).batch_get_users(request).await.map_err(peer_fault)?;
        let company_id = company_id.to_string();
        Ok(answer.into_inner().users.iter().any(|user| user.company_id == company_id))
    }
}
