//! Services that have erased deleted users, and deletions of which they have to be told again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api::cabinet::messaging::events::v1 as pb;
use async_trait::async_trait;
use kernel::{Clock, Component, Fault, IdSource, Timestamp};
use messaging::{Handler, HandlerError, Lane, Message, SubscriptionSpec, inbox};
use prost::Message as _;
use sqlx::PgPool;

use super::postgres::{Erased, PgDeletions};

/// What every service says when it has erased.
const CONFIRMATIONS: [(&str, Component); 4] = [
    ("identity.user.erased.v1", Component::Identity),
    ("profile.user.erased.v1", Component::Profile),
    ("case_monitoring.user.erased.v1", Component::CaseMonitoring),
    ("notification.user.erased.v1", Component::Notification),
];
const CONSUMER: &str = "identity.deletions";
pub(crate) const SUBSCRIPTION: SubscriptionSpec = SubscriptionSpec {
    consumer: CONSUMER,
    lane: Lane::Normal,
    bindings: &[CONFIRMATIONS[0].0, CONFIRMATIONS[1].0, CONFIRMATIONS[2].0, CONFIRMATIONS[3].0],
    retry_tiers: &messaging::RETRY_TIERS,
};

/// A service that was not there yet when somebody was deleted has not heard of it.
const TELL_AGAIN_AFTER: Duration = Duration::from_hours(1);
const INTERVAL: Duration = Duration::from_mins(1);

/// Writes which services have erased.
pub(crate) struct ErasureHandler {
    pub(crate) deletions: PgDeletions,
    pub(crate) pool: PgPool,
}

#[derive(Debug, thiserror::Error)]
enum UnreadableFact {
    #[error("a type of fact that nobody here knows")]
    UnknownType,
    #[error("not the protocol buffer its type says")]
    Malformed(#[from] prost::DecodeError),
    #[error("an id is not a UUID")]
    Id(#[from] kernel::InvalidId),
    #[error("a moment is missing, or none")]
    Moment,
}

#[async_trait]
impl Handler for ErasureHandler {
    async fn consume(&self, batch: &[Message]) -> Result<(), HandlerError> {
        let erased: Result<Vec<Erased>, UnreadableFact> = batch.iter().map(erased).collect();
        let erased = erased.map_err(|error| HandlerError::Rejected(error.into()))?;
        Ok(self.deletions.confirm(CONSUMER, &erased).await?)
    }

    async fn probe(&self) -> Result<(), Fault> {
        inbox::probe(&self.pool, CONSUMER).await
    }
}

fn erased(message: &Message) -> Result<Erased, UnreadableFact> {
    let by_type = CONFIRMATIONS.iter().find(|(event_type, _)| *event_type == message.event_type);
    let (_, component) = by_type.ok_or(UnreadableFact::UnknownType)?;
    let fact = pb::UserErased::decode(message.payload.as_slice())?;
    let time = fact.erase_time.ok_or(UnreadableFact::Moment)?;
    Ok(Erased {
        event_id: message.event_id,
        realm_id: message.realm_id,
        user_id: fact.user_id.parse()?,
        component: *component,
        at: Timestamp::new(time.seconds, time.nanos).map_err(|_| UnreadableFact::Moment)?,
    })
}

/// Tells of deletions again that not all services have confirmed.
pub(crate) struct Reminder {
    pub(crate) deletions: PgDeletions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl Reminder {
    pub(crate) async fn run(self) -> Infallible {
        loop {
            if let Err(fault) = self.remind().await {
                tracing::warn!(error = &fault as &dyn std::error::Error, "deletions were not told of again");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn remind(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let told_before = now.saturating_sub(TELL_AGAIN_AFTER).expect("whole hours can be taken from a moment");
        for untold in self.deletions.untold(told_before).await? {
            tracing::warn!(user.id = %untold.deleted.user_id, "not every service has confirmed a deletion: it is told of again");
            self.deletions.tell_again(&untold, self.ids.new_id(now), told_before, now).await?;
        }
        Ok(())
    }
}
