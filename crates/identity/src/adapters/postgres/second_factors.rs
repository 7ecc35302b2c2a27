//! Second factors in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, Permit, RealmId, RecoverySetId, SecondFactorId, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::PgPool;

use super::audit::AuditLog;
use crate::adapters::events;
use crate::application::{FactorConfirmation, FactorUpdate, NewRecoveryCodes, RecoveryCodesLeft, SecondFactors, UsedCode};
use crate::domain::audit::{AuditAct, Done};
use crate::domain::{HeldFactors, PasskeyPurpose, SecondFactor, SecondFactorChange, SecondFactorKind, SecondFactorState, User};

pub(crate) struct PgSecondFactors {
    pool: PgPool,
    signal: OutboxSignal,
    audit: AuditLog,
}

impl PgSecondFactors {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal, audit: AuditLog) -> Self {
        Self { pool, signal, audit }
    }
}

/// What is kept of new recovery codes; nothing where there are none.
pub(super) fn recovery_hashes(recovery: Option<&NewRecoveryCodes>) -> &[Vec<u8>] {
    recovery.map(|recovery| recovery.hashes.as_slice()).unwrap_or_default()
}

#[async_trait]
impl SecondFactors for PgSecondFactors {
    async fn get(&self, realm_id: RealmId, user_id: UserId) -> Result<Option<SecondFactor>, Fault> {
        let row = sqlx::query!(
            "SELECT factor_id, last_step, created_at, confirmed_at
             FROM second_factors
             WHERE realm_id = $1
               AND user_id = $2",
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(row.map(|row| SecondFactor {
            realm_id,
            user_id,
            id: SecondFactorId::from_uuid(row.factor_id),
            state: if row.confirmed_at.is_some() { SecondFactorState::On } else { SecondFactorState::Begun },
            last_step: row.last_step,
            created_at: row.created_at.to_jiff(),
        }))
    }

    async fn held(&self, realm_id: RealmId, user_id: UserId) -> Result<HeldFactors, Fault> {
        let codes = sqlx::query!(
            r#"SELECT ARRAY(
                 SELECT factor_id
                 FROM second_factors
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND confirmed_at IS NOT NULL
             ) AS "codes!", ARRAY(
                 SELECT passkey_id
                 FROM passkeys
                 WHERE realm_id = $1
                   AND user_id = $2
                 ORDER BY passkey_id
             ) AS "passkeys!""#,
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(HeldFactors {
            codes: codes.codes.into_iter().next().map(SecondFactorId::from_uuid),
            passkeys: codes.passkeys.into_iter().map(SecondFactorId::from_uuid).collect(),
        })
    }

    async fn recovery_codes(&self, realm_id: RealmId, user_id: UserId) -> Result<RecoveryCodesLeft, Fault> {
        // A release that knew one kind of factor has made them with its id.
        let left = sqlx::query!(
            r#"SELECT count(*) AS "count!", (array_agg(coalesce(set_id, factor_id)))[1] AS set_id
             FROM recovery_codes
             LEFT JOIN second_factors USING (realm_id, user_id)
             WHERE realm_id = $1
               AND user_id = $2"#,
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(RecoveryCodesLeft { count: left.count, set_id: left.set_id.map(RecoverySetId::from_uuid) })
    }

    async fn begin(&self, _: &Permit, factor: &SecondFactor, user: &User) -> Result<bool, Fault> {
        // Who gets a first factor meanwhile holds his row: then it was not begun by him as he is.
        let begun = sqlx::query!(
            "INSERT INTO second_factors (realm_id, user_id, factor_id, last_step, created_at)
             SELECT realm_id, user_id, $3, $4, $5
             FROM users
             WHERE realm_id = $1
               AND user_id = $2
               AND status = 'ACTIVE'
               AND version = $6
             FOR SHARE
             ON CONFLICT (realm_id, user_id) DO UPDATE
             SET factor_id = excluded.factor_id, last_step = excluded.last_step, created_at = excluded.created_at
             WHERE second_factors.confirmed_at IS NULL",
            factor.realm_id.as_uuid(),
            factor.user_id.as_uuid(),
            factor.id.as_uuid(),
            factor.last_step,
            factor.created_at.to_sqlx() as _,
            user.version(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(begun.rows_affected() == 1)
    }

    async fn confirm(&self, _: &Permit, call: &Call, confirmation: &FactorConfirmation<'_>) -> Result<bool, Fault> {
        let FactorConfirmation { user, factor, step, recovery, session_id, event_id, now } = confirmation;
        let event = events::second_factor_changed(call, *event_id, user, SecondFactorChange::On, *now);
        // The user's row is locked first, as everywhere: of two who confirm at once the second finds another version.
        let confirmed = sqlx::query!(
            "WITH locked AS (
                 SELECT user_id
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $3
                   AND status = 'ACTIVE'
                   AND ($8::uuid IS NULL OR EXISTS (
                       SELECT FROM sessions
                       WHERE sessions.realm_id = $1
                         AND sessions.session_id = $8
                         AND sessions.ended_at IS NULL
                   ))
                 FOR UPDATE
             ), turned_on AS (
                 -- Another one may have taken its place: it is looked at in the row itself.
                 UPDATE second_factors
                 SET confirmed_at = $5, last_step = $6
                 FROM locked
                 WHERE second_factors.realm_id = $1
                   AND second_factors.user_id = locked.user_id
                   AND second_factors.factor_id = $4
                   AND second_factors.confirmed_at IS NULL
                 RETURNING second_factors.user_id
             ), owner AS (
                 UPDATE users
                 SET version = version + 1
                 FROM turned_on
                 WHERE users.realm_id = $1
                   AND users.user_id = turned_on.user_id
                 RETURNING users.user_id, version
             ), kept AS (
                 INSERT INTO recovery_codes (realm_id, user_id, code_hash, set_id)
                 SELECT $1, user_id, code_hash, $17
                 FROM owner, unnest($7::bytea[]) AS made (code_hash)
             ), void AS ( -- what was begun while nothing was asked for
                 DELETE FROM passkey_challenges
                 USING owner
                 WHERE passkey_challenges.realm_id = $1
                   AND passkey_challenges.user_id = owner.user_id
                   AND passkey_challenges.purpose = $18
             ), proven AS (
                 UPDATE sessions
                 SET proof = split_part(proof, '_AND_', 1) || '_AND_' || $9::text
                 FROM owner
                 WHERE sessions.realm_id = $1
                   AND sessions.session_id = $8
                   AND sessions.user_id = owner.user_id
             )
             SELECT messaging.append_event($10, $1, $11, user_id, version, $12, $13, $14, $15, $16, $5, NULL) AS appended,
                 end_autologin_sessions($1, user_id, $5) AS autologins_ended
             FROM owner",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.version(),
            factor.id.as_uuid(),
            now.to_sqlx() as _,
            step,
            recovery_hashes(*recovery),
            session_id.map(|session_id| session_id.as_uuid()),
            SecondFactorKind::Code.as_str(),
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            recovery.map(|recovery| recovery.set_id.as_uuid()),
            PasskeyPurpose::Registration.as_str(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        self.signal.ring(Lane::Security);
        Ok(confirmed.rows_affected() == 1)
    }

    async fn use_up(&self, _: &Permit, user: &User, used: &UsedCode) -> Result<bool, Fault> {
        let used = match used {
            UsedCode::OfDevice { factor_id, step } => {
                sqlx::query!(
                    "UPDATE second_factors
                     SET last_step = $4
                     WHERE realm_id = $1
                       AND user_id = $2
                       AND factor_id = $3
                       AND last_step < $4
                       AND confirmed_at IS NOT NULL",
                    user.realm_id().as_uuid(),
                    user.id().as_uuid(),
                    factor_id.as_uuid(),
                    step,
                )
                .execute(&self.pool)
                .await
            }
            UsedCode::Recovery(hash) => {
                sqlx::query!(
                    "DELETE FROM recovery_codes
                     WHERE realm_id = $1
                       AND user_id = $2
                       AND code_hash = $3",
                    user.realm_id().as_uuid(),
                    user.id().as_uuid(),
                    hash,
                )
                .execute(&self.pool)
                .await
            }
        };
        Ok(used.map_err(postgres::fault)?.rows_affected() == 1)
    }

    async fn update(&self, _: &Permit, call: &Call, update: &FactorUpdate<'_>) -> Result<bool, Fault> {
        let FactorUpdate { user, change, recovery, decided_by, event_id, now } = update;
        let event = events::second_factor_changed(call, *event_id, user, *change, *now);
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        // Both rows are locked in the order of their ids, as wherever one user decides about another.
        let updated = sqlx::query!(
            "WITH locked AS (
                 SELECT user_id, role, status
                 FROM users
                 WHERE realm_id = $1
                   AND user_id IN ($2, $4)
                 ORDER BY user_id
                 FOR UPDATE
             ), owner AS (
                 UPDATE users
                 SET version = version + 1
                 FROM locked AS decider
                 WHERE decider.user_id = $4
                   AND decider.status = 'ACTIVE'
                   AND (decider.user_id = $2 OR decider.role IN ('OWNER', 'SUPPORT'))
                   AND users.realm_id = $1
                   AND users.user_id = $2
                   AND users.version = $3
                 RETURNING users.user_id, version
             ), no_longer_proven AS (
                 UPDATE sessions
                 SET proof = split_part(proof, '_AND_', 1)
                 FROM owner
                 WHERE $5
                   AND sessions.realm_id = $1
                   AND sessions.user_id = owner.user_id
                   AND sessions.ended_at IS NULL
             ), codes_gone AS (
                 DELETE FROM second_factors
                 USING owner
                 WHERE $5
                   AND second_factors.realm_id = $1
                   AND second_factors.user_id = owner.user_id
             ), passkeys_gone AS (
                 DELETE FROM passkeys
                 USING owner
                 WHERE $5
                   AND passkeys.realm_id = $1
                   AND passkeys.user_id = owner.user_id
             ), challenges_gone AS (
                 DELETE FROM passkey_challenges
                 USING owner
                 WHERE $5
                   AND passkey_challenges.realm_id = $1
                   AND passkey_challenges.user_id = owner.user_id
             ), former AS (
                 DELETE FROM recovery_codes
                 USING owner
                 WHERE recovery_codes.realm_id = $1
                   AND recovery_codes.user_id = owner.user_id
             ), kept AS (
                 INSERT INTO recovery_codes (realm_id, user_id, code_hash, set_id)
                 SELECT $1, user_id, code_hash, $15
                 FROM owner, unnest($6::bytea[]) AS made (code_hash)
             )
             SELECT messaging.append_event($7, $1, $8, user_id, version, $9, $10, $11, $12, $13, $14, NULL) AS appended
             FROM owner",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.version(),
            decided_by.unwrap_or(user.id()).as_uuid(),
            matches!(change, SecondFactorChange::Off | SecondFactorChange::Reset),
            recovery_hashes(*recovery),
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            now.to_sqlx() as _,
            recovery.map(|recovery| recovery.set_id.as_uuid()),
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        // What somebody does for himself is nobody's business.
        if decided_by.is_some() {
            let done = Done::to_user(AuditAct::SecondFactorReset, user.id());
            self.audit.append(&mut *transaction, call, user.realm_id(), Some(user.company_id()), &[done]).await?;
        }
        transaction.commit().await.map_err(postgres::fault)?;
        self.signal.ring(Lane::Security);
        Ok(true)
    }
}
