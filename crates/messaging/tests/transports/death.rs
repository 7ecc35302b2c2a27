//! Facts that cannot be done: put by, tried again, kept as dead letters, handed back.

use std::time::{Duration, Instant};

use api::cabinet::messaging::v1 as pb;
use api::cabinet::messaging::v1::dead_letter_service_client::DeadLetterServiceClient;
use cabinet_messaging::{DeadLetterDesk, DeadLetterGrpc, SubscriptionSpec};
use kernel::{Call, Caller, Id, IdSource as _, PlatformAdminCaller, RandomIds, Timestamp};
use tonic::{Request, Status};
use uuid::Uuid;

use crate::path::{FIRST, HAPPENED, Path, TIERS, Transport, good};
use crate::recorder::{AILING, POISON};

/// Every attempt a fact at fault is given.
const ALL_ATTEMPTS: [u32; TIERS.len() + 1] = [0, 1, 2, 3];

/// A hundred facts that are all right but for some in the middle.
fn hundred_with<const N: usize>(in_the_middle: [&'static str; N]) -> Vec<&'static str> {
    let mut texts = good(100);
    texts[50..50 + N].copy_from_slice(&in_the_middle);
    texts
}

/// Hands dead letters back, as an operator does.
async fn replay(path: &Path, ids: &[Uuid]) -> Result<pb::ReplayDeadLettersResponse, Status> {
    let desk = DeadLetterDesk::default();
    desk.add(path.dead_letters());
    let server = DeadLetterGrpc::server(desk, path.broker.clone());
    let dead_letter_ids = ids.iter().map(Uuid::to_string).collect();
    let mut request = Request::new(pb::ReplayDeadLettersRequest { dead_letter_ids });
    let operator = Caller::PlatformAdmin(PlatformAdminCaller { name: "olga".to_owned() });
    let command_id = Id::from_uuid(RandomIds.uuid_v7(Timestamp::now()));
    request.extensions_mut().insert(Call::new(operator, command_id, None, Instant::now()));
    Ok(DeadLetterServiceClient::new(server).replay_dead_letters(request).await?.into_inner())
}

/// How many were handed over, and how many skipped.
pub(crate) async fn replay_all(path: &Path, ids: &[Uuid]) -> (usize, usize) {
    let answer = replay(path, ids).await.expect("an operator may");
    (answer.replayed_ids.len(), answer.skipped_ids.len())
}

/// Mends whatever was wrong with the dead letters.
async fn mend(path: &Path) {
    let mend = "UPDATE messaging.dead_letter SET payload = 'good'";
    sqlx::query(mend).execute(&path.pool).await.expect("there is a table");
}

pub(crate) async fn dead_letter_ids(path: &Path) -> Vec<Uuid> {
    let ids = sqlx::query_scalar("SELECT dead_letter_id FROM messaging.dead_letter").fetch_all(&path.pool).await;
    ids.expect("there is a table")
}

/// Rule F6.a: while the one at fault waits, the other ninety-nine are done, and what comes after them.
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_batch_is_done_at_once() {
    const LONG: [Duration; 1] = [Duration::from_hours(1)];
    let patient = SubscriptionSpec { retry_tiers: &LONG, ..FIRST };
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[patient]).await;
        let recorder = path.recorder(&patient);
        let ids = path.append(HAPPENED, &hundred_with([POISON])).await;
        let _relay = path.start_relay();
        let _consumer = path.start_consumer(patient, &recorder);
        path.eventually("the others", async || path.done().await == 99).await;

        path.append(HAPPENED, &good(100)).await;
        path.eventually("what comes after them", async || path.done().await == 199).await;

        assert_eq!(recorder.refused(ids[50]), [0], "{transport}");
        assert_eq!(path.dead().await, 0, "{transport}");
    }
}

/// Rule F6.a: the one at fault has every tier, no more and no less, and is kept; the others are done.
#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_cannot_be_done_holds_up_no_other_and_is_kept() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let recorder = path.recorder(&FIRST);
        let ids = path.append(HAPPENED, &hundred_with([POISON])).await;
        let _relay = path.start_relay();
        let _consumer = path.start_consumer(FIRST, &recorder);

        path.settled(99).await;
        path.eventually("the grave", async || path.dead().await == 1).await;

        assert_eq!(recorder.refused(ids[50]), ALL_ATTEMPTS, "{transport}");
        let buried: (Uuid, String, String, Vec<u8>, String) =
            sqlx::query_as("SELECT event_id, consumer, type, payload, reason FROM messaging.dead_letter")
                .fetch_one(&path.pool)
                .await
                .expect("one dead letter");
        let expected = (ids[50].as_uuid(), "test.first".to_owned(), HAPPENED.to_owned(), b"poison".to_vec());
        assert_eq!((buried.0, buried.1, buried.2, buried.3), expected, "{transport}");
        assert_eq!(buried.4, "told to refuse", "{transport}");
        assert_eq!((path.done().await, path.in_archive().await), (99, 100), "{transport}");
    }
}

/// Rule F6.a: whoever gets well on the way is done like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_fact_put_by_that_can_be_done_later_is_done_and_not_dead() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let recorder = path.recorder(&FIRST);
        let ids = path.append(HAPPENED, &hundred_with([AILING, AILING, AILING])).await;
        let _relay = path.start_relay();
        let _consumer = path.start_consumer(FIRST, &recorder);

        path.settled(100).await;

        for ailing in &ids[50..53] {
            assert_eq!(recorder.refused(*ailing), [0, 1], "{transport}");
        }
        assert_eq!(path.count("SELECT count(*) FROM done WHERE attempt = 2").await, 3, "{transport}");
        assert_eq!(path.dead().await, 0, "{transport}");
    }
}

/// Rules F1, F6.a: brokers before 4.0 silently drop a message whose `x-death` history looks like a circle. Each of these
/// goes through every tier twice, with a replay between; not one is missing.
#[tokio::test(flavor = "multi_thread")]
async fn facts_that_go_round_every_tier_again_and_again_are_never_dropped() {
    const FACTS: usize = 20;
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let recorder = path.recorder(&FIRST);
        let ids = path.append(HAPPENED, &[POISON; FACTS]).await;
        let _relay = path.start_relay();
        let _consumer = path.start_consumer(FIRST, &recorder);
        path.eventually("everything to be dead", async || path.dead().await == 20).await;

        let first_deaths = dead_letter_ids(&path).await;
        assert_eq!(replay_all(&path, &first_deaths).await, (FACTS, 0), "{transport}");
        assert_eq!(replay_all(&path, &first_deaths).await, (0, FACTS), "{transport}: those are gone");

        path.eventually("everything to be dead again", async || path.dead().await == 20).await;
        let twice = [ALL_ATTEMPTS, ALL_ATTEMPTS].concat();
        for id in ids {
            assert_eq!(recorder.refused(id), twice, "{transport}");
        }
        assert_eq!(path.count("SELECT count(DISTINCT event_id) FROM messaging.dead_letter").await, 20, "{transport}");
    }
}

/// A mended consumer does what is handed back; what was buried and done meanwhile is not done twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_handed_back_is_done_once() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        path.append(HAPPENED, &[POISON; 3]).await;
        let _relay = path.start_relay();
        let _consumer = path.start_consumer(FIRST, &path.recorder(&FIRST));
        path.eventually("everything to be dead", async || path.dead().await == 3).await;

        mend(&path).await;
        assert_eq!(replay_all(&path, &dead_letter_ids(&path).await).await, (3, 0), "{transport}");

        path.settled(3).await;
        assert_eq!(path.dead().await, 0, "{transport}");
    }
}

/// A letter whose envelope could not be read, and one nobody has ever heard of, stay where they are.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_handed_back_is_skipped() {
    let path = Path::open(Transport::Amqp, &[FIRST]).await;
    let unreadable = RandomIds.uuid_v7(Timestamp::now());
    sqlx::query(
        "INSERT INTO messaging.dead_letter (dead_letter_id, consumer, lane, type, payload, reason, died_at)
         VALUES ($1, 'test.first', 'normal', 'test', '', 'malformed envelope', '2026-01-01T00:00:00Z')",
    )
    .bind(unreadable)
    .execute(&path.pool)
    .await
    .expect("there is a table");
    let unknown = RandomIds.uuid_v7(Timestamp::now());

    assert_eq!(replay_all(&path, &[unreadable, unknown]).await, (0, 2));
    assert_eq!(path.dead().await, 1);
}

/// Handed over first, forgotten second: where it cannot be handed over, the letter stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_no_consumer_can_take_is_not_forgotten() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let insert = "INSERT INTO messaging.dead_letter
                          (dead_letter_id, consumer, lane, event_id, realm_id, cause_id, type, occurred_at, payload, reason, died_at)
                      VALUES ($1, 'test.nobody', 'normal', $1, $1, $1, 'test', '2026-01-01T00:00:00Z', '', '', '2026-01-01T00:00:00Z')";
        let letter = RandomIds.uuid_v7(Timestamp::now());
        sqlx::query(insert).bind(letter).execute(&path.pool).await.expect("there is a table");

        let refused = replay(&path, &[letter]).await;

        assert_eq!(refused.expect_err("nobody is there").code(), tonic::Code::Unavailable, "{transport}");
        assert_eq!(path.dead().await, 1, "{transport}");
    }
}

/// Rule F1: a dead letter is forgotten once somebody else has it safe. A consumer in need may have it safe, or not: then the
/// letter is still there.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_handed_back_to_a_consumer_in_need_is_not_lost() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let recorder = path.recorder(&FIRST);
        path.append(HAPPENED, &[POISON; 3]).await;
        let _relay = path.start_relay();
        let consumer = path.start_consumer(FIRST, &recorder);
        path.eventually("everything to be dead", async || path.dead().await == 3).await;
        mend(&path).await;
        recorder.go_away();

        let ids = dead_letter_ids(&path).await;
        let handing_back = replay(&path, &ids);
        let coming_back = async {
            path.eventually("the consumer to find nobody", async || recorder.turned_away() > 0).await;
            consumer.abort().await;
            recorder.come_back();
        };
        let _ = tokio::join!(handing_back, coming_back);
        let _consumer = path.start_consumer(FIRST, &recorder);

        // Whoever was refused asks again, until the consumer is there.
        path.eventually("nothing to hand back", async || {
            let left = dead_letter_ids(&path).await;
            if !left.is_empty() {
                let _ = replay(&path, &left).await;
            }
            left.is_empty()
        })
        .await;
        path.settled(3).await;
    }
}
