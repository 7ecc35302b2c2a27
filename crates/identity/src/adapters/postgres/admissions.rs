//! Users coming to a company: they, their links and the facts of both.

use std::collections::{HashMap, HashSet};

use jiff_sqlx::ToSqlx as _;
use kernel::{Call, Fault, RealmId, RepeatError, Timestamp, UserId};
use messaging::{NewEvent, requests};
use runtime::postgres;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::introductions::IntroductionForm;
use super::users::{awaits, email, email_key, phone, user_name};
use crate::adapters::events;
use crate::application::{Admission, Admitted, InsertError};
use crate::domain::{Contact, Contacts, User};

/// What became of one of them, as it is remembered.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AdmittedForm {
    Added(Uuid),
    Taken(Vec<String>),
    Invalid,
}

impl From<&Admitted> for AdmittedForm {
    fn from(admitted: &Admitted) -> Self {
        match admitted {
            Admitted::Added(id) => Self::Added(id.as_uuid()),
            Admitted::Taken(contacts) => Self::Taken(contacts.iter().map(|contact| contact.as_str().to_owned()).collect()),
            Admitted::Invalid => Self::Invalid,
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a remembered verdict has no meaning")]
struct UnreadableVerdict;

impl TryFrom<AdmittedForm> for Admitted {
    type Error = Fault;

    fn try_from(form: AdmittedForm) -> Result<Self, Fault> {
        Ok(match form {
            AdmittedForm::Added(id) => Self::Added(UserId::from_uuid(id)),
            AdmittedForm::Taken(contacts) => {
                let contacts: Result<Vec<Contact>, ()> = contacts.iter().map(|contact| contact.parse()).collect();
                Self::Taken(contacts.map_err(|()| Fault::internal(UnreadableVerdict))?)
            }
            AdmittedForm::Invalid => Self::Invalid,
        })
    }
}

/// What the request of this call led to when it came before.
pub(super) async fn admitted(
    executor: impl PgExecutor<'_>,
    call: &Call,
    now: Timestamp,
) -> Result<Option<Vec<Admitted>>, RepeatError> {
    let Some(verdicts) = requests::verdicts(executor, call, now).await? else { return Ok(None) };
    let forms: Vec<AdmittedForm> = serde_json::from_value(verdicts).map_err(Fault::internal)?;
    let admitted: Result<Vec<Admitted>, Fault> = forms.into_iter().map(Admitted::try_from).collect();
    Ok(Some(admitted?))
}

/// Adds those whose contacts nobody has, says what became of each, and remembers it if the request has a name. A request that
/// added nobody has changed nothing, and is not remembered.
pub(super) async fn admit(
    connection: &mut PgConnection,
    call: &Call,
    admissions: &[Option<&Admission>],
    now: Timestamp,
) -> Result<Vec<Admitted>, InsertError> {
    let possible: Vec<&Admission> = admissions.iter().copied().flatten().collect();
    let Some(first) = possible.first() else { return Ok(vec![Admitted::Invalid; admissions.len()]) };
    let realm_id = first.user.realm_id();
    let added = insert(&mut *connection, call, realm_id, &possible, now).await?;
    let refused: Vec<&User> =
        possible.iter().map(|admission| &admission.user).filter(|user| !added.contains(&user.id())).collect();
    let mut taken = if refused.is_empty() { HashMap::new() } else { taken(&mut *connection, realm_id, &refused).await? };
    let outcome = |admission: Option<&Admission>| match admission {
        None => Admitted::Invalid,
        Some(admission) if added.contains(&admission.user.id()) => Admitted::Added(admission.user.id()),
        Some(admission) => Admitted::Taken(taken.remove(&admission.user.id()).unwrap_or_default()),
    };
    let admitted: Vec<Admitted> = admissions.iter().copied().map(outcome).collect();
    let Some(request) = call.named_request() else { return Ok(admitted) };
    if added.is_empty() {
        // Perhaps their contacts are taken by themselves: by this very request, a moment ago.
        let done = requests::verdicts(connection, call, now).await.map_err(|error| match error {
            RepeatError::IdReused => InsertError::DoneBefore,
            RepeatError::Fault(fault) => fault.into(),
        })?;
        return if done.is_some() { Err(InsertError::DoneBefore) } else { Ok(admitted) };
    }
    let forms: Vec<AdmittedForm> = admitted.iter().map(AdmittedForm::from).collect();
    let verdicts = serde_json::to_value(forms).map_err(Fault::internal)?;
    requests::remember_batch(connection, request, &verdicts, now).await.map_err(insert_error)?;
    Ok(admitted)
}

pub(super) fn insert_error(error: sqlx::Error) -> InsertError {
    match postgres::violated_constraint(&error) {
        Some(requests::DONE_ONCE) => InsertError::DoneBefore,
        _ => postgres::fault(error).into(),
    }
}

/// Which of the contacts of these users, all of one realm, somebody else has.
pub(super) async fn taken(
    executor: impl PgExecutor<'_>,
    realm_id: RealmId,
    users: &[&User],
) -> Result<HashMap<UserId, Vec<Contact>>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT
             asked.user_id AS "user_id!",
             EXISTS (
                 SELECT FROM users WHERE realm_id = $1 AND email_key = asked.email_key AND user_id <> asked.user_id
             ) AS "email!",
             EXISTS (
                 SELECT FROM users WHERE realm_id = $1 AND phone = asked.phone AND user_id <> asked.user_id
             ) AS "phone!",
             EXISTS (
                 SELECT FROM users WHERE realm_id = $1 AND user_name = asked.user_name AND user_id <> asked.user_id
             ) AS "user_name!"
         FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS asked (user_id, email_key, phone, user_name)"#,
        realm_id.as_uuid(),
        &users.iter().map(|user| user.id().as_uuid()).collect::<Vec<_>>(),
        &column(users, email_key) as _,
        &column(users, phone) as _,
        &column(users, user_name) as _,
    )
    .fetch_all(executor)
    .await
    .map_err(postgres::fault)?;
    let taken = rows.into_iter().map(|row| {
        let all = [
            row.email.then_some(Contact::Email),
            row.phone.then_some(Contact::Phone),
            row.user_name.then_some(Contact::UserName),
        ];
        (UserId::from_uuid(row.user_id), all.into_iter().flatten().collect())
    });
    Ok(taken.collect())
}

/// One contact of each.
fn column(users: &[&User], of: fn(&Contacts) -> Option<&str>) -> Vec<Option<String>> {
    users.iter().map(|user| of(user.contacts()).map(str::to_owned)).collect()
}

/// Facts, a column each.
#[derive(Default)]
struct Facts {
    ids: Vec<Uuid>,
    users: Vec<Uuid>,
    lanes: Vec<&'static str>,
    types: Vec<&'static str>,
    payloads: Vec<Vec<u8>>,
    expires_at: Vec<Option<jiff_sqlx::Timestamp>>,
}

impl Facts {
    fn push(&mut self, user_id: UserId, event: NewEvent) {
        self.ids.push(event.event_id.as_uuid());
        self.users.push(user_id.as_uuid());
        self.lanes.push(event.lane.as_str());
        self.types.push(event.event_type);
        self.payloads.push(event.payload);
        self.expires_at.push(event.expires_at.map(jiff_sqlx::ToSqlx::to_sqlx));
    }

    fn of(call: &Call, admissions: &[&Admission]) -> Self {
        let mut facts = Self::default();
        for Admission { user, created, event_id, invitation, .. } in admissions {
            facts.push(user.id(), events::user_created(call, *event_id, user.realm_id(), *created, user.created_at()));
            if let Some(new) = invitation {
                facts.push(user.id(), events::link_made(call, new));
            }
        }
        facts
    }
}

/// Adds those whose contacts nobody has, with their links and the facts of both, in one statement.
pub(super) async fn insert(
    executor: impl PgExecutor<'_>,
    call: &Call,
    realm_id: RealmId,
    admissions: &[&Admission],
    now: Timestamp,
) -> Result<HashSet<UserId>, Fault> {
    let users: Vec<&User> = admissions.iter().map(|admission| &admission.user).collect();
    let links: Vec<_> = admissions.iter().filter_map(|admission| admission.invitation.as_ref()).collect();
    let facts = Facts::of(call, admissions);
    let introductions: Result<Vec<Option<serde_json::Value>>, Fault> =
        admissions.iter().map(|admission| IntroductionForm::of(&admission.introduction)).collect();
    let added = sqlx::query_scalar!(
        r#"WITH added AS (
             INSERT INTO users
                 (realm_id, user_id, company_id, role, status, awaits, introduction, email, email_key, phone, user_name, version, created_at)
             SELECT $1, user_id, company_id, role, status, awaits, introduction, email, email_key, phone, user_name, 1, $2
             FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $24::text[], $25::jsonb[], $7::text[], $8::text[],
                     $9::text[], $10::text[])
                 AS admitted (user_id, company_id, role, status, awaits, introduction, email, email_key, phone, user_name)
             ORDER BY email_key, phone, user_name -- so that two imports do not wait for each other in a circle
             ON CONFLICT DO NOTHING
             RETURNING user_id, email_key
         ), linked AS (
             INSERT INTO links (realm_id, link_id, user_id, purpose, token_hash, email_key, created_at, expires_at)
             SELECT $1, link_id, user_id, purpose, token_hash, email_key, $2, expires_at
             FROM unnest($11::uuid[], $12::uuid[], $13::text[], $14::bytea[], $15::timestamptz[])
                 AS made (link_id, user_id, purpose, token_hash, expires_at)
             JOIN added USING (user_id)
         ), told AS (
             SELECT user_id,
                 messaging.append_event(event_id, $1, 'user', user_id, 1, lane, $22, type, payload, $23, $2, expires_at) AS appended
             FROM unnest($16::uuid[], $17::uuid[], $18::text[], $19::text[], $20::bytea[], $21::timestamptz[])
                 AS fact (event_id, user_id, lane, type, payload, expires_at)
             JOIN added USING (user_id)
         )
         SELECT user_id AS "user_id!"
         FROM told
         GROUP BY user_id"#,
        realm_id.as_uuid(),
        now.to_sqlx() as _,
        &users.iter().map(|user| user.id().as_uuid()).collect::<Vec<_>>(),
        &users.iter().map(|user| user.company_id().as_uuid()).collect::<Vec<_>>(),
        &users.iter().map(|user| user.role().as_str().to_owned()).collect::<Vec<_>>(),
        &users.iter().map(|user| user.status().as_str().to_owned()).collect::<Vec<_>>(),
        &column(&users, email) as _,
        &column(&users, email_key) as _,
        &column(&users, phone) as _,
        &column(&users, user_name) as _,
        &links.iter().map(|new| new.link.id.as_uuid()).collect::<Vec<_>>(),
        &links.iter().map(|new| new.link.user_id.as_uuid()).collect::<Vec<_>>(),
        &links.iter().map(|new| new.link.purpose.as_str().to_owned()).collect::<Vec<_>>(),
        &links.iter().map(|new| new.token_hash.clone()).collect::<Vec<_>>(),
        &links.iter().map(|new| new.link.expires_at.to_sqlx()).collect::<Vec<_>>() as _,
        &facts.ids,
        &facts.users,
        &facts.lanes as _,
        &facts.types as _,
        &facts.payloads,
        &facts.expires_at as _,
        call.command_id().as_uuid(),
        call.traceparent(),
        &users.iter().map(|user| awaits(user.activation()).map(str::to_owned)).collect::<Vec<_>>() as _,
        &introductions? as _,
    )
    .fetch_all(executor)
    .await
    .map_err(postgres::fault)?;
    Ok(added.into_iter().map(UserId::from_uuid).collect())
}
