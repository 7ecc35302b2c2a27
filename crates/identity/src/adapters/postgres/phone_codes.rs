//! Codes that were sent to phones, in PostgreSQL.

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, Permit, PhoneCodeId, RealmId, Timestamp, UserId};
use messaging::{Lane, OutboxSignal};
use runtime::postgres;
use sqlx::PgPool;

use crate::adapters::events;
use crate::application::{NewPhoneCode, PhoneCodes, TriedCode};
use crate::domain::{CodeNumber, PhoneNumber};

/// I17: how often a code may be tried.
const TRIES: i32 = 5;

pub(crate) struct PgPhoneCodes {
    pool: PgPool,
    signal: OutboxSignal,
}

impl PgPhoneCodes {
    pub(crate) const fn new(pool: PgPool, signal: OutboxSignal) -> Self {
        Self { pool, signal }
    }
}

#[async_trait]
impl PhoneCodes for PgPhoneCodes {
    async fn insert(&self, _: &Permit, call: &Call, new: &NewPhoneCode) -> Result<bool, Fault> {
        let event = events::phone_code_made(call, new);
        let code = &new.code;
        let made = sqlx::query!(
            "WITH made AS (
                 INSERT INTO phone_codes
                     (realm_id, code_id, user_id, phone, replaces, code_mac, client_address, created_at, expires_at)
                 SELECT realm_id, $3, user_id, $4, $17, $5, $6, $7, $8
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND ($17 OR phone = $4)
                   AND version = $9
                   AND status = 'ACTIVE'
                   AND may_be_texted(realm_id, user_id, $4, $6, $7)
                 RETURNING realm_id, user_id
             )
             SELECT messaging.append_event($10, realm_id, $11, user_id, $9, $12, $13, $14, $15, $16, $7, $8) AS appended
             FROM made",
            code.realm_id.as_uuid(),
            code.user_id.as_uuid(),
            code.id.as_uuid(),
            code.phone.as_str(),
            new.mac,
            new.client_address.as_deref(),
            code.created_at.to_sqlx() as _,
            code.expires_at.to_sqlx() as _,
            new.user_version,
            event.event_id.as_uuid(),
            event.aggregate.kind,
            event.lane.as_str(),
            event.cause_id.as_uuid(),
            event.event_type,
            event.payload,
            event.traceparent,
            code.number == CodeNumber::Next,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        self.signal.ring(Lane::Security);
        Ok(made.rows_affected() == 1)
    }

    async fn try_last(&self, _: &Permit, realm_id: RealmId, user_id: UserId, now: Timestamp) -> Result<Option<TriedCode>, Fault> {
        let row = sqlx::query!(
            "UPDATE phone_codes
             SET tries = tries + 1
             WHERE realm_id = $1
               AND code_id = (
                   SELECT code_id
                   FROM phone_codes
                   WHERE realm_id = $1
                     AND user_id = $2
                   ORDER BY created_at DESC
                   LIMIT 1
               )
               AND tries < $3
               AND expires_at > $4
               AND ended_at IS NULL
             RETURNING code_id, phone, replaces, code_mac",
            realm_id.as_uuid(),
            user_id.as_uuid(),
            TRIES,
            now.to_sqlx() as _,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(row.map(|row| TriedCode {
            id: PhoneCodeId::from_uuid(row.code_id),
            phone: PhoneNumber::from_stored(row.phone),
            number: if row.replaces { CodeNumber::Next } else { CodeNumber::Present },
            mac: row.code_mac,
        }))
    }
}
