//! What is known of people, in PostgreSQL.

use async_trait::async_trait;
use kernel::{Fault, RealmId};
use runtime::postgres;
use sqlx::PgPool;

use crate::application::{People, PersonStanding, UserContacts};
use crate::domain::Phone;

pub(crate) struct PgPeople {
    pool: PgPool,
}

impl PgPeople {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl People for PgPeople {
    async fn learn(&self, realm_id: RealmId, contacts: &[UserContacts]) -> Result<(), Fault> {
        let ids: Vec<_> = contacts.iter().map(|contacts| contacts.user_id.as_uuid()).collect();
        let versions: Vec<_> = contacts.iter().map(|contacts| contacts.version).collect();
        let emails: Vec<_> = contacts.iter().map(|contacts| contacts.email.clone()).collect();
        let phones: Vec<_> = contacts.iter().map(|contacts| number(&contacts.phone)).collect();
        let confirmed: Vec<_> = contacts.iter().map(|contacts| matches!(contacts.phone, Phone::Confirmed(_))).collect();
        let blocked: Vec<_> = contacts.iter().map(|contacts| contacts.standing == PersonStanding::Blocked).collect();
        // Sorted, so that two that learn of the same people do not wait for each other in a circle.
        sqlx::query!(
            "INSERT INTO people AS known
                 (realm_id, user_id, wanted_version, known_version, email, is_blocked, phone, is_phone_confirmed)
             SELECT $1, user_id, version, version, email, is_blocked, phone, is_phone_confirmed
             FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::boolean[], $6::text[], $7::boolean[])
                 AS told (user_id, version, email, is_blocked, phone, is_phone_confirmed)
             WHERE NOT EXISTS (
                 SELECT FROM messaging.erasure
                 WHERE erasure.realm_id = $1
                   AND erasure.user_id = told.user_id
             )
             ORDER BY user_id
             ON CONFLICT (realm_id, user_id) DO UPDATE
             SET wanted_version = greatest(known.wanted_version, excluded.wanted_version),
                 known_version = excluded.known_version,
                 email = excluded.email,
                 is_blocked = excluded.is_blocked,
                 phone = excluded.phone,
                 is_phone_confirmed = excluded.is_phone_confirmed
             WHERE known.known_version < excluded.known_version",
            realm_id.as_uuid(),
            &ids,
            &versions,
            &emails as _,
            &blocked,
            &phones as _,
            &confirmed,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }
}

fn number(phone: &Phone) -> Option<String> {
    match phone {
        Phone::Missing => None,
        Phone::Unconfirmed(number) | Phone::Confirmed(number) => Some(number.clone()),
    }
}
