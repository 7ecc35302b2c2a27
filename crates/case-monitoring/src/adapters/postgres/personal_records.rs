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

/// A change of a case, which is its version.
type ChangeKey = (Uuid, i64);

pub(super) async fn give(pool: &PgPool, realm_id: RealmId, user_id: UserId, records: &Records) -> Result<(), Fault> {
    let kept = Kept { pool, realm_id: realm_id.as_uuid(), user_id: user_id.as_uuid() };
    records.add_pages("case", |behind| kept.cases(behind)).await?;
    records.add_pages("case_change", |behind| kept.changes(behind)).await?;
    records.add_pages("own_change", |behind| kept.own_changes(behind)).await
}

impl Kept<'_> {
    async fn cases(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT case_id AS key,
                 jsonb_build_object('case_id', case_id, 'company_id', company_id, 'number', number, 'kind', kind,
                     'subject', subject, 'status', status, 'source', source, 'external_id', external_id,
                     'source_position', source_position, 'create_time', created_at, 'update_time', updated_at,
                     'version', version)::text AS "record!"
             FROM cases
             WHERE realm_id = $1
               AND requester_id = $2
               AND case_id > $3
             ORDER BY case_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    /// What became of the cases he asked for: records of their own, since nobody knows how often a case is changed. Of who changed them,
    /// whether it was he.
    async fn changes(self, (case_id, version): ChangeKey) -> sqlx::Result<Vec<KeyedRecord<ChangeKey>>> {
        sqlx::query!(
            r#"SELECT past.case_id, past.version,
                 jsonb_build_object('case_id', past.case_id, 'version', past.version, 'change_time', changed_at,
                     'source_time', source_time, 'by_himself', changed_by = $3, 'old_status', old_status,
                     'new_status', new_status, 'silent', silent)::text AS "record!"
             FROM cases
             JOIN case_history AS past USING (realm_id, case_id)
             WHERE cases.realm_id = $1
               AND requester_id = $2
               AND cases.case_id >= $4
               AND (past.case_id, past.version) > ($4, $5)
             ORDER BY past.case_id, past.version
             LIMIT $6"#,
            self.realm_id,
            self.user_id,
            self.user_id.to_string(),
            case_id,
            version,
            EXPORT_PAGE,
        )
        .map(|row| KeyedRecord { key: (row.case_id, row.version), record: row.record })
        .fetch_all(self.pool)
        .await
    }

    /// Whoever asked for the case.
    async fn own_changes(self, (case_id, version): ChangeKey) -> sqlx::Result<Vec<KeyedRecord<ChangeKey>>> {
        sqlx::query!(
            r#"SELECT case_id, version,
                 jsonb_build_object('case_id', case_id, 'version', version, 'change_time', changed_at, 'source_time', source_time,
                     'old_status', old_status, 'new_status', new_status, 'silent', silent,
                     'acting_credential_id', acting_service)::text AS "record!"
             FROM case_history
             WHERE realm_id = $1
               AND changed_by = $2
               AND (case_id, version) > ($3, $4)
             ORDER BY case_id, version
             LIMIT $5"#,
            self.realm_id,
            self.user_id.to_string(),
            case_id,
            version,
            EXPORT_PAGE,
        )
        .map(|row| KeyedRecord { key: (row.case_id, row.version), record: row.record })
        .fetch_all(self.pool)
        .await
    }
}
