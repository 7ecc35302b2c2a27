//! Accounts of other providers in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, Permit, RealmId, Secret, SocialAccountId, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::PgPool;

use super::introductions::IntroductionForm;
use super::users::{AccountRow, email, email_key};
use crate::adapters::events::{self, SocialAccountFact};
use crate::application::{Account, CameIn, Linked, NewSocialAccount, SocialAccounts, SocialAdmission, Unlinking};
use crate::domain::{ProviderAccount, SocialAccount, SocialAccountChange, SocialVisit};

const TAKEN: &str = "social_accounts_taken";
const ONE_EACH: &str = "social_accounts_one_each";

pub(crate) struct PgSocialAccounts {
    pool: PgPool,
    signal: OutboxSignal,
}

impl PgSocialAccounts {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal) -> Self {
        Self { pool, signal }
    }
}

fn shown(email: Option<&Secret<String>>) -> Option<&str> {
    email.map(|email| email.expose().as_str())
}

#[async_trait]
impl SocialAccounts for PgSocialAccounts {
    async fn use_up(&self, _: &Permit, visit: &SocialVisit) -> Result<bool, Fault> {
        let used = sqlx::query!(
            "INSERT INTO social_returns (realm_id, visit_id, expires_at)
             VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
            visit.realm_id.as_uuid(),
            visit.id.as_uuid(),
            visit.expires_at.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(used.rows_affected() == 1)
    }

    async fn owner(&self, realm_id: RealmId, account: &ProviderAccount) -> Result<Option<Account>, Fault> {
        // In one statement: whoever unlinks it later makes its owner another, and his version tells.
        let row = sqlx::query_as!(
            AccountRow,
            r#"SELECT found.realm_id, found.user_id, company_id, role, status, found.email, email_key, email_verified_at, phone,
                 phone_verified_at, user_name, activated_at, awaits, access_generation, version, created_at, hash AS "hash?",
                 set_at AS "set_at?"
             FROM social_accounts
             JOIN users AS found ON found.realm_id = social_accounts.realm_id AND found.user_id = social_accounts.user_id
             LEFT JOIN passwords ON passwords.realm_id = found.realm_id AND passwords.user_id = found.user_id
             WHERE social_accounts.realm_id = $1
               AND issuer = $2
               AND subject = $3"#,
            realm_id.as_uuid(),
            account.issuer,
            account.subject.expose(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(Account::try_from).transpose()
    }

    async fn list(&self, realm_id: RealmId, user_id: UserId) -> Result<Vec<SocialAccount>, Fault> {
        let rows = sqlx::query!(
            "SELECT social_account_id, issuer, subject, email, linked_at
             FROM social_accounts
             WHERE realm_id = $1
               AND user_id = $2
             ORDER BY social_account_id",
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let accounts = rows.into_iter().map(|row| SocialAccount {
            id: SocialAccountId::from_uuid(row.social_account_id),
            account: ProviderAccount { issuer: row.issuer, subject: Secret::new(row.subject) },
            email: row.email.map(Secret::new),
            linked_at: row.linked_at.to_jiff(),
        });
        Ok(accounts.collect())
    }

    async fn link(&self, _: &Permit, call: &Call, new: &NewSocialAccount<'_>) -> Result<Linked, Fault> {
        let NewSocialAccount { user, account, provider_label, session_id, event_id } = new;
        let (change, at, version) = (SocialAccountChange::Linked, account.linked_at, user.version() + 1);
        let event =
            events::social_account_changed(call, *event_id, user, &SocialAccountFact { change, provider_label, version, at });
        // The user's row is locked first, as everywhere: of two who link at once the second finds another version.
        let linked = sqlx::query!(
            "WITH locked AS (
                 SELECT user_id
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $3
                   AND status = 'ACTIVE'
                   AND EXISTS (
                       SELECT FROM sessions
                       WHERE sessions.realm_id = $1
                         AND sessions.session_id = $4
                         AND sessions.ended_at IS NULL
                   )
                 FOR UPDATE
             ), linked AS (
                 INSERT INTO social_accounts (realm_id, social_account_id, user_id, issuer, subject, email, linked_at)
                 SELECT $1, $5, user_id, $6, $7, $8, $9
                 FROM locked
                 RETURNING user_id
             ), owner AS (
                 UPDATE users
                 SET version = version + 1
                 FROM linked
                 WHERE users.realm_id = $1
                   AND users.user_id = linked.user_id
                 RETURNING users.user_id, version
             )
             SELECT messaging.append_event($10, $1, $11, user_id, version, $12, $13, $14, $15, $16, $9, NULL) AS appended
             FROM owner",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.version(),
            session_id.as_uuid(),
            account.id.as_uuid(),
            account.account.issuer,
            account.account.subject.expose(),
            shown(account.email.as_ref()),
            account.linked_at.to_sqlx() as _,
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
        )
        .execute(&self.pool)
        .await;
        match linked {
            Ok(linked) if linked.rows_affected() == 0 => Ok(Linked::Stale),
            Ok(_) => {
                self.signal.ring(Lane::Security);
                Ok(Linked::Done)
            }
            Err(error) => match postgres::violated_constraint(&error) {
                Some(TAKEN) => Ok(Linked::Taken),
                Some(ONE_EACH) => Ok(Linked::HasAnother),
                _ => Err(postgres::fault(error)),
            },
        }
    }

    async fn unlink(&self, _: &Permit, call: &Call, unlinking: &Unlinking<'_>) -> Result<bool, Fault> {
        let Unlinking { user, account_id, provider_label, session_id, event_id, now } = unlinking;
        let (change, at, version) = (SocialAccountChange::Unlinked, *now, user.version() + 1);
        let event =
            events::social_account_changed(call, *event_id, user, &SocialAccountFact { change, provider_label, version, at });
        // Of two who unlink at once the second finds another version, and asks again whether it is the last way in.
        let unlinked = sqlx::query!(
            "WITH locked AS (
                 SELECT user_id
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $3
                   AND status = 'ACTIVE'
                   AND EXISTS (
                       SELECT FROM sessions
                       WHERE sessions.realm_id = $1
                         AND sessions.session_id = $4
                         AND sessions.ended_at IS NULL
                   )
                 FOR UPDATE
             ), unlinked AS (
                 DELETE FROM social_accounts
                 USING locked
                 WHERE social_accounts.realm_id = $1
                   AND social_accounts.social_account_id = $5
                   AND social_accounts.user_id = locked.user_id
                 RETURNING social_accounts.user_id
             ), owner AS (
                 UPDATE users
                 SET version = version + 1
                 FROM unlinked
                 WHERE users.realm_id = $1
                   AND users.user_id = unlinked.user_id
                 RETURNING users.user_id, version
             )
             SELECT messaging.append_event($6, $1, $7, user_id, version, $8, $9, $10, $11, $12, $13, NULL) AS appended
             FROM owner",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.version(),
            session_id.as_uuid(),
            account_id.as_uuid(),
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        self.signal.ring(Lane::Security);
        Ok(unlinked.rows_affected() == 1)
    }

    async fn admit(&self, _: &Permit, call: &Call, new: &SocialAdmission<'_>) -> Result<CameIn, Fault> {
        let SocialAdmission { admission, account, provider_label, session, event_id } = new;
        let user = &admission.user;
        let (contacts, now) = (user.contacts(), user.created_at());
        let created = events::user_created(call, admission.event_id, user.realm_id(), admission.created, now);
        let fact = SocialAccountFact { change: SocialAccountChange::Linked, provider_label, version: user.version(), at: now };
        let linked = events::social_account_changed(call, *event_id, user, &fact);
        let added = sqlx::query!(
            "WITH added AS (
                 INSERT INTO users
                     (realm_id, user_id, company_id, role, status, introduction, email, email_key, email_verified_at, version, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $8::text IS NOT NULL THEN $9::timestamptz END, $10, $9)
                 ON CONFLICT DO NOTHING
                 RETURNING realm_id, user_id, version
             ), linked AS (
                 INSERT INTO social_accounts (realm_id, social_account_id, user_id, issuer, subject, email, linked_at)
                 SELECT realm_id, $11, user_id, $12, $13, $14, $9
                 FROM added
             ), signed_in AS (
                 INSERT INTO sessions
                     (realm_id, session_id, user_id, name, client_address, client_agent, generation, created_at, refreshed_at, expires_at,
                      proof)
                 SELECT realm_id, $15, user_id, $16, $17, $18, 1, $9, $9, $19, $20
                 FROM added
                 WHERE $15::uuid IS NOT NULL
             )
             SELECT messaging.append_event($21, realm_id, $22, user_id, version, $23, $24, $25, $26, $27, $9) AS created,
                 messaging.append_event($28, realm_id, $22, user_id, version, $29, $24, $30, $31, $27, $9) AS linked
             FROM added",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.company_id().as_uuid(),
            user.role().as_str(),
            user.status().as_str(),
            IntroductionForm::of(&admission.introduction)?,
            email(contacts),
            email_key(contacts),
            now.to_sqlx() as _,
            user.version(),
            account.id.as_uuid(),
            account.account.issuer,
            account.account.subject.expose(),
            shown(account.email.as_ref()),
            session.map(|session| session.id.as_uuid()),
            session.map(|session| session.name.as_str()),
            session.and_then(|session| session.client_address.as_deref()),
            session.and_then(|session| session.client_agent.as_deref()),
            session.map(|session| session.expires_at.to_sqlx()) as _,
            session.map(|session| session.proof.to_string()),
            created.event_id.as_uuid(),
            created.aggregate.kind,
            created.lane.as_str(),
            created.cause_id.as_uuid(),
            created.event_type,
            created.payload,
            created.traceparent,
            linked.event_id.as_uuid(),
            linked.lane.as_str(),
            linked.event_type,
            linked.payload,
        )
        .execute(&self.pool)
        .await;
        match added {
            // A newcomer has no other contact.
            Ok(added) if added.rows_affected() == 0 => Ok(CameIn::EmailTaken),
            Ok(_) => {
                self.signal.ring(Lane::Normal);
                self.signal.ring(Lane::Security);
                Ok(CameIn::Added)
            }
            Err(error) if postgres::violated_constraint(&error) == Some(TAKEN) => Ok(CameIn::AccountTaken),
            Err(error) => Err(postgres::fault(error)),
        }
    }
}
