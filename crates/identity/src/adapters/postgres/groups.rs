//! Groups in PostgreSQL.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{Call, CompanyId, Fault, GroupId, Line, NamedRequest, Permit, RealmId, RepeatError, Timestamp, UserId};
use messaging::requests;
use runtime::postgres;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::audit::AuditLog;
use super::users::UserRow;
use crate::application::{GroupWriteError, Groups};
use crate::domain::audit::{AuditAct, Done};
use crate::domain::{Group, GroupActivity, GroupChange, GroupMembership, User};

pub(crate) struct PgGroups {
    pool: PgPool,
    audit: AuditLog,
}

impl PgGroups {
    pub(crate) const fn new(pool: PgPool, audit: AuditLog) -> Self {
        Self { pool, audit }
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

/// What of a group is another now.
fn told(changes: &[GroupChange]) -> String {
    let told = changes.iter().map(|change| match change {
        GroupChange::Name(_) => "name".to_owned(),
        GroupChange::Leader(leader_id) => format!("leader_id {leader_id}"),
        GroupChange::Activity(GroupActivity::Active) => "active".to_owned(),
        GroupChange::Activity(GroupActivity::Inactive) => "inactive".to_owned(),
    });
    told.collect::<Vec<_>>().join(", ")
}

impl PgGroups {
    async fn log(&self, connection: &mut PgConnection, call: &Call, group: &Group, done: &[Done]) -> Result<(), Fault> {
        self.audit.append(connection, call, group.realm_id, Some(group.company_id), done).await
    }
}

#[async_trait]
impl Groups for PgGroups {
    async fn made(&self, call: &Call, now: Timestamp) -> Result<Option<GroupId>, RepeatError> {
        requests::done(&self.pool, call, now).await
    }

    async fn insert(&self, _: &Permit, call: &Call, group: &Group) -> Result<bool, GroupWriteError> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
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
        .execute(&mut *transaction)
        .await
        .map_err(|error| match postgres::violated_constraint(&error) {
            Some(requests::DONE_ONCE) => GroupWriteError::DoneBefore,
            _ => postgres::fault(error).into(),
        })?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        self.log(&mut transaction, call, group, &[Done::to_group(AuditAct::GroupCreated, group.id)]).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(true)
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

    async fn update(&self, _: &Permit, call: &Call, group: &Group, changes: &[GroupChange]) -> Result<bool, Fault> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        // Whoever blocks a new leader at this moment holds his row.
        let updated = sqlx::query!(
            "WITH leader AS MATERIALIZED (
                 SELECT status = 'ACTIVE' AS may_lead
                 FROM users
                 WHERE realm_id = $1
                   AND user_id = $4
                 FOR SHARE
             )
             UPDATE groups
             SET name = $3, leader_id = $4, is_active = $5, version = $6::bigint
             WHERE realm_id = $1
               AND group_id = $2
               AND version = $6::bigint - 1
               AND (leader_id = $4 OR (SELECT may_lead FROM leader))",
            group.realm_id.as_uuid(),
            group.id.as_uuid(),
            group.name.as_str(),
            group.leader_id.as_uuid(),
            group.activity == GroupActivity::Active,
            group.version,
        )
        .execute(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        self.log(&mut transaction, call, group, &[Done::to_group(AuditAct::GroupChanged, group.id).detailed(told(changes))])
            .await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(true)
    }

    async fn add_members(
        &self,
        _: &Permit,
        call: &Call,
        group: &Group,
        user_ids: &[UserId],
        now: Timestamp,
    ) -> Result<HashSet<UserId>, Fault> {
        let ids: Vec<_> = user_ids.iter().map(UserId::as_uuid).collect();
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let there = sqlx::query!(
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
                 RETURNING user_id
             )
             SELECT there.user_id, added.user_id IS NOT NULL AS "is_new!"
             FROM there
             LEFT JOIN added ON added.user_id = there.user_id
             ORDER BY there.user_id"#,
            group.realm_id.as_uuid(),
            group.id.as_uuid(),
            group.company_id.as_uuid(),
            &ids,
            now.to_sqlx() as _,
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        let added = there.iter().filter(|row| row.is_new).map(|row| UserId::from_uuid(row.user_id));
        let done: Vec<Done> = added.map(|user_id| Done::about_group(AuditAct::GroupMemberAdded, user_id, group.id)).collect();
        self.log(&mut transaction, call, group, &done).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(there.into_iter().map(|row| UserId::from_uuid(row.user_id)).collect())
    }

    async fn remove_members(&self, _: &Permit, call: &Call, group: &Group, user_ids: &[UserId]) -> Result<(), Fault> {
        let ids: Vec<_> = user_ids.iter().map(UserId::as_uuid).collect();
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let removed = sqlx::query_scalar!(
            "DELETE FROM group_members
             WHERE realm_id = $1
               AND group_id = $2
               AND user_id = ANY($3)
             RETURNING user_id",
            group.realm_id.as_uuid(),
            group.id.as_uuid(),
            &ids,
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(postgres::fault)?;
        let removed = removed.into_iter().map(UserId::from_uuid);
        let done: Vec<Done> = removed.map(|user_id| Done::about_group(AuditAct::GroupMemberRemoved, user_id, group.id)).collect();
        self.log(&mut transaction, call, group, &done).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(())
    }

    async fn users(
        &self,
        group: &Group,
        membership: GroupMembership,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<User>, Fault> {
        let after = after.map_or(Uuid::nil(), |after| after.as_uuid());
        let rows = match membership {
            // Few of many: from those who are in it.
            GroupMembership::Members => sqlx::query_as!(
                UserRow,
                "SELECT users.realm_id, users.user_id, company_id, role, status, email, email_key, email_verified_at, phone,
                     phone_verified_at, user_name, activated_at, awaits, access_generation, version, created_at
                 FROM group_members
                 JOIN users ON users.realm_id = group_members.realm_id AND users.user_id = group_members.user_id
                 WHERE group_members.realm_id = $1
                   AND group_members.group_id = $2
                   AND group_members.user_id > $3
                 ORDER BY group_members.user_id
                 LIMIT $4",
                group.realm_id.as_uuid(),
                group.id.as_uuid(),
                after,
                limit,
            )
            .fetch_all(&self.pool)
            .await
            .map_err(postgres::fault)?,
            GroupMembership::Others => sqlx::query_as!(
                UserRow,
                "SELECT users.realm_id, users.user_id, company_id, role, status, email, email_key, email_verified_at, phone,
                     phone_verified_at, user_name, activated_at, awaits, access_generation, version, created_at
                 FROM users
                 WHERE realm_id = $1
                   AND company_id = $5
                   AND user_id > $3
                   AND NOT EXISTS (
                       SELECT FROM group_members
                       WHERE group_members.realm_id = $1
                         AND group_members.group_id = $2
                         AND group_members.user_id = users.user_id
                   )
                 ORDER BY user_id
                 LIMIT $4",
                group.realm_id.as_uuid(),
                group.id.as_uuid(),
                after,
                limit,
                group.company_id.as_uuid(),
            )
            .fetch_all(&self.pool)
            .await
            .map_err(postgres::fault)?,
        };
        rows.into_iter().map(User::try_from).collect()
    }
}
