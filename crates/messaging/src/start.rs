//! What a service starts to let its facts out, to take others' in and to keep its logs.

use std::sync::Arc;

use kernel::Fault;
use runtime::Process;
use runtime::lifecycle::Backoff;
use runtime::postgres::{DatabaseConfig, Pools};

use crate::outbox::watch_outbox_age;
use crate::{
    Broker, Consumer, ConsumerMetrics, DeadLetters, Handler, Lane, MessagingConfig, OutboxSignal, Partitions, Relay,
    RelayMetrics, Retention, SubscriptionSpec,
};

/// Starts the relays of a service, one for each lane it uses; whoever commits a fact rings the signal.
pub fn start_relays(
    process: &mut Process,
    service: &'static str,
    database: &DatabaseConfig,
    pools: &Pools,
    config: &MessagingConfig,
    lanes: &[Lane],
) -> OutboxSignal {
    let signal = OutboxSignal::default();
    for &lane in lanes {
        let metrics = RelayMetrics::register(&mut process.metrics, service, lane);
        let age = watch_outbox_age(pools.workers.clone(), lane, metrics.clone(), process.clock.clone());
        process.workers.spawn_endless("outbox age", age);
        let relay = Relay {
            service,
            lane,
            database_url: database.url.clone(),
            broker: config.broker.clone(),
            signal: signal.clone(),
            poll_interval: config.poll_interval_of(lane),
            clock: process.clock.clone(),
            metrics,
            tracer: process.tracer.clone(),
        };
        let stop = process.workers.stop_token();
        process.workers.spawn("relay", relay.run(stop));
    }
    signal
}

/// Starts a consumer of one lane.
pub fn start_consumer(
    process: &mut Process,
    broker: &Broker,
    dead_letters: &DeadLetters,
    spec: SubscriptionSpec,
    handler: Arc<dyn Handler>,
) {
    let consumer = Consumer {
        broker: broker.clone(),
        spec,
        handler,
        dead_letters: dead_letters.clone(),
        metrics: ConsumerMetrics::register(&mut process.metrics, &spec),
        tracer: process.tracer.clone(),
    };
    let stop = process.workers.stop_token();
    process.workers.spawn(spec.consumer, consumer.run(stop));
}

/// Keeps the logs of schema `messaging` and the service's own; once before anything else is started, then every hour.
pub async fn start_partitions(process: &mut Process, pools: &Pools, own: &[Retention]) -> Result<(), Fault> {
    let partitions = Partitions::new(pools.workers.clone(), process.clock.clone(), own);
    let mut backoff = Backoff::new();
    while let Err(fault) = partitions.keep().await {
        match fault {
            // The database, or the lock that another replica holds for the same work.
            Fault::Unavailable(error) => {
                tracing::warn!(error = error.as_ref() as &dyn std::error::Error, "waiting to keep the partitions");
                backoff.wait().await;
            }
            Fault::Internal(_) => return Err(fault),
        }
    }
    process.workers.spawn_endless("partitions", partitions.run());
    Ok(())
}
