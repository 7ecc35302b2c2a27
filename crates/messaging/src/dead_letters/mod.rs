//! Facts that consumers gave up, kept in the databases of their services, listed and replayed by an operator.

mod access;
mod desk;
mod grpc;
mod store;

use runtime::Process;
use runtime::postgres::Pools;

pub use self::desk::DeadLetterDesk;
pub use self::grpc::DeadLetterGrpc;
pub use self::store::DeadLetters;
use crate::{ActLog, Broker};

/// Opens a service's dead letters, and lets operators at them. Services of one process are asked at one address.
pub fn serve_dead_letters(process: &mut Process, pools: &Pools, broker: &Broker, acts: ActLog) -> DeadLetters {
    let dead_letters = DeadLetters::new(pools.workers.clone(), process.clock.clone(), process.ids.clone(), acts);
    if let Some(desk) = process.shared.get::<DeadLetterDesk>() {
        desk.add(dead_letters.clone());
        return dead_letters;
    }
    let desk = DeadLetterDesk::default();
    desk.add(dead_letters.clone());
    process.routes.add_service(DeadLetterGrpc::server(desk.clone(), broker.clone()));
    process.shared.insert(desk);
    dead_letters
}
