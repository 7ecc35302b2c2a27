//! Gathering all that is kept of a user, from every service (I27).

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::try_join_all;
use futures::stream::{self, BoxStream};
use kernel::{Authorized, Call, Caller, Clock, Component, Fault, RealmId, Timestamp, UserId};

use super::sessions::{recent_session, signed_in};
use super::user_actions::hidden_user;
use super::{Error, Exports, Guessing, Keeper, KeptRecord, KeptRecords, Realms, Sessions, Users};
use crate::domain::access::Action;
use crate::domain::guessing::Guessed;

pub(crate) struct ExportUseCases {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) exports: Arc<dyn Exports>,
    /// Every service, in the order in which their records are told.
    pub(crate) keepers: Vec<Arc<dyn Keeper>>,
    pub(crate) guessing: Guessing,
    pub(crate) clock: Arc<dyn Clock>,
}

/// One part of an export.
pub(crate) enum Exported {
    Record(Component, KeptRecord),
    /// The last one.
    Summary(ExportSummary),
}

/// What was told.
pub(crate) struct ExportSummary {
    pub(crate) user_id: UserId,
    pub(crate) exported_at: Timestamp,
    /// How many records of each service.
    pub(crate) counts: Vec<(Component, i64)>,
}

impl ExportUseCases {
    /// All that is kept of a user, as somebody reads it. Nothing is told before every service has begun to answer.
    pub(crate) async fn export(
        &self,
        call: &Call,
        user_id: UserId,
    ) -> Result<Authorized<BoxStream<'static, Result<Exported, Error>>>, Error> {
        let realm_id = call.realm_id()?;
        let user = self.users.get(realm_id, user_id).await?.ok_or(Error::UserNotFound)?;
        let permit = call.authorize(&Action::ExportUser(&user)).map_err(hidden_user)?;
        let is_for_himself = matches!(call.caller(), Caller::User(_));
        if is_for_himself {
            self.expect_recent_sign_in(call).await?;
        }
        let buckets = self.guessing.limits.of_exports(user_id);
        // Counted whatever becomes of it: a service that is slow to answer has worked as well.
        self.guessing.begin(&permit, realm_id, Guessed::Export, &buckets).await?;
        let parts = try_join_all(self.keepers.iter().map(|keeper| begin(keeper.as_ref(), call, realm_id, user_id))).await?;
        if !is_for_himself {
            self.exports.note(&permit, call, &user).await?;
        }
        let summary = ExportSummary { user_id, exported_at: self.clock.now(), counts: Vec::new() };
        let gathering = Gathering { parts: parts.into(), summary: Some(summary) };
        Ok(permit.show(stream::unfold(gathering, async |mut gathering| Some((gathering.next().await?, gathering))).boxed()))
    }

    /// Whoever has found a session open is not given everything (I11).
    async fn expect_recent_sign_in(&self, call: &Call) -> Result<(), Error> {
        let (caller, session_id) = signed_in(call)?;
        let policy = self.realms.get(caller.realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        recent_session(self.sessions.as_ref(), &caller, session_id, &policy, self.clock.now()).await?;
        Ok(())
    }
}

/// What one service gives.
struct Part {
    component: Component,
    records: KeptRecords,
    told: i64,
}

/// A service has begun to answer once its first record is there, or it has none.
async fn begin(keeper: &dyn Keeper, call: &Call, realm_id: RealmId, user_id: UserId) -> Result<Part, Error> {
    let component = keeper.component();
    let failed = |fault| of_service(component, fault);
    // Fused: one that has none has ended by then, and is looked at again.
    let mut records = keeper.records(realm_id, user_id, call.errand()).await.map_err(failed)?.fuse();
    let first = records.next().await.transpose().map_err(failed)?;
    Ok(Part { component, records: stream::iter(first.map(Ok)).chain(records).boxed(), told: 0 })
}

fn of_service(component: Component, fault: Fault) -> Error {
    match fault {
        Fault::Unavailable(_) => Error::ServiceAway(component, fault),
        Fault::Internal(_) => fault.into(),
    }
}

/// What is still to be told.
struct Gathering {
    parts: VecDeque<Part>,
    /// None once it was told.
    summary: Option<ExportSummary>,
}

impl Gathering {
    async fn next(&mut self) -> Option<Result<Exported, Error>> {
        while let Some(part) = self.parts.front_mut() {
            let component = part.component;
            if let Some(record) = part.records.next().await {
                part.told += 1;
                let told = record.map(|record| Exported::Record(component, record));
                return Some(told.map_err(|fault| of_service(component, fault)));
            }
            let told = part.told;
            self.parts.pop_front();
            self.summary.as_mut()?.counts.push((component, told));
        }
        self.summary.take().map(|summary| Ok(Exported::Summary(summary)))
    }
}
