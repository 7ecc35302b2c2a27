//! Users' standings in their companies, as OWNERs decide about them.

use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault};
use runtime::postgres;
use sqlx::PgExecutor;

use super::users::awaits;
use crate::adapters::events;
use crate::application::Decision;
use crate::domain::StandingChange;

/// Writes a standing with what follows from it; false if the user was changed meanwhile, or if whoever decided is no active OWNER
/// any more.
pub(super) async fn update(executor: impl PgExecutor<'_>, call: &Call, decision: &Decision<'_>) -> Result<bool, Fault> {
    let Decision { user, decided_by, event_id, changed, .. } = decision;
    let event = events::standing_changed(call, *event_id, user.realm_id(), *changed);
    // Both rows are locked in the order of their ids, so that two who decide about each other do so one after the other.
    let written = sqlx::query!(
        "WITH locked AS (
             SELECT user_id, company_id, role, status
             FROM users
             WHERE realm_id = $1
               AND user_id IN ($2, $3)
             ORDER BY user_id
             FOR UPDATE
         ), deciding AS (
             SELECT count(*) AS owners
             FROM locked
             WHERE user_id = $3
               AND company_id = $4
               AND role = 'OWNER'
               AND status = 'ACTIVE'
         ), updated AS (
             UPDATE users
             SET role = $5, status = $6, version = $7::bigint, access_generation = $16, activated_at = $18, awaits = $19
             WHERE realm_id = $1
               AND user_id = $2
               AND version = $7::bigint - 1
               AND (SELECT owners FROM deciding) = 1
             RETURNING realm_id, user_id, version
         )
         SELECT messaging.append_event($8, realm_id, $9, user_id, version, $10, $11, $12, $13, $14, $15) AS appended,
             CASE WHEN $17 THEN end_sessions(realm_id, user_id, NULL, $15) END AS signed_out,
             revoke_access(user_id, $16, $15) AS revoked
         FROM updated",
        user.realm_id().as_uuid(),
        user.id().as_uuid(),
        decided_by.as_uuid(),
        user.company_id().as_uuid(),
        user.role().as_str(),
        user.status().as_str(),
        user.version(),
        event.event_id.as_uuid(),
        event.aggregate.kind,
        event.lane.as_str(),
        event.cause_id.as_uuid(),
        event.event_type,
        event.payload,
        event.traceparent,
        event.occurred_at.to_sqlx() as _,
        changed.access_generation,
        changed.change == StandingChange::Blocked,
        user.activated_at().map(jiff_sqlx::ToSqlx::to_sqlx) as _,
        awaits(user.activation()),
    )
    .execute(executor)
    .await
    .map_err(postgres::fault)?;
    Ok(written.rows_affected() == 1)
}
