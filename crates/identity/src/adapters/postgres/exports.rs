//! That users were given away, in PostgreSQL: what was given is nowhere.

use async_trait::async_trait;
use kernel::{Call, Fault, Permit};
use sqlx::PgPool;

use super::audit::AuditLog;
use crate::application::Exports;
use crate::domain::User;
use crate::domain::audit::{AuditAct, Done};

pub(crate) struct PgExports {
    pool: PgPool,
    audit: AuditLog,
}

impl PgExports {
    pub(crate) const fn new(pool: PgPool, audit: AuditLog) -> Self {
        Self { pool, audit }
    }
}

#[async_trait]
impl Exports for PgExports {
    async fn note(&self, _: &Permit, call: &Call, user: &User) -> Result<(), Fault> {
        let done = Done::to_user(AuditAct::UserExported, user.id());
        self.audit.append(&self.pool, call, user.realm_id(), Some(user.company_id()), &[done]).await
    }
}
