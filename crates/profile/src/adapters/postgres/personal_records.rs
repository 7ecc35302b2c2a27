//! What profile keeps of a user in its tables, as he is shown it (I27).

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
    records.add_pages("profile", |behind| kept.profile(behind)).await?;
    records.add_pages("attribute", |behind| kept.attributes(behind)).await?;
    records.add_pages("hidden_attributes", |behind| kept.hidden_attributes(behind)).await
}

impl Kept<'_> {
    async fn profile(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key,
                 jsonb_build_object('company_id', company_id, 'full_name', full_name, 'last_name', last_name,
                     'first_name', first_name, 'middle_name', middle_name, 'initials', initials, 'job_title', job_title,
                     'organisation', organisation, 'web_site', web_site, 'time_zone', time_zone, 'language', language,
                     'avatar_id', avatar_id, 'department_id', department_id, 'department', (
                         SELECT departments.name
                         FROM departments
                         WHERE departments.realm_id = profiles.realm_id
                           AND departments.department_id = profiles.department_id
                     ), 'update_time', updated_at, 'version', version)::text AS "record!"
             FROM profiles
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

    /// Those that he sees himself, whether or not they stand on his profile at present.
    async fn attributes(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT attribute_id AS key,
                 jsonb_build_object('key', key, 'type', type, 'label', rules -> 'label',
                     'values', jsonb_agg(value ORDER BY position))::text AS "record!"
             FROM attribute_values AS had
             JOIN attributes AS attribute USING (realm_id, attribute_id)
             WHERE had.realm_id = $1
               AND user_id = $2
               AND attribute_id > $3
               AND rules -> 'visible_to' ? 'USER'
             GROUP BY attribute_id, key, type, rules
             ORDER BY attribute_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    /// How many his company keeps from him (P6).
    async fn hidden_attributes(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key, jsonb_build_object('count', count(DISTINCT attribute_id))::text AS "record!"
             FROM attribute_values AS had
             JOIN attributes AS attribute USING (realm_id, attribute_id)
             WHERE had.realm_id = $1
               AND user_id = $2
               AND user_id > $3
               AND NOT rules -> 'visible_to' ? 'USER'
             GROUP BY user_id"#,
            self.realm_id,
            self.user_id,
            behind,
        )
        .fetch_all(self.pool)
        .await
    }
}
