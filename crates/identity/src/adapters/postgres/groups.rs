//! Groups in PostgreSQL.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CompanyId, Fault, GroupId, Line, NamedRequest, Permit, RealmId, RepeatError, Timestamp, UserId};
use messaging::requests;
use runtime::postgres;
use sqlx::PgPool;
use uuid::Uuid;

use super::users::UserRow;
use crate::application::{GroupWriteError, Groups};
use crate::domain::{Group, GroupActivity, GroupMembership, User};

pub(crate) struct PgGroups {
    pool: PgPool,
}

impl PgGroups {
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

struct GroupRow {
    realm_id: Uuid,
    group_id: Uuid,
    company_id: Uuid,
    name: String,
    leader_id: Uuid,
    is_active: bool,
    version: i64,
    created_at: jiff_sqlx::Timestamp,
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Self {
        Self {
            realm_id: RealmId::from_uuid(row.realm_id),
            id: GroupId::from_uuid(row.group_id),
            company_id: CompanyId::from_uuid(row.company_id),
            name: Line::from_stored(row.name),
            leader_id: UserId::from_uuid(row.leader_id),
            activity: if row.is_active { GroupActivity::Active } else { GroupActivity::Inactive },
            version: row.version,
            created_at: row.created_at.to_jiff(),
        }
    }
}

#[async_trait]
impl Groups for PgGroups {
    async fn made(&self, call: &Call, now: Timestamp) -> Result<Option<GroupId>, RepeatError> {
        requests::done(&self.pool, call, now).await
    }

    async fn insert(&self, _: &Permit, call: &Call, group: &Group) -> Result<bool, GroupWriteError> {
        // Whoever blocks the leader at this moment holds his row.
        let inserted = sqlx::query!(
            "WITH leader AS (
                 SELECT user_id
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $5
                   AND company_id = $3
                   AND status = 'ACTIVE'
                 FOR SHARE
             ), inserted AS (
                 INSERT INTO groups (realm_id, group_id, company_id, name, leader_id, is_active, version, created_at)
                 SELECT $1, $2, $3, $4, user_id, $6, $7, $8
                 FROM leader
                 RETURNING group_id, created_at
             )
             SELECT messaging.remember_request($9, $10, group_id, created_at) AS remembered
             FROM inserted",
            group.realm_id.as_uuid(),
            group.id.as_uuid(),
            group.company_id.as_uuid(),
            group.name.as_str(),
            group.leader_id.as_uuid(),
            group.activity == GroupActivity::Active,
            group.version,
            group.created_at.to_sqlx() as _,
            call.named_request().map(NamedRequest::key),
            call.named_request().map(NamedRequest::content),
        )
        .execute(&self.pool)
        .await
        .map_err(|error| match postgres::violated_constraint(&error) {
            Some(requests::DONE_ONCE) => GroupWriteError::DoneBefore,
            _ => postgres::fault(error).into(),
        })?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn get(&self, realm_id: RealmId, id: GroupId) -> Result<Option<Group>, Fault> {
        let row = sqlx::query_as!(
            GroupRow,
            "SELECT realm_id, group_id, company_id, name, leader_id, is_active, version, created_at
             FROM groups
             WHERE realm_id = $1
               AND group_id = $2",
            realm_id.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(row.map(Group::from))
    }

    async fn page(
        &self,
        realm_id: RealmId,
        company_id: CompanyId,
        after: Option<GroupId>,
        limit: i64,
    ) -> Result<Vec<Group>, Fault> {
        let rows = sqlx::query_as!(
            GroupRow,
            "SELECT realm_id, group_id, company_id, name, leader_id, is_active, version, created_at
             FROM groups
             WHERE realm_id = $1
               AND company_id = $2
               AND group_id > $3
             ORDER BY group_id
             LIMIT $4",
            realm_id.as_uuid(),
            company_id.as_uuid(),
            after.map_or(Uuid::nil(), |after| after.as_uuid()),
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(rows.into_iter().map(Group::from).collect())
    }

    async fn may_lead(&self, group: &Group) -> Result<bool, Fault> {
        let leader = sqlx::query_scalar!(
            "SELECT user_id
             FROM users
             WHERE realm_id = $1
               AND user_id = $2
               AND company_id = $3
               AND status = 'ACTIVE'",
            group.realm_id.as_uuid(),
            group.leader_id.as_uuid(),
            group.company_id.as_uuid(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(leader.is_some())
    }

    async fn update(&self, _: &Permit, group: &Group) -> Result<bool, Fault> {
        let updated = sqlx::query!(
            "UPDATE groups
             SET name = $3, leader_id = $4, is_active = $5, version = $6::bigint
             WHERE realm_id = $1
               AND group_id = $2
               AND version = $6::bigint - 1",
            group.realm_id.as_uuid(),
            group.id.as_uuid(),
            group.name.as_str(),
            group.leader_id.as_uuid(),
            group.activity == GroupActivity::Active,
            group.version,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(updated.rows_affected() == 1)
    }

    async fn add_members(
        &self,
        _: &Permit,
        group: &Group,
        user_ids: &[UserId],
        now: Timestamp,
    ) -> Result<HashSet<UserId>, Fault> {
        let ids: Vec<_> = user_ids.iter().map(UserId::as_uuid).collect();
        let there = sqlx::query_scalar!(
            r#"WITH there AS (
                 SELECT user_id
                 FROM users
                 WHERE realm_id = $1
                   AND company_id = $3
                   AND user_id = ANY($4)
             ), added AS (
                 INSERT INTO group_members (realm_id, group_id, user_id, added_at)
                 SELECT $1, $2, user_id, $5
                 FROM there
                 ORDER BY user_id -- so that two who add the same people do not wait for each other in a circle
                 ON CONFLICT DO NOTHING
             )
             SELECT user_id
             FROM there"#,
            group.realm_id.as_uuid(),
            group.id.as_uuid(),
            group.company_id.as_uuid(),
            &ids,
            now.to_sqlx() as _,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(there.into_iter().map(UserId::from_uuid).collect())
    }

    async fn remove_members(&self, _: &Permit, group: &Group, user_ids: &[UserId]) -> Result<(), Fault> {
        let ids: Vec<_> = user_ids.iter().map(UserId::as_uuid).collect();
        sqlx::query!(
            "DELETE FROM group_members
             WHERE realm_id = $1
               AND group_id = $2
               AND user_id = ANY($3)",
            group.realm_id.as_uuid(),
            group.id.as_uuid(),
            &ids,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }

    async fn users(
        &self,
        group: &Group,
        membership: GroupMembership,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<User>, Fault> {
        let rows = sqlx::query_as!(
            UserRow,
            "SELECT realm_id, user_id, company_id, role, status, email, email_key, email_verified_at, phone, phone_verified_at,
                 user_name, activated_at, awaits, access_generation, version, created_at
             FROM users
             WHERE realm_id = $1
               AND company_id = $2
               AND user_id > $3
               AND $6 = EXISTS (
                   SELECT FROM group_members
                   WHERE group_members.realm_id = $1
                     AND group_members.group_id = $5
                     AND group_members.user_id = users.user_id
               )
             ORDER BY user_id
             LIMIT $4",
            group.realm_id.as_uuid(),
            group.company_id.as_uuid(),
            after.map_or(Uuid::nil(), |after| after.as_uuid()),
            limit,
            group.id.as_uuid(),
            membership == GroupMembership::Members,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(User::try_from).collect()
    }
}
