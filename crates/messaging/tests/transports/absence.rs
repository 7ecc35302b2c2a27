//! A consumer whose own dependency is away, and one that dies again and again.

use crate::path::{FIRST, HAPPENED, Path, Transport, good};
use crate::recorder::POISON;

/// Several batches.
const FACTS: i64 = 800;

/// Rules F1, F7: the dependency comes and goes, the consumer is killed in between; nothing is put by, nothing dies,
/// everything is done once.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_dependency_is_away_nothing_is_held_against_any_fact() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let recorder = path.recorder(&FIRST);
        recorder.go_away();
        path.append(HAPPENED, &good(800)).await;
        let _relay = path.start_relay();

        // Away all the time.
        for _ in 0..5 {
            let before = recorder.turned_away();
            let consumer = path.start_consumer(FIRST, &recorder);
            path.eventually("the consumer to find nobody", async || recorder.turned_away() > before + 1).await;
            consumer.abort().await;
        }
        assert_eq!((path.done().await, path.dead().await), (0, 0), "{transport}");

        // There for a moment each.
        for _ in 0..10 {
            let (before, turned_away) = (path.done().await, recorder.turned_away());
            recorder.come_back();
            let consumer = path.start_consumer(FIRST, &recorder);
            path.eventually("something done", async || path.done().await > before || before == FACTS).await;
            recorder.go_away();
            path.append(HAPPENED, &good(1)).await;
            path.eventually("the consumer to find nobody", async || recorder.turned_away() > turned_away).await;
            consumer.abort().await;
        }

        recorder.come_back();
        let _consumer = path.start_consumer(FIRST, &recorder);
        path.settled(FACTS + 10).await;
        assert_eq!(path.count("SELECT count(*) FROM done WHERE attempt > 0").await, 0, "{transport}: none was put by");
        assert_eq!(path.dead().await, 0, "{transport}");
    }
}

/// Rule F7: a fact at fault is put by as often as it failed itself, whatever else happened to its consumer.
#[tokio::test(flavor = "multi_thread")]
async fn an_absence_between_its_tiers_takes_no_attempt_from_a_fact_at_fault() {
    let path = Path::open(Transport::Amqp, &[FIRST]).await;
    let recorder = path.recorder(&FIRST);
    let poison = path.append(HAPPENED, &[POISON]).await[0];
    let _relay = path.start_relay();
    let consumer = path.start_consumer(FIRST, &recorder);
    path.eventually("its first failure", async || !recorder.refused(poison).is_empty()).await;

    recorder.go_away();
    path.eventually("its next turn", async || recorder.turned_away() > 1).await;
    consumer.abort().await;
    recorder.come_back();
    let _consumer = path.start_consumer(FIRST, &recorder);

    path.eventually("its death", async || path.dead().await == 1).await;
    assert_eq!(recorder.refused(poison), [0, 1, 2, 3]);
}

/// Rules F1, F2: whoever is killed in the middle of a batch has done it, or another will.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_dies_again_and_again_loses_nothing() {
    for transport in Transport::BOTH {
        let path = Path::open(transport, &[FIRST]).await;
        let recorder = path.recorder(&FIRST);
        path.append(HAPPENED, &good(5_000)).await;
        let _relay = path.start_relay();
        while path.done().await < 5_000 {
            let before = path.done().await;
            let consumer = path.start_consumer(FIRST, &recorder);
            path.eventually("something done", async || path.done().await > before).await;
            consumer.abort().await;
        }
        let _consumer = path.start_consumer(FIRST, &recorder);
        path.settled(5_000).await;
    }
}
