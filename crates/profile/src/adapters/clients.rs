//! What profile asks of its peers.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use async_trait::async_trait;
use kernel::{Call, Fault, InvalidId, RealmId, UserId};
use runtime::grpc::{Client, peer_fault};

use crate::application::Users;
use crate::domain::{Contacts, Person};

/// Identity, as profile needs it.
pub(crate) struct IdentityClient(Client);

impl IdentityClient {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }
}

#[async_trait]
impl Users for IdentityClient {
    async fn people(&self, call: &Call, realm_id: RealmId, user_ids: &[UserId]) -> Result<Vec<Person>, Fault> {
        let user_ids = user_ids.iter().map(UserId::to_string).collect();
        let question = pb::BatchGetUsersRequest { realm_id: realm_id.to_string(), user_ids };
        let request = self.0.request(question, call.errand()).await?;
        let answer = UserServiceClient::new(self.0.channel()).batch_get_users(request).await.map_err(peer_fault)?;
        answer.into_inner().users.into_iter().map(|user| person(user).map_err(Fault::internal)).collect()
    }
}

fn person(user: pb::User) -> Result<Person, InvalidId> {
    Ok(Person {
        user_id: user.user_id.parse()?,
        company_id: user.company_id.parse()?,
        contacts: Contacts { email: user.email, user_name: user.user_name, phone: user.phone },
    })
}
