//! Facts arrive in any order, and more than once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cabinet_e2e::{Cabinet, eventually, eventually_async};
use serde_json::Value;

const QUEUE: &str = "notification.planner.normal";

/// A fact as the broker carries it.
struct Fact {
    headers: Value,
    payload: Vec<u8>,
}

/// Makes a user, an e-mail address of his that changes, a case, and two changes of its status; all of it told as it happened.
/// Answers with the five facts.
async fn make_facts(cabinet: &Cabinet) -> Vec<Fact> {
    let token = cabinet.service_token();
    let customer = cabinet.create_customer_who_ticked("old@example.com").await;
    cabinet.change_email(&token, &customer.user_id, "new@example.com").await.expect("a good address");
    cabinet.settled().await;
    let case = cabinet.create_case(&customer.user_id).await;
    for status in ["OPEN", "RESOLVED"] {
        cabinet.change_status(&token, &case.case_id, status).await.expect("an allowed move");
    }
    cabinet.letters(3).await;
    cabinet.settled().await;
    forget_the_notice(cabinet).await;
    let databases = [&cabinet.databases.identity, &cabinet.databases.case_monitoring];
    databases.into_iter().flat_map(|database| facts(&database.value(ARCHIVE))).collect()
}

/// The old address was told as well: by the security lane, whose facts are not replayed.
async fn forget_the_notice(cabinet: &Cabinet) {
    const FORGET: &str = "
        WITH notice AS (DELETE FROM deliveries WHERE kind = 'EMAIL_REPLACED' AND state = 'SENT' RETURNING event_id),
            seen AS (DELETE FROM messaging.inbox USING notice WHERE inbox.event_id = notice.event_id RETURNING inbox.event_id)
        SELECT count(*) FROM seen";
    eventually("the notice to be sent", || (cabinet.databases.notification.value(FORGET) == "1").then_some(())).await;
}

const ARCHIVE: &str = "
    SELECT json_agg(json_build_array(
        json_build_object(
            'cloudEvents_id', event_id,
            'cloudEvents_specversion', '1.0',
            'cloudEvents_type', type,
            'cloudEvents_source', '/cabinet/' || split_part(type, '.', 1),
            'cloudEvents_time', to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            'cloudEvents_realmid', realm_id,
            'cloudEvents_causeid', cause_id
        ),
        translate(encode(payload, 'base64'), E'\\n', '')
    ) ORDER BY event_id)
    FROM messaging.outbox_archive
    WHERE type NOT LIKE '%.act.done.v1'";

fn facts(archive: &str) -> Vec<Fact> {
    let rows: Vec<(Value, String)> = serde_json::from_str(archive).expect("the archive as JSON");
    rows.into_iter().map(|(headers, payload)| Fact { headers, payload: BASE64.decode(payload).expect("just encoded") }).collect()
}

/// What notification has made of the facts, once both letters are sent. Only what is made anew each time, such as the id of a
/// delivery, is left out.
async fn ledger(cabinet: &Cabinet) -> String {
    eventually("both letters to be sent", || Some(cabinet.databases.notification.value(LEDGER)).filter(|text| !text.is_empty()))
        .await
}

const LEDGER: &str = "
    SELECT concat_ws(E'\\n',
        (SELECT string_agg(concat_ws(' ', realm_id, cause_id, object_id, user_id, channel, event_id, kind, state, reason,
                                     md5(content), encode(address_hash, 'hex')), E'\\n' ORDER BY cause_id, user_id)
         FROM deliveries),
        (SELECT string_agg(concat_ws(' ', case_id, version), E'\\n' ORDER BY case_id) FROM case_versions),
        (SELECT string_agg(concat_ws(' ', user_id, wanted_version, known_version, email), E'\\n' ORDER BY user_id) FROM people),
        (SELECT string_agg(event_id::text, ' ' ORDER BY event_id) FROM messaging.inbox))
    WHERE (SELECT count(*) FROM deliveries WHERE state = 'SENT') = 2";

/// Every order of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let insert = |order: Vec<usize>| (0..count).map(move |place| [&order[..place], &[count - 1], &order[place..]].concat());
    orders(count - 1).into_iter().flat_map(insert).collect()
}

/// Lets facts arrive in this order, then all of them once more, at a notification that has never heard of any of them. It
/// knows nobody either: whom a fact comes before, it asks identity about.
async fn arrive(cabinet: &Cabinet, facts: &[Fact], order: &[usize]) {
    let tables = ["deliveries", "people", "case_versions", "messaging.inbox"];
    cabinet.databases.notification.execute(&tables.map(|table| format!("DELETE FROM {table};")).join(" "));
    let done_before = done(cabinet).await;
    for place in order.iter().chain(order) {
        assert!(cabinet.vhost.publish("", QUEUE, &facts[*place].headers, &facts[*place].payload), "the queue is there");
    }
    let expected = done_before + u64::try_from(2 * order.len()).expect("ten");
    eventually_async("every fact to be done, each time", async || (done(cabinet).await == expected).then_some(())).await;
}

/// How many facts notification has done, repeats included.
async fn done(cabinet: &Cabinet) -> u64 {
    cabinet.notification.counter("cabinet_consumer_done_total").await
}

/// Rules F2, F3, N4.a: five facts in every order there is, each of them twice, and always the same comes of it: one letter for
/// each command.
#[tokio::test(flavor = "multi_thread")]
async fn facts_that_arrive_in_any_order_and_twice_come_to_the_same() {
    let cabinet = Cabinet::start().await;
    let facts = make_facts(&cabinet).await;
    let as_it_happened = ledger(&cabinet).await;
    let orders = orders(facts.len());
    assert_eq!(orders.len(), 120, "five facts: {as_it_happened}");

    for order in &orders {
        arrive(&cabinet, &facts, order).await;
        assert_eq!(ledger(&cabinet).await, as_it_happened, "in the order {order:?}");
    }

    let letters: Vec<_> = cabinet.mail.letters().into_iter().filter(|letter| letter.rcpt_to != ["old@example.com"]).collect();
    assert_eq!(letters.len(), 2 * (orders.len() + 1), "two letters each time");
    assert!(letters.iter().all(|letter| letter.rcpt_to == ["new@example.com"]));
}
