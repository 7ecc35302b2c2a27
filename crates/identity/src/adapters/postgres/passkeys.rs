//! Passkeys in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, Permit, RealmId, SecondFactorId, Timestamp, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::PgPool;

use super::second_factors::recovery_hashes;
use crate::adapters::events;
use crate::application::{NewPasskey, PasskeyInserted, PasskeyUpdate, Passkeys};
use crate::domain::{
    AskedIn, Passkey, PasskeyChallenge, PasskeyPurpose, PasskeyRecord, SecondFactorChange, SecondFactorKind, User,
};

/// Of no two users of a realm.
const ONE_OF_A_KIND: &str = "passkeys_credential_key";

pub(crate) struct PgPasskeys {
    pool: PgPool,
    signal: OutboxSignal,
}

impl PgPasskeys {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal) -> Self {
        Self { pool, signal }
    }
}

#[async_trait]
impl Passkeys for PgPasskeys {
    async fn list(&self, realm_id: RealmId, user_id: UserId) -> Result<Vec<Passkey>, Fault> {
        let rows = sqlx::query!(
            "SELECT passkey_id, credential_id, record, counter, name, created_at, used_at, copied_at
             FROM passkeys
             WHERE realm_id = $1
               AND user_id = $2
             ORDER BY passkey_id",
            realm_id.as_uuid(),
            user_id.as_uuid(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let passkeys = rows.into_iter().map(|row| Passkey {
            realm_id,
            user_id,
            id: SecondFactorId::from_uuid(row.passkey_id),
            name: row.name,
            key: PasskeyRecord { credential_id: row.credential_id, counter: row.counter, record: row.record },
            created_at: row.created_at.to_jiff(),
            used_at: row.used_at.map(jiff_sqlx::Timestamp::to_jiff),
            copied_at: row.copied_at.map(jiff_sqlx::Timestamp::to_jiff),
        });
        Ok(passkeys.collect())
    }

    async fn ask(&self, _: &Permit, challenge: &PasskeyChallenge, user: &User) -> Result<bool, Fault> {
        // Who gets a first factor meanwhile holds his row: then it was not asked of him as he is.
        let asked = sqlx::query!(
            "INSERT INTO passkey_challenges (realm_id, user_id, purpose, asked_in, state, created_at)
             SELECT realm_id, user_id, $3, $4, $5, $6
             FROM users
             WHERE realm_id = $1
               AND user_id = $2
               AND version = $7
             FOR SHARE
             ON CONFLICT (realm_id, user_id, purpose, asked_in) DO UPDATE
             SET state = excluded.state, created_at = excluded.created_at",
            challenge.realm_id.as_uuid(),
            challenge.user_id.as_uuid(),
            challenge.purpose.as_str(),
            challenge.asked_in.key(),
            challenge.state,
            challenge.created_at.to_sqlx() as _,
            user.version(),
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(asked.rows_affected() == 1)
    }

    async fn take(
        &self,
        _: &Permit,
        user: &User,
        purpose: PasskeyPurpose,
        asked_in: &AskedIn,
        since: Timestamp,
    ) -> Result<Option<serde_json::Value>, Fault> {
        let taken = sqlx::query!(
            "DELETE FROM passkey_challenges
             WHERE realm_id = $1
               AND user_id = $2
               AND purpose = $3
               AND asked_in = $4
             RETURNING state, created_at > $5 AS \"is_open!\"",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            purpose.as_str(),
            asked_in.key(),
            since.to_sqlx() as _,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(taken.filter(|taken| taken.is_open).map(|taken| taken.state))
    }

    async fn insert(&self, _: &Permit, call: &Call, new: &NewPasskey<'_>) -> Result<PasskeyInserted, Fault> {
        let NewPasskey { user, passkey, recovery, session_id, event_id, now } = new;
        let event = events::second_factor_changed(call, *event_id, user, SecondFactorChange::PasskeyAdded, *now);
        // The user's row is locked first, as everywhere: of two who register at once the second finds another version.
        let inserted = sqlx::query!(
            "WITH locked AS (
                 SELECT user_id
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $3
                   AND status = 'ACTIVE'
                   AND ($4::uuid IS NULL OR EXISTS (
                       SELECT FROM sessions
                       WHERE sessions.realm_id = $1
                         AND sessions.session_id = $4
                         AND sessions.ended_at IS NULL
                   ))
                 FOR UPDATE
             ), owner AS (
                 UPDATE users
                 SET version = version + 1
                 FROM locked
                 WHERE users.realm_id = $1
                   AND users.user_id = locked.user_id
                 RETURNING users.user_id, version
             ), registered AS (
                 INSERT INTO passkeys (realm_id, user_id, passkey_id, credential_id, record, counter, name, created_at)
                 SELECT $1, user_id, $5, $6, $7, $8, $9, $10
                 FROM owner
             ), kept AS (
                 INSERT INTO recovery_codes (realm_id, user_id, code_hash, set_id)
                 SELECT $1, user_id, code_hash, $12
                 FROM owner, unnest($11::bytea[]) AS made (code_hash)
             ), void AS ( -- what was begun while nothing was asked for
                 DELETE FROM second_factors
                 USING owner
                 WHERE second_factors.realm_id = $1
                   AND second_factors.user_id = owner.user_id
                   AND second_factors.confirmed_at IS NULL
             ), void_challenges AS (
                 DELETE FROM passkey_challenges
                 USING owner
                 WHERE passkey_challenges.realm_id = $1
                   AND passkey_challenges.user_id = owner.user_id
                   AND passkey_challenges.purpose = $21
             ), proven AS (
                 UPDATE sessions
                 SET proof = split_part(proof, '_AND_', 1) || '_AND_' || $13::text
                 FROM owner
                 WHERE sessions.realm_id = $1
                   AND sessions.session_id = $4
                   AND sessions.user_id = owner.user_id
             )
             SELECT messaging.append_event($14, $1, $15, user_id, version, $16, $17, $18, $19, $20, $10, NULL) AS appended,
                 end_autologin_sessions($1, user_id, $10) AS autologins_ended
             FROM owner",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.version(),
            session_id.map(|session_id| session_id.as_uuid()),
            passkey.id.as_uuid(),
            passkey.key.credential_id,
            passkey.key.record,
            passkey.key.counter,
            passkey.name,
            now.to_sqlx() as _,
            recovery_hashes(*recovery),
            recovery.map(|recovery| recovery.set_id.as_uuid()),
            SecondFactorKind::Passkey.as_str(),
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            PasskeyPurpose::Registration.as_str(),
        )
        .execute(&self.pool)
        .await;
        self.signal.ring(Lane::Security);
        match inserted {
            Ok(inserted) if inserted.rows_affected() == 1 => Ok(PasskeyInserted::Yes),
            Ok(_) => Ok(PasskeyInserted::Changed),
            Err(error) if postgres::violated_constraint(&error) == Some(ONE_OF_A_KIND) => Ok(PasskeyInserted::Taken),
            Err(error) => Err(postgres::fault(error)),
        }
    }

    async fn count(&self, _: &Permit, passkey: &Passkey, used: &PasskeyRecord, now: Timestamp) -> Result<bool, Fault> {
        let counted = sqlx::query!(
            "UPDATE passkeys
             SET counter = $4, record = $5, used_at = $6
             WHERE realm_id = $1
               AND user_id = $2
               AND passkey_id = $3
               AND (counter < $4 OR (counter = 0 AND $4 = 0)) -- one that does not count says zero always",
            passkey.realm_id.as_uuid(),
            passkey.user_id.as_uuid(),
            passkey.id.as_uuid(),
            used.counter,
            used.record,
            now.to_sqlx() as _,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(counted.rows_affected() == 1)
    }

    async fn suspect(&self, _: &Permit, call: &Call, update: &PasskeyUpdate<'_>) -> Result<bool, Fault> {
        let PasskeyUpdate { user, passkey_id, change, event_id, now } = update;
        let event = events::second_factor_changed(call, *event_id, user, *change, *now);
        let suspected = sqlx::query!(
            "WITH locked AS (
                 SELECT user_id
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $3
                 FOR UPDATE
             ), suspected AS (
                 UPDATE passkeys
                 SET copied_at = $5
                 FROM locked
                 WHERE passkeys.realm_id = $1
                   AND passkeys.user_id = locked.user_id
                   AND passkeys.passkey_id = $4
                   AND passkeys.copied_at IS NULL
                 RETURNING passkeys.user_id
             ), owner AS (
                 UPDATE users
                 SET version = version + 1
                 FROM suspected
                 WHERE users.realm_id = $1
                   AND users.user_id = suspected.user_id
                 RETURNING users.user_id, version
             )
             SELECT messaging.append_event($6, $1, $7, user_id, version, $8, $9, $10, $11, $12, $5, NULL) AS appended
             FROM owner",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.version(),
            passkey_id.as_uuid(),
            now.to_sqlx() as _,
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        self.signal.ring(Lane::Security);
        Ok(suspected.rows_affected() == 1)
    }

    async fn rename(&self, _: &Permit, passkey: &Passkey, name: &str) -> Result<bool, Fault> {
        let renamed = sqlx::query!(
            "UPDATE passkeys
             SET name = $4
             WHERE realm_id = $1
               AND user_id = $2
               AND passkey_id = $3",
            passkey.realm_id.as_uuid(),
            passkey.user_id.as_uuid(),
            passkey.id.as_uuid(),
            name,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(renamed.rows_affected() == 1)
    }

    async fn delete(&self, _: &Permit, call: &Call, update: &PasskeyUpdate<'_>) -> Result<bool, Fault> {
        let PasskeyUpdate { user, passkey_id, change, event_id, now } = update;
        let event = events::second_factor_changed(call, *event_id, user, *change, *now);
        let deleted = sqlx::query!(
            "WITH locked AS (
                 SELECT user_id
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND version = $3
                   AND status = 'ACTIVE'
                 FOR UPDATE
             ), deleted AS (
                 DELETE FROM passkeys
                 USING locked
                 WHERE passkeys.realm_id = $1
                   AND passkeys.user_id = locked.user_id
                   AND passkeys.passkey_id = $4
                 RETURNING passkeys.user_id
             ), owner AS (
                 UPDATE users
                 SET version = version + 1
                 FROM deleted
                 WHERE users.realm_id = $1
                   AND users.user_id = deleted.user_id
                 RETURNING users.user_id, version
             ), former AS (
                 DELETE FROM recovery_codes
                 USING owner
                 WHERE $5
                   AND recovery_codes.realm_id = $1
                   AND recovery_codes.user_id = owner.user_id
             ), no_longer_proven AS (
                 UPDATE sessions
                 SET proof = split_part(proof, '_AND_', 1)
                 FROM owner
                 WHERE $5
                   AND sessions.realm_id = $1
                   AND sessions.user_id = owner.user_id
                   AND sessions.ended_at IS NULL
             )
             SELECT messaging.append_event($6, $1, $7, user_id, version, $8, $9, $10, $11, $12, $13, NULL) AS appended
             FROM owner",
            user.realm_id().as_uuid(),
            user.id().as_uuid(),
            user.version(),
            passkey_id.as_uuid(),
            *change == SecondFactorChange::Off,
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
        Ok(deleted.rows_affected() == 1)
    }
}
