//! Further fields in PostgreSQL: what they are, and what people have in them.

use std::collections::BTreeMap;

use api::cabinet::identity::v1::AuditAct;
use async_trait::async_trait;
use kernel::{AttributeId, Call, CompanyId, Fault, Permit, RealmId, UserId};
use messaging::{Act, ActLog};
use runtime::postgres;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::attribute_rules::{kind, kind_name, rules, rules_text};
use crate::application::{Attributes, InsertAttribute, WriteProfileError};
use crate::domain::{Attribute, AttributeChange, AttributeKey, AttributeValues, MOST_ATTRIBUTES, Profile};

const VALUE_OF_ATTRIBUTE: &str = "attribute_values_attribute";

pub(crate) struct PgAttributes {
    pool: PgPool,
    acts: ActLog,
}

impl PgAttributes {
    pub(crate) const fn new(pool: PgPool, acts: ActLog) -> Self {
        Self { pool, acts }
    }
}

fn act_on(act: AuditAct, attribute: &Attribute) -> Act {
    Act::in_company(act, attribute.realm_id, attribute.company_id, attribute.id)
}

struct AttributeRow {
    realm_id: Uuid,
    attribute_id: Uuid,
    company_id: Uuid,
    key: String,
    kind: String,
    rules: String,
    version: i64,
}

impl TryFrom<AttributeRow> for Attribute {
    type Error = Fault;

    fn try_from(row: AttributeRow) -> Result<Self, Fault> {
        Ok(Self {
            realm_id: RealmId::from_uuid(row.realm_id),
            id: AttributeId::from_uuid(row.attribute_id),
            company_id: CompanyId::from_uuid(row.company_id),
            key: AttributeKey::from_stored(row.key),
            kind: kind(&row.kind)?,
            rules: rules(&row.rules)?,
            version: row.version,
        })
    }
}

#[async_trait]
impl Attributes for PgAttributes {
    async fn get(&self, realm_id: RealmId, id: AttributeId) -> Result<Option<Attribute>, Fault> {
        let row = sqlx::query_as!(
            AttributeRow,
            r#"SELECT realm_id, attribute_id, company_id, key, type AS kind, rules::text AS "rules!", version
             FROM attributes
             WHERE realm_id = $1
               AND attribute_id = $2"#,
            realm_id.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        row.map(Attribute::try_from).transpose()
    }

    async fn list(&self, realm_id: RealmId, company_ids: &[CompanyId]) -> Result<Vec<Attribute>, Fault> {
        let company_ids: Vec<_> = company_ids.iter().map(CompanyId::as_uuid).collect();
        let rows = sqlx::query_as!(
            AttributeRow,
            r#"SELECT realm_id, attribute_id, company_id, key, type AS kind, rules::text AS "rules!", version
             FROM attributes
             WHERE realm_id = $1
               AND company_id = ANY($2)
             ORDER BY key"#,
            realm_id.as_uuid(),
            &company_ids,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(Attribute::try_from).collect()
    }

    async fn values(
        &self,
        realm_id: RealmId,
        user_ids: &[UserId],
    ) -> Result<BTreeMap<(UserId, AttributeId), AttributeValues>, Fault> {
        let user_ids: Vec<_> = user_ids.iter().map(UserId::as_uuid).collect();
        let rows = sqlx::query!(
            r#"SELECT user_id, attribute_id, array_agg(value ORDER BY position) AS "content!"
             FROM attribute_values
             WHERE realm_id = $1
               AND user_id = ANY($2)
             GROUP BY user_id, attribute_id"#,
            realm_id.as_uuid(),
            &user_ids,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let rows = rows.into_iter().map(|row| {
            let of = (UserId::from_uuid(row.user_id), AttributeId::from_uuid(row.attribute_id));
            (of, AttributeValues::from_stored(row.content))
        });
        Ok(rows.collect())
    }

    async fn insert(&self, _: &Permit, call: &Call, attribute: &Attribute) -> Result<InsertAttribute, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        // Whoever else defines one for the company waits, so that each of them counts all others.
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", format!("attributes {}", attribute.company_id))
            .execute(&mut *transaction)
            .await
            .map_err(postgres::fault)?;
        let keys = sqlx::query_scalar!(
            "SELECT key
             FROM attributes
             WHERE realm_id = $1
               AND company_id = $2",
            attribute.realm_id.as_uuid(),
            attribute.company_id.as_uuid(),
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if keys.iter().any(|key| key == attribute.key.as_str()) {
            return Ok(InsertAttribute::Exists);
        }
        if keys.len() >= MOST_ATTRIBUTES {
            return Ok(InsertAttribute::TooMany);
        }
        sqlx::query!(
            "INSERT INTO attributes (realm_id, attribute_id, company_id, key, type, rules, version)
             VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7)",
            attribute.realm_id.as_uuid(),
            attribute.id.as_uuid(),
            attribute.company_id.as_uuid(),
            attribute.key.as_str(),
            kind_name(attribute.kind),
            rules_text(&attribute.rules)?,
            attribute.version,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        self.acts.commit(transaction, call, act_on(AuditAct::AttributeCreated, attribute)).await?;
        Ok(InsertAttribute::Done)
    }

    async fn update(&self, _: &Permit, call: &Call, attribute: &Attribute, parts: &[&str]) -> Result<bool, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let updated = sqlx::query!(
            "UPDATE attributes
             SET rules = $3::text::jsonb, version = $4::bigint
             WHERE realm_id = $1
               AND attribute_id = $2
               AND version = $4::bigint - 1",
            attribute.realm_id.as_uuid(),
            attribute.id.as_uuid(),
            rules_text(&attribute.rules)?,
            attribute.version,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        let act = act_on(AuditAct::AttributeChanged, attribute).detailed(parts.join(" "));
        self.acts.commit(transaction, call, act).await?;
        Ok(true)
    }

    async fn delete(&self, _: &Permit, call: &Call, attribute: &Attribute) -> Result<bool, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let deleted = sqlx::query!(
            "DELETE FROM attributes
             WHERE realm_id = $1
               AND attribute_id = $2
               AND version = $3",
            attribute.realm_id.as_uuid(),
            attribute.id.as_uuid(),
            attribute.version,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        self.acts.commit(transaction, call, act_on(AuditAct::AttributeDeleted, attribute)).await?;
        Ok(true)
    }
}

/// What somebody has in these attributes from now on. Stale if one of them is gone, or another than its value was read by.
pub(super) async fn write_values(
    connection: &mut PgConnection,
    profile: &Profile,
    changes: &[AttributeChange],
) -> Result<(), WriteProfileError> {
    let changed: Vec<_> = changes.iter().map(|change| change.attribute_id.as_uuid()).collect();
    let versions: Vec<i64> = changes.iter().map(|change| change.version).collect();
    // In the order of whoever deletes one: its row first, then the values.
    let held = sqlx::query_scalar!(
        "SELECT attribute_id
         FROM attributes
         WHERE realm_id = $1
           AND (attribute_id, version) IN (SELECT * FROM unnest($2::uuid[], $3::bigint[]))
         ORDER BY attribute_id
         FOR SHARE",
        profile.realm_id().as_uuid(),
        &changed,
        &versions,
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(postgres::fault)?;
    if held.len() < changes.len() {
        return Err(WriteProfileError::Stale);
    }
    sqlx::query!(
        "DELETE FROM attribute_values
         WHERE realm_id = $1
           AND user_id = $2
           AND attribute_id = ANY($3)",
        profile.realm_id().as_uuid(),
        profile.user_id().as_uuid(),
        &changed,
    )
    .execute(&mut *connection)
    .await
    .map_err(postgres::fault)?;
    let placed = changes.iter().flat_map(|change| {
        change
            .values
            .as_slice()
            .iter()
            .zip(0_i32..)
            .map(|(value, position)| (change.attribute_id.as_uuid(), position, value.clone()))
    });
    let (ids, (positions, values)): (Vec<Uuid>, (Vec<i32>, Vec<String>)) =
        placed.map(|(id, position, value)| (id, (position, value))).unzip();
    sqlx::query!(
        "INSERT INTO attribute_values (realm_id, user_id, attribute_id, position, value)
         SELECT $1, $2, attribute_id, position, value
         FROM unnest($3::uuid[], $4::int[], $5::text[]) AS given (attribute_id, position, value)",
        profile.realm_id().as_uuid(),
        profile.user_id().as_uuid(),
        &ids,
        &positions,
        &values,
    )
    .execute(&mut *connection)
    .await
    .map_err(|error| match postgres::violated_constraint(&error) {
        Some(VALUE_OF_ATTRIBUTE) => WriteProfileError::Stale,
        _ => postgres::fault(error).into(),
    })?;
    Ok(())
}
