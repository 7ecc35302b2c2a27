//! The ledger in PostgreSQL: planned, claimed and settled set-wise.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff_sqlx::ToSqlx as _;
use kernel::{CommandId, DeliveryId, Fault, RealmId, Timestamp, UserId};
use messaging::{Lane, inbox};
use runtime::postgres;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{UnknownWord, segments, speech};
use crate::adapters::metrics::LedgerMetrics;
use crate::application::{Addressed, CaseVersion, Ledger, Person, PersonStanding, PersonVersion, Plan, PlanError, RealmVersion};
use crate::domain::{
    Channel, Claimed, Kind, LEASE, LIFETIME, NewDelivery, ObjectId, Outcome, Phone, Receipt, Settled, wait_after,
};

/// How often the deliveries that wait are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) struct PgLedger {
    pool: PgPool,
    metrics: LedgerMetrics,
}

impl PgLedger {
    pub(crate) const fn new(pool: PgPool, metrics: LedgerMetrics) -> Self {
        Self { pool, metrics }
    }

    /// Counts the deliveries that wait, for ever.
    pub(crate) async fn watch_waiting(self) -> Infallible {
        loop {
            if let Err(error) = self.count_waiting().await {
                tracing::debug!(error = &error as &dyn std::error::Error, "waiting deliveries not counted");
            }
            tokio::time::sleep(COUNT_INTERVAL).await;
        }
    }

    async fn count_waiting(&self) -> sqlx::Result<()> {
        let waiting = sqlx::query!(
            r#"SELECT
                 count(*) FILTER (WHERE state = 'PENDING') AS "pending!",
                 count(*) FILTER (WHERE state = 'UNCERTAIN') AS "uncertain!"
             FROM deliveries
             WHERE settled_at IS NULL"#,
        )
        .fetch_one(&self.pool)
        .await?;
        self.metrics.waiting("PENDING", waiting.pending);
        self.metrics.waiting("UNCERTAIN", waiting.uncertain);
        Ok(())
    }
}

struct ClaimedRow {
    realm_id: Uuid,
    cause_id: Uuid,
    object_id: Uuid,
    user_id: Uuid,
    channel: String,
    delivery_id: Uuid,
    kind: String,
    content: Vec<u8>,
    attempt: i32,
    created_at: jiff_sqlx::Timestamp,
    expires_at: Option<jiff_sqlx::Timestamp>,
    traceparent: Option<String>,
}

/// `leased_since` was taken before the statement that made the lease, so that we never think it longer than it is.
fn claimed(row: ClaimedRow, leased_since: Instant) -> Result<Claimed, Fault> {
    let channel = row.channel.parse().map_err(|()| Fault::internal(UnknownWord))?;
    let kind = row.kind.parse().map_err(|()| Fault::internal(UnknownWord))?;
    Ok(Claimed {
        realm_id: RealmId::from_uuid(row.realm_id),
        cause_id: CommandId::from_uuid(row.cause_id),
        object_id: ObjectId::from_uuid(row.object_id),
        user_id: UserId::from_uuid(row.user_id),
        delivery_id: DeliveryId::from_uuid(row.delivery_id),
        channel,
        kind,
        content: row.content,
        attempt: row.attempt,
        created_at: row.created_at.to_jiff(),
        expires_at: row.expires_at.map(jiff_sqlx::Timestamp::to_jiff),
        traceparent: row.traceparent,
        leased_since,
    })
}

fn known(email: Option<String>, phone: Phone, is_blocked: bool) -> Person {
    let standing = if is_blocked { PersonStanding::Blocked } else { PersonStanding::Active };
    Person::Known { email, phone, standing }
}

fn phone(number: Option<String>, is_confirmed: bool) -> Phone {
    match number {
        None => Phone::Missing,
        Some(number) if is_confirmed => Phone::Confirmed(number),
        Some(number) => Phone::Unconfirmed(number),
    }
}

/// The moment at which a claim made now ends.
fn lease_end(now: Timestamp) -> Timestamp {
    now.saturating_add(LEASE).expect("a duration of whole seconds can be added to a moment")
}

#[async_trait]
impl Ledger for PgLedger {
    async fn plan(
        &self,
        consumer: &'static str,
        plan: Plan,
        now: Timestamp,
        leased_since: Instant,
    ) -> Result<Vec<Claimed>, PlanError> {
        let mut transaction = self.pool.begin().await.map_err(postgres::fault)?;
        let fresh = inbox::accept(&mut transaction, consumer, &plan.events).await.map_err(postgres::fault)?;
        self.metrics.repeats(plan.events.len() - fresh.len());
        let deliveries: Vec<NewDelivery> =
            plan.deliveries.into_iter().filter(|delivery| fresh.contains(&delivery.event_id)).collect();
        want_persons(&mut transaction, &plan.persons).await?;
        want_realms(&mut transaction, &plan.realms).await?;
        speech::want(&mut transaction, &plan.profiles).await?;
        raise_case_versions(&mut transaction, &plan.cases).await?;
        let made = insert_deliveries(&mut transaction, &deliveries, now, leased_since).await?;
        transaction.commit().await.map_err(postgres::fault)?;
        Ok(made)
    }

    async fn claim(
        &self,
        channel: Channel,
        lane: Lane,
        limit: i64,
        now: Timestamp,
        leased_since: Instant,
    ) -> Result<Vec<Claimed>, Fault> {
        let rows = sqlx::query_as!(
            ClaimedRow,
            "UPDATE deliveries AS delivery
             SET attempt = delivery.attempt + 1, claimable_at = $2
             FROM (
                 SELECT realm_id, cause_id, object_id, user_id, channel
                 FROM deliveries
                 WHERE settled_at IS NULL
                   AND claimable_at <= $1
                   AND lane = $4
                   AND channel = $5
                   AND kind = ANY($6) -- a later release may know more of them
                 ORDER BY claimable_at
                 LIMIT $3
                 FOR UPDATE SKIP LOCKED -- what another dispatcher is claiming is not waited for
             ) AS waiting
             WHERE delivery.realm_id = waiting.realm_id
               AND delivery.cause_id = waiting.cause_id
               AND delivery.object_id = waiting.object_id
               AND delivery.user_id = waiting.user_id
               AND delivery.channel = waiting.channel
             RETURNING delivery.realm_id, delivery.cause_id, delivery.object_id, delivery.user_id, delivery.channel,
                 delivery.delivery_id, delivery.kind, delivery.content, delivery.attempt, delivery.created_at,
                 delivery.expires_at, delivery.traceparent",
            now.to_sqlx() as _,
            lease_end(now).to_sqlx() as _,
            limit,
            lane.as_str(),
            channel.as_str(),
            &Kind::ALL.map(|kind| kind.as_str().to_owned()),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        rows.into_iter().map(|row| claimed(row, leased_since)).collect()
    }

    async fn release(&self, deliveries: &[Claimed], now: Timestamp) -> Result<(), Fault> {
        let keys = Keys::of(deliveries.iter());
        let Some((first_cause, last_cause)) = keys.bounds_of_causes() else { return Ok(()) };
        sqlx::query!(
            "UPDATE deliveries AS delivery
             SET claimable_at = $1
             FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::integer[])
                 AS released (realm_id, cause_id, object_id, user_id, channel, attempt)
             WHERE delivery.cause_id BETWEEN $8 AND $9
               AND delivery.realm_id = released.realm_id
               AND delivery.cause_id = released.cause_id
               AND delivery.object_id = released.object_id
               AND delivery.user_id = released.user_id
               AND delivery.channel = released.channel
               AND delivery.attempt = released.attempt
               AND delivery.settled_at IS NULL",
            now.to_sqlx() as _,
            &keys.realms,
            &keys.causes,
            &keys.objects,
            &keys.users,
            &keys.channels as _,
            &keys.attempts,
            first_cause,
            last_cause,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        Ok(())
    }

    async fn address(&self, deliveries: Vec<Claimed>) -> Result<Vec<Addressed>, Fault> {
        let keys = Keys::of(deliveries.iter());
        let rows = sqlx::query!(
            r#"SELECT
                 person.email AS "email?",
                 person.phone AS "phone?",
                 coalesce(person.is_phone_confirmed, false) AS "is_phone_confirmed!",
                 coalesce(person.is_blocked, false) AS "is_blocked!",
                 coalesce(person.known_version >= person.wanted_version AND person.known_version > 0, false) AS "is_known!",
                 coalesce(
                     CASE wanted.channel
                         WHEN 'EMAIL' THEN preference.status_change_email
                         WHEN 'SMS' THEN preference.status_change_sms
                     END,
                     false
                 ) AS "is_ticked!",
                 version.version AS "newest_version?"
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[])
                 WITH ORDINALITY AS wanted (realm_id, user_id, object_id, channel, place)
             LEFT JOIN people AS person ON person.realm_id = wanted.realm_id AND person.user_id = wanted.user_id
             LEFT JOIN preferences AS preference ON preference.realm_id = wanted.realm_id AND preference.user_id = wanted.user_id
             LEFT JOIN case_versions AS version ON version.realm_id = wanted.realm_id AND version.case_id = wanted.object_id
             ORDER BY wanted.place"#,
            &keys.realms,
            &keys.users,
            &keys.objects,
            &keys.channels as _,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(postgres::fault)?;
        let addressed = deliveries.into_iter().zip(rows).map(|(delivery, row)| Addressed {
            delivery,
            person: if row.is_known {
                known(row.email, phone(row.phone, row.is_phone_confirmed), row.is_blocked)
            } else {
                Person::Stale
            },
            is_ticked: row.is_ticked,
            newest_version: row.newest_version,
        });
        Ok(addressed.collect())
    }

    async fn settle(&self, settled: &[Settled], now: Timestamp) -> Result<(), Fault> {
        let keys = Keys::of(settled.iter().map(|settled| &settled.delivery));
        let Some((first_cause, last_cause)) = keys.bounds_of_causes() else { return Ok(()) };
        let entries: Vec<Entry> = settled.iter().map(|settled| entry(settled, now)).collect();
        let states: Vec<_> = entries.iter().map(|entry| entry.state).collect();
        let reasons: Vec<_> = entries.iter().map(|entry| entry.reason).collect();
        let claimable_at: Vec<_> = entries.iter().map(|entry| entry.claimable_at.to_sqlx()).collect();
        let ends: Vec<_> = entries.iter().map(|entry| entry.is_end).collect();
        let address_hashes: Vec<_> = entries.iter().map(|entry| entry.address_hash.clone()).collect();
        // Before the results: if these cannot be written now, they will be later, and so will the names once more.
        segments::insert(&self.pool, settled).await?;
        sqlx::query!(
            "UPDATE deliveries AS delivery
             SET state = outcome.state,
                 reason = outcome.reason,
                 claimable_at = outcome.claimable_at,
                 address_hash = outcome.address_hash,
                 content = CASE
                     WHEN delivery.lane = 'security' AND outcome.is_end THEN ''
                     ELSE delivery.content
                 END,
                 settled_at = CASE WHEN outcome.is_end THEN $1::timestamptz END
             FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::integer[], $8::text[], $9::text[],
                     $10::timestamptz[], $11::bytea[], $12::boolean[])
                 AS outcome (realm_id, cause_id, object_id, user_id, channel, attempt, state, reason, claimable_at, address_hash,
                     is_end)
             WHERE delivery.cause_id BETWEEN $13 AND $14
               AND delivery.realm_id = outcome.realm_id
               AND delivery.cause_id = outcome.cause_id
               AND delivery.object_id = outcome.object_id
               AND delivery.user_id = outcome.user_id
               AND delivery.channel = outcome.channel
               AND delivery.settled_at IS NULL
               AND (outcome.state = 'SENT' OR delivery.attempt = outcome.attempt)",
            now.to_sqlx() as _,
            &keys.realms,
            &keys.causes,
            &keys.objects,
            &keys.users,
            &keys.channels as _,
            &keys.attempts,
            &states as _,
            &reasons as _,
            &claimable_at as _,
            &address_hashes as _,
            &ends,
            first_cause,
            last_cause,
        )
        .execute(&self.pool)
        .await
        .map_err(postgres::fault)?;
        for entry in &entries {
            self.metrics.settled(entry.state);
        }
        Ok(())
    }

    async fn receive(&self, receipt: &Receipt) -> Result<bool, Fault> {
        segments::receive(&self.pool, receipt).await
    }
}

/// The keys of several deliveries, a column each.
#[derive(Default)]
struct Keys {
    realms: Vec<Uuid>,
    causes: Vec<Uuid>,
    objects: Vec<Uuid>,
    users: Vec<Uuid>,
    channels: Vec<&'static str>,
    attempts: Vec<i32>,
}

impl Keys {
    fn of<'a>(deliveries: impl Iterator<Item = &'a Claimed>) -> Self {
        let mut keys = Self::default();
        for delivery in deliveries {
            keys.realms.push(delivery.realm_id.as_uuid());
            keys.causes.push(delivery.cause_id.as_uuid());
            keys.objects.push(delivery.object_id.as_uuid());
            keys.users.push(delivery.user_id.as_uuid());
            keys.channels.push(delivery.channel.as_str());
            keys.attempts.push(delivery.attempt);
        }
        keys
    }

    /// The lowest and the highest cause. A statement that names them is planned for the partitions between them alone: else
    /// planning for each day there is costs more than a small batch itself.
    fn bounds_of_causes(&self) -> Option<(Uuid, Uuid)> {
        Some((*self.causes.iter().min()?, *self.causes.iter().max()?))
    }
}

/// What is written of an outcome.
struct Entry {
    state: &'static str,
    /// Whether that is how it ends, rather than how it waits.
    is_end: bool,
    reason: Option<&'static str>,
    claimable_at: Timestamp,
    address_hash: Option<Vec<u8>>,
}

fn entry(settled: &Settled, now: Timestamp) -> Entry {
    let delivery = &settled.delivery;
    let done = |state, reason| Entry { state, is_end: true, reason, claimable_at: now, address_hash: None };
    let again = |state, reason| {
        // The last byte of a UUIDv7 is random, and the same for every attempt: good enough to spread retries.
        let jitter = delivery.delivery_id.as_uuid().into_bytes()[15];
        let claimable_at = now.saturating_add(wait_after(delivery.attempt, jitter)).unwrap_or(now);
        let is_old = delivery.created_at.saturating_add(LIFETIME).is_ok_and(|end| end <= now);
        // What could be tried again only when it is worth nothing is not.
        let is_over = is_old || delivery.is_expired(claimable_at);
        Entry { claimable_at, is_end: is_over, ..done(if is_over { "EXPIRED" } else { state }, Some(reason)) }
    };
    match &settled.outcome {
        Outcome::Sent { address_hash, .. } => Entry { address_hash: Some(address_hash.clone()), ..done("SENT", None) },
        Outcome::Failed { reason } => done("FAILED", Some(*reason)),
        Outcome::Suppressed { reason } => done("SUPPRESSED", Some(*reason)),
        Outcome::Expired => done("EXPIRED", Some("TOO_LATE")),
        Outcome::Retry { reason } => again("PENDING", *reason),
        Outcome::Uncertain { reason } if delivery.channel.forgives_repeats() => again("UNCERTAIN", *reason),
        Outcome::Uncertain { reason } => done("UNCERTAIN", Some(*reason)),
    }
}

/// There is news of these realms: they are asked about before they are shown again.
async fn want_realms(connection: &mut PgConnection, realms: &[RealmVersion]) -> Result<(), Fault> {
    if realms.is_empty() {
        return Ok(());
    }
    // Sorted, so that two planners do not wait for each other in a circle.
    sqlx::query!(
        "INSERT INTO realm_news AS known (realm_id, wanted_version)
         SELECT realm_id, max(version)
         FROM unnest($1::uuid[], $2::bigint[]) AS news (realm_id, version)
         GROUP BY realm_id
         ORDER BY realm_id
         ON CONFLICT (realm_id) DO UPDATE
         SET wanted_version = excluded.wanted_version
         WHERE known.wanted_version < excluded.wanted_version",
        &realms.iter().map(|realm| realm.realm_id.as_uuid()).collect::<Vec<_>>(),
        &realms.iter().map(|realm| realm.version).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

/// There is news of these people: they are asked about before anything is sent to them.
async fn want_persons(connection: &mut PgConnection, persons: &[PersonVersion]) -> Result<(), Fault> {
    if persons.is_empty() {
        return Ok(());
    }
    let realms: Vec<_> = persons.iter().map(|person| person.realm_id.as_uuid()).collect();
    let users: Vec<_> = persons.iter().map(|person| person.user_id.as_uuid()).collect();
    let versions: Vec<_> = persons.iter().map(|person| person.version).collect();
    // Sorted, so that two planners do not wait for each other in a circle.
    sqlx::query!(
        "INSERT INTO people AS known (realm_id, user_id, wanted_version)
         SELECT realm_id, user_id, max(version)
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS news (realm_id, user_id, version)
         GROUP BY realm_id, user_id
         ORDER BY realm_id, user_id
         ON CONFLICT (realm_id, user_id) DO UPDATE
         SET wanted_version = excluded.wanted_version
         WHERE known.wanted_version < excluded.wanted_version",
        &realms,
        &users,
        &versions,
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

async fn raise_case_versions(connection: &mut PgConnection, cases: &[CaseVersion]) -> Result<(), Fault> {
    if cases.is_empty() {
        return Ok(());
    }
    let realms: Vec<_> = cases.iter().map(|case| case.realm_id.as_uuid()).collect();
    let ids: Vec<_> = cases.iter().map(|case| case.case_id.as_uuid()).collect();
    let versions: Vec<_> = cases.iter().map(|case| case.version).collect();
    // Sorted, so that two planners do not wait for each other in a circle.
    sqlx::query!(
        "INSERT INTO case_versions AS known (realm_id, case_id, version)
         SELECT realm_id, case_id, max(version)
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS news (realm_id, case_id, version)
         GROUP BY realm_id, case_id
         ORDER BY realm_id, case_id
         ON CONFLICT (realm_id, case_id) DO UPDATE
         SET version = excluded.version
         WHERE known.version < excluded.version",
        &realms,
        &ids,
        &versions,
    )
    .execute(connection)
    .await
    .map_err(postgres::fault)?;
    Ok(())
}

/// Makes a row for everybody who ticked it, or who is told in any case, born claimed by this process. Who was erased is told nothing,
/// and nothing of him is kept again.
async fn insert_deliveries(
    connection: &mut PgConnection,
    deliveries: &[NewDelivery],
    now: Timestamp,
    leased_since: Instant,
) -> Result<Vec<Claimed>, Fault> {
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let column = |of: fn(&NewDelivery) -> Uuid| deliveries.iter().map(of).collect::<Vec<_>>();
    let kinds: Vec<_> = deliveries.iter().map(|delivery| delivery.kind.as_str()).collect();
    let channels: Vec<_> = deliveries.iter().map(|delivery| delivery.channel.as_str()).collect();
    let contents: Vec<_> = deliveries.iter().map(|delivery| delivery.content.clone()).collect();
    let lanes: Vec<_> = deliveries.iter().map(|delivery| delivery.kind.lane().as_str()).collect();
    let ends: Vec<_> = deliveries.iter().map(|delivery| delivery.expires_at.map(Timestamp::to_sqlx)).collect();
    let wants_tick: Vec<_> = deliveries.iter().map(|delivery| delivery.kind.preference(delivery.channel).is_some()).collect();
    let traces: Vec<_> = deliveries.iter().map(|delivery| delivery.traceparent.clone()).collect();
    let rows = sqlx::query_as!(
        ClaimedRow,
        "INSERT INTO deliveries
             (realm_id, cause_id, object_id, user_id, channel, delivery_id, event_id, kind, lane, state, content, traceparent,
              attempt, claimable_at, created_at, expires_at)
         SELECT told.realm_id, cause_id, object_id, told.user_id, channel, delivery_id, event_id, kind, lane, 'PENDING', content,
             traceparent, 1, $12, $11, expires_at
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::bytea[],
                 $10::text[], $13::text[], $14::timestamptz[], $15::boolean[])
             AS told (realm_id, cause_id, object_id, user_id, channel, delivery_id, event_id, kind, content, traceparent, lane,
                 expires_at, wants_tick)
         LEFT JOIN preferences AS preference
             ON preference.realm_id = told.realm_id
            AND preference.user_id = told.user_id
         WHERE (
                 NOT told.wants_tick
                 OR preference.status_change_email AND told.channel = 'EMAIL'
                 OR preference.status_change_sms AND told.channel = 'SMS'
             )
           AND NOT EXISTS (
                 SELECT FROM messaging.erasure
                 WHERE erasure.realm_id = told.realm_id
                   AND erasure.user_id = told.user_id
             )
         ON CONFLICT (realm_id, cause_id, object_id, user_id, channel) DO NOTHING
         RETURNING realm_id, cause_id, object_id, user_id, channel, delivery_id, kind, content, attempt, created_at, expires_at,
             traceparent",
        &column(|delivery| delivery.realm_id.as_uuid()),
        &column(|delivery| delivery.cause_id.as_uuid()),
        &column(|delivery| delivery.object_id.as_uuid()),
        &column(|delivery| delivery.user_id.as_uuid()),
        &channels as _,
        &column(|delivery| delivery.delivery_id.as_uuid()),
        &column(|delivery| delivery.event_id.as_uuid()),
        &kinds as _,
        &contents,
        &traces as _,
        now.to_sqlx() as _,
        lease_end(now).to_sqlx() as _,
        &lanes as _,
        &ends as _,
        &wants_tick,
    )
    .fetch_all(connection)
    .await
    .map_err(postgres::fault)?;
    rows.into_iter().map(|row| claimed(row, leased_since)).collect()
}
