//! What notification keeps of a user, as he is shown it (I27): where and how he is spoken to, what he has ticked, what he was told.

use kernel::{Fault, RealmId, UserId};
use messaging::{EXPORT_PAGE, KeyedRecord, Records};
use sqlx::PgPool;
use uuid::Uuid;

/// Whose records are read, and where.
#[derive(Clone, Copy)]
struct Kept<'a> {
    pool: &'a PgPool,
    realm_id: Uuid,
    user_id: Uuid,
}

pub(super) async fn give(pool: &PgPool, realm_id: RealmId, user_id: UserId, records: &Records) -> Result<(), Fault> {
    let kept = Kept { pool, realm_id: realm_id.as_uuid(), user_id: user_id.as_uuid() };
    records.add_pages("contacts", |behind| kept.contacts(behind)).await?;
    records.add_pages("speech", |behind| kept.speech(behind)).await?;
    records.add_pages("preferences", |behind| kept.preferences(behind)).await?;
    records.add_pages("former_preferences", |behind| kept.former_preferences(behind)).await?;
    records.add_pages("delivery", |behind| kept.deliveries(behind)).await
}

impl Kept<'_> {
    async fn contacts(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key,
                 jsonb_build_object('email', email, 'phone', phone, 'phone_confirmed', is_phone_confirmed, 'blocked', is_blocked,
                     'known_version', known_version, 'wanted_version', wanted_version)::text AS "record!"
             FROM people
             WHERE realm_id = $1
               AND user_id = $2
               AND user_id > $3"#,
            self.realm_id,
            self.user_id,
            behind,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn speech(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key,
                 jsonb_build_object('language', language, 'time_zone', time_zone, 'known_version', known_version,
                     'wanted_version', wanted_version)::text AS "record!"
             FROM speech
             WHERE realm_id = $1
               AND user_id = $2
               AND user_id > $3"#,
            self.realm_id,
            self.user_id,
            behind,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn preferences(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key,
                 jsonb_build_object('status_change_email', status_change_email, 'status_change_sms', status_change_sms,
                     'change_time', changed_at)::text AS "record!"
             FROM preferences
             WHERE realm_id = $1
               AND user_id = $2
               AND user_id > $3"#,
            self.realm_id,
            self.user_id,
            behind,
        )
        .fetch_all(self.pool)
        .await
    }

    /// The key of each is its moment, in microseconds: no two are of the same one.
    async fn former_preferences(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT key AS "key!", record AS "record!"
             FROM (
                 SELECT lpad(to_hex((extract(epoch FROM changed_at) * 1000000 + 1)::bigint), 32, '0')::uuid AS key,
                     jsonb_build_object('status_change_email', status_change_email, 'status_change_sms', status_change_sms,
                         'change_time', changed_at)::text AS record
                 FROM preference_history
                 WHERE realm_id = $1
                   AND user_id = $2
             ) AS former
             WHERE key > $3
             ORDER BY key
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    /// Without what each was about, which its own service keeps and gives.
    async fn deliveries(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT delivery_id AS key,
                 jsonb_build_object('delivery_id', delivery_id, 'kind', kind, 'channel', channel, 'lane', lane, 'state', state,
                     'reason', reason, 'object_id', object_id, 'cause_id', cause_id, 'event_id', event_id, 'attempt', attempt,
                     'address_sha256', encode(address_hash, 'hex'), 'receipt', receipt, 'create_time', created_at,
                     'settle_time', settled_at, 'expire_time', expires_at, 'segments', (
                         SELECT jsonb_agg(jsonb_build_object('message_id', message_id, 'receipt', segment.receipt) ORDER BY message_id)
                         FROM sms_segments AS segment
                         WHERE segment.realm_id = delivery.realm_id
                           AND segment.cause_id = delivery.cause_id
                           AND segment.object_id = delivery.object_id
                           AND segment.user_id = delivery.user_id
                     ))::text AS "record!"
             FROM deliveries AS delivery
             WHERE realm_id = $1
               AND user_id = $2
               AND delivery_id > $3
             ORDER BY delivery_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }
}
