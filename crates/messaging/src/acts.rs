//! What those do in a service who administer, told to identity, which keeps the one log of it (I26). It is told in the same way by every
//! service, and some of it is done here: dead letters are handed back.
//!
//! ```text
//! an act and <service>.act.done.v1, in one transaction ─▶ the service's outbox ─▶ identity.acts ─▶ identity's audit_log
//! ```

use std::sync::Arc;

use api::cabinet::identity::v1::{AuditAct, AuditActorKind};
use api::cabinet::messaging::events::v1 as pb;
use jiff_sqlx::ToSqlx as _;
use kernel::{Actor, ActorKind, Call, Clock, CompanyId, EventId, Fault, Id, IdSource, ObjectId, RealmId, UserId};
use prost::Message as _;
use runtime::postgres;
use sqlx::{PgExecutor, Postgres, Transaction};

use crate::{Lane, OutboxSignal};

/// How the types of these facts end.
const ACT_DONE: &str = ".act.done.v1";
/// What they are about.
const ACT: &str = "act";

/// What somebody has done who administers.
#[derive(Debug, Clone)]
pub struct Act {
    what: AuditAct,
    realm_id: RealmId,
    company_id: Option<CompanyId>,
    object_id: ObjectId,
    detail: String,
}

impl Act {
    /// In no company of the realm.
    pub fn in_realm<Of>(what: AuditAct, realm_id: RealmId, object: Id<Of>) -> Self {
        Self { what, realm_id, company_id: None, object_id: Id::from_uuid(object.as_uuid()), detail: String::new() }
    }

    pub fn in_company<Of>(what: AuditAct, realm_id: RealmId, company_id: CompanyId, object: Id<Of>) -> Self {
        Self { company_id: Some(company_id), ..Self::in_realm(what, realm_id, object) }
    }

    /// With more of it: ids and words of our own, never a value.
    #[must_use]
    pub fn detailed(self, detail: String) -> Self {
        Self { detail, ..self }
    }

    /// As it is told of whoever calls; nothing of those who administer nothing.
    fn told(self, call: &Call) -> Option<pb::AdministrativeActDone> {
        let Actor { kind, id, name, acting_service } = Actor::of(call.caller())?;
        let kind = match kind {
            ActorKind::User => AuditActorKind::User,
            ActorKind::Service => AuditActorKind::Service,
            ActorKind::PlatformAdmin => AuditActorKind::PlatformAdmin,
            ActorKind::CommandLine => AuditActorKind::CommandLine,
        };
        let client_address = call.client_in(self.realm_id).address;
        Some(pb::AdministrativeActDone {
            act: self.what.into(),
            object_id: self.object_id.to_string(),
            detail: self.detail,
            company_id: self.company_id.map(|id| id.to_string()).unwrap_or_default(),
            actor_kind: kind.into(),
            actor_id: id.map(|id| id.to_string()).unwrap_or_default(),
            actor_name: name.unwrap_or_default(),
            acting_credential_id: acting_service.map(|id| id.to_string()).unwrap_or_default(),
            client_address: client_address.map(|address| address.to_string()).unwrap_or_default(),
        })
    }
}

/// Tells of acts for whoever writes.
#[derive(Clone)]
pub struct ActLog {
    event_type: &'static str,
    signal: OutboxSignal,
    ids: Arc<dyn IdSource>,
    clock: Arc<dyn Clock>,
}

impl ActLog {
    /// Of a service whose facts of this kind are called `event_type`: `<service>.act.done.v1`.
    pub const fn new(event_type: &'static str, signal: OutboxSignal, ids: Arc<dyn IdSource>, clock: Arc<dyn Clock>) -> Self {
        Self { event_type, signal, ids, clock }
    }

    /// Tells of an act in the transaction that does it, beside a fact of its own. Whoever commits it rings for both.
    pub async fn append(&self, executor: impl PgExecutor<'_>, call: &Call, act: Act) -> Result<(), Fault> {
        let realm_id = act.realm_id;
        let Some(told) = act.told(call) else { return Ok(()) };
        let now = self.clock.now();
        let event_id: EventId = self.ids.new_id(now);
        sqlx::query!(
            "SELECT messaging.append_event($1, $2, $3, $1, 1, $4, $5, $6, $7, $8, $9) AS appended",
            event_id.as_uuid(),
            realm_id.as_uuid(),
            ACT,
            Lane::Normal.as_str(),
            call.command_id().as_uuid(),
            self.event_type,
            told.encode_to_vec(),
            call.traceparent(),
            now.to_sqlx() as _,
        )
        .execute(executor)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }

    /// Ends a transaction that does nothing but this act: with what is told of it.
    pub async fn commit(&self, mut transaction: Transaction<'_, Postgres>, call: &Call, act: Act) -> Result<(), Fault> {
        self.append(&mut *transaction, call, act).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        Ok(())
    }
}

/// A fact as it is kept when this user is erased: where he came from is gone. None if it does not say that of him.
pub(crate) fn without_address_of(user_id: UserId, event_type: &str, payload: &[u8]) -> Option<Vec<u8>> {
    if !event_type.ends_with(ACT_DONE) {
        return None;
    }
    let fact = pb::AdministrativeActDone::decode(payload).ok()?;
    let says_it = fact.actor_id == user_id.to_string() && !fact.client_address.is_empty();
    says_it.then(|| pb::AdministrativeActDone { client_address: String::new(), ..fact }.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use kernel::{Caller, Client, Component, Origin, ServiceCaller};
    use uuid::Uuid;

    use super::*;

    fn call(caller: Caller) -> Call {
        let peer = Client { address: Some([192, 0, 2, 1].into()), ..Client::SOMEWHERE };
        let call = Call::new(caller, Id::from_uuid(Uuid::nil()), None, Instant::now());
        call.from(Origin { peer, told: None })
    }

    fn act() -> Act {
        let (realm_id, department): (RealmId, Id<()>) = (Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::from_u128(1)));
        Act::in_company(AuditAct::DepartmentRenamed, realm_id, Id::from_uuid(Uuid::from_u128(2)), department)
    }

    /// Rule I26.b: who, whom, what and from where; of those who administer nothing there is nothing to tell.
    #[test]
    fn an_act_is_told_of_who_did_it() {
        let (realm_id, credential_id) = (Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::from_u128(3)));
        let service = ServiceCaller { realm_id, credential_id, name: "importer".to_owned() };
        let told = act().detailed("x".to_owned()).told(&call(Caller::Service(service))).expect("machines administer");
        let expected = pb::AdministrativeActDone {
            act: AuditAct::DepartmentRenamed.into(),
            object_id: Uuid::from_u128(1).to_string(),
            detail: "x".to_owned(),
            company_id: Uuid::from_u128(2).to_string(),
            actor_kind: AuditActorKind::Service.into(),
            actor_id: credential_id.to_string(),
            client_address: "192.0.2.1".to_owned(),
            ..Default::default()
        };
        assert_eq!(told, expected);
        assert_eq!(act().told(&call(Caller::Component(Component::Profile))), None);
    }

    /// Rules I26.b, I27.a: of what an erased user did it is taken from its fact where he came from; of what was done to him, nothing.
    #[test]
    fn an_erased_actor_came_from_nowhere() {
        let (he, another) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let fact = |actor: Uuid, client_address: &str| pb::AdministrativeActDone {
            object_id: another.to_string(),
            actor_id: actor.to_string(),
            client_address: client_address.to_owned(),
            ..Default::default()
        };
        let redacted = |fact: &pb::AdministrativeActDone, event_type| {
            without_address_of(UserId::from_uuid(he), event_type, &fact.encode_to_vec())
        };
        let kept = redacted(&fact(he, "192.0.2.1"), "profile.act.done.v1");
        assert_eq!(kept, Some(fact(he, "").encode_to_vec()));
        assert_eq!(redacted(&fact(he, ""), "profile.act.done.v1"), None);
        assert_eq!(redacted(&fact(another, "192.0.2.1"), "profile.act.done.v1"), None);
        assert_eq!(redacted(&fact(he, "192.0.2.1"), "profile.profile.changed.v1"), None);
    }
}
