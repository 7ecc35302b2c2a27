//! Users' contacts, as they are changed.

use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault};
use messaging::NewEvent;
use runtime::postgres;
use sqlx::{PgConnection, PgExecutor};

use super::users::{email, email_key, phone};
use crate::adapters::events;
use crate::application::{ContactUpdate, UpdateUserError};
use crate::domain::Contact;

/// Writes another contact, only if nobody has changed the user since he was read, and the facts that follow. Whatever was sent before to
/// show that a contact of this kind is his is void then, and so are links that were sent to his phone, were he to have it again.
pub(super) async fn update(
    connection: &mut PgConnection,
    call: &Call,
    update: &ContactUpdate<'_>,
) -> Result<(), UpdateUserError> {
    let user = update.user;
    let event = events::contact_changed(call, update.event_id, user.realm_id(), update.changed);
    let contacts = user.contacts();
    let written = sqlx::query!(
        "WITH updated AS (
             UPDATE users
             SET email = $3,
                 email_key = $4,
                 autologins_from = CASE WHEN email_key IS NOT DISTINCT FROM $4 THEN autologins_from ELSE $16 END,
                 email_verified_at =
                     CASE WHEN $5 THEN CASE WHEN email_key = $4 THEN coalesce(email_verified_at, $16) ELSE $16 END END,
                 phone = $6,
                 phone_verified_at =
                     CASE WHEN $7 THEN CASE WHEN phone = $6 THEN coalesce(phone_verified_at, $16) ELSE $16 END END,
                 version = $8::bigint
             WHERE realm_id = $1
               AND user_id = $2
               AND version = $8::bigint - 1
             RETURNING realm_id, user_id, version
         )
         SELECT messaging.append_event($9, realm_id, $10, user_id, version, $11, $12, $13, $14, $15, $16) AS appended
         FROM updated",
        user.realm_id().as_uuid(),
        user.id().as_uuid(),
        email(contacts),
        email_key(contacts),
        user.is_email_verified(),
        phone(contacts),
        user.is_phone_verified(),
        user.version(),
        event.event_id.as_uuid(),
        event.aggregate.kind,
        event.lane.as_str(),
        event.cause_id.as_uuid(),
        event.event_type,
        event.payload,
        event.traceparent,
        event.occurred_at.to_sqlx() as _,
    )
    .execute(&mut *connection)
    .await
    .map_err(|error| match postgres::violated_constraint(&error) {
        Some("users_email_taken" | "users_phone_taken") => UpdateUserError::Taken,
        _ => UpdateUserError::Fault(postgres::fault(error)),
    })?;
    if written.rows_affected() == 0 {
        return Err(UpdateUserError::Stale);
    }
    end_what_was_sent(&mut *connection, update).await?;
    if let Some(notice) = &update.notice {
        append(connection, &events::contact_replaced(call, notice, user.realm_id(), update.changed)).await?;
    }
    Ok(())
}

async fn end_what_was_sent(connection: &mut PgConnection, update: &ContactUpdate<'_>) -> Result<(), Fault> {
    let ContactUpdate { user, changed, .. } = update;
    let ended = match changed.contact {
        Contact::Email => {
            sqlx::query!(
                "SELECT end_autologin_sessions($1, $2, $3) AS ended",
                user.realm_id().as_uuid(),
                user.id().as_uuid(),
                changed.at.to_sqlx() as _,
            )
            .execute(&mut *connection)
            .await
            .map_err(postgres::fault)?;
            sqlx::query!(
                "UPDATE email_changes
                 SET expires_at = least(expires_at, $3)
                 WHERE realm_id = $1
                   AND user_id = $2",
                user.realm_id().as_uuid(),
                user.id().as_uuid(),
                changed.at.to_sqlx() as _,
            )
            .execute(connection)
            .await
        }
        Contact::Phone | Contact::UserName => {
            sqlx::query!(
                "UPDATE phone_codes
                 SET ended_at = $3
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND ended_at IS NULL",
                user.realm_id().as_uuid(),
                user.id().as_uuid(),
                changed.at.to_sqlx() as _,
            )
            .execute(&mut *connection)
            .await
            .map_err(postgres::fault)?;
            sqlx::query!(
                "UPDATE links
                 SET ended_at = $3
                 WHERE realm_id = $1
                   AND user_id = $2
                   AND phone IS NOT NULL
                   AND ended_at IS NULL",
                user.realm_id().as_uuid(),
                user.id().as_uuid(),
                changed.at.to_sqlx() as _,
            )
            .execute(connection)
            .await
        }
    };
    ended.map_err(postgres::fault)?;
    Ok(())
}

async fn append(executor: impl PgExecutor<'_>, event: &NewEvent) -> Result<(), Fault> {
    sqlx::query!(
        "SELECT messaging.append_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS appended",
        event.event_id.as_uuid(),
        event.realm_id.as_uuid(),
        event.aggregate.kind,
        event.aggregate.id,
        event.aggregate.version,
        event.lane.as_str(),
        event.cause_id.as_uuid(),
        event.event_type,
        event.payload,
        event.traceparent,
        event.occurred_at.to_sqlx() as _,
    )
    .execute(executor)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}
