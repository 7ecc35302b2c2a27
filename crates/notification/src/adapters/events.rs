//! Facts of other services, read for the planner.

use api::cabinet::case_monitoring::events::v1 as pb_cases;
use api::cabinet::identity::events::v1 as pb_identity;
use api::cabinet::r#type::v1::AudienceReason;
use async_trait::async_trait;
use kernel::{EventId, Fault};
use messaging::{Handler, HandlerError, Message, SubscriptionSpec, inbox};
use prost::Message as _;
use sqlx::PgPool;
use uuid::Uuid;

use crate::application::{PersonVersion, Plan, Planner, StatusChange};

const USER_CREATED: &str = "identity.user.created.v1";
const USER_EMAIL_CHANGED: &str = "identity.user.email_changed.v1";
const USER_ROLE_CHANGED: &str = "identity.user.role_changed.v1";
const USER_BLOCKED: &str = "identity.user.blocked.v1";
const USER_UNBLOCKED: &str = "identity.user.unblocked.v1";
const CASE_CREATED: &str = "case_monitoring.case.created.v1";
const CASE_STATUS_CHANGED: &str = "case_monitoring.case.status_changed.v1";

/// What the planner is told of.
pub const SUBSCRIPTION: SubscriptionSpec = SubscriptionSpec {
    consumer: Planner::CONSUMER,
    lane: messaging::Lane::Normal,
    bindings: &[
        USER_CREATED,
        USER_EMAIL_CHANGED,
        USER_ROLE_CHANGED,
        USER_BLOCKED,
        USER_UNBLOCKED,
        CASE_CREATED,
        CASE_STATUS_CHANGED,
    ],
    retry_tiers: &messaging::RETRY_TIERS,
};

/// Reads facts and hands them to the planner.
pub(crate) struct PlannerHandler {
    pub(crate) planner: Planner,
    pub(crate) pool: PgPool,
}

/// Why a fact cannot be read.
#[derive(Debug, thiserror::Error)]
enum UnreadableFact {
    #[error("a type of fact that nobody here knows")]
    UnknownType,
    #[error("not the protocol buffer its type says")]
    Malformed(#[from] prost::DecodeError),
    #[error("an id is not a UUID")]
    Id(#[from] kernel::InvalidId),
    #[error("a part is missing")]
    Incomplete,
}

#[async_trait]
impl Handler for PlannerHandler {
    async fn consume(&self, batch: &[Message]) -> Result<(), HandlerError> {
        let mut plan = Plan::default();
        for message in batch {
            self.add(&mut plan, message).map_err(|error| HandlerError::Rejected(error.into()))?;
        }
        self.planner.write(plan).await.map_err(|error| error.0.into())
    }

    async fn probe(&self) -> Result<(), Fault> {
        // A database that answers and takes no writes (a full disk, a standby) is not back.
        let write = async {
            let mut transaction = self.pool.begin().await?;
            inbox::accept(&mut transaction, Planner::CONSUMER, &[EventId::from_uuid(Uuid::nil())]).await?;
            transaction.rollback().await
        };
        write.await.map_err(runtime::postgres::fault)
    }
}

impl PlannerHandler {
    fn add(&self, plan: &mut Plan, message: &Message) -> Result<(), UnreadableFact> {
        match message.event_type.as_str() {
            CASE_CREATED => plan.nothing_follows(message.event_id),
            CASE_STATUS_CHANGED => plan.status_changed(status_change(message)?, || self.planner.delivery_id()),
            _ => plan.person_changed(message.event_id, person(message)?),
        }
        Ok(())
    }
}

/// The facts about users say the same: who, and which version.
fn person(message: &Message) -> Result<PersonVersion, UnreadableFact> {
    let payload = message.payload.as_slice();
    let (user_id, version) = match message.event_type.as_str() {
        USER_CREATED => pb_identity::UserCreated::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_EMAIL_CHANGED => pb_identity::UserEmailChanged::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_ROLE_CHANGED => pb_identity::UserRoleChanged::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_BLOCKED => pb_identity::UserBlocked::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_UNBLOCKED => pb_identity::UserUnblocked::decode(payload).map(|fact| (fact.user_id, fact.version)),
        _ => return Err(UnreadableFact::UnknownType),
    }?;
    Ok(PersonVersion { realm_id: message.realm_id, user_id: user_id.parse()?, version })
}

fn status_change(message: &Message) -> Result<StatusChange, UnreadableFact> {
    let fact = pb_cases::CaseStatusChanged::decode(message.payload.as_slice())?;
    let case = fact.case.ok_or(UnreadableFact::Incomplete)?;
    let is_requester =
        |member: &&api::cabinet::r#type::v1::AudienceMember| member.reasons().any(|reason| reason == AudienceReason::Requester);
    let requesters: Result<_, _> = fact.audience.iter().filter(is_requester).map(|member| member.user_id.parse()).collect();
    Ok(StatusChange {
        event_id: message.event_id,
        realm_id: message.realm_id,
        cause_id: message.cause_id,
        case_id: case.case_id.parse()?,
        case_version: case.version,
        requesters: requesters?,
        content: message.payload.clone(),
        traceparent: message.traceparent.clone(),
    })
}
