//! From facts to deliveries: who is told what, through which channel.

use std::sync::Arc;
use std::time::Instant;

use kernel::{CaseId, Clock, CommandId, DeliveryId, EventId, Fault, IdSource, RealmId, UserId};
use messaging::Lane;
use tokio::sync::mpsc;

use super::Ledger;
use crate::domain::{Channel, Claimed, Kind, NewDelivery, ObjectId};

/// What a batch of facts comes to. Each part names its fact, so that a fact seen before adds nothing.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) events: Vec<EventId>,
    pub(crate) persons: Vec<PersonVersion>,
    pub(crate) profiles: Vec<PersonVersion>,
    pub(crate) realms: Vec<RealmVersion>,
    pub(crate) cases: Vec<CaseVersion>,
    pub(crate) deliveries: Vec<NewDelivery>,
}

/// There is news of a person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PersonVersion {
    pub(crate) realm_id: RealmId,
    pub(crate) user_id: UserId,
    pub(crate) version: i64,
}

/// There is news of a realm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RealmVersion {
    pub(crate) realm_id: RealmId,
    pub(crate) version: i64,
}

/// A case has this version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CaseVersion {
    pub(crate) realm_id: RealmId,
    pub(crate) case_id: CaseId,
    pub(crate) version: i64,
}

/// Fact: the status of a case changed.
#[derive(Debug, Clone)]
pub(crate) struct StatusChange {
    pub(crate) event_id: EventId,
    pub(crate) realm_id: RealmId,
    pub(crate) cause_id: CommandId,
    pub(crate) case_id: CaseId,
    pub(crate) case_version: i64,
    pub(crate) requesters: Vec<UserId>,
    /// The fact itself, rendered at the moment of sending.
    pub(crate) content: Vec<u8>,
    pub(crate) traceparent: Option<String>,
}

impl StatusChange {
    fn told(&self, user_id: UserId, channel: Channel, delivery_id: DeliveryId) -> NewDelivery {
        NewDelivery {
            realm_id: self.realm_id,
            cause_id: self.cause_id,
            object_id: ObjectId::from_uuid(self.case_id.as_uuid()),
            user_id,
            delivery_id,
            event_id: self.event_id,
            kind: Kind::StatusChange,
            channel,
            expires_at: None,
            content: self.content.clone(),
            traceparent: self.traceparent.clone(),
        }
    }
}

impl Plan {
    /// This fact is part of the batch, whatever follows from it.
    pub(crate) fn seen(&mut self, event_id: EventId) {
        self.events.push(event_id);
    }

    /// There is news of how somebody wants to be spoken to.
    pub(crate) fn profile_changed(&mut self, profile: PersonVersion) {
        self.profiles.push(profile);
    }

    pub(crate) fn realm_changed(&mut self, realm: RealmVersion) {
        self.realms.push(realm);
    }

    pub(crate) fn person_changed(&mut self, person: PersonVersion) {
        self.persons.push(person);
    }

    /// Somebody is told of his own account.
    pub(crate) fn tell(&mut self, delivery: NewDelivery) {
        self.deliveries.push(delivery);
    }

    /// N1: the requester is told by each channel he ticked.
    pub(crate) fn status_changed(&mut self, change: &StatusChange, delivery_id: impl Fn() -> DeliveryId) {
        self.cases.push(CaseVersion { realm_id: change.realm_id, case_id: change.case_id, version: change.case_version });
        for user_id in &change.requesters {
            let told_by = |channel| change.told(*user_id, channel, delivery_id());
            self.deliveries.extend(Channel::ALL.map(told_by));
        }
    }
}

/// Why a plan was not written.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct PlanError(#[from] pub(crate) Fault);

/// The way to this process's dispatchers, one a channel and lane.
pub(crate) struct Dispatchers {
    pub(crate) mail: Lanes,
    pub(crate) sms: Lanes,
}

/// The way to the dispatchers of one channel.
pub(crate) struct Lanes {
    pub(crate) normal: mpsc::Sender<Claimed>,
    pub(crate) security: mpsc::Sender<Claimed>,
}

impl Dispatchers {
    /// Gives the delivery back if its dispatcher is busy.
    fn hand_over(&self, delivery: Claimed) -> Option<Claimed> {
        let lanes = match delivery.channel {
            Channel::Email => &self.mail,
            Channel::Sms => &self.sms,
        };
        let dispatcher = match delivery.kind.lane() {
            Lane::Normal => &lanes.normal,
            Lane::Security => &lanes.security,
        };
        dispatcher.try_send(delivery).err().map(left)
    }
}

/// Writes plans and hands what was made to this process's dispatchers.
pub(crate) struct Planner {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) dispatchers: Dispatchers,
}

impl Planner {
    /// The name under which facts are marked as seen.
    pub(crate) const CONSUMER: &'static str = "notification.planner";

    pub(crate) fn delivery_id(&self) -> DeliveryId {
        self.ids.new_id(self.clock.now())
    }

    pub(crate) async fn write(&self, plan: Plan) -> Result<(), PlanError> {
        let leased_since = Instant::now();
        let made = self.ledger.plan(Self::CONSUMER, plan, self.clock.now(), leased_since).await?;
        let left_over: Vec<Claimed> = made.into_iter().filter_map(|delivery| self.dispatchers.hand_over(delivery)).collect();
        if !left_over.is_empty() {
            // A dispatcher is busy: anybody may claim them. If this fails, the lease runs out instead.
            let _ = self.ledger.release(&left_over, self.clock.now()).await;
        }
        Ok(())
    }
}

fn left(error: mpsc::error::TrySendError<Claimed>) -> Claimed {
    match error {
        mpsc::error::TrySendError::Full(delivery) | mpsc::error::TrySendError::Closed(delivery) => delivery,
    }
}
