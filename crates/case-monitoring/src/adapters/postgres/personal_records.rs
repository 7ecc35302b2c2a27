//! What case-monitoring keeps of a user, as he is shown it (I27): the cases he asked for, and what he himself has done in any.

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
    records.add_pages("case", |behind| kept.cases(behind)).await?;
    records.add_pages("own_changes", |behind| kept.own_changes(behind)).await
}

impl Kept<'_> {
    /// With what became of them; of who changed them, whether it was he.
    async fn cases(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT case_id AS key,
                 jsonb_build_object('case_id', case_id, 'company_id', company_id, 'number', number, 'kind', kind,
                     'subject', subject, 'status', status, 'source', source, 'external_id', external_id,
                     'source_position', source_position, 'create_time', created_at, 'update_time', updated_at, 'version', version,
                     'history', (
                         SELECT jsonb_agg(jsonb_build_object('version', past.version, 'change_time', changed_at,
                             'source_time', source_time, 'by_himself', changed_by = $4, 'old_status', old_status,
                             'new_status', new_status, 'silent', silent) ORDER BY past.version)
                         FROM case_history AS past
                         WHERE past.realm_id = cases.realm_id
                           AND past.case_id = cases.case_id
                     ))::text AS "record!"
             FROM cases
             WHERE realm_id = $1
               AND requester_id = $2
               AND case_id > $3
             ORDER BY case_id
             LIMIT $5"#,
            self.realm_id,
            self.user_id,
            behind,
            self.user_id.to_string(),
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    /// Case by case, whoever asked for it. There is no index by who has made a change, which every change would have to write to: so
    /// the history of the realm is read once, in the order of its key.
    async fn own_changes(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT case_id AS key,
                 jsonb_build_object('case_id', case_id, 'changes', jsonb_agg(jsonb_build_object('version', version,
                     'change_time', changed_at, 'source_time', source_time, 'old_status', old_status, 'new_status', new_status,
                     'silent', silent, 'acting_credential_id', acting_service) ORDER BY version))::text AS "record!"
             FROM case_history
             WHERE realm_id = $1
               AND changed_by = $2
               AND case_id > $3
             GROUP BY case_id
             ORDER BY case_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id.to_string(),
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }
}
