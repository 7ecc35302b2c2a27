//! Realms, their companies, and those who run the platform or call as machines.

use async_trait::async_trait;
use kernel::{AuditEntryId, Call, CompanyId, CredentialId, EventId, Fault, Permit, RealmId, RepeatError, Timestamp};

use super::{Admission, InsertError};
use crate::domain::audit::{AuditEntry, AuditFilter};
use crate::domain::{Company, Contact, Credential, Policy, PolicyChange, Realm, RealmChanged};

/// Where realms and companies are kept.
#[async_trait]
pub(crate) trait Realms: Send + Sync {
    /// The realm that this very request made when it came before.
    async fn made(&self, call: &Call, now: Timestamp) -> Result<Option<RealmId>, RepeatError>;

    async fn insert(&self, permit: &Permit, call: &Call, realm: &Realm) -> Result<(), InsertError>;

    async fn get(&self, realm_id: RealmId) -> Result<Option<Realm>, Fault>;

    /// Writes the realm's policy only if nobody has changed the realm since it was read.
    async fn update_policy(&self, permit: &Permit, call: &Call, realm: &Realm, changes: &[PolicyChange]) -> Result<bool, Fault>;

    /// Writes the realm's settings only if nobody has changed the realm since it was read.
    async fn update(
        &self,
        permit: &Permit,
        call: &Call,
        realm: &Realm,
        event_id: EventId,
        changed: &RealmChanged,
    ) -> Result<bool, Fault>;

    /// Realms behind one of them, the oldest first.
    async fn page(&self, after: Option<RealmId>, limit: i64) -> Result<Vec<Realm>, Fault>;

    /// The company that this very request made when it came before.
    async fn made_company(&self, call: &Call, now: Timestamp) -> Result<Option<CompanyId>, RepeatError>;

    /// Adds a company and, if there is one, its first OWNER: both or neither.
    async fn insert_company(
        &self,
        permit: &Permit,
        call: &Call,
        company: &Company,
        owner: Option<&Admission>,
    ) -> Result<CompanyInserted, InsertError>;

    /// Writes the company's settings only if nobody has changed the company since it was read.
    async fn update_company(&self, permit: &Permit, call: &Call, company: &Company) -> Result<bool, Fault>;

    async fn get_company(&self, realm_id: RealmId, company_id: CompanyId) -> Result<Option<Company>, Fault>;

    /// Companies behind one of them, the oldest first.
    async fn page_companies(&self, realm_id: RealmId, after: Option<CompanyId>, limit: i64) -> Result<Vec<Company>, Fault>;
}

/// What became of a company that was to be added.
#[derive(Debug)]
pub(crate) enum CompanyInserted {
    Added,
    /// Others have these contacts of its first OWNER; none if they have let go of them since.
    Taken(Vec<Contact>),
}

/// What presets there are.
pub(crate) trait Presets: Send + Sync {
    /// The policy of a preset and its version.
    fn get(&self, name: &str) -> Option<(Policy, i32)>;
}

/// Where the credentials of machines are kept.
#[async_trait]
pub(crate) trait Credentials: Send + Sync {
    async fn insert(&self, permit: &Permit, call: &Call, credential: &Credential, secret_hash: &[u8]) -> Result<(), Fault>;

    async fn list(&self, realm_id: RealmId) -> Result<Vec<Credential>, Fault>;

    async fn get(&self, realm_id: RealmId, id: CredentialId) -> Result<Option<Credential>, Fault>;

    /// The credential, if this is the hash of its secret.
    async fn find(&self, id: CredentialId, secret_hash: &[u8]) -> Result<Option<Credential>, Fault>;

    /// Deletes a credential and takes its access back. False if there is none.
    async fn delete(&self, permit: &Permit, call: &Call, id: CredentialId, now: Timestamp) -> Result<bool, Fault>;
}

/// Somebody who runs the platform.
#[derive(Debug)]
pub(crate) struct Administrator {
    pub(crate) name: String,
    pub(crate) password_hash: String,
    pub(crate) is_one_time: bool,
    pub(crate) changed_at: Timestamp,
}

/// Where those are kept who run the platform.
#[async_trait]
pub(crate) trait Administrators: Send + Sync {
    async fn get(&self, name: &str) -> Result<Option<Administrator>, Fault>;

    /// Sets a password that lasts, unless the present one is another than `was` by now.
    async fn set_password(
        &self,
        permit: &Permit,
        was: &Administrator,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}

/// Where the audit log is read. Whatever is done is written down by the port that does it, in the same transaction.
#[async_trait]
pub(crate) trait AuditEntries: Send + Sync {
    /// Entries of a realm that came before one of them, the newest first.
    async fn page(
        &self,
        realm_id: RealmId,
        filter: &AuditFilter,
        after: Option<AuditEntryId>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, Fault>;
}
