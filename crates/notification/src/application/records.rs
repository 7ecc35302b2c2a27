//! What somebody was told, and why he was not (N12).

use std::sync::Arc;

use kernel::{Authorized, Call, CaseId, Clock, DeliveryId, UserId};

use super::{CaseChanges, DeliveryRecords, Error, PreferenceStore};
use crate::domain::access::Action;
use crate::domain::{CaseChange, Channel, DeliveryRecord, ObjectId, Verdict, derived, kept_since};

pub(crate) struct RecordUseCases {
    pub(crate) records: Arc<dyn DeliveryRecords>,
    pub(crate) preferences: Arc<dyn PreferenceStore>,
    pub(crate) changes: Arc<dyn CaseChanges>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[derive(Debug)]
pub(crate) struct ListDeliveries {
    pub(crate) user_id: UserId,
    /// Only what is about this.
    pub(crate) object_id: Option<ObjectId>,
    /// Goes on behind this one.
    pub(crate) after: Option<DeliveryId>,
    pub(crate) limit: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ExplainDelivery {
    pub(crate) user_id: UserId,
    pub(crate) case_id: CaseId,
    pub(crate) case_version: i64,
    pub(crate) channel: Channel,
}

/// Why, and of what.
#[derive(Debug)]
pub(crate) struct Explanation {
    pub(crate) verdict: Verdict,
    pub(crate) change: CaseChange,
}

impl RecordUseCases {
    pub(crate) async fn list(&self, call: &Call, query: ListDeliveries) -> Result<Authorized<Vec<DeliveryRecord>>, Error> {
        let realm_id = call.realm_id()?;
        let permit = call.authorize(&Action::SeeDeliveries { realm_id, user_id: query.user_id })?;
        Ok(permit.show(self.records.page(realm_id, &query).await?))
    }

    pub(crate) async fn get(
        &self,
        call: &Call,
        user_id: UserId,
        delivery_id: DeliveryId,
    ) -> Result<Authorized<DeliveryRecord>, Error> {
        let realm_id = call.realm_id()?;
        let permit = call.authorize(&Action::SeeDeliveries { realm_id, user_id })?;
        let record = self.records.get(realm_id, user_id, delivery_id).await?;
        Ok(permit.show(record.ok_or(Error::DeliveryNotFound)?))
    }

    pub(crate) async fn explain(&self, call: &Call, asked: ExplainDelivery) -> Result<Authorized<Explanation>, Error> {
        let realm_id = call.realm_id()?;
        let ExplainDelivery { user_id, case_id, case_version, channel } = asked;
        call.authorize(&Action::SeeDeliveries { realm_id, user_id })?;
        let change = self.changes.get(realm_id, case_id, case_version, call.errand()).await?;
        let change = change.ok_or(Error::CaseChangeNotFound)?;
        let is_concerned = change.requesters.contains(&user_id);
        // Which changes there were of other people's cases is none of his business.
        let permit = call.authorize(&Action::SeeCaseChange { is_concerned }).map_err(|_| Error::CaseChangeNotFound)?;
        if let Some(record) = self.records.of_change(realm_id, &asked, change.at).await? {
            return Ok(permit.show(Explanation { verdict: Verdict::Recorded(record), change }));
        }
        let history = self.preferences.history(realm_id, user_id).await?;
        let verdict = derived(&change, user_id, channel, &history, kept_since(self.clock.now()));
        Ok(permit.show(Explanation { verdict, change }))
    }
}
