//! Reading what was done by those who administer (I26). It is written where it is done.

use std::sync::Arc;

use kernel::{AuditEntryId, Authorized, Call, Caller, RealmId, Refusal};

use super::{AuditEntries, Error, PLATFORM, Realms};
use crate::domain::access::Action;
use crate::domain::audit::{AuditEntry, AuditFilter};

pub(crate) struct AuditUseCases {
    pub(crate) entries: Arc<dyn AuditEntries>,
    pub(crate) realms: Arc<dyn Realms>,
}

#[derive(Debug)]
pub(crate) struct ListAuditEntries {
    /// Of callers that belong to no realm: what happened in none.
    pub(crate) realm_id: Option<RealmId>,
    pub(crate) filter: AuditFilter,
    pub(crate) after: Option<AuditEntryId>,
    pub(crate) limit: i64,
}

impl AuditUseCases {
    /// The newest first.
    pub(crate) async fn list(&self, call: &Call, query: ListAuditEntries) -> Result<Authorized<Vec<AuditEntry>>, Error> {
        let own = match call.realm_id() {
            Ok(own) => Some(own),
            Err(Refusal::Unauthenticated) => return Err(Refusal::Unauthenticated.into()),
            Err(_) if matches!(call.caller(), Caller::PlatformAdmin(_)) => Some(PLATFORM),
            Err(_) => None,
        };
        let realm_id = query.realm_id.or(own).ok_or(Error::RealmNotFound)?;
        let of_user = if let Caller::User(user) = call.caller() { Some(user.company_id) } else { None };
        let company_id = query.filter.company_id.or(of_user);
        let permit = call.authorize(&Action::SeeAudit { realm_id, company_id }).map_err(|refusal| match refusal {
            Refusal::Hidden if own == Some(realm_id) => Error::CompanyNotFound,
            Refusal::Hidden => Error::RealmNotFound,
            other => other.into(),
        })?;
        if realm_id != PLATFORM {
            self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
        }
        let filter = AuditFilter { company_id, ..query.filter };
        Ok(permit.show(self.entries.page(realm_id, &filter, query.after, query.limit).await?))
    }
}
