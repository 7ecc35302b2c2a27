//! Users in PostgreSQL.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use kernel::{Call, CompanyId, Fault, Permit, RealmId, RepeatError, Timestamp, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use super::audit::AuditLog;
use super::introductions::IntroductionForm;
use super::{admissions, contact_updates, links, standings};
use crate::application::{
    Account, Admission, Admitted, ChangeStandingError, ContactSetter, ContactUpdate, Decision, InsertError, StoredPassword,
    UpdateUserError, Users,
};
use crate::domain::audit::{AuditAct, Done};
use crate::domain::{
    Activation, Contact, Contacts, EmailAddress, Introduction, Login, PhoneNumber, StandingChange, StoredUser, User, UserName,
};

pub(crate) struct PgUsers {
    pool: PgPool,
    signal: OutboxSignal,
    audit: AuditLog,
}

impl PgUsers {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, audit: AuditLog) -> Self {
        Self { pool, signal, audit }
    }
}

pub(super) struct UserRow {
    pub(super) realm_id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) company_id: Uuid,
    pub(super) role: String,
    pub(super) status: String,
    pub(super) email: Option<String>,
    pub(super) email_key: Option<String>,
    pub(super) email_verified_at: Option<jiff_sqlx::Timestamp>,
    pub(super) phone: Option<String>,
    pub(super) phone_verified_at: Option<jiff_sqlx::Timestamp>,
    pub(super) user_name: Option<String>,
    pub(super) activated_at: Option<jiff_sqlx::Timestamp>,
    pub(super) awaits: Option<String>,
    pub(super) access_generation: i64,
    pub(super) version: i64,
    pub(super) created_at: jiff_sqlx::Timestamp,
}

/// What somebody waits for who was added BLOCKED.
const ACTIVATION: &str = "ACTIVATION";
/// As well, and for the invitation that comes with it.
const INVITATION: &str = "INVITATION";

/// What a user waits for, as it is stored.
pub(super) const fn awaits(activation: Activation) -> Option<&'static str> {
    match activation {
        Activation::Since(_) => None,
        Activation::Awaited => Some(ACTIVATION),
        Activation::AwaitedWithInvitation => Some(INVITATION),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a stored user has no meaning")]
struct UnreadableUser;

impl TryFrom<UserRow> for User {
    type Error = Fault;

    fn try_from(row: UserRow) -> Result<Self, Fault> {
        let contacts = Contacts {
            email: row.email.zip(row.email_key).map(|(email, key)| EmailAddress::from_stored(email, key)),
            phone: row.phone.map(PhoneNumber::from_stored),
            user_name: row.user_name.map(UserName::from_stored),
        };
        let activation = match row.awaits.as_deref() {
            None => Activation::Since(row.activated_at.unwrap_or(row.created_at).to_jiff()),
            Some(ACTIVATION) => Activation::Awaited,
            Some(INVITATION) => Activation::AwaitedWithInvitation,
            Some(_) => return Err(Fault::internal(UnreadableUser)),
        };
        Ok(Self::from_stored(StoredUser {
            realm_id: RealmId::from_uuid(row.realm_id),
            id: UserId::from_uuid(row.user_id),
            company_id: CompanyId::from_uuid(row.company_id),
            role: row.role.parse().map_err(|()| Fault::internal(UnreadableUser))?,
            status: row.status.parse().map_err(|()| Fault::internal(UnreadableUser))?,
            activation,
            contacts,
            email_verified: row.email_verified_at.is_some(),
            phone_verified: row.phone_verified_at.is_some(),
            access_generation: row.access_generation,
            version: row.version,
            created_at: row.created_at.to_jiff(),
        }))
    }
}

/// A user's row with the one of his password.
pub(super) struct AccountRow {
    pub(super) realm_id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) company_id: Uuid,
    pub(super) role: String,
    pub(super) status: String,
    pub(super) email: Option<String>,
    pub(super) email_key: Option<String>,
    pub(super) email_verified_at: Option<jiff_sqlx::Timestamp>,
    pub(super) phone: Option<String>,
    pub(super) phone_verified_at: Option<jiff_sqlx::Timestamp>,
    pub(super) user_name: Option<String>,
    pub(super) activated_at: Option<jiff_sqlx::Timestamp>,
    pub(super) awaits: Option<String>,
    pub(super) access_generation: i64,
    pub(super) version: i64,
    pub(super) created_at: jiff_sqlx::Timestamp,
    pub(super) hash: Option<String>,
    pub(super) set_at: Option<jiff_sqlx::Timestamp>,
}

impl TryFrom<AccountRow> for Account {
    type Error = Fault;

    fn try_from(row: AccountRow) -> Result<Self, Fault> {
        let user = UserRow {
            realm_id: row.realm_id,
            user_id: row.user_id,
            company_id: row.company_id,
            role: row.role,
            status: row.status,
            email: row.email,
            email_key: row.email_key,
            email_verified_at: row.email_verified_at,
            phone: row.phone,
            phone_verified_at: row.phone_verified_at,
            user_name: row.user_name,
            activated_at: row.activated_at,
            awaits: row.awaits,
            access_generation: row.access_generation,
            version: row.version,
            created_at: row.created_at,
        };
        let password = row.hash.zip(row.set_at).map(|(hash, set_at)| StoredPassword { hash, set_at: set_at.to_jiff() });
        Ok(Self { user: user.try_into()?, password })
    }
}

/// What is written down of somebody who was to be added.
fn done(user: &User, admitted: &Admitted) -> Option<Done> {
    match admitted {
        Admitted::Added(_) => Some(Done::added(user)),
        Admitted::Taken(contacts) => Some(Done::told(contacts, user.id())),
        Admitted::Invalid => None,
    }
}

pub(super) fn email(contacts: &Contacts) -> Option<&str> {
    contacts.email.as_ref().map(EmailAddress::as_str)
}

pub(super) fn email_key(contacts: &Contacts) -> Option<&str> {
    contacts.email.as_ref().map(EmailAddress::key)
}

pub(super) fn phone(contacts: &Contacts) -> Option<&str> {
    contacts.phone.as_ref().map(PhoneNumber::as_str)
}

pub(super) fn user_name(contacts: &Contacts) -> Option<&str> {
    contacts.user_name.as_ref().map(UserName::as_str)
}

#[async_trait]
impl Users for PgUsers {
    async fn list(&self, realm_id: RealmId, ids: &[UserId]) -> Result<Vec<User>, Fault> {
        let ids: Vec<_> = ids.iter().map(UserId::as_uuid).collect();
        let rows = sqlx::query_as!(
            UserRow,
            "SELECT realm_id, user_id, company_id, role, status, email, email_key, email_verified_at, phone, phone_verified_at,
                 user_name, activated_at, awaits, access_generation, version, created_at
             FROM users
             WHERE realm_id = $1
               AND user_id = ANY($2)",
            realm_id.as_uuid(),
            &ids,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(User::try_from).collect()
    }

    async fn get(&self, realm_id: RealmId, id: UserId) -> Result<Option<User>, Fault> {
        let row = sqlx::query_as!(
            UserRow,
            "SELECT realm_id, user_id, company_id, role, status, email, email_key, email_verified_at, phone, phone_verified_at,
                 user_name, activated_at, awaits, access_generation, version, created_at
             FROM users
             WHERE realm_id = $1
               AND user_id = $2",
            realm_id.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(User::try_from).transpose()
    }

    async fn page(
        &self,
        realm_id: RealmId,
        company_id: CompanyId,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<User>, Fault> {
        let rows = sqlx::query_as!(
            UserRow,
            "SELECT realm_id, user_id, company_id, role, status, email, email_key, email_verified_at, phone, phone_verified_at,
                 user_name, activated_at, awaits, access_generation, version, created_at
             FROM users
             WHERE realm_id = $1
               AND company_id = $2
               AND user_id > $3
             ORDER BY user_id
             LIMIT $4",
            realm_id.as_uuid(),
            company_id.as_uuid(),
            after.map_or(Uuid::nil(), |after| after.as_uuid()),
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(User::try_from).collect()
    }

    async fn taken_names(&self, realm_id: RealmId, names: &[String]) -> Result<HashSet<String>, Fault> {
        let taken = sqlx::query_scalar!(
            r#"SELECT user_name AS "user_name!"
             FROM users
             WHERE realm_id = $1
               AND user_name = ANY($2)"#,
            realm_id.as_uuid(),
            names,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(taken.into_iter().collect())
    }

    async fn account(&self, realm_id: RealmId, login: Option<&Login>) -> Result<Option<Account>, Fault> {
        let (email_key, phone, user_name) = match login {
            Some(Login::Email(email)) => (Some(email.key()), None, None),
            Some(Login::Phone(phone)) => (None, Some(phone.as_str()), None),
            Some(Login::UserName(name)) => (None, None, Some(name.as_str())),
            None => (None, None, None),
        };
        let row = sqlx::query_as!(
            AccountRow,
            r#"SELECT found.realm_id, found.user_id, company_id, role, status, email, email_key, email_verified_at, phone,
                 phone_verified_at, user_name, activated_at, awaits, access_generation, version, created_at, hash AS "hash?",
                 set_at AS "set_at?"
             FROM users AS found
             LEFT JOIN passwords ON passwords.realm_id = found.realm_id AND passwords.user_id = found.user_id
             WHERE found.realm_id = $1
               AND (email_key = $2 OR phone = $3 OR user_name = $4)"#,
            realm_id.as_uuid(),
            email_key,
            phone,
            user_name,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(Account::try_from).transpose()
    }

    async fn introductions(&self, realm_id: RealmId, ids: &[UserId]) -> Result<HashMap<UserId, Introduction>, Fault> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let ids: Vec<_> = ids.iter().map(UserId::as_uuid).collect();
        let rows = sqlx::query!(
            r#"SELECT user_id, introduction AS "introduction!"
             FROM users
             WHERE realm_id = $1
               AND user_id = ANY($2)
               AND introduction IS NOT NULL"#,
            realm_id.as_uuid(),
            &ids,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let said = rows.into_iter().map(|row| {
            let form: IntroductionForm = serde_json::from_value(row.introduction).map_err(Fault::internal)?;
            Ok((UserId::from_uuid(row.user_id), form.into()))
        });
        said.collect()
    }

    async fn account_of(&self, realm_id: RealmId, id: UserId) -> Result<Option<Account>, Fault> {
        let row = sqlx::query_as!(
            AccountRow,
            r#"SELECT found.realm_id, found.user_id, company_id, role, status, email, email_key, email_verified_at, phone,
                 phone_verified_at, user_name, activated_at, awaits, access_generation, version, created_at, hash AS "hash?",
                 set_at AS "set_at?"
             FROM users AS found
             LEFT JOIN passwords ON passwords.realm_id = found.realm_id AND passwords.user_id = found.user_id
             WHERE found.realm_id = $1
               AND found.user_id = $2"#,
            realm_id.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(Account::try_from).transpose()
    }

    async fn admitted(&self, call: &Call, now: Timestamp) -> Result<Option<Vec<Admitted>>, RepeatError> {
        admissions::admitted(&self.pool, call, now).await
    }

    async fn insert(
        &self,
        _: &Permit,
        call: &Call,
        admissions: &[Option<&Admission>],
        now: Timestamp,
    ) -> Result<Vec<Admitted>, InsertError> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let admitted = admissions::admit(&mut transaction, call, admissions, now).await?;
        let possible =
            || admissions.iter().zip(&admitted).filter_map(|(admission, admitted)| Some((&(*admission)?.user, admitted)));
        let done: Vec<Done> = possible().filter_map(|(user, admitted)| done(user, admitted)).collect();
        if let Some((first, _)) = possible().next() {
            self.audit.append(&mut *transaction, call, first.realm_id(), Some(first.company_id()), &done).await?;
        }
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        self.signal.ring(Lane::Security);
        Ok(admitted)
    }

    async fn update_contact(&self, _: &Permit, call: &Call, update: &ContactUpdate<'_>) -> Result<(), UpdateUserError> {
        let user = update.user;
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        if let Err(error) = contact_updates::update(&mut transaction, call, update).await {
            transaction.rollback().await.map_err(postgres::fault)?;
            if matches!(error, UpdateUserError::Taken) && update.set_by == ContactSetter::Administrator {
                let done = Done::told(&[update.changed.contact], user.id());
                self.audit.append(&self.pool, call, user.realm_id(), Some(user.company_id()), &[done]).await?;
            }
            return Err(error);
        }
        // What somebody does for himself is nobody's business.
        if update.set_by == ContactSetter::Administrator {
            let act = match update.changed.contact {
                Contact::Email => AuditAct::EmailChanged,
                Contact::Phone | Contact::UserName => AuditAct::PhoneChanged,
            };
            let done = Done::to_user(act, user.id());
            self.audit.append(&mut *transaction, call, user.realm_id(), Some(user.company_id()), &[done]).await?;
        }
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        self.signal.ring(Lane::Security);
        Ok(())
    }

    async fn update_standing(&self, _: &Permit, call: &Call, decision: &Decision<'_>) -> Result<(), ChangeStandingError> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let is_written = standings::update(&mut *transaction, call, decision).await?;
        if !is_written {
            return Err(ChangeStandingError::Stale);
        }
        if let Some(invitation) = &decision.invitation {
            links::insert(&mut *transaction, call, invitation).await?;
        }
        let Decision { user, changed, .. } = decision;
        let done = match changed.change {
            StandingChange::Role => Done::with_role(AuditAct::RoleChanged, user.id(), user.role()),
            StandingChange::Blocked => Done::to_user(AuditAct::UserBlocked, user.id()),
            StandingChange::Unblocked => Done::to_user(AuditAct::UserUnblocked, user.id()),
        };
        self.audit.append(&mut *transaction, call, user.realm_id(), Some(user.company_id()), &[done]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Normal);
        self.signal.ring(Lane::Security);
        Ok(())
    }

    async fn is_active_owner(&self, realm_id: RealmId, id: UserId) -> Result<bool, Fault> {
        let owner = sqlx::query_scalar!(
            "SELECT user_id
             FROM users
             WHERE realm_id = $1
               AND user_id = $2
               AND role = 'OWNER'
               AND status = 'ACTIVE'",
            realm_id.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(owner.is_some())
    }
}
