//! What identity asks of its peers, and in the same way of itself: all that is kept of a user.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::cabinet::messaging::v1 as pb;
use api::cabinet::messaging::v1::personal_data_service_client::PersonalDataServiceClient;
use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use kernel::{Caller, Clock, Component, Errand, Fault, RealmId, Secret, Timestamp, UserId};
use messaging::{Holdings, PersonalRecord};
use runtime::access::ComponentTokenSource;
use runtime::grpc::{Client, peer_fault};
use tonic::{Status, Streaming};

use super::signing_keys::SigningKeys;
use crate::application::{AccessTokens as _, Keeper, KeptRecord, KeptRecords};

/// A service that says nothing for this long is away: whoever asked has not that much time.
const SILENCE: Duration = Duration::from_secs(5);

/// Identity shows its peers what it has signed itself.
pub(crate) struct OwnTokens {
    pub(crate) keys: SigningKeys,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl ComponentTokenSource for OwnTokens {
    async fn issue(&self, component: Component, _: Instant) -> Result<(Secret<String>, Option<Timestamp>), Status> {
        let issued = self.keys.issue(&Caller::Component(component), 0, None, self.clock.now());
        let issued = issued.map_err(|_| Status::unavailable("no key signs"))?;
        Ok((issued.token, Some(issued.expires_at)))
    }
}

/// Another service, as a keeper of personal data.
pub(crate) struct PeerKeeper {
    pub(crate) component: Component,
    pub(crate) client: Client,
}

#[async_trait]
impl Keeper for PeerKeeper {
    fn component(&self) -> Component {
        self.component
    }

    async fn records(&self, realm_id: RealmId, user_id: UserId, errand: Errand<'_>) -> Result<KeptRecords, Fault> {
        let question = pb::ExportPersonalDataRequest {
            realm_id: realm_id.to_string(),
            user_id: user_id.to_string(),
            service: self.component.as_str().to_owned(),
        };
        let request = self.client.request(question, errand).await?;
        let mut client = PersonalDataServiceClient::new(self.client.channel());
        let answer = tokio::time::timeout(SILENCE, client.export_personal_data(request)).await;
        let messages = answer.map_err(Fault::unavailable)?.map_err(peer_fault)?.into_inner();
        Ok(stream::unfold(messages, async |mut messages| Some((next(&mut messages).await?, messages))).boxed())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a service has given a record that is none")]
struct NoRecord;

/// The next record; none once the service has said that there are no more.
async fn next(messages: &mut Streaming<pb::ExportPersonalDataResponse>) -> Option<Result<KeptRecord, Fault>> {
    let message = match tokio::time::timeout(SILENCE, messages.message()).await {
        Ok(message) => message.transpose()?,
        Err(elapsed) => return Some(Err(Fault::unavailable(elapsed))),
    };
    let record = message.map_err(peer_fault).and_then(|message| message.record.ok_or_else(|| Fault::internal(NoRecord)));
    Some(record.map(|record| KeptRecord { kind: record.kind, json: record.json }))
}

#[async_trait]
impl Keeper for Holdings {
    fn component(&self) -> Component {
        self.component
    }

    async fn records(&self, realm_id: RealmId, user_id: UserId, _: Errand<'_>) -> Result<KeptRecords, Fault> {
        let kept = |PersonalRecord { kind, json }| KeptRecord { kind: kind.to_owned(), json };
        Ok(self.of(realm_id, user_id).map(move |record| record.map(kept)).boxed())
    }
}
