//! Whoever reads while identity or profile is killed, as gateways do all the time: imports alone ask them too rarely for a
//! request to be under way when one looks.

use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::profile::v1 as profile;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::Channel;

use super::victim::Victim;
use crate::{Cabinet, TestRealm, with_token};

const READERS: usize = 4;

/// Each reads until he gets no answer; then he says when he had asked.
pub(super) struct Readers(JoinSet<Timestamp>);

impl Readers {
    /// Readers of a service that is asked and does nothing by itself; nobody reads the others.
    pub(super) async fn of(cabinet: &Cabinet, realm: &TestRealm, victim: Victim) -> Self {
        let token = cabinet.service_token_of(realm);
        let list = identity::ListUsersRequest { company_id: realm.company_id.to_string(), page_size: 100, ..Default::default() };
        let mut readers = JoinSet::new();
        match victim {
            Victim::Identity => {
                for _ in 0..READERS {
                    let (channel, token, list) = (cabinet.identity.channel(), token.clone(), list.clone());
                    readers.spawn(read(async move || list_users(channel.clone(), &token, list.clone()).await.map(|_| ())));
                }
            }
            Victim::Profile => {
                let users = list_users(cabinet.identity.channel(), &token, list).await.expect("a service may list users").users;
                let user_ids = users.into_iter().map(|user| user.user_id).collect();
                let batch = profile::BatchGetProfilesRequest { user_ids, ..Default::default() };
                for _ in 0..READERS {
                    let (channel, token, batch) = (cabinet.profile.channel(), token.clone(), batch.clone());
                    readers.spawn(read(async move || {
                        let mut client = ProfileServiceClient::new(channel.clone());
                        client.batch_get_profiles(with_token(&token, batch.clone())).await.map(|_| ())
                    }));
                }
            }
            _ => {}
        }
        Self(readers)
    }

    /// How many had asked by then and were not answered.
    pub(super) async fn unanswered(self, by: Timestamp) -> usize {
        self.0.join_all().await.into_iter().filter(|asked_at| *asked_at < by).count()
    }
}

async fn read(ask: impl AsyncFn() -> Result<(), Status>) -> Timestamp {
    loop {
        let asked_at = Timestamp::now();
        if ask().await.is_err() {
            return asked_at;
        }
    }
}

async fn list_users(
    channel: Channel,
    token: &str,
    message: identity::ListUsersRequest,
) -> Result<identity::ListUsersResponse, Status> {
    Ok(UserServiceClient::new(channel).list_users(with_token(token, message)).await?.into_inner())
}
