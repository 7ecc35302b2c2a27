//! What was done in other services by those who administer, on its way into the log.

use api::cabinet::identity::v1::AuditActorKind;
use api::cabinet::messaging::events::v1 as pb;
use async_trait::async_trait;
use kernel::{Actor, ActorKind, Fault, Id, InvalidId};
use messaging::{Handler, HandlerError, Lane, Message, SubscriptionSpec, inbox};
use prost::Message as _;
use sqlx::PgPool;

use super::grpc::audit_act;
use super::postgres::PgAuditEntries;
use crate::domain::audit::{AuditAct, AuditEntry, Done, ToldAct};

const CONSUMER: &str = "identity.acts";
pub(crate) const SUBSCRIPTION: SubscriptionSpec = SubscriptionSpec {
    consumer: CONSUMER,
    lane: Lane::Normal,
    bindings: &["*.act.done.v1"],
    retry_tiers: &messaging::RETRY_TIERS,
};

/// Writes down what it is told of.
pub(crate) struct ActHandler {
    pub(crate) entries: PgAuditEntries,
    pub(crate) pool: PgPool,
}

#[derive(Debug, thiserror::Error)]
enum UnreadableFact {
    /// Of a newer release: it is done again once this one is of that release too. What is in the log stays as it is written, so nothing
    /// is written of which it cannot be said what it was.
    #[error("an act that this release does not know")]
    UnknownAct,
    #[error("somebody of a kind that this release does not know")]
    UnknownActor,
    #[error("an act that is not done where the fact comes from")]
    DoneElsewhere,
    #[error("not the protocol buffer its type says")]
    Malformed(#[from] prost::DecodeError),
    #[error("an id is not a UUID")]
    Id(#[from] InvalidId),
}

#[async_trait]
impl Handler for ActHandler {
    async fn consume(&self, batch: &[Message]) -> Result<(), HandlerError> {
        let told: Result<Vec<ToldAct>, UnreadableFact> = batch.iter().map(told).collect();
        let told = told.map_err(|error| HandlerError::Rejected(error.into()))?;
        Ok(self.entries.note(CONSUMER, &told).await?)
    }

    async fn probe(&self) -> Result<(), Fault> {
        inbox::probe(&self.pool, CONSUMER).await
    }
}

fn told(message: &Message) -> Result<ToldAct, UnreadableFact> {
    let fact = pb::AdministrativeActDone::decode(message.payload.as_slice())?;
    let act = audit_act(fact.act()).ok_or(UnreadableFact::UnknownAct)?;
    if !is_done_in(&message.event_type, act) {
        return Err(UnreadableFact::DoneElsewhere);
    }
    let kind = actor_kind(fact.actor_kind()).ok_or(UnreadableFact::UnknownActor)?;
    let actor = Actor {
        kind,
        id: optional_id(&fact.actor_id)?,
        name: optional(fact.actor_name),
        acting_service: optional_id(&fact.acting_credential_id)?,
    };
    let entry = AuditEntry {
        id: Id::from_uuid(message.event_id.as_uuid()),
        company_id: optional_id(&fact.company_id)?,
        done: Done { act, object_id: fact.object_id.parse()?, detail: optional(fact.detail) },
        actor,
        client_address: optional(fact.client_address),
        at: message.occurred_at,
    };
    Ok(ToldAct { realm_id: message.realm_id, cause_id: message.cause_id, entry })
}

/// Each service is believed about what is its own. Of what is done in identity's own tables no fact tells.
fn is_done_in(event_type: &str, act: AuditAct) -> bool {
    match act {
        AuditAct::DeadLetterReplayed => true,
        AuditAct::WorkflowReplaced => event_type.starts_with("case_monitoring."),
        AuditAct::ProfileChanged
        | AuditAct::AvatarUploaded
        | AuditAct::AvatarDeleted
        | AuditAct::AttributeCreated
        | AuditAct::AttributeChanged
        | AuditAct::AttributeDeleted
        | AuditAct::DepartmentCreated
        | AuditAct::DepartmentRenamed
        | AuditAct::DepartmentDeleted => event_type.starts_with("profile."),
        _ => false,
    }
}

/// A command beside identity's database writes for itself.
const fn actor_kind(kind: AuditActorKind) -> Option<ActorKind> {
    Some(match kind {
        AuditActorKind::Unspecified | AuditActorKind::CommandLine => return None,
        AuditActorKind::User => ActorKind::User,
        AuditActorKind::Service => ActorKind::Service,
        AuditActorKind::PlatformAdmin => ActorKind::PlatformAdmin,
    })
}

fn optional(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn optional_id<Of>(text: &str) -> Result<Option<Id<Of>>, InvalidId> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

#[cfg(test)]
mod tests {
    use api::cabinet::identity::v1::AuditAct as PbAct;
    use kernel::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn fact() -> pb::AdministrativeActDone {
        pb::AdministrativeActDone {
            act: PbAct::ProfileChanged.into(),
            object_id: Uuid::from_u128(1).to_string(),
            detail: "job_title".to_owned(),
            actor_kind: AuditActorKind::Service.into(),
            actor_id: Uuid::from_u128(2).to_string(),
            client_address: "192.0.2.1".to_owned(),
            ..Default::default()
        }
    }

    fn message(fact: &pb::AdministrativeActDone) -> Message {
        Message {
            event_id: Id::from_uuid(Uuid::from_u128(3)),
            realm_id: Id::from_uuid(Uuid::from_u128(4)),
            cause_id: Id::from_uuid(Uuid::from_u128(5)),
            event_type: "profile.act.done.v1".to_owned(),
            occurred_at: Timestamp::constant(1_700_000_000, 0),
            expires_at: None,
            payload: fact.encode_to_vec(),
            traceparent: None,
            attempt: 0,
        }
    }

    /// Rule I26.b: an entry is of the realm and the moment that its fact is of, and says what the fact says.
    #[test]
    fn a_fact_becomes_an_entry() {
        let told = told(&message(&fact())).expect("a good fact");
        let entry = told.entry;
        assert_eq!((told.realm_id.as_uuid(), told.cause_id.as_uuid()), (Uuid::from_u128(4), Uuid::from_u128(5)));
        assert_eq!((entry.id.as_uuid(), entry.at), (Uuid::from_u128(3), Timestamp::constant(1_700_000_000, 0)));
        let object_id = Id::from_uuid(Uuid::from_u128(1));
        assert_eq!(entry.done, Done { act: AuditAct::ProfileChanged, object_id, detail: Some("job_title".to_owned()) });
        assert_eq!((entry.actor.kind, entry.actor.id), (ActorKind::Service, Some(Id::from_uuid(Uuid::from_u128(2)))));
        assert_eq!((entry.actor.name, entry.company_id, entry.client_address.as_deref()), (None, None, Some("192.0.2.1")));
    }

    /// Rule I26.b: a service is believed about what is done in it, and about nothing else.
    #[test]
    fn no_service_tells_of_anothers_acts() {
        let of = |act: PbAct, event_type: &str| {
            let fact = pb::AdministrativeActDone { act: act.into(), ..fact() };
            told(&Message { event_type: event_type.to_owned(), ..message(&fact) })
        };
        of(PbAct::DepartmentRenamed, "profile.act.done.v1").expect("its own");
        of(PbAct::DeadLetterReplayed, "notification.act.done.v1").expect("every service has some");
        for (act, event_type) in [
            (PbAct::DepartmentRenamed, "notification.act.done.v1"),
            (PbAct::WorkflowReplaced, "profile.act.done.v1"),
            (PbAct::UserDeleted, "profile.act.done.v1"),
            (PbAct::AdministratorRemoved, "identity.act.done.v1"),
        ] {
            assert!(matches!(of(act, event_type), Err(UnreadableFact::DoneElsewhere)), "{act:?} {event_type}");
        }
    }

    /// Rule I26.b: what this release cannot name is not written down as something else.
    #[test]
    fn an_act_of_a_newer_release_is_put_by() {
        let newer = pb::AdministrativeActDone { act: i32::MAX, ..fact() };
        assert!(matches!(told(&message(&newer)), Err(UnreadableFact::UnknownAct)));
        let by_somebody = pb::AdministrativeActDone { actor_kind: i32::MAX, ..fact() };
        assert!(matches!(told(&message(&by_somebody)), Err(UnreadableFact::UnknownActor)));
        let by_command = pb::AdministrativeActDone { actor_kind: AuditActorKind::CommandLine.into(), ..fact() };
        assert!(matches!(told(&message(&by_command)), Err(UnreadableFact::UnknownActor)));
        let to_nobody = pb::AdministrativeActDone { object_id: String::new(), ..fact() };
        assert!(matches!(told(&message(&to_nobody)), Err(UnreadableFact::Id(_))));
    }
}
